"""Slots: bounded in all and for each owner, and given in turn."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from worker.outbound.slots import Owner, Slots


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Takers:
    """Tasks that take a slot each; which of them have one, in order."""

    def __init__(self, slots: Slots) -> None:
        self.served: list[str] = []
        self._slots = slots

    def take(self, owner: Owner, name: str) -> "asyncio.Task[None]":
        async def taking() -> None:
            await self._slots.take(owner)
            self.served.append(name)

        return asyncio.ensure_future(taking())


def with_slots(count: int, body: Any) -> None:
    async def run() -> None:
        slots = Slots(count)
        coroutine: Coroutine[Any, Any, None] = body(slots, Takers(slots))
        await coroutine

    asyncio.run(run())


def test_no_more_are_taken_than_there_are_and_the_next_gets_one_that_is_given_back() -> None:
    async def body(slots: Slots, takers: Takers) -> None:
        tasks = [takers.take(None, name) for name in "abc"]
        await settle()
        assert takers.served == ["a", "b"]
        slots.give_back(None)
        await settle()
        assert (takers.served, [task.done() for task in tasks]) == (["a", "b", "c"], [True] * 3)

    with_slots(2, body)


def test_one_owner_never_holds_them_all_and_another_gets_one_at_once() -> None:
    async def body(slots: Slots, takers: Takers) -> None:
        greedy = [takers.take(1, f"greedy {number}") for number in range(8)]
        await settle()
        assert len(takers.served) == 6
        takers.take(2, "modest")
        await settle()
        assert takers.served[-1] == "modest"
        for _ in range(4):
            slots.give_back(1)
        await settle()
        assert (len(takers.served), all(task.done() for task in greedy)) == (9, True)

    with_slots(8, body)


def test_of_those_that_wait_the_one_is_next_that_holds_the_fewest() -> None:
    async def body(slots: Slots, takers: Takers) -> None:
        for _ in range(4):
            takers.take(None, "nobody in particular")
        for owner, name in ((1, "first of one"), (1, "second of one"), (2, "first of the other")):
            takers.take(owner, name)
        await settle()
        for _ in range(4):
            slots.give_back(None)
        await settle()
        assert takers.served[4:] == ["first of one", "first of the other", "second of one"]

    with_slots(4, body)


def test_who_is_cancelled_takes_none_also_in_the_moment_in_which_it_is_granted() -> None:
    async def body(slots: Slots, takers: Takers) -> None:
        takers.take(None, "first")
        waiting, granted = takers.take(None, "waiting"), takers.take(None, "granted")
        last = takers.take(None, "last")
        await settle()
        waiting.cancel()
        slots.give_back(None)
        granted.cancel()
        await settle()
        assert (takers.served, last.done()) == (["first", "last"], True)

    with_slots(1, body)
