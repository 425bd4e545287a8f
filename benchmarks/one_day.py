"""One day's work of the whole program, in a process of its own: ``python -m benchmarks.one_day``.

Takes the folder of a database that is left with the posts, arXiv's two addresses and the moment,
and prints the processor seconds of each step and the peak memory as JSON. The platform is one that
takes every post at once; posts are composed as for Slack.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from datetime import time as time_of_day
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.slack.render import SlackComposer
from bot.arxiv.source import ArxivSource
from bot.core.collect import collect
from bot.core.deliver import Deliverer
from bot.core.digest import Rules
from bot.core.publish import publish
from bot.model import Batch, Keyword, Recorded, Run
from bot.model.timetable import Timetable
from bot.ports import Wanted
from bot.store.store import SqlStore
from tests.fakes import FakeClock, FakePlatform
from tests.store.database import opened_as, select

_RULES = Rules(Timetable(ZoneInfo("UTC"), time_of_day(8, 0), frozenset(range(7))), None)


class Stopwatch:
    """Processor seconds of this process by step. A step may lie within another."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"start": time.process_time()}

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        before = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - before


class _Source(ArxivSource):
    """The real one, timed."""

    watch: Stopwatch

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> Batch:
        async with self.watch.step("ask"):
            return await super().fetch(keywords, since, checkpoint, wanted, posted)

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        async with self.watch.step("ask"):
            return await super().papers(paper_ids)


class _Store(SqlStore):
    """The real one, timed where it records."""

    watch: Stopwatch

    async def record(self, run: Run, *, first_post: int) -> Recorded:
        async with self.watch.step("record"):
            return await super().record(run, first_post=first_post)


async def work(folder: Path, url: str, oai_url: str, now: datetime) -> dict[str, object]:
    watch = Stopwatch()
    clock = FakeClock(now)
    store = opened_as(_Store, folder / "db")
    store.watch = watch
    source = _Source(
        url=url, oai_url=oai_url, contact="mailto:bench@example.org", interval=3, clock=clock,
        pace_file=folder / "pace", rng=random.Random(1),
    )  # fmt: skip
    source.watch = watch
    async with source, watch.step("collect"):
        run, recorded = await collect(source, store, clock, first_post=0)
    assert run.complete, run.notes
    async with watch.step("publish"):
        await publish(store, {"fake": SlackComposer}, lambda _: _RULES, clock, now=True)
    platform = FakePlatform(folder / "messages")
    async with watch.step("deliver"):
        await Deliverer("fake", platform, store, clock, random.Random(1)).deliver()
    [[posted]] = select(store, "select count(*) from ledger where state = 'posted'")
    store.close()
    assert posted == recorded.due
    watch.seconds["match"] = watch.seconds.pop("collect") - sum(
        watch.seconds[each] for each in ("ask", "record")
    )
    return {
        "seconds": watch.seconds,
        "whole": time.process_time(),
        "memory": _peak_memory(),
        "found": sorted({hit.paper_id for hit in run.hits}),
        "posted": posted,
        "messages": platform.sends,
        "plan": run.announcement_stats.plan,
    }


def _peak_memory() -> float:
    """The most that was resident so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    database, query_api, oai_pmh, moment = sys.argv[1:]
    day = work(Path(database), query_api, oai_pmh, datetime.fromisoformat(moment))
    print(json.dumps(asyncio.run(day)))
