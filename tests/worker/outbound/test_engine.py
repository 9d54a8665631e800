import asyncio
import concurrent.futures
import threading
import time

import pytest

from tests.target import Target
from tests.worker.outbound.conftest import LOOPBACK, Send, send_all
from worker.outbound import Outbound, Request, Response, Unreachable


def test_one_connection_serves_calls_that_follow_each_other(target: Target, send: Send) -> None:
    for number in range(20):
        assert isinstance(send(target.url(f"/ok?{number}"), "POST", body=b"x"), Response)
    assert len(target.requests) == 20
    assert target.connections == 1


def test_one_tls_connection_serves_calls_that_follow_each_other(send: Send) -> None:
    with Target(tls=True) as target:
        for _ in range(20):
            assert isinstance(send(target.url()), Response)
        assert target.connections == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_is_sent_once_even_if_its_kept_connection_dies(target: Target, send: Send, method: str) -> None:
    target.on("/second", "reset")
    assert isinstance(send(target.url("/ok"), method), Response)
    answer = send(target.url("/second"), method)
    assert isinstance(answer, Unreachable)
    assert answer.reason == "reset"
    assert [seen.path for seen in target.requests] == ["/ok", "/second"]
    assert isinstance(send(target.url("/ok"), method), Response)


def test_hanging_calls_do_not_delay_the_others(target: Target) -> None:
    with Outbound(concurrency=232, allow=[LOOPBACK]) as outbound:
        hanging = outbound.submit(send_all(outbound, [Request("GET", target.url("/hang"))] * 200, 5))
        target.wait_for(200)
        assert outbound.in_flight == 200
        begun = time.monotonic()
        quick = [Request("POST", target.url("/ok"), body=b"x")] * 100
        answers = outbound.submit(send_all(outbound, quick, 5)).result(10)
        assert time.monotonic() - begun < 2
        assert all(isinstance(answer, Response) for answer in answers)
        assert outbound.in_flight == 200
        assert not hanging.done()


def test_no_more_calls_than_slots_are_under_way(target: Target) -> None:
    hang = Request("GET", target.url("/hang"))
    with Outbound(concurrency=3, allow=[LOOPBACK]) as outbound:
        outbound.submit(send_all(outbound, [hang] * 3, 30))
        target.wait_for(3)
        answers = outbound.submit(send_all(outbound, [hang] * 6, 0.2)).result(10)
        assert outbound.in_flight == 3
    assert [answer.reason for answer in answers if isinstance(answer, Unreachable)] == ["service_busy"] * 6
    assert len(target.requests) == 3


def test_a_call_without_any_allowance_is_not_made(target: Target, outbound: Outbound) -> None:
    answer = outbound.submit(outbound.send(Request("GET", target.url()), 0)).result(10)
    assert isinstance(answer, Unreachable)
    assert answer.reason == "timed_out"
    assert target.connections == 0


def test_waiting_for_a_slot_is_part_of_the_allowance(target: Target) -> None:
    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        outbound.submit(outbound.send(Request("GET", target.url("/hang")), 5))
        target.wait_for(1)
        answer = outbound.submit(outbound.send(Request("GET", target.url("/ok")), 0.3)).result(10)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("service_busy", "this service had no place for the call within 0.3 s")
    assert 250 <= answer.elapsed_ms <= 600
    assert len(target.requests) == 1


def test_the_calls_of_one_owner_never_take_all_slots(target: Target) -> None:
    hang = Request("GET", target.url("/hang"))
    with Outbound(concurrency=4, allow=[LOOPBACK]) as outbound:
        for _ in range(6):
            outbound.submit(outbound.send(hang, 30, owner=1))
        target.wait_for(3)
        answer = outbound.submit(outbound.send(Request("GET", target.url("/ok")), 5, owner=2)).result(10)
        assert outbound.in_flight == 3
    assert isinstance(answer, Response)


def test_a_slot_that_becomes_free_is_taken_with_what_is_left_of_the_allowance(target: Target) -> None:
    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        outbound.submit(outbound.send(Request("GET", target.url("/hang")), 0.3))
        target.wait_for(1)
        begun = time.monotonic()
        second = outbound.submit(outbound.send(Request("GET", target.url("/hang")), 0.8)).result(10)
        assert time.monotonic() - begun <= 1.1
        third = outbound.submit(outbound.send(Request("GET", target.url("/ok")), 5)).result(10)
    assert isinstance(second, Unreachable)
    assert len(target.requests) == 3
    assert isinstance(third, Response)


def test_a_cancelled_call_is_dropped_at_once(target: Target) -> None:
    async def cancel_soon(outbound: Outbound) -> bool:
        task = asyncio.ensure_future(outbound.send(Request("GET", target.url("/hang")), 30))
        await asyncio.to_thread(target.wait_for, 1)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        assert outbound.submit(cancel_soon(outbound)).result(10)
        assert outbound.in_flight == 0
        answer = outbound.submit(outbound.send(Request("GET", target.url("/ok")), 5)).result(10)
        assert isinstance(answer, Response)


def test_a_call_cancelled_while_it_waits_gives_its_turn_away(target: Target) -> None:
    async def cancel_the_second(outbound: Outbound) -> Response | Unreachable:
        first = asyncio.ensure_future(outbound.send(Request("GET", target.url("/hang")), 0.4))
        second = asyncio.ensure_future(outbound.send(Request("GET", target.url("/never")), 30))
        third = asyncio.ensure_future(outbound.send(Request("GET", target.url("/ok")), 30))
        await asyncio.to_thread(target.wait_for, 1)
        second.cancel()
        await asyncio.wait([first, second])
        return await third

    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        answer = outbound.submit(cancel_the_second(outbound)).result(10)
    assert isinstance(answer, Response)
    assert [seen.path for seen in target.requests] == ["/hang", "/ok"]


def test_closing_cancels_what_is_under_way_and_ends_the_thread(target: Target) -> None:
    outbound = Outbound(concurrency=4, allow=[LOOPBACK])
    outbound.start()
    calls = [outbound.submit(outbound.send(Request("GET", target.url("/hang")), 30)) for _ in range(8)]
    target.wait_for(4)
    begun = time.monotonic()
    assert outbound.close(timeout_seconds=5)
    assert time.monotonic() - begun < 2
    assert all(call.cancelled() for call in calls)
    assert outbound.in_flight == 0
    assert "outbound" not in {thread.name for thread in threading.enumerate()}
    assert outbound.close(timeout_seconds=5)


def test_what_comes_after_closing_is_refused(target: Target) -> None:
    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        pass
    with pytest.raises(RuntimeError, match="not running"):
        outbound.submit(outbound.send(Request("GET", target.url()), 5))
    with pytest.raises(RuntimeError, match="already started"):
        outbound.start()


def test_closing_what_was_never_started_does_nothing() -> None:
    outbound = Outbound(concurrency=1)
    assert outbound.close(timeout_seconds=1)
    with pytest.raises(RuntimeError, match="not running"):
        outbound.submit(asyncio.sleep(0))


def test_closing_does_not_wait_for_a_coroutine_that_will_not_end() -> None:
    begun = threading.Event()

    async def stubborn() -> None:
        begun.set()
        while True:
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                if time.monotonic() > give_up:
                    raise

    give_up = time.monotonic() + 30
    outbound = Outbound(concurrency=1)
    outbound.start()
    future = outbound.submit(stubborn())
    assert begun.wait(5)
    started = time.monotonic()
    assert outbound.close(timeout_seconds=0.6)
    assert time.monotonic() - started < 0.9
    assert not future.done()


def test_a_concurrency_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Outbound(concurrency=0)


def test_an_accident_in_a_coroutine_reaches_who_submitted_it(outbound: Outbound) -> None:
    async def stumble() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        outbound.submit(stumble()).result(5)


def test_thousands_of_calls_leave_neither_handles_nor_connections_behind(target: Target) -> None:
    with Outbound(concurrency=16, allow=[LOOPBACK]) as outbound:
        for _ in range(3):
            requests = [Request("POST", target.url("/ok"), body=b"x" * 200)] * 700
            answers = outbound.submit(send_all(outbound, requests, 30)).result(40)
            assert {type(answer) for answer in answers} == {Response}
        assert outbound.in_flight == 0
        assert len(outbound._idle) <= 16
    assert target.connections <= 16
    assert len(target.requests) == 2_100


def test_a_result_can_be_waited_for_with_a_bound(target: Target, outbound: Outbound) -> None:
    future = outbound.submit(outbound.send(Request("GET", target.url("/hang")), 30))
    target.wait_for(1)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.01)
    future.cancel()
