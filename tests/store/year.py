"""A year of a hundred keywords in the real database: how large it becomes. ``./do test-year``.

Not among the tests that always run: it takes about a minute. The sizes of the invented papers are
those of arXiv's (facts measured on 107,838 papers: abstract 1,343 characters in the median and
1,912 at the 99th percentile, title 82, five authors). Each keyword brings three papers on each
working day; every tenth of them matches two keywords. Each keyword is followed in two channels.
"""

from __future__ import annotations

import asyncio
import random
import string
import time
from datetime import timedelta
from pathlib import Path

from bot.keywords import parse
from bot.model import ChannelAgenda, Draft, Hit, Person, Prime, Publication, Receipt, Run
from bot.store import FILE, back_up, open_store, restore
from tests.builders import paper
from tests.fakes import START, FakeClock
from tests.store import postgres
from tests.store.database import opened_on_postgres

KEYWORDS, CHANNELS, A_DAY, DAYS = 100, 20, 3, 365
MAX_BYTES = 300_000_000  # bytes


async def a_year(folder: Path) -> tuple[int, int, int]:
    """Papers, rows of the ledger, and bytes on disk after a year with its nights."""
    rng = random.Random(2603)
    clock = FakeClock()
    words = [
        "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 11))) for _ in range(9999)
    ]

    def text(length: int) -> str:
        return " ".join(rng.choices(words, k=length // 7))[:length]

    keywords = [parse(f"subject{number}") for number in range(KEYWORDS)]
    channels = [f"slack:C{number:07d}" for number in range(CHANNELS)]
    store = open_store(folder, alone=True)
    try:
        for number, keyword in enumerate(keywords):
            for channel in (channels[number % CHANNELS], channels[(number + 7) % CHANNELS]):
                await store.follow(channel, keyword, Person("Ada", "slack:U0123456"), START)
        primes = tuple(Prime(keyword.canonical, (), None, 0) for keyword in keywords)
        window = START - timedelta(days=14)
        await store.record(Run(START, START, window, False, True, primes=primes), first_post=0)
        serial = 0
        for _ in range(DAYS):
            clock.advance(86_400)
            now = clock.now()
            if now.weekday() < 5:
                papers, hits = [], []
                for keyword in keywords:
                    for _ in range(A_DAY):
                        serial += 1
                        made = paper(
                            serial % 100_000,
                            text(82),
                            month=f"{2603 + serial // 100_000}",
                            published=now - timedelta(hours=20),
                            serial=serial,
                            abstract=text(min(int(rng.gauss(1343, 250)), 2000)),
                            authors=tuple(text(16) for _ in range(5)),
                            categories=("cs.LG", "stat.ML"),
                            comment=text(30),
                        )
                        papers.append(made)
                        hits.append(Hit(made.id, keyword.canonical, "abstract"))
                        if serial % 10 == 0:
                            other = rng.choice(keywords)
                            if other is not keyword:
                                hits.append(Hit(made.id, other.canonical, "title"))
                run = Run(now, now, now, False, True, tuple(papers), tuple(hits), requests=1)
                await store.record(run, first_post=0)
                await store.publish([(channel, publication) for channel in channels], now)
                while post := await store.claim("slack", now, now + timedelta(minutes=3)):
                    await store.mark_sent(
                        post.key, Receipt("1700000000.000100", "https://x/y"), now
                    )
            what = await store.outdated(now)
            for step in what.in_steps(200):
                await store.forget(step, now)
        state, measures = await store.state(), await store.measures()
    finally:
        store.close()
    return state.papers, sum(measures.ledger.values()), (folder / FILE).stat().st_size


def publication(agenda: ChannelAgenda) -> Publication | None:
    """A post of ten papers as Slack gets it: about 900 bytes for each."""
    due = (*agenda.new, *agenda.first)
    drafts = []
    for start in range(0, len(due), 10):
        ids = tuple(each.paper.id for each in due[start : start + 10])
        channel = agenda.channel.id
        drafts.append((f"{channel}-{ids[0]}", Draft("x" * 900 * len(ids), ids)))
    return Publication(tuple(drafts), (), None) if drafts else None


def test_a_year_of_a_hundred_keywords_stays_small(tmp_path: Path) -> None:
    papers, ledger, size = asyncio.run(a_year(tmp_path))
    print(  # noqa: T201 - the figure is what it is run for
        f"\n{KEYWORDS} keywords in {CHANNELS} channels, {A_DAY} papers a working day each, {DAYS}"
        f" days: {papers:,} papers, {ledger:,} rows in the ledger, {size / 1e6:.0f} MB"
        f" ({size / papers:,.0f} bytes a paper; {MAX_BYTES / 1e6:.0f} MB would hold"
        f" {MAX_BYTES / (size / papers) / 261:,.0f} papers a working day)"
    )
    assert size < MAX_BYTES
    _move(tmp_path, papers, ledger)


def _move(folder: Path, papers: int, ledger: int) -> None:
    """All of it to PostgreSQL, by way of a backup."""
    began = time.perf_counter()
    backup = back_up(folder, folder / "backup")
    backed_up = time.perf_counter()
    with postgres.database(empty=True) as url:
        restore(folder, folder / "backup", START, url)
        restored = time.perf_counter()
        store = opened_on_postgres(url)
        try:
            state, measures = asyncio.run(store.state()), asyncio.run(store.measures())
        finally:
            store.close()
    print(  # noqa: T201
        f"moved to PostgreSQL: backup of {backup / 1e6:.0f} MB in {backed_up - began:.1f} s,"
        f" restore in {restored - backed_up:.1f} s"
    )
    assert (state.papers, sum(measures.ledger.values())) == (papers, ledger)
