"""Ids of the scheduler's clients: version 1 UUIDs that lead back to the schedule."""

import doctest
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from api.compat import job_ids
from api.compat.job_ids import job_id_of, schedule_id_in

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (they get a zone)
IDS = st.integers(1, 10**12)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(job_ids).failed == 0


@given(IDS, INSTANTS)
def test_an_id_leads_back_to_its_schedule_and_tells_when_that_was_made(id: int, created_at: datetime) -> None:
    job_id = job_id_of(id, created_at)
    assert schedule_id_in(job_id) == id
    assert (job_id.version, job_id.variant) == (1, "specified in RFC 4122")
    assert job_id.node >> 40 & 1, "no network card has such a number"
    begin = datetime(1582, 10, 15, tzinfo=UTC)
    assert begin + timedelta(microseconds=job_id.time // 10) == created_at


@given(IDS, IDS, INSTANTS, INSTANTS)
def test_schedules_have_different_ids(one: int, other: int, at: datetime, later: datetime) -> None:
    assert (job_id_of(one, at) == job_id_of(other, later)) is ((one, at) == (other, later))


@given(st.uuids())
def test_any_id_leads_to_a_number_at_most(id: UUID) -> None:
    assert 0 <= schedule_id_in(id) < 2**40
