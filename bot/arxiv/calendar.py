"""When arXiv announces new papers, and on which holidays it does not. Pure.

It announces them Sunday to Thursday at 20:00 US Eastern: what was submitted until 14:00 that day
(info.arxiv.org/help/availability, November 2026). The same page lists the days on which it makes no
announcement; a Friday in that list means the Sunday after it, too (seen once: nothing was announced
between Friday 2026-06-19 and Monday evening). Deferrals without notice happen, so a missing
announcement is never an error by itself: only arXiv's answers say what is really there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
ANNOUNCED_AT = time(20)
SUBMISSION_DEADLINE = time(14)
FRIDAY, SATURDAY = 4, 5  # as ``date.weekday`` counts

# Its metadata are up to date at about 22:30 Eastern (same page), and its administrators ask clients
# to keep away from 20:00; so that is when it is fetched first.
INDEXED_AFTER = timedelta(hours=2, minutes=45)
# After this it is no longer late but missing: deferred, or a holiday that we do not know.
MAX_LATENESS = timedelta(hours=16)

# info.arxiv.org/help/availability, read in 2025 (without December) and in November 2026.
HOLIDAYS = frozenset(
    {
        *(date(2025, *day) for day in ((1, 1), (1, 20), (6, 19), (7, 6), (9, 1), (11, 27))),
        *(date(2026, *day) for day in ((1, 1), (1, 19), (6, 19), (7, 3), (9, 7), (11, 26))),
        *(date(2026, 12, day) for day in (25, 29, 31)),
    }
)


class NoAnnouncement(StrEnum):
    """Why nothing was announced on an evening."""

    WEEKEND = "weekend"
    HOLIDAY = "holiday"


class AnnouncementCalendar(NamedTuple):
    """``extra_holidays`` are dates beyond those that are known here, as in arXiv's own list.

    Where it is not ``binding``, as for a replacement of arXiv, no announcement is awaited.
    """

    extra_holidays: frozenset[date] = frozenset()
    binding: bool = True

    def reason_on(self, evening: date) -> NoAnnouncement | None:
        """Why nothing is announced that evening (New York's date); ``None``: something is."""
        if self._is_holiday(evening):
            return NoAnnouncement.HOLIDAY
        return NoAnnouncement.WEEKEND if evening.weekday() in (FRIDAY, SATURDAY) else None

    def _is_holiday(self, evening: date) -> bool:
        days = HOLIDAYS | self.extra_holidays
        friday_before = evening - timedelta(days=2)
        stands_for = friday_before.weekday() == FRIDAY and friday_before in days
        return evening in days or stands_for

    def latest(self, now: datetime) -> datetime:
        """The last announcement that was expected at or before ``now``."""
        evening = now.astimezone(NEW_YORK).date()
        while self.reason_on(evening) or _at(evening, ANNOUNCED_AT) > now:
            evening -= timedelta(days=1)
        return _at(evening, ANNOUNCED_AT)

    def preceding(self, announcement: datetime) -> datetime:
        """The announcement before this one."""
        return self.latest(announcement - timedelta(seconds=1))

    def latest_due(self, now: datetime) -> datetime:
        """The last announcement that can't be merely late at ``now``."""
        latest = self.latest(now)
        return self.preceding(latest) if now - latest < MAX_LATENESS else latest

    def following(self, now: datetime) -> datetime:
        """The first announcement that is expected after ``now``."""
        evening = now.astimezone(NEW_YORK).date()
        while self.reason_on(evening) or _at(evening, ANNOUNCED_AT) <= now:
            evening += timedelta(days=1)
        return _at(evening, ANNOUNCED_AT)

    def next_fetch(self, now: datetime) -> datetime:
        """The next moment at which an announcement can first be fetched."""
        return self.following(now - INDEXED_AFTER) + INDEXED_AFTER

    def fetchable_between(self, begin: datetime, end: datetime) -> bool:
        """Whether an announcement can first be fetched after ``begin`` and not after ``end``; never
        where none is awaited."""
        return self.binding and self.next_fetch(begin) <= end

    def reason_before(self, now: datetime) -> NoAnnouncement | None:
        """Why nothing was announced on the evening before ``now``; ``None`` if something was to be
        announced, or nobody knows."""
        if not self.binding:
            return None
        evening = now.astimezone(NEW_YORK).date()
        if _at(evening, ANNOUNCED_AT) > now:
            evening -= timedelta(days=1)
        return self.reason_on(evening)

    def submissions_expected_after(self, now: datetime) -> datetime | None:
        """Of the announcement that is awaited at ``now``: from when on its papers were submitted.

        Whoever sees a paper submitted later than this sees the announcement. ``None`` while none is
        awaited: it is not indexed yet, or was long ago.
        """
        announced = self.latest(now)
        if not self.binding or not INDEXED_AFTER <= now - announced < MAX_LATENESS:
            return None
        return _at(self.preceding(announced).astimezone(NEW_YORK).date(), SUBMISSION_DEADLINE)


def _at(evening: date, clock: time) -> datetime:
    return datetime.combine(evening, clock, NEW_YORK).astimezone(UTC)
