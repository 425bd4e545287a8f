"""What one ordinary day asks of arXiv, and how long that takes at its pace of 3 s a request.

Against the way of the common bots: one request per keyword, a pause, the next. It is really sent,
with the PyPI package ``arxiv``, for up to 1,000 keywords; more is extrapolated and marked so. Ours
are whole collects of the real source: union, harvest, and what the planner takes by itself.

Pauses cost no real time here; they are added up. Time is pauses plus what passed on the wall, in
which the local arXiv's own searching is contained, for all alike. arXiv itself answers in its own
time, which is not in it.

Nobody is fast by finding nothing: union, harvest and auto must find the same papers of the day,
and one by one nearly all of them (of a keyword it reads the newest hundred) and no others.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import arxiv

from benchmarks.ordinary_day import NOW, SIZES, Day, ordinary_day
from benchmarks.plots import Line, Panel
from benchmarks.quick_arxiv import QuickArxiv
from benchmarks.report import Row, table
from bot.arxiv.plan import Strategy
from bot.arxiv.source import ArxivSource
from bot.core.collect import collect
from bot.model import Keyword, Run
from bot.store.store import SqlStore
from tests.fakes import FakeClock
from tests.store.database import opened

INTERVAL: Final = 3.0  # seconds between requests: arXiv's terms of use
SENT: Final = 1_000  # keywords one by one; more is extrapolated
NEWEST: Final = 100  # papers of a keyword that a common bot reads
CONTROL: Final = 40  # keywords
BOTH_FIND: Final = 0.98  # at least, of what the others find

ONE_BY_ONE: Final = "one by one"
CONTACT: Final = "mailto:bench@example.org"


@dataclass(frozen=True, slots=True)
class Asked:
    """``pauses`` and ``wall`` in seconds; ``found`` are the papers of the day that match.

    ``plan`` is what the planner took, where it was left to it.
    """

    strategy: str
    keywords: int
    requests: int
    pauses: float
    wall: float
    found: frozenset[str]
    plan: str = ""
    extrapolated: bool = False

    @property
    def seconds(self) -> float:
        return self.pauses + self.wall


def run() -> list[Row]:
    rows = []
    for size in SIZES:
        yardstick, *ours = (each for each in asked() if each.keywords == size)
        rows += _rows(yardstick, yardstick)
        for each in ours:
            rows += _rows(each, yardstick)
    return rows


def panels() -> list[Panel]:
    """Requests, and minutes."""
    by_strategy: dict[str, list[Asked]] = {}
    for each in asked():
        by_strategy.setdefault(each.strategy, []).append(each)
    return [
        Panel("one ordinary day", "keywords", "requests", [
            _line(strategy, of_strategy, [each.requests for each in of_strategy])
            for strategy, of_strategy in by_strategy.items()
        ]),
        Panel("how long they take, with the pauses", "keywords", "minutes", [
            _line(strategy, of_strategy, [each.seconds / 60 for each in of_strategy])
            for strategy, of_strategy in by_strategy.items()
        ]),
    ]  # fmt: skip


def _line(strategy: str, asked: Sequence[Asked], figures: Sequence[float]) -> Line:
    points = [(each.keywords, figure) for each, figure in zip(asked, figures, strict=True)]
    return Line(
        "auto: what the planner takes" if strategy == Strategy.AUTO else strategy,
        points,
        sure=[not each.extrapolated for each in asked],
        ours=strategy == Strategy.AUTO,
    )


def _rows(asked: Asked, yardstick: Asked) -> list[Row]:
    what = f"{asked.keywords:,} keywords, {asked.strategy}"
    if asked.plan:
        what += f": {asked.plan}"
    if asked.extrapolated:
        what += " (extrapolated)"
    duration = f"{asked.seconds:,.0f} s, {asked.pauses:,.0f} of them pauses"
    requests = asked.requests / yardstick.requests
    return [
        Row(what, f"{asked.requests:,} requests", requests, f"{ONE_BY_ONE}, requests"),
        Row("", duration, asked.seconds / yardstick.seconds, f"{ONE_BY_ONE}, time"),
    ]


@cache
def asked() -> tuple[Asked, ...]:
    """Of each size one by one, union, harvest and auto, in this order."""
    day = ordinary_day()
    clock = FakeClock(NOW)
    outcomes: list[Asked] = []
    with QuickArxiv(day.papers, clock) as server, tempfile.TemporaryDirectory() as name:
        server.assert_searches_well(day.keywords[:CONTROL])
        for size in SIZES:
            path = Path(name) / f"{size}" / "db"
            day.follow(path, size)
            ours = [
                _collected(strategy, size, path, day, server)
                for strategy in (Strategy.UNION, Strategy.HARVEST)
            ]
            planned = _collected(Strategy.AUTO, size, path, day, server)
            if size <= SENT:
                common = _one_by_one(day.keywords[:size], day, server)
                _agree(common, ours[0])
            else:
                common = _extrapolated(outcomes[-4], size)
            assert ours[0].found == ours[1].found == planned.found
            assert ours[0].found
            outcomes += [common, *ours, planned]
    return tuple(outcomes)


def _agree(common: Asked, ours: Asked) -> None:
    assert common.found <= ours.found
    assert len(common.found) >= BOTH_FIND * len(ours.found), (len(common.found), len(ours.found))


def _collected(
    strategy: Strategy, size: int, database: Path, day: Day, server: QuickArxiv
) -> Asked:
    """One collect of the whole program, on a copy of the database."""
    path = database.with_name(f"{strategy}")
    shutil.copy(database, path)
    clock = FakeClock(NOW)
    store = opened(path)
    source = ArxivSource(
        url=server.url, oai_url=server.oai_url, strategy=strategy,
        contact=CONTACT, interval=INTERVAL, clock=clock,
        pace_file=path.with_name("pace"), rng=random.Random(1),
    )  # fmt: skip
    path.with_name("pace").unlink(missing_ok=True)
    before = len(server.requests)
    begin = time.perf_counter()
    done = asyncio.run(_collect(source, store, clock))
    wall = time.perf_counter() - begin
    store.close()
    requests = len(server.requests) - before
    return Asked(
        strategy=f"{strategy}",
        keywords=size,
        requests=requests,
        pauses=sum(clock.slept),
        wall=wall,
        found=frozenset(filter(day.is_new, (hit.paper_id for hit in done.hits))),
        plan=done.announcement_stats.plan.partition(" (")[0] if strategy is Strategy.AUTO else "",
    )


async def _collect(source: ArxivSource, store: SqlStore, clock: FakeClock) -> Run:
    async with source:
        done, _ = await collect(source, store, clock, first_post=0)
    assert done.complete, done.notes
    assert "no complete answer" not in done.announcement_stats.plan, (
        "another strategy stood in for the wanted one"
    )
    return done


def _one_by_one(keywords: Sequence[Keyword], day: Day, server: QuickArxiv) -> Asked:
    """As a script with the PyPI package ``arxiv`` does it; its pauses are added up, not waited."""
    client = arxiv.Client(page_size=NEWEST, delay_seconds=0)
    client.query_url_format = f"{server.url}?{{}}"
    before = len(server.requests)
    found: set[str] = set()
    begin = time.perf_counter()
    for keyword in keywords:
        search = arxiv.Search(
            keyword.query, max_results=NEWEST, sort_by=arxiv.SortCriterion.SubmittedDate
        )
        found.update(each.get_short_id().partition("v")[0] for each in client.results(search))
    wall = time.perf_counter() - begin
    requests = len(server.requests) - before
    return Asked(
        strategy=ONE_BY_ONE,
        keywords=len(keywords),
        requests=requests,
        pauses=INTERVAL * (requests - 1),
        wall=wall,
        found=frozenset(filter(day.is_new, found)),
    )


def _extrapolated(fewer: Asked, size: int) -> Asked:
    share = size / fewer.keywords
    requests = round(fewer.requests * share)
    pauses = INTERVAL * (requests - 1)
    return Asked(
        ONE_BY_ONE, size, requests, pauses, fewer.wall * share, frozenset(), extrapolated=True
    )


if __name__ == "__main__":
    table("Asking arXiv on an ordinary day", run())
