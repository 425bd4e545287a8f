"""Which way to ask arXiv: for the keywords, or for everything that it announced. Pure.

- A *union* asks the query API for what was submitted in the last weeks and may match: one request
  for some fifty keywords.
- A *harvest* reads everything that was announced, over OAI-PMH, and matches here: a few requests a
  day, however many keywords there are.
- *Mixed* is a harvest of some archives, for keywords that match nowhere else, and a union for the
  others.

The one with the fewest requests is taken. Only what asks by announcement finds what arXiv held back
for months; so there is a harvest every week in any case. Where there can be none, or the last one
is so long ago that its list could not be read to the end, the numbers of what was announced are
gone through at the query API, beside a union (``bot.arxiv.number_scan``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from math import ceil
from typing import Final, TypeAlias

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.search_query import Window, groups
from bot.model import Keyword
from bot.ports import Wanted

HARVEST_EVERY: Final = timedelta(days=7)
FARTHEST: Final = timedelta(days=60)
"""A harvest reads no further back: ninety pages, which take five minutes. What was announced longer
ago is gone through by its numbers, from where the last harvest ended, run by run."""

MANY: Final = 10_000  # requests

# 6,650 papers a week are announced (facts of arXiv, 2.4), about as many records change beside, and
# a page holds 1,300 to 2,500.
_PAGES_A_DAY: Final = 1.5
_SHARES: Final = {"cs": 0.55}  # of all papers, cross-lists counted [estimated]
_SHARE: Final = 0.2
_COMPLETING: Final = 2  # requests for what OAI-PMH does not say of papers that match, and for gaps

Archives: TypeAlias = Callable[[Keyword], frozenset[str]]


class Way(StrEnum):
    """How to ask; ``AUTO`` leaves it to the planner."""

    AUTO = "auto"
    UNION = "union"
    HARVEST = "harvest"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Plan:
    """``since`` is the day (UTC) from which on a harvest has to read, in ``archives`` each its own.

    ``asked`` are the keywords that are asked for. With ``numbers`` those of what was announced
    since the mark are to be gone through as well.
    """

    way: Way
    since: date
    reason: str = ""
    archives: Mapping[str, date] = field(default_factory=dict)
    asked: tuple[Keyword, ...] = ()
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be planned: keywords, from which submission on, and what was read before."""

    keywords: Sequence[Keyword]
    since: datetime
    now: datetime
    checkpoint: Checkpoint
    url: str  # of the query API: how long a request may be depends on it
    archives: Archives
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
        keywords = tuple(self.keywords)
        if way is not Way.MIXED:
            return Plan(way, self.begin, reason, asked=keywords if way is Way.UNION else ())
        confined = {keyword: self.archives(keyword) for keyword in keywords}
        names = sorted(frozenset().union(*confined.values()))
        begins = {name: self._begin_in(name) for name in names}
        asked = tuple(keyword for keyword, where in confined.items() if not where)
        return Plan(way, self.begin, reason, begins, asked)

    def cost(self, plan: Plan, most: int = MANY) -> int:
        """About how many requests a plan takes; what is more than ``most`` is not counted."""
        pages = 0.0
        if plan.way is Way.HARVEST:
            pages = 1 + self._pages(plan.since) + _COMPLETING
        if plan.way is Way.MIXED:
            shares = {name: _SHARES.get(name, _SHARE) for name in plan.archives}
            pages = sum(1 + shares[n] * self._pages(day) for n, day in plan.archives.items())
            pages += _COMPLETING
        # With ten thousand keywords it takes a second to form all of their requests.
        window = Window.of_days(self.since, self.now)
        left = max(0, most + 1 - ceil(pages))
        asked = sum(1 for _ in islice(groups(plan.asked, window, self.url), left))
        return min(ceil(pages) + asked, most + 1)

    def _begin_in(self, archive: str) -> date:
        day = self.checkpoint.archives.get(archive, self.begin)
        return max(self.begin, min(day, self.today))

    def _pages(self, since: date) -> float:
        return (self.today - since).days * _PAGES_A_DAY


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
    harvest, mixed, union = map(task.plan, (Way.HARVEST, Way.MIXED, Way.UNION))
    most = task.cost(harvest)
    costs = {harvest.way: most}
    if mixed.archives:
        costs[mixed.way] = task.cost(mixed, most)
    costs[union.way] = task.cost(union, most)
    best = min(costs, key=lambda way: costs[way])
    if best is not Way.HARVEST and not task.is_recent and not task.is_behind:
        return task.plan(
            Way.HARVEST, f"one is due every week, the last was on {task.checkpoint.day}"
        )
    told = (f"{way} {cost if cost <= most else 'more'}" for way, cost in costs.items())
    return task.plan(best, f"the fewest requests, about: {', '.join(told)}")
