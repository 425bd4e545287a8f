"""Do papers like a saved one come first, and what does that cost?

Leave-one-out over the real papers of April 2026 in ``../shared/data``: one paper is the saved one,
and all others are ordered by their similarity to it. Two papers that share two authors count as
alike; recall is the share of a paper's like ones that are among the first ten. Beside it the same
papers in random order, and those first that were submitted at about the same time. Every eighth of
the papers that have any like it is tried. The same is then tried among those papers alone that have
any like them, counting the trials in which any of these is among the first ten: that is easier.
Without the data both are named and left out.

Then processor time for a digest of 100 papers in a channel with 1,000 saved ones, of invented
texts, over a real SQLite file: how much more than a digest with the newest papers first it takes to
decide on it (its order, what the first three are like, and the channel's profile) and to read what
that needs. So on the first day, on which the profile is made of all saved papers; on a day on which
nothing was saved since; after five were taken back; and after five were saved. What is made
once for all channels is counted apart. Of several rounds the least counts: other programs displace
what is in the caches. How fast the machine is, is measured as well.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from statistics import mean
from typing import Final
from zoneinfo import ZoneInfo

from benchmarks.invented import Words
from benchmarks.report import Row, seconds_of, table
from bot.core.digest import Rules, display_cache, plan
from bot.keywords import parse
from bot.matching.similarity import InverseFrequencies, Profile, terms_of
from bot.model import ChannelAgenda, Hit, Paper, Person, Prepared, Prime, Publication, Run
from bot.model.timetable import Timetable
from bot.store.store import SqlStore
from tests.builders import paper
from tests.fakes import START, PlainComposer
from tests.store.database import opened

DATA: Final = Path(__file__).parents[2] / "shared/data/arxiv/papers-2026-04.jsonl.gz"
EVERY: Final = 8
FIRST: Final = 10
DIGEST, SAVED, COUNTED, ROUNDS = 100, 1_000, 1_000, 25
SINCE = 5  # papers that were saved or taken back since the profile was kept
CHANNEL, KEYWORD, ADA, DAY = "fake:a", parse("reward"), Person("Ada", "fake:1"), timedelta(days=1)
RULES = Rules(Timetable(ZoneInfo("UTC"), time_of_day(8), frozenset(range(7))), backlog=None)
# Of an abstract: with the title some 104 different stems, as many as a paper of April 2026 has.
WORDS, SHARED = 100, 25
ALLOWED: Final = 0.005  # seconds for a digest

Order = Callable[[Paper, Sequence[Paper]], Sequence[Paper]]  # these, from the most alike on


def run() -> list[Row]:
    return [*_recalls(), *_costs()]


def _recalls() -> list[Row]:
    if not DATA.exists():
        print(f"left out: the experiment, which needs {DATA}", file=sys.stderr)
        return []
    papers = _april()
    alike = _alike(papers)
    tried = [each for each in papers if alike[each.id]][::EVERY]
    frequencies, rng = InverseFrequencies(papers), random.Random(7)

    def by_similarity(one: Paper, among: Sequence[Paper]) -> Sequence[Paper]:
        profile = Profile([one])
        return sorted(among, key=lambda each: -profile.similarity(each, frequencies))

    orders: dict[str, Order] = {
        "by similarity": by_similarity,
        "by date": lambda one, among: sorted(
            among, key=lambda each: abs(each.published - one.published)
        ),
        "random": lambda one, among: rng.sample(among, len(among)),
    }
    some = [each for each in papers if alike[each.id]]
    rows = []
    for what, among, count in (
        (f"recall at {FIRST} of {len(papers):,} papers", papers, _recall),
        (f"any at {FIRST} of the {len(some):,} that have any", some, _any),
    ):
        found = {
            name: mean(count(order(one, among), one, alike[one.id]) for one in tried)
            for name, order in orders.items()
        }
        rows += [
            Row(
                f"{what}, {len(tried)} trials: {name}",
                f"{share:.3f}",
                share / found["by similarity"],
                "by similarity",
            )
            for name, share in found.items()
        ]
    return rows


def _april() -> list[Paper]:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        paper(
            number,
            row["title"],
            id=row["id"],
            abstract=row["abstract"],
            authors=tuple(row["authors"]),
            published=datetime.fromisoformat(row["published"]),
        )
        for number, row in enumerate(rows, 1)
    ]


def _alike(papers: Sequence[Paper]) -> dict[str, set[str]]:
    """The papers that share two authors with each."""
    by: defaultdict[str, list[str]] = defaultdict(list)
    for each in papers:
        for name in set(each.authors):
            by[name].append(each.id)
    found = {}
    for each in papers:
        shared = Counter(other for name in set(each.authors) for other in by[name])
        found[each.id] = {other for other, n in shared.items() if n > 1 and other != each.id}
    return found


def _recall(ordered: Sequence[Paper], one: Paper, alike: set[str]) -> float:
    first = [each.id for each in ordered[: FIRST + 1] if each.id != one.id][:FIRST]
    return len(alike.intersection(first)) / len(alike)


def _any(ordered: Sequence[Paper], one: Paper, alike: set[str]) -> float:
    return float(_recall(ordered, one, alike) > 0)


def _costs() -> list[Row]:
    words = Words(random.Random(7))
    texts = [words.text(WORDS) for _ in range(SAVED + COUNTED)]
    # Each of the digest's papers has a fourth of its words in common with a saved one.
    texts += [
        f"{words.text(WORDS - SHARED)} {' '.join(text.split()[:SHARED])}" for text in texts[:DIGEST]
    ]
    papers = [
        paper(n, words.text(10), abstract=text, month="2604") for n, text in enumerate(texts, 1)
    ]
    saved, counted, due = papers[:SAVED], papers[SAVED:-DIGEST], papers[-DIGEST:]
    frequencies: list[InverseFrequencies] = []
    counting = seconds_of(lambda: frequencies.append(InverseFrequencies(counted)))
    weighing = seconds_of(lambda: list(map(frequencies[0].weighted, due)))
    costs = asyncio.run(_digests(saved, counted, due, frequencies[0]))
    profile = Profile(saved)
    found = [profile.nearest(each, frequencies[0]) for each in due]
    assert mean(a is not None and a.id == b.id for a, b in zip(found, saved, strict=False)) > 0.9
    once = {
        f"stems and weights of the {DIGEST} papers, once for all channels": weighing,
        f"counting terms in {COUNTED:,} papers, once for all channels": counting,
    }
    loop = seconds_of(_additions)
    return [
        *(
            Row(what, f"{seconds * 1000:.1f} ms CPU", seconds / ALLOWED, "5 ms")
            for what, seconds in {**costs, **once}.items()
        ),
        Row("this machine: 10 million additions in a loop", f"{loop:.2f} s CPU", loop, "1 s"),
        Row(f"kept for {SAVED:,} papers", f"{len(profile.to_bytes()) / 1000:.0f} kB", 1, "itself"),
    ]


def _additions() -> None:
    total = 0
    for number in range(10_000_000):
        total += number


async def _digests(
    saved: Sequence[Paper],
    counted: Sequence[Paper],
    due: Sequence[Paper],
    frequencies: InverseFrequencies,
) -> dict[str, float]:
    """Processor seconds of each kind of day, beyond a digest with the newest papers first."""
    with tempfile.TemporaryDirectory() as folder, closing(opened(Path(folder) / "db")) as store:
        await store.follow(CHANNEL, KEYWORD, ADA, START)
        prime = Prime(KEYWORD.canonical, (), None, 0)
        await store.record(_run(START, (), prime), first_post=0)
        await store.record(_run(START + DAY, due), first_post=0)
        await store.save_all(CHANNEL, saved, ADA, START)
        days = _Days(store, frequencies)
        await store.change_settings(CHANNEL, {"order": "newest"})
        await days.first()
        newest = await days.again()
        await store.change_settings(CHANNEL, {"order": "similarity"})
        terms_of.cache_clear()
        costs = {"nothing is kept yet, the first day": await days.first()}
        await days.keep()
        costs["nothing has changed"] = await days.again()
        for each in saved[:SINCE]:
            await store.toggle_save(CHANNEL, each, ADA, START + DAY)
        costs[f"{SINCE} saves were taken back"] = await days.again()
        await days.keep()
        await store.save_all(CHANNEL, saved[:SINCE], ADA, START + DAY)
        costs[f"{SINCE} more were saved"] = await days.again()
    return {
        f"{what}: {part}": spent - before
        for what, cost in costs.items()
        for part, spent, before in zip(("matching", "reading"), cost, newest, strict=True)
    }


def _run(at: datetime, papers: Sequence[Paper], *primes: Prime) -> Run:
    hits = tuple(Hit(each.id, KEYWORD.canonical, "title") for each in papers)
    return Run(at, at, at - DAY, False, True, papers=tuple(papers), hits=hits, primes=primes)


class _Days:
    """Digests of the channel, decided on as a publish run does it; none of them is posted."""

    def __init__(self, store: SqlStore, frequencies: InverseFrequencies) -> None:
        self._store = store
        self._frequencies = frequencies
        self._show = display_cache()

    async def first(self) -> tuple[float, float]:
        """Processor seconds of deciding, and of reading what is due."""
        gc.collect()
        begin = time.process_time()
        [agenda] = await self._store.agendas([CHANNEL])
        middle = time.process_time()
        self._decide(agenda)
        return time.process_time() - middle, middle - begin

    async def again(self) -> tuple[float, float]:
        """The least of each in several rounds."""
        rounds = [await self.first() for _ in range(ROUNDS)]
        return min(deciding for deciding, _ in rounds), min(reading for _, reading in rounds)

    async def keep(self) -> None:
        """What is to be kept, and nothing else, as if the papers were due on the next day, too."""
        [agenda] = await self._store.agendas([CHANNEL])
        prepared = Prepared(agenda, Publication(profile=self._decide(agenda).profile))
        await self._store.publish([(CHANNEL, self._decide)], START, {CHANNEL: prepared})

    def _decide(self, agenda: ChannelAgenda) -> Publication:
        rules = replace(RULES, by_similarity=agenda.channel.order == "similarity")
        frequencies, at = self._frequencies, START + DAY
        made = plan(
            agenda, PlainComposer(), rules, at, now=True, show=self._show, frequencies=frequencies
        )
        assert made is not None
        assert sum(len(draft.paper_ids) for _, draft in made.drafts) == DIGEST
        return made


if __name__ == "__main__":
    table("Order by similarity", run())
