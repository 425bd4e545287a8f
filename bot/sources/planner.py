"""Which way to ask arXiv: for the keywords, or for everything that it announced. Pure.

- A *union* asks the query API for what was submitted in the last weeks and may match: one request
  for some fifty keywords.
- A *harvest* reads everything that was announced, over OAI-PMH, and matches here: a few requests a
  day, however many keywords there are.
- *Mixed* is a harvest of some archives, for keywords that match nowhere else, and a union for the
  others.

The one with the fewest requests is taken. Only the whole harvest finds what arXiv held back for
months, because it asks by announcement; so there is one every week in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from bot.model import Keyword
from bot.sources.mark import Mark
from bot.sources.queries import Window, groups

HARVEST_EVERY: Final = timedelta(days=7)

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

    ``asked`` are the keywords that are asked for.
    """

    way: Way
    since: date
    reason: str = ""
    archives: Mapping[str, date] = field(default_factory=dict)
    asked: tuple[Keyword, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be planned: keywords, from which submission on, and what was read before."""

    keywords: Sequence[Keyword]
    since: datetime
    now: datetime
    mark: Mark
    url: str  # of the query API: how long a request may be depends on it
    archives: Archives

    @property
    def begin(self) -> date:
        return max(self.mark.day or self.since.date(), self.since.date())

    def plan(self, way: Way, reason: str = "") -> Plan:
        """The plan of this way, whatever it costs."""
        keywords = tuple(self.keywords)
        if way is not Way.MIXED:
            return Plan(way, self.begin, reason, asked=keywords if way is Way.UNION else ())
        confined = {keyword: self.archives(keyword) for keyword in keywords}
        names = sorted(frozenset().union(*confined.values()))
        begins = {name: max(self.begin, self.mark.archives.get(name, self.begin)) for name in names}
        asked = tuple(keyword for keyword, where in confined.items() if not where)
        return Plan(way, self.begin, reason, begins, asked)

    def cost(self, plan: Plan) -> int:
        """About how many requests a plan takes."""
        window = Window.of_days(self.since, self.now)
        cost = float(sum(1 for _ in groups(plan.asked, window, self.url)))
        if plan.way is Way.HARVEST:
            cost += 1 + self._pages(plan.since) + _COMPLETING
        if plan.way is Way.MIXED:
            shares = {name: _SHARES.get(name, _SHARE) for name in plan.archives}
            cost += sum(1 + shares[n] * self._pages(day) for n, day in plan.archives.items())
            cost += _COMPLETING
        return round(cost)

    def _pages(self, since: date) -> float:
        return max(0, (self.now.date() - since).days) * _PAGES_A_DAY


def choose(task: Task, *, wanted: Way, can_harvest: bool) -> Plan:
    """The way with the fewest requests; among equals, the one that reads more."""
    if not can_harvest:
        return task.plan(Way.UNION, "no OAI-PMH address is set")
    if wanted is not Way.AUTO:
        return task.plan(wanted, "bot.toml wants it")
    costs = {way: task.cost(task.plan(way)) for way in (Way.HARVEST, Way.MIXED, Way.UNION)}
    if not task.plan(Way.MIXED).archives:
        del costs[Way.MIXED]
    best = min(costs, key=lambda way: costs[way])
    told = ", ".join(f"{way} {cost}" for way, cost in costs.items())
    due = task.mark.day is not None and task.now.date() - task.mark.day >= HARVEST_EVERY
    if due and best is not Way.HARVEST:
        return task.plan(Way.HARVEST, f"one is due every week, the last was on {task.mark.day}")
    return task.plan(best, f"the fewest requests, about: {told}")
