"""Many channels: a day's 2,000 papers for up to 10,000 channels, from the answer to the outbox.

The database, collect, publish and both composers are the real ones; only the source answers at
once, and the clock stands still. Half of the channels are on Discord, half on Slack; each follows
ten keywords, drawn by rank (Zipf) from 10,000 made of the same invented words as the papers, which
gives a channel some thirty papers. Meanwhile a person asks or changes something every 100 ms;
the wait counts from the moment at which it was said, so that a loop which stands still is seen.
``bot.toml`` is not written: this measures the database.

A process of its own for each day, so that its peak memory is its own. Its processor time is that
of all its threads, the commands included. The floor is inserting the same rows, with their indexes,
in one transaction and in the order in which they lie.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import time as time_of_day
from pathlib import Path
from statistics import median
from typing import TypeVar
from zoneinfo import ZoneInfo

from adapters.discord.render import DiscordComposer
from adapters.slack.render import SlackComposer
from benchmarks.answering import Answer
from benchmarks.invented import Words
from benchmarks.report import Row, table
from bot.app.service import SWITCH_INTERVAL
from bot.chat.changes import Changes
from bot.chat.commands import ChatCommands
from bot.chat.discussions import Discussions
from bot.chat.library import Library
from bot.chat.queries import Queries
from bot.chat.zotero import ZoteroLibraries
from bot.core.collect import collect
from bot.core.digest import Rules
from bot.core.publish import publish
from bot.keywords import parse
from bot.model import Keyword, Paper, Person, Recorded, Run
from bot.model.timetable import Timetable
from bot.ports import Composer
from bot.store.store import SqlStore
from tests.builders import paper
from tests.fakes import START, FakeClock
from tests.store.database import follow_all, opened, opened_as, select

SIZES = (1_000, 3_000, 10_000)  # channels
KEYWORDS = 10  # of each
DISTINCT = 10_000
PAPERS = 2_000
COMMANDS = ("list", "add", "status")
EVERY = 0.1  # seconds between two commands
QUIET = 3.0  # seconds of commands alone, for comparison
COMPOSERS: Mapping[str, Callable[[], Composer]] = {
    "discord": DiscordComposer,
    "slack": SlackComposer,
}
RULES = Rules(Timetable(ZoneInfo("UTC"), time_of_day(8), frozenset(range(7))), backlog=None)
FORMULAS = (r"$\mathcal{O}(n^2)$", r"\emph{new}", r"Schr\"odinger's", r"$\alpha_i$-stable")

T = TypeVar("T")


@dataclass
class Day:
    """What one day with so many channels took. Seconds are (wall, processor)."""

    channels: int
    ledger: int = 0
    posts: int = 0
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    waits: dict[tuple[str, str], list[float]] = field(default_factory=dict)  # of commands, seconds
    peak: float = 0.0  # MB
    bare: tuple[float, float] = (0.0, 0.0)  # inserting the same rows and nothing else

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            before = self.seconds.get(name, (0.0, 0.0))
            self.seconds[name] = (
                before[0] + time.perf_counter() - wall,
                before[1] + time.process_time() - cpu,
            )


def run() -> list[Row]:
    days = [_measured(channels) for channels in SIZES]
    return [row for day in days for row in _rows(day, days[0])]


def _measured(channels: int) -> Day:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        papers = alone(prepare, folder, channels)
        day = alone(_live, folder, channels, papers)
        day.bare = alone(_insert_barely, folder)
    return day


def alone(work: Callable[..., T], *args: object) -> T:
    """In a fresh process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        return process.submit(work, *args).result()


def _rows(day: Day, least: Day) -> Iterator[Row]:
    def grown(here: float, there: float) -> float:
        return (here / day.channels) / (there / least.channels)

    size = f"{day.channels:,} channels"
    per_channel = f"per channel, {least.channels:,}"
    for name, (wall, cpu) in day.seconds.items():
        figure = f"{wall:.2f} s, {cpu:.2f} CPU"
        yield Row(f"{size}: {name}", figure, grown(cpu, least.seconds[name][1]), per_channel)
    whole, cpus = (sum(each) for each in zip(*day.seconds.values(), strict=True))
    bare, bare_cpu = day.bare
    figure = f"{whole:.1f} s, {cpus:.1f} CPU"
    yield Row(f"{size}: all of it", figure, cpus / bare_cpu, "bare inserts, CPU")
    rows = f"{day.ledger:,} ledger rows, {day.posts:,} posts"
    figure = f"{bare:.2f} s, {bare_cpu:.2f} CPU"
    yield Row(f"{size}: bare inserts, {rows}", figure, 1.0, "bare inserts, CPU")
    yield Row(f"{size}: peak memory", f"{day.peak:.0f} MB", day.peak / least.peak,
              f"{least.channels:,} channels")  # fmt: skip
    for command in COMMANDS:
        alone, waits = (day.waits[when, command] for when in ("alone", "meanwhile"))
        figure = f"{median(waits) * 1e3:.0f} ms, worst {max(waits) * 1e3:.0f} ms"
        ratio = median(waits) / median(alone)
        yield Row(f"{size}: {len(waits)} times {command}", figure, ratio, "alone, medians")


# -- the day before -------------------------------------------------------------------------------


def prepare(folder: Path, channels: int) -> list[Paper]:
    """A database in which everybody follows, is primed and was served; the next day's papers."""
    rng = random.Random(7)
    words = Words(rng)
    papers = [_paper(n, words, rng) for n in range(1, PAPERS + 1)]
    keywords = _keywords(words, rng)
    popularity = list(itertools.accumulate(1 / rank for rank in range(1, len(keywords) + 1)))
    store = opened(folder / "db")

    follows: list[tuple[str, Keyword]] = []
    for channel_id in _channel_ids(channels):
        chosen: dict[str, Keyword] = {}
        while len(chosen) < KEYWORDS:
            [keyword] = rng.choices(keywords, cum_weights=popularity)
            chosen[keyword.canonical] = keyword
        follows += [(channel_id, keyword) for keyword in chosen.values()]

    async def first_day() -> None:
        clock = FakeClock()
        await collect(Answer(()), store, clock, first_post=0)
        await publish(store, COMPOSERS, lambda _: RULES, clock)

    follow_all(store, follows, START)
    asyncio.run(first_day())
    store.close()
    return papers


def _channel_ids(channels: int) -> list[str]:
    return [f"discord:{10**18 + n}" if n % 2 else f"slack:C{n:09X}" for n in range(1, channels + 1)]


def _paper(number: int, words: Words, rng: random.Random) -> Paper:
    """Ten words of title, 190 of abstract; a formula in each tenth title and each third abstract,
    authors and a comment as papers have them."""
    title, abstract = words.text(10), words.text(190)
    if rng.random() < 0.1:
        title += f" {rng.choice(FORMULAS)}"
    if rng.random() < 0.33:
        abstract += f" {rng.choice(FORMULAS)}"
    authors = tuple(words.text(2).title() for _ in range(rng.randint(1, 9)))
    comment = "12 pages, 5 figures" if rng.random() < 0.5 else ""
    return paper(number, title, abstract=abstract, authors=authors, comment=comment, month="2604")


def _keywords(words: Words, rng: random.Random) -> list[Keyword]:
    found: dict[str, Keyword] = {}
    while len(found) < DISTINCT:
        keyword = parse(words.text(rng.choice((2, 2, 3))))
        found[keyword.canonical] = keyword
    return list(found.values())


# -- the day --------------------------------------------------------------------------------------


class TimedStore(SqlStore):
    """Tells how much of a collect is recording."""

    day: Day

    async def record(self, run: Run, *, first_post: int) -> Recorded:
        with self.day.part("record"):
            return await super().record(run, first_post=first_post)


def _live(folder: Path, channels: int, papers: list[Paper]) -> Day:
    day = Day(channels)
    sys.setswitchinterval(SWITCH_INTERVAL)
    store = opened_as(TimedStore, folder / "db")
    store.day = day
    asyncio.run(_day(day, store, Answer(papers)))
    day.ledger = _count(store, "ledger where state = 'posted'")
    day.posts = _count(store, "outbox")
    due = _count(store, "ledger where state = 'due'")
    store.close()
    assert day.ledger > 10 * channels, "a day without papers measures nothing"
    assert due == 0, f"{due} papers were not published"
    day.peak = int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024
    return day


async def _day(day: Day, store: SqlStore, source: Answer) -> None:
    clock = FakeClock()
    clock.advance(86_400)
    people = People(day, store, source, clock)
    async with people.talking("alone"):
        await asyncio.sleep(QUIET)
    async with people.talking("meanwhile"):
        with day.part("collect"):
            await collect(source, store, clock, first_post=0)
        with day.part("compose and queue"):
            await publish(store, COMPOSERS, lambda _: RULES, clock)
    collected, recorded = day.seconds.pop("collect"), day.seconds.pop("record")
    matched = (collected[0] - recorded[0], collected[1] - recorded[1])
    day.seconds = {"match": matched, "record": recorded, **day.seconds}


class People:
    """Somebody says something in some channel every 100 ms, answered or not."""

    def __init__(self, day: Day, store: SqlStore, source: Answer, clock: FakeClock) -> None:
        self._waits = day.waits
        self._channels = _channel_ids(day.channels)
        self._rng = random.Random(11)
        self._count = itertools.count()
        queries = Queries(
            store=store,
            source=source,
            clock=clock,
            timetable=lambda _: RULES.timetable,
            identify=str,
        )
        changes = Changes(
            queries=queries, store=store, clock=clock, on_change=_nothing_more, first_post=0
        )
        zotero = ZoteroLibraries(queries=queries, store=store, clock=clock)
        self._commands = ChatCommands(
            queries=queries,
            changes=changes,
            library=Library(queries=queries, store=store, clock=clock, zotero=zotero),
            discussions=Discussions(queries=queries, store=store, clock=clock, platforms={}),
            zotero=zotero,
            clock=clock,
        )

    @asynccontextmanager
    async def talking(self, when: str) -> AsyncIterator[None]:
        """Somebody keeps talking until the body is done; the last one is still answered."""
        done = asyncio.Event()
        talking = asyncio.create_task(self._talk(when, done))
        try:
            yield
        finally:
            done.set()
            await talking

    async def _talk(self, when: str, done: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        said = loop.time()
        async with asyncio.TaskGroup() as group:
            while not done.is_set():
                group.create_task(self._say(when, said))
                said += EVERY
                await asyncio.sleep(said - loop.time())

    async def _say(self, when: str, said: float) -> None:
        number = next(self._count)
        command = COMMANDS[number % len(COMMANDS)]
        words = f"add invented keyword {number}" if command == "add" else command
        person = Person("Ada", f"discord:{number}", server=f"discord:{number}")
        await self._commands.typed(self._rng.choice(self._channels), person, words)
        wait = asyncio.get_running_loop().time() - said
        self._waits.setdefault((when, command), []).append(wait)


async def _nothing_more() -> None:
    """No ``bot.toml`` shows the change."""


# -- the floor ------------------------------------------------------------------------------------


def _insert_barely(folder: Path) -> tuple[float, float]:
    """Seconds for inserting that day's ledger and outbox, with their indexes, in one go."""
    with closing(sqlite3.connect(folder / "db")) as day:
        tables = {
            name: day.execute(f"select * from {name}").fetchall() for name in ("ledger", "outbox")
        }
        schema = day.execute(
            "select sql from sqlite_master where tbl_name in ('ledger', 'outbox') and sql <> ''"
            " order by type desc"
        ).fetchall()
    with closing(sqlite3.connect(folder / "bare")) as bare:
        for (statement,) in schema:
            bare.execute(statement)
        wall, cpu = time.perf_counter(), time.process_time()
        for name, rows in tables.items():
            places = ", ".join("?" * len(rows[0]))
            bare.executemany(f"insert into {name} values ({places})", rows)
        bare.commit()
        return time.perf_counter() - wall, time.process_time() - cpu


def _count(store: SqlStore, what: str) -> int:
    return int(select(store, f"select count(*) from {what}")[0][0])


if __name__ == "__main__":
    table("Many channels", run())
