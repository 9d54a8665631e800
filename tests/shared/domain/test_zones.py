from datetime import datetime, timedelta

import pytest

from shared.domain.zones import InvalidZone, zone, zone_names


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "US/Eastern", "EST", "GMT0", "W-SU"]
)
def test_a_name_of_the_iana_database_is_a_zone(name: str) -> None:
    assert zone(name).key == name


def test_every_listed_name_can_be_read() -> None:
    assert len(zone_names()) > 500
    assert all(zone(name).utcoffset(datetime(2026, 1, 1)) is not None for name in zone_names())  # noqa: DTZ001  # a wall


def test_a_zone_is_read_once() -> None:
    assert zone("Asia/Kathmandu") is zone("Asia/Kathmandu")
    assert datetime(2026, 1, 1, tzinfo=zone("Asia/Kathmandu")).utcoffset() == timedelta(hours=5, minutes=45)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "/",
        "Europe",
        "Europe/",
        "/Europe/Berlin",
        "Europe//Berlin",
        "Europe/./Berlin",
        "Europe/../Europe/Berlin",
        "../../etc/passwd",
        "/etc/passwd",
        "/etc/localtime",
        "posixrules",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "localtime",
        "Factory",
        "zone.tab",
        "tzdata.zi",
        "zones",
        "__init__.py",
        "Europe/__init__.py",
        "CET-1CEST",
        "+02:00",
        "UTC ",
        " UTC",
        "UTC\n",
        "UTC\0",
        "Europe\\Berlin",
        "Europe/Berlın",
        "Mitteleuropäische Zeit",
        "\ud800",
        "A" * 100_000,
    ],
)
def test_anything_else_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(InvalidZone) as refused:
        zone(name)
    assert "expected a name of the IANA database" in refused.value.detail
    assert len(refused.value.detail) < 500
    assert refused.value.detail.isascii()


def test_a_name_in_the_wrong_case_is_refused_and_its_spelling_told() -> None:
    with pytest.raises(InvalidZone, match="'europe/BERLIN'; it is spelled Europe/Berlin"):
        zone("europe/BERLIN")
