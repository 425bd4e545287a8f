"""Which strategy to fetch by: for the keywords, or for everything that was announced. Pure.

- A *union* searches the query API for what was submitted in the last weeks and may match: one
  request for some fifty keywords.
- A *harvest* reads everything that was announced, over OAI-PMH, and is matched here: a few requests
  a day, however many keywords there are.

The one with the fewest requests is taken. Only what goes by announcement finds what arXiv held back
for months; so there is a harvest every week in any case. Where there can be none, or the last one
is so long ago that its list could not be read to the end, the numbers of what was announced are
scanned at the query API, in addition to a union (``bot.arxiv.number_scan``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from math import ceil
from typing import Final, NamedTuple

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.search_query import Window, batches
from bot.model import Keyword
from bot.ports import Wanted

HARVEST_INTERVAL: Final = timedelta(days=7)
MAX_HARVEST: Final = timedelta(days=60)
"""A harvest reads no further back: ninety pages, which take five minutes. What was announced longer
ago is scanned by its numbers, from where the last harvest ended, run by run."""

# 6,650 papers a week are announced (facts of arXiv, 2.4), about as many records change beside, and
# a page holds 1,300 to 2,500.
_PAGES_PER_DAY: Final = 1.5
# For the newest paper, to complete what OAI-PMH does not say of papers that match, and for gaps.
_OTHER_REQUESTS: Final = 3


class Strategy(StrEnum):
    """How to fetch; ``AUTO`` leaves it to ``choose``."""

    AUTO = "auto"
    UNION = "union"
    HARVEST = "harvest"


class Plan(NamedTuple):
    """``reason`` is for people. With ``scans_numbers`` those of what was announced since the
    checkpoint are to be gone through as well."""

    strategy: Strategy
    reason: str
    scans_numbers: bool = False


class FetchTask(NamedTuple):
    """What is to be fetched: for which keywords, from which submission on, and what was read
    before."""

    keywords: Sequence[Keyword]
    since: datetime
    now: datetime
    checkpoint: Checkpoint
    url: str  # of the query API: how long a request may be depends on it
    wanted: Wanted | None = None  # which papers of a harvest are to be kept
    posted: Collection[str] = ()  # and these, whatever their age

    @property
    def today(self) -> date:
        return self.now.astimezone(UTC).date()

    @property
    def harvest_from(self) -> date:
        """The first day (UTC) that a harvest has to read: where the last one ended, or ``since`` if
        that is too long ago, or in the future."""
        day = self.checkpoint.resume_from
        if day is not None and timedelta(0) <= self.today - day <= MAX_HARVEST:
            return day
        return min(self.since.astimezone(UTC).date(), self.today)

    @property
    def is_behind(self) -> bool:
        """Whether the last harvest is too long ago for another one to continue from it."""
        day = self.checkpoint.resume_from
        return day is not None and self.today - day > MAX_HARVEST

    @property
    def is_recent(self) -> bool:
        """Whether the last harvest was in the last week. Without a checkpoint none is due."""
        day = self.checkpoint.resume_from
        return day is None or timedelta(0) <= self.today - day < HARVEST_INTERVAL

    def harvest_requests(self) -> int:
        """About how many requests a harvest takes."""
        days = (self.today - self.harvest_from).days
        return ceil(days * _PAGES_PER_DAY) + _OTHER_REQUESTS

    def union_requests(self, limit: int) -> int:
        """How many requests a union takes at least; more than ``limit`` are not counted."""
        # With ten thousand keywords it takes a second to form all of their requests.
        window = Window.of_days(self.since, self.now)
        return sum(1 for _ in islice(batches(self.keywords, window, self.url), limit + 1))


def choose(task: FetchTask, *, wanted: Strategy, can_harvest: bool) -> Plan:
    """The strategy with the fewest requests; among equals, the one that reads more.

    What was announced is scanned once a week, with every strategy.
    """
    strategy, reason = _choose(task, wanted, can_harvest)
    is_overdue = not task.is_recent and strategy is not Strategy.HARVEST
    return Plan(strategy, reason, scans_numbers=is_overdue or task.is_behind)


def _choose(task: FetchTask, wanted: Strategy, can_harvest: bool) -> tuple[Strategy, str]:
    if not can_harvest:
        return Strategy.UNION, "no OAI-PMH address is set"
    is_too_much = task.today - task.harvest_from > MAX_HARVEST
    if wanted is not Strategy.AUTO and not (wanted is Strategy.HARVEST and is_too_much):
        return wanted, "bot.toml wants it"
    if is_too_much:
        return Strategy.UNION, f"everything since {task.harvest_from} is too much to read"
    harvest = task.harvest_requests()
    union = task.union_requests(limit=harvest)
    if union < harvest and not task.is_recent and not task.is_behind:
        last = task.checkpoint.resume_from
        return Strategy.HARVEST, f"one is due every week, the last was on {last}"
    reason = f"the fewest requests, about: harvest {harvest}, "
    reason += f"union {union if union <= harvest else 'more'}"
    return (Strategy.UNION if union < harvest else Strategy.HARVEST), reason
