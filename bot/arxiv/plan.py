"""Which way to ask arXiv: for the keywords, or for everything that it announced. Pure.

- A *union* asks the query API for what was submitted in the last weeks and may match: one request
  for some fifty keywords.
- A *harvest* reads everything that was announced, over OAI-PMH, and matches here: a few requests a
  day, however many keywords there are.

The one with the fewest requests is taken. Only what asks by announcement finds what arXiv held back
for months; so there is a harvest every week in any case. Where there can be none, or the last one
is so long ago that its list could not be read to the end, the numbers of what was announced are
gone through at the query API, beside a union (``bot.arxiv.number_scan``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from math import ceil
from typing import Final

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.search_query import Window, groups
from bot.model import Keyword
from bot.ports import Wanted

HARVEST_EVERY: Final = timedelta(days=7)
FARTHEST: Final = timedelta(days=60)
"""A harvest reads no further back: ninety pages, which take five minutes. What was announced longer
ago is gone through by its numbers, from where the last harvest ended, run by run."""

# 6,650 papers a week are announced (facts of arXiv, 2.4), about as many records change beside, and
# a page holds 1,300 to 2,500.
_PAGES_A_DAY: Final = 1.5
_COMPLETING: Final = 2  # requests for what OAI-PMH does not say of papers that match, and for gaps


class Way(StrEnum):
    """How to ask; ``AUTO`` leaves it to the planner."""

    AUTO = "auto"
    UNION = "union"
    HARVEST = "harvest"


@dataclass(frozen=True, slots=True)
class Plan:
    """``since`` is the day (UTC) from which on a harvest has to read.

    With ``numbers`` those of what was announced since the checkpoint are to be gone through as
    well.
    """

    way: Way
    since: date
    reason: str = ""
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be planned: keywords, from which submission on, and what was read before."""

    keywords: Sequence[Keyword]
    since: datetime
    now: datetime
    checkpoint: Checkpoint
    url: str  # of the query API: how long a request may be depends on it
    wanted: Wanted | None = None  # which papers of a harvest are to be kept

    @property
    def today(self) -> date:
        return self.now.astimezone(UTC).date()

    @property
    def begin(self) -> date:
        """Where the last harvest was; anew at ``since`` if that is too long ago, or to come."""
        day = self.checkpoint.day
        if day is not None and timedelta(0) <= self.today - day <= FARTHEST:
            return day
        return min(self.since.astimezone(UTC).date(), self.today)

    @property
    def is_behind(self) -> bool:
        """Whether the last harvest is so long ago that none can go on from there."""
        return self.checkpoint.day is not None and self.today - self.checkpoint.day > FARTHEST

    @property
    def is_recent(self) -> bool:
        """Whether the last harvest was in the last week. Before there is a mark none is due."""
        day = self.checkpoint.day
        return day is None or timedelta(0) <= self.today - day < HARVEST_EVERY

    def plan(self, way: Way, reason: str = "") -> Plan:
        """The plan of this way, whatever it costs."""
        return Plan(way, self.begin, reason)

    def harvest_requests(self) -> int:
        """About how many requests a harvest takes."""
        days = (self.today - self.begin).days
        return ceil(1 + days * _PAGES_A_DAY + _COMPLETING)

    def union_requests(self, most: int) -> int:
        """How many requests a union takes at least; what is more than ``most`` is not counted."""
        # With ten thousand keywords it takes a second to form all of their requests.
        window = Window.of_days(self.since, self.now)
        return sum(1 for _ in islice(groups(self.keywords, window, self.url), most + 1))


def choose(task: Task, *, wanted: Way, can_harvest: bool) -> Plan:
    """The way with the fewest requests; among equals, the one that reads more.

    What was announced is looked through once a week, whichever way it is.
    """
    plan = _choose(task, wanted, can_harvest)
    is_due = not task.is_recent and plan.way is not Way.HARVEST
    return replace(plan, numbers=is_due or task.is_behind)


def _choose(task: Task, wanted: Way, can_harvest: bool) -> Plan:
    if not can_harvest:
        return task.plan(Way.UNION, "no OAI-PMH address is set")
    is_too_much = task.today - task.begin > FARTHEST
    if wanted is not Way.AUTO and not (wanted is Way.HARVEST and is_too_much):
        return task.plan(wanted, "bot.toml wants it")
    if is_too_much:
        return task.plan(Way.UNION, f"everything since {task.begin} is too much to read")
    harvest = task.harvest_requests()
    union = task.union_requests(harvest)
    if union < harvest and not task.is_recent and not task.is_behind:
        return task.plan(
            Way.HARVEST, f"one is due every week, the last was on {task.checkpoint.day}"
        )
    told = f"harvest {harvest}, union {union if union <= harvest else 'more'}"
    best = Way.UNION if union < harvest else Way.HARVEST
    return task.plan(best, f"the fewest requests, about: {told}")
