"""Which way to ask arXiv: for the keywords, or for everything that it announced. Pure.

A *union* asks the query API for what was submitted in the last weeks and may match: one request for
some fifty keywords. A *harvest* reads everything that was announced, over OAI-PMH, and matches
here: a few requests a day, however many keywords there are. The cheaper one is taken. Only the
harvest finds what arXiv held back for months, because it asks by announcement; so there is one
every week in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.model import Keyword
from bot.sources.mark import Mark
from bot.sources.queries import Window, groups

HARVEST_EVERY: Final = timedelta(days=7)

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
    """``since`` is the day (UTC) from which on a harvest has to read."""

    way: Way
    since: date
    reason: str


def choose(
    keywords: Sequence[Keyword],
    since: datetime,
    mark: Mark,
    now: datetime,
    *,
    url: str,
    wanted: Way,
    can_harvest: bool,
) -> Plan:
    """The way with the fewest requests."""
    begin = max(mark.day or since.date(), since.date())
    if not can_harvest:
        return Plan(Way.UNION, begin, "no OAI-PMH address is set")
    if wanted is not Way.AUTO:
        return Plan(wanted, begin, "bot.toml wants it")
    window = Window.of_days(since, now)
    union = sum(1 for _ in groups(keywords, window, url))
    days = (now.date() - begin).days
    harvest = round(1 + days * _PAGES_A_DAY) + _COMPLETING
    if harvest < union:
        return Plan(Way.HARVEST, begin, f"about {harvest} requests; by keyword it would be {union}")
    if mark.day is not None and now.date() - mark.day >= HARVEST_EVERY:
        return Plan(
            Way.HARVEST,
            begin,
            f"the last was on {mark.day}; it finds what arXiv held back for long",
        )
    return Plan(Way.UNION, begin, f"{union} requests; a harvest would be about {harvest}")
