"""Which readings of a clock and calendar on the wall an expression means; of no zone, so without daylight saving."""

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from shared.domain.cron_fields import LAST, FieldValues

# The rarest date, a fifth Monday of February, comes every 28 years, and after 40 across the year 2100.
HORIZON_YEARS: Final = 50
LAST_YEAR: Final = 9_998  # so that the same instant can be told in every zone

_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class WallPattern:
    """The sets of values that a reading must be in.

    Where both the day of the month and the day of the week are restricted, one of them is enough.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: FieldValues
    months: tuple[int, ...]
    weekdays: FieldValues

    @property
    def matches_every_hour(self) -> bool:
        """Whether the hour does not matter: such a pattern follows the time that passes, others name times of day."""
        return len(self.hours) == 24

    @property
    def has_a_date(self) -> bool:
        """Whether one of its days of the month occurs in one of its months."""
        longest = max(_LONGEST_MONTHS[month - 1] for month in self.months)
        return self.days.last_day or self.days.values[0] <= longest

    def first_from(self, wall: datetime) -> datetime | None:
        """The first reading at or after that one, both naive and in whole seconds; None beyond the horizon."""
        today = wall.date()
        if self._has_day(today) and (found := self._time_from(wall.time())) is not None:
            return datetime.combine(today, found)
        day = self._day_after(today)
        return None if day is None else datetime.combine(day, time(self.hours[0], self.minutes[0], self.seconds[0]))

    def _has_day(self, day: date) -> bool:
        return day.month in self.months and self._is_day(day.day, (day.weekday() + 1) % 7, monthrange(*_month(day))[1])

    def _is_day(self, day: int, weekday: int, length: int) -> bool:
        by_date = day in self.days.values or (self.days.last_day and day == length)
        by_weekday = weekday in self.weekdays.values or (
            bool(self.weekdays.places)
            and (
                (weekday, (day + 6) // 7) in self.weekdays.places
                or (day > length - 7 and (weekday, LAST) in self.weekdays.places)
            )
        )
        if self.days.starred or self.weekdays.starred:
            return by_date and by_weekday
        return by_date or by_weekday

    def _day_after(self, today: date) -> date | None:
        day = today + timedelta(days=1)
        first_day = day.day
        for year in range(day.year, min(day.year + HORIZON_YEARS, LAST_YEAR) + 1):
            for month in self.months:
                if (year, month) < _month(day):
                    continue
                begins, length = monthrange(year, month)
                start = first_day if (year, month) == _month(day) else 1
                for number in range(start, length + 1):
                    if self._is_day(number, (begins + number) % 7, length):
                        return date(year, month, number)
        return None

    def _time_from(self, wall: time) -> time | None:
        """The first time of day at or after that one; None if the day has no more."""
        for hour in self.hours[bisect_left(self.hours, wall.hour) :]:
            if hour > wall.hour:
                return time(hour, self.minutes[0], self.seconds[0])
            for minute in self.minutes[bisect_left(self.minutes, wall.minute) :]:
                if minute > wall.minute:
                    return time(hour, minute, self.seconds[0])
                for second in self.seconds[bisect_left(self.seconds, wall.second) :]:
                    return time(hour, minute, second)
        return None


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month
