"""What a step expects of an answer."""

import pytest

from worker.expectations import Exchange, failures

SEEN = Exchange(200, {"content-type": "application/json", "x-count": "5"}, {"id": 7, "ok": True}, 120)


@pytest.mark.parametrize(
    "expect",
    [
        {},
        {"status": 200},
        {"max_elapsed_ms": 120},
        {"headers": {"Content-Type": "application/json", "X-Count": 5}},
        {"json": {"id": 7.0, "ok": True, "gone": None, "@": {"ok": True, "id": 7}}},
    ],
)
def test_what_is_as_expected_yields_no_failure(expect):
    assert failures(expect, SEEN) == ()


@pytest.mark.parametrize(
    ("expect", "sentence"),
    [
        ({"status": 201}, "expected status 201, observed 200"),
        ({"status": "200"}, 'expected status "200", observed 200'),
        ({"max_elapsed_ms": 100}, "expected an answer within 100 ms, observed 120 ms"),
        ({"headers": {"X-Count": "6"}}, 'expected header X-Count to be "6", observed "5"'),
        ({"headers": {"ETag": "x"}}, 'expected header ETag to be "x", observed no such header'),
        ({"json": {"id": 8}}, "expected id to be 8, observed 7"),
        ({"json": {"ok": 1}}, "expected ok to be 1, observed true"),
        ({"json": {"gone": 1}}, "expected gone to be 1, observed null"),
        ({"json": {"abs(ok)": 1}}, "expected abs(ok) to be 1, but the expression 'abs(ok)' fails: "),
        ({"json": {"id[": 1}}, "expected id[ to be 1, but the expression ends too early"),
    ],
)
def test_every_failure_is_a_sentence(expect, sentence):
    (failure,) = failures(expect, SEEN)
    assert failure.startswith(sentence)


def test_all_failures_are_told():
    assert (
        len(failures({"status": 404, "max_elapsed_ms": 1, "headers": {"a": "b"}, "json": {"x": 1, "y": 2}}, SEEN)) == 5
    )


def test_a_body_that_cannot_be_looked_at_fails_every_expectation_about_it():
    unusable = Exchange(200, {}, None, 5, unusable="the answer is larger than 1 MiB")
    assert failures({"status": 200, "json": {"id": None}}, unusable) == (
        "expected id to be null, but the answer is larger than 1 MiB",
    )


def test_a_body_that_is_text_is_told_to_be_text():
    assert failures({"json": {"id": 1}}, Exchange(200, {}, "<html>", 5)) == (
        "expected id to be 1, observed null (the body is no JSON)",
    )


def test_long_values_are_cut_in_sentences():
    (failure,) = failures({"json": {"@": "x" * 5_000}}, Exchange(200, {}, "y" * 5_000, 5))
    assert len(failure) < 500
