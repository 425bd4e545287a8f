"""Do papers like a saved one come first, and what does that cost?

Leave-one-out over the real papers of April 2026 in ``../shared/data``: one paper is the saved one,
and all others are ordered by their similarity to it. Two papers that share two authors count as
alike; recall is the share of a paper's like ones that are among the first ten. Beside it the same
papers in random order, and those first that were submitted at about the same time. Every eighth of
the papers that have any like it is tried. The same is then tried among those papers alone that have
any like them, counting the trials in which any of these is among the first ten: that is easier.
Without the data both are named and left out.

Then processor time for a digest of 100 papers in a channel with 1,000 saved ones, of invented
texts: ordering it and finding what the first three are like. What is made once for all channels and
kept (a paper's stems, its weights) is counted apart, and so is the channel's profile, made once for
each digest. Of several rounds the least counts: other programs displace what is in the caches.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Final

from benchmarks.invented import Words
from benchmarks.report import Row, seconds_of, table
from bot.matching.similarity import InverseFrequencies, Profile
from bot.model import Paper
from tests.builders import paper

DATA: Final = Path(__file__).parents[2] / "shared/data/arxiv/papers-2026-04.jsonl.gz"
EVERY: Final = 8
FIRST: Final = 10
DIGEST, SAVED, COUNTED, ROUNDS = 100, 1_000, 1_000, 9
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
        profile = Profile([one], frequencies)
        return sorted(among, key=lambda each: -profile.similarity(each))

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
    profiles: list[Profile] = []

    def order() -> None:
        ranked = sorted(due, key=lambda each: -profiles[-1].similarity(each))
        for each in ranked[:3]:
            profiles[-1].nearest(each)

    counting = seconds_of(lambda: frequencies.append(InverseFrequencies(counted)))
    stemming = seconds_of(lambda: profiles.append(Profile([*due, *saved], frequencies[0])))
    building = [
        seconds_of(lambda: profiles.append(Profile(saved, frequencies[0]))) for _ in range(ROUNDS)
    ]
    ordering = [seconds_of(order) for _ in range(ROUNDS)]
    found = [profiles[-1].nearest(each) for each in due]
    assert mean(a is b for a, b in zip(found, saved, strict=False)) > 0.9
    figures = {
        f"ordering {DIGEST} papers by {SAVED:,} saved ones": min(ordering),
        "the channel's profile, for each digest": min(building),
        f"stems and weights of {DIGEST + SAVED:,} papers, once for all channels": stemming,
        f"counting terms in {COUNTED:,} papers, once for all channels": counting,
    }
    return [
        Row(what, f"{seconds * 1000:.1f} ms CPU", seconds / ALLOWED, "5 ms")
        for what, seconds in figures.items()
    ]


if __name__ == "__main__":
    table("Order by similarity", run())
