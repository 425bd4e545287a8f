"""The database's part: a durable commit against the disk's own floor, and a whole big collect.

Ratios of medians, rounds interleaved, so that a drifting machine hurts both sides alike.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median

from benchmarks.answering import Answer
from benchmarks.report import Row, table
from bot.core.collect import collect
from bot.keywords import parse
from bot.model import ChannelAgenda, Draft, Publication, Receipt
from bot.store.engines.base import Connection
from bot.store.store import SqlStore
from tests.builders import paper
from tests.fakes import START, FakeClock
from tests.store.database import follow_all, opened, select

COMMITS = 300
ROUNDS = 5
CHANNELS = 1_000
KEYWORDS = 10
PAPERS = 2_000
WORDS = 400  # the vocabulary; each keyword is two of them, so that a paper matches a few dozen


def run() -> list[Row]:
    return [*durable_commit(), *big_collect()]


def durable_commit() -> list[Row]:
    """A commit of one row, and the settling of a post (two commits, each a hop to another thread),
    against writing and syncing 4 KiB as often."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = opened(folder / "db")
        asyncio.run(queue(store, COMMITS * ROUNDS, 100))
        handle = os.open(folder / "raw", os.O_RDWR | os.O_CREAT)
        os.posix_fallocate(handle, 0, 4096 * COMMITS)
        rounds = [
            (
                _seconds(lambda: _commit(store)) / COMMITS,
                _seconds(lambda: _settle(store)) / (2 * COMMITS),
                _seconds(lambda: _write(handle)) / COMMITS,
            )
            for _ in range(ROUNDS)
        ]
        os.close(handle)
        store.close()
    names = ("commit of one row", "commit of a claim or a settling", "raw 4 KiB write + fdatasync")
    return [
        Row(
            name,
            f"{median(each[n] for each in rounds) * 1e3:.3f} ms",
            median(each[n] / each[-1] for each in rounds),
            "raw write",
        )
        for n, name in enumerate(names)
    ]


def _commit(store: SqlStore) -> None:
    async def work() -> None:
        for _ in range(COMMITS):
            await store.engine.write(_touch)

    asyncio.run(work())


def _touch(db: Connection) -> None:
    # A different value each time: SQLite does not write what does not change.
    db.execute("update channels set probes = probes + 1 where id = 'fake:1'")


async def queue(store: SqlStore, posts: int, channels: int) -> None:
    """So many posts, in so many channels by turns."""
    ids = [f"fake:{n}" for n in range(channels)]
    follow_all(store, [(each, parse("reward model")) for each in ids], START)

    def plan(n: int) -> Callable[[ChannelAgenda], Publication]:
        numbers = range(n, posts, channels)
        drafts = tuple((f"key-{number}", Draft("{}" * 400, ())) for number in numbers)
        return lambda _: Publication(drafts=drafts)

    made = await store.publish([(each, plan(n)) for n, each in enumerate(ids)], START)
    assert made == posts


def _settle(store: SqlStore) -> None:
    async def work() -> None:
        for _ in range(COMMITS):
            post = await store.claim("fake", START, START + timedelta(seconds=180))
            assert post is not None
            await store.mark_sent(post.key, Receipt("1"), START)

    asyncio.run(work())


def _write(handle: int) -> None:
    page = b"x" * 4096
    for n in range(COMMITS):
        os.pwrite(handle, page, 4096 * n)
        os.fdatasync(handle)


def big_collect() -> list[Row]:
    """A collect of 2,000 papers for 1,000 channels of 10 keywords, against bare inserts."""
    rng = random.Random(7)
    vocabulary = [f"{a}{b}" for a in _SYLLABLES for b in _SYLLABLES][:WORDS]
    pool = [parse(" ".join(rng.sample(vocabulary, 2))) for _ in range(CHANNELS * KEYWORDS // 2)]
    papers = tuple(
        paper(n, " ".join(rng.choices(vocabulary, k=12)), month="2604",
              abstract=" ".join(rng.choices(vocabulary, k=180)))
        for n in range(1, PAPERS + 1)
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        store = opened(Path(name) / "db")
        clock = FakeClock()
        follows = [
            (f"fake:{n}", keyword)
            for n in range(CHANNELS)
            for keyword in rng.sample(pool, KEYWORDS)
        ]
        follow_all(store, follows, START)
        asyncio.run(collect(Answer(()), store, clock, first_post=0))  # primes
        clock.advance(86_400)
        whole = _processor_seconds(
            lambda: asyncio.run(collect(Answer(papers), store, clock, first_post=0))
        )
        [[rows]] = select(store, "select count(*) from ledger")
        [[hits]] = select(store, "select count(*) from hits")
        store.close()
        floor = _processor_seconds(lambda: _bare_inserts(Path(name) / "bare", rows + hits))
    what = f"collect, {PAPERS} papers x {CHANNELS} channels x {KEYWORDS} keywords"
    return [
        Row(what, f"{whole:.2f} s CPU", whole / floor, "bare inserts"),
        Row(f"bare inserts of its {rows + hits} rows", f"{floor:.2f} s CPU", 1.0, "bare inserts"),
    ]


_SYLLABLES = ["ka", "lo", "mi", "ne", "pu", "ra", "si", "to", "vu", "we", "xa", "yo", "zi", "bru",
              "cle", "dro", "fla", "gri", "sto", "tri", "ple"]  # fmt: skip


def _bare_inserts(path: Path, rows: int) -> None:
    db = sqlite3.connect(path)
    db.execute("create table t (a text, b text, c text, primary key (a, b)) without rowid")
    db.executemany(
        "insert into t values (?, ?, ?)",
        ((f"fake:{n % CHANNELS}", f"2604.{n:07d}", "due") for n in range(rows)),
    )
    db.commit()
    db.close()


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    table("The database", run())
