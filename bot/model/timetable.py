"""Posting times: which one is the latest, which is next, which were missed. Pure.

A slot is a channel's local time of day on one of its posting days, as an instant in UTC. If that
time of day is skipped when clocks are set forward, the slot is later by as much; if it occurs twice
when they are set back, the first one counts. So each posting day has exactly one slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# arXiv announces in the evening, and many channels are posted to in the morning.
RUN_COVERS_SLOT_WITHIN = timedelta(hours=12)


def _never(begin: datetime, end: datetime) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a channel is posted to. ``days`` are weekdays, 0 for Monday, at least one. ``weekly``:
    a post is about the past week.

    ``announced_between`` tells whether something announced can first be fetched after one moment
    and not after another. By default that is never so: nothing is known of announcements.
    """

    timezone: ZoneInfo
    post_at: time
    days: frozenset[int]
    weekly: bool = False
    announced_between: Callable[[datetime, datetime], bool] = _never

    def covers(self, run_started_at: datetime, slot: datetime) -> bool:
        """Whether a complete run that began at this time counts for a slot: it began after the
        slot, or not long before it with no announcement in between, which it can't have seen."""
        if run_started_at >= slot:
            return True
        recent = run_started_at >= slot - RUN_COVERS_SLOT_WITHIN
        return recent and not self.announced_between(run_started_at, slot)

    def latest(self, now: datetime) -> datetime:
        """The last slot at or before ``now``."""
        day = now.astimezone(self.timezone).date()
        return next(slot for slot in self._backwards(day) if slot <= now)

    def following(self, now: datetime) -> datetime:
        """The first slot after ``now``."""
        day = now.astimezone(self.timezone).date()
        return next(slot for slot in self._forwards(day) if slot > now)

    def latest_of_a_week(self, now: datetime) -> datetime:
        """The latest slot at or before ``now`` that is the last one of its week, which begins on
        Monday."""
        day = now.astimezone(self.timezone).date()
        last = max(self.days)
        return next(
            slot
            for slot in self._backwards(day)
            if slot <= now and slot.astimezone(self.timezone).weekday() == last
        )

    def missed(self, published_until: datetime, slot: datetime) -> tuple[date, ...]:
        """The posting days strictly between two instants, oldest first."""
        first = published_until.astimezone(self.timezone).date()
        days: list[date] = []
        for between in self._forwards(first):
            if between >= slot:
                return tuple(days)
            if between > published_until:
                days.append(between.astimezone(self.timezone).date())
        raise AssertionError("the slots never end")

    def day_of(self, moment: datetime) -> date:
        """The date at that moment in the channel's time zone."""
        return moment.astimezone(self.timezone).date()

    def week_of(self, day: date) -> date | None:
        """The Monday of the week that a post on this day is about; on a Monday that is the week
        before. ``None`` if posts are not weekly."""
        if not self.weekly:
            return None
        last = day - timedelta(days=1)
        return last - timedelta(days=last.weekday())

    def _slot(self, day: date) -> datetime:
        return datetime.combine(day, self.post_at, self.timezone).astimezone(UTC)

    def _backwards(self, day: date) -> Iterator[datetime]:
        while True:
            if day.weekday() in self.days:
                yield self._slot(day)
            day -= timedelta(days=1)

    def _forwards(self, day: date) -> Iterator[datetime]:
        while True:
            if day.weekday() in self.days:
                yield self._slot(day)
            day += timedelta(days=1)
