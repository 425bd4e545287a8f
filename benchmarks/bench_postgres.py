"""PostgreSQL beside SQLite, and one process that delivers beside several, in one run.

Claiming and settling posts is done by processes that all deliver, each claim and each outcome a
transaction of its own. The day is that of ``bench_channels``, with somebody who asks or changes
something every 100 ms. The take-over is that of the real roles with the real lease: the time from
``kill -9`` until another process has the dead one's role.

The server is the tests' own, without waiting for the disk (fsync off): the ratio between numbers
of processes is that of a server whose disk is no bottleneck. It shares the cores with the bots.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.answering import Answer
from benchmarks.bench_channels import (
    COMMANDS,
    COMPOSERS,
    RULES,
    Day,
    People,
    alone,
    prepare,
)
from benchmarks.bench_store import queue
from benchmarks.report import Row, table
from bot.app.service import SWITCH_INTERVAL
from bot.clock import SystemClock
from bot.core.collect import collect
from bot.core.leases import LEASE, RENEW_INTERVAL, Leases
from bot.core.publish import publish
from bot.model import Paper, Receipt, roles
from bot.store import FILE, back_up, restore
from bot.store.store import SqlStore
from tests.fakes import START, FakeClock
from tests.store import postgres
from tests.store.database import opened, opened_on_postgres, select

POSTS = 2_000
POST_CHANNELS = 200
CHANNELS = 10_000
WORKERS = (1, 2, 4)
PROCESSES = (1, 2, 4)  # that publish what one of them has collected
TAKE_OVERS = 3
HOUR = timedelta(hours=1)


def run() -> list[Row]:
    return [*claims(), *days(), *take_overs()]


# -- claim and settle -----------------------------------------------------------------------------


def claims() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "db"
        with closing(opened(path)) as store:
            asyncio.run(queue(store, POSTS, POST_CHANNELS))
        sqlite = _together(1, _claim, str(path))
    per_second = POSTS / sqlite
    yield Row("claim and settle, SQLite, 1 worker", f"{per_second:.0f}/s", 1.0, "SQLite")
    for number in WORKERS:
        with postgres.database() as url:
            with closing(opened_on_postgres(url)) as store:
                asyncio.run(queue(store, POSTS, POST_CHANNELS))
            found = POSTS / _together(number, _claim, url)
        what = f"claim and settle, PostgreSQL, {number} workers"
        yield Row(what, f"{found:.0f}/s", found / per_second, "SQLite")


def _opened(where: str) -> SqlStore:
    return opened_on_postgres(where) if "://" in where else opened(Path(where))


def _claim(where: str, begin: Callable[[], None]) -> None:
    """Deliver what there is, without sending."""
    store = _opened(where)

    async def work() -> None:
        while (post := await store.claim("fake", START, START + HOUR)) is not None:
            await store.mark_sent(post.key, Receipt("1"), START)

    begin()
    asyncio.run(work())
    store.close()


def _together(number: int, work: Callable[..., None], *arguments: object) -> float:
    """Seconds from when all have begun until the last has ended."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(number + 1)
    processes = [spawn.Process(target=work, args=(*arguments, barrier.wait)) for _ in range(number)]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return time.perf_counter() - began


# -- a day ----------------------------------------------------------------------------------------


def days(channels: int = CHANNELS) -> Iterator[Row]:
    """One process collects, and all of them publish, as the service does it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        papers = alone(prepare, folder, channels)
        (folder / "db").rename(folder / FILE)
        back_up(folder, folder / "backup")
        sqlite = alone(_live, channels, str(folder / FILE), papers)
        yield from _rows("SQLite", sqlite, sqlite)
        # Plans that the server keeps were made for tables that are empty at first: until it has
        # analysed them, once a minute as a rule, each statement reads the whole ledger.
        server = postgres.Server(autovacuum="on", autovacuum_naptime="1s", shared_buffers="128MB")
        with closing(server):
            for number in PROCESSES:
                server.administer(f"create database of_{number}")
                url = server.url(f"of_{number}")
                began = time.perf_counter()
                restore(folder, folder / "backup", START, url)
                moved = time.perf_counter() - began
                with _publishing_too(number - 1, url) as cpu_of_others:
                    day = alone(_live, channels, url, papers)
                server.administer(f"drop database of_{number}")  # it lies in memory
                yield from _rows(f"PostgreSQL, {number} processes", day, sqlite, cpu_of_others)
    yield Row("restore of that backup into PostgreSQL", f"{moved:.1f} s", moved / sqlite.whole,
              "the day on SQLite")  # fmt: skip


@contextmanager
def _publishing_too(number: int, url: str) -> Iterator[list[float]]:
    """So many other processes that publish whatever a run has found; their processor seconds, once
    they have ended."""
    spawn = multiprocessing.get_context("spawn")
    ended, begun, seconds = spawn.Event(), spawn.Barrier(number + 1), spawn.SimpleQueue()
    arguments = (url, begun.wait, ended, seconds)
    processes = [spawn.Process(target=_publish_too, args=arguments) for _ in range(number)]
    for process in processes:
        process.start()
    begun.wait()
    found: list[float] = []
    try:
        yield found
    finally:
        ended.set()
        found += [seconds.get() for _ in processes]
        for process in processes:
            process.join()


def _publish_too(url: str, begin: Callable[[], None], ended: Event, seconds: Any) -> None:
    clock = FakeClock()
    clock.advance(86_400)
    store = opened_on_postgres(url)

    async def work() -> None:
        while not ended.is_set():
            if await store.has_unchecked(tuple(COMPOSERS)):
                await publish(store, COMPOSERS, lambda _: RULES, clock)
            else:
                await asyncio.sleep(0.05)

    begin()
    before = time.process_time()
    asyncio.run(work())
    seconds.put(time.process_time() - before)
    store.close()


class Measured(Day):
    """``peak`` is the process's own; the server's memory is not in it."""

    @property
    def whole(self) -> float:
        """Seconds of the wall clock."""
        return sum(wall for wall, _ in self.seconds.values())

    @property
    def all_waits(self) -> list[float]:
        return [wait for each in COMMANDS for wait in self.waits["meanwhile", each]]


def _live(channels: int, where: str, papers: list[Paper]) -> Measured:
    day = Measured(channels)
    sys.setswitchinterval(SWITCH_INTERVAL)
    with closing(_opened(where)) as store:
        asyncio.run(_day(day, store, Answer(papers)))
        [[due]] = select(store, "select count(*) from ledger where state = 'due'")
        assert due == 0, f"{due} papers were not published"
    status = Path("/proc/self/status").read_text()
    day.peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
    return day


async def _day(day: Measured, store: SqlStore, source: Answer) -> None:
    clock = FakeClock()
    clock.advance(86_400)
    async with People(day, store, source, clock).talking("meanwhile"):
        with day.part("collect"):
            await collect(source, store, clock, first_post=0)
        with day.part("compose and queue"):
            await publish(store, COMPOSERS, lambda _: RULES, clock)
            # Another process may still be at it, which wakes nobody.
            while await store.has_unchecked(tuple(COMPOSERS)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def _rows(
    what: str, found: Measured, against: Measured, cpu_of_others: Sequence[float] = ()
) -> Iterator[Row]:
    size = f"{found.channels:,} channels, {what}"
    for part, (wall, cpu) in found.seconds.items():
        ratio = wall / against.seconds[part][0]
        yield Row(f"{size}: {part}", f"{wall:.1f} s, {cpu:.1f} CPU", ratio, "SQLite")
    if cpu_of_others:
        figure = ", ".join(f"{each:.1f} s" for each in cpu_of_others)
        ratio = sum(cpu_of_others) / against.seconds["compose and queue"][1]
        yield Row(f"{size}: CPU of the others", figure, ratio, "SQLite, compose and queue")
    yield Row(f"{size}: peak memory", f"{found.peak:.0f} MB", found.peak / against.peak, "SQLite")
    waits, theirs = found.all_waits, against.all_waits
    p99 = quantiles(waits, n=100)[98]
    figure = f"p99 {p99 * 1e3:.0f} ms, median {median(waits) * 1e3:.0f} ms"
    ratio = p99 / quantiles(theirs, n=100)[98]
    yield Row(f"{size}: {len(waits)} commands meanwhile", figure, ratio, "SQLite, p99")


# -- taking over ----------------------------------------------------------------------------------


def take_overs() -> Iterator[Row]:
    with postgres.database() as url:
        times = [_take_over(url) for _ in range(TAKE_OVERS)]
    figure = ", ".join(f"{each:.1f}" for each in times)
    seconds = LEASE.total_seconds()
    yield Row("take-over after kill -9", f"{figure} s", max(times) / seconds, "a lease")


def _take_over(url: str) -> float:
    """Seconds from the kill until the other process has the role."""
    with _holding(url) as (first, took):
        took.recv()
        with _holding(url) as (_, took_too):
            time.sleep(5)  # the other one has begun, and both are somewhere between two renewals
            os.kill(first, signal.SIGKILL)
            began = datetime.now(UTC)
            at: datetime = took_too.recv()
    return (at - began).total_seconds()


@contextmanager
def _holding(url: str) -> Iterator[tuple[int, Pipe]]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_hold, args=(url, theirs))
    process.start()
    try:
        assert process.pid is not None
        yield process.pid, ours
    finally:
        process.kill()
        process.join()


def _hold(url: str, tell: Pipe) -> None:
    """Take the role when it is free, tell when that was, and keep it."""
    clock = SystemClock()
    leases = Leases([roles.COLLECTOR], opened_on_postgres(url), clock)

    async def hold() -> None:
        gained, _ = await leases.renew()
        while not gained:
            await clock.sleep(RENEW_INTERVAL.total_seconds())
            gained, _ = await leases.renew()
        tell.send(clock.now())
        await leases.keep()

    asyncio.run(hold())


if __name__ == "__main__":
    table("PostgreSQL", run())
