"""The time zones a schedule may name: those of the IANA database, as the tzdata package carries them.

The package goes before the operating system's copy: every machine then knows the same rules, one upgrade changes
them everywhere, and the extras of a system's directory (`posix/…`, `right/…`, `posixrules`, `localtime`) are not there.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

MAX_SHOWN: Final = 60  # characters of a wrong name that are repeated in the answer

# A placeholder for "not configured yet"; its time is UTC under another name.
_NO_ZONES: Final = frozenset({"Factory"})


class InvalidZone(ValueError):
    """The text is not the name of a time zone."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every name that zone() accepts, about 600."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - _NO_ZONES


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    return {name.lower(): name for name in zone_names()}


def zone(name: str) -> ZoneInfo:
    """The time zone of that name, spelled exactly as the IANA database spells it.

    Raises InvalidZone.

    >>> zone("Europe/Berlin").key
    'Europe/Berlin'
    """
    # Asked before anything is opened: a name that is not in the list never becomes a path.
    if name not in zone_names():
        raise InvalidZone(_problem(name))
    return _read(name)


def _problem(name: str) -> str:
    if (spelling := _spellings().get(name.lower())) is not None:
        return f"there is no time zone {name!a}; it is spelled {spelling}"
    shown = ascii(name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "...")
    return f"there is no time zone {shown}; expected a name of the IANA database such as Europe/Berlin or UTC"


@lru_cache(maxsize=1_024)  # more than there are names: each is read once
def _read(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
