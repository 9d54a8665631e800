"""Instants as somebody in the zone of a schedule reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.domain.zones import InvalidZone, zone


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant; `local` in the zone of the schedule, with its `offset`: that tells apart an hour that comes twice."""

    utc: str
    local: str
    offset: str


def moments(instants: Iterable[str], zone_name: str) -> list[Moment]:
    """These instants in that zone, or in UTC if the zone is none (any more); with seconds if one of them has some.

    >>> moments(["2026-03-29T01:00:00Z"], "Europe/Berlin")[0]
    Moment(utc='2026-03-29T01:00:00Z', local='Sun 29 Mar 2026, 03:00', offset='+02:00')
    """
    there = known_zone(zone_name)
    local = [(instant, datetime.fromisoformat(instant).astimezone(there)) for instant in instants]
    form = "%a %d %b %Y, %H:%M:%S" if any(at.second for _, at in local) else "%a %d %b %Y, %H:%M"
    return [Moment(instant, at.strftime(form), at.isoformat()[-6:]) for instant, at in local]


def known_zone(name: str) -> ZoneInfo:
    """The zone of this name; UTC if there is none."""
    try:
        return zone(name)
    except InvalidZone:
        return zone("UTC")
