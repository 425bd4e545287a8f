"""Times as people write them, in one time zone: ``today 08:00``, ``Fri 27 Feb 08:00``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.model import Reply

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class DateFormatter:
    """Formats times as seen from ``now`` in ``timezone``. Always English, whatever the locale.

    ``formatted`` has each time that was formatted, by its text, for ``Reply.times``.
    """

    now: datetime
    timezone: ZoneInfo
    formatted: dict[str, datetime] = field(default_factory=dict, compare=False)

    def time(self, at: datetime) -> str:
        """``today 08:00``, ``yesterday 08:00``, ``tomorrow 08:00``, ``Fri 27 Feb 08:00``."""
        words = f"{self.day(at)} {at.astimezone(self.timezone):%H:%M}"
        self.formatted[words] = at
        return words

    def day(self, at: datetime) -> str:
        """``today``, ``Fri 27 Feb``; with the year if it is not the current one."""
        day, today = at.astimezone(self.timezone).date(), self.now.astimezone(self.timezone).date()
        near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get((day - today).days)
        if near is not None:
            return near
        text = f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
        return text if day.year == today.year else f"{text} {day.year}"


def with_times(reply: Reply, *formatters: DateFormatter) -> Reply:
    """The reply with all times that these formatters have formatted, as ``Reply.times``."""
    times = {words: at for dates in formatters for words, at in dates.formatted.items()}
    return replace(reply, times=times)


def iso(at: datetime | None) -> str | None:
    """For other programs: UTC, to the second, as ``2026-03-02T08:00:00Z``."""
    return None if at is None else f"{at.replace(tzinfo=None):%Y-%m-%dT%H:%M:%S}Z"
