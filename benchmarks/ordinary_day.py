"""An ordinary day of arXiv, and a bot that has followed its keywords for long when it comes.

Every evening from Sunday to Thursday 1,300 papers are announced (facts: 6,650 a week), most of them
submitted on the day before; ten such evenings lie behind. As many papers are listed again because
they were revised, half of them of the last two weeks and half of the year before: on the last two
evenings, since no harvest of an ordinary day reads further back.

A keyword is two or three words of some paper, and matches about one paper a day. Ten of them make a
channel.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.invented import Words
from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.ids import serial_of
from bot.core.fetch import LOOK_BACK_WIDE
from bot.keywords import parse
from bot.matching import Matcher
from bot.model import AnnouncementStats, Hit, Keyword, Paper, Prime, Run
from tests.builders import paper as built
from tests.store.database import follow_all, opened
from tests.wire.arxiv_feed import StandinPaper

SIZES: Final = (10, 100, 1_000, 10_000)  # keywords
PER_CHANNEL: Final = 10

NOW: Final = datetime(2026, 3, 19, 5, tzinfo=UTC)  # a Thursday, some hours after the announcement
YESTERDAY: Final = NOW - timedelta(days=1)

_ANNOUNCED: Final = 1_300
_EVENINGS: Final = tuple(
    day
    for day in (NOW.replace(hour=0) - timedelta(days=n) for n in range(14, -1, -1))
    if day.weekday() < 5
)  # by UTC, midnight: 20:00 of the day before on the East Coast


@dataclass(frozen=True, slots=True)
class Day:
    """``papers`` are all versions that arXiv has, ``top`` the id announced last until yesterday.

    ``known`` are the papers as the bot could see them yesterday, ``hits`` theirs.
    """

    papers: tuple[StandinPaper, ...]
    keywords: tuple[Keyword, ...]
    top: str
    known: tuple[Paper, ...]
    hits: tuple[Hit, ...]

    def is_new(self, paper_id: str) -> bool:
        """Whether the paper was announced today."""
        return serial_of(paper_id) > serial_of(self.top)

    def follow(self, path: Path, count: int) -> None:
        """A database in which the first ``count`` keywords have been followed for long."""
        keywords = self.keywords[:count]
        store = opened(path)
        follows = [(f"fake:{n // PER_CHANNEL}", keyword) for n, keyword in enumerate(keywords)]
        follow_all(store, follows, NOW - timedelta(days=90))
        asyncio.run(store.record(self._yesterday(keywords), first_post=0))
        store.close()

    def _yesterday(self, keywords: Sequence[Keyword]) -> Run:
        """The last run before this one: complete, and with the weekly look further back."""
        matching: dict[str, list[str]] = {keyword.canonical: [] for keyword in keywords}
        hits = tuple(hit for hit in self.hits if hit.canonical in matching)
        for hit in hits:
            matching[hit.canonical].append(hit.paper_id)
        found = {hit.paper_id for hit in hits}
        checkpoint = Checkpoint(
            YESTERDAY.date(),
            self.top,
            counted_id=self.top,
            counted_on=YESTERDAY.date(),
        )
        begin = YESTERDAY - LOOK_BACK_WIDE
        return Run(
            started_at=YESTERDAY,
            finished_at=YESTERDAY,
            since=begin,
            wide=True,
            complete=True,
            papers=tuple(paper for paper in self.known if paper.id in found),
            hits=hits,
            primes=tuple(
                Prime(canonical, tuple(ids[::-1]), begin, serial_of(self.top))
                for canonical, ids in matching.items()
            ),
            fetched=len(self.known),
            announcement_stats=AnnouncementStats(
                announced=_ANNOUNCED, checkpoint=checkpoint.to_json()
            ),
        )


@cache
def ordinary_day() -> Day:
    """The same at every call, and made once."""
    rng = random.Random(20260319)
    words = Words(rng)
    recent = list(_announced(rng, words))
    old = [
        _paper(n, "2512", words, _EVENINGS[0] - timedelta(days=80))
        for n in range(1, _ANNOUNCED + 1)
    ]
    papers = (*old, *recent, *_revised(rng, recent, old))
    seen = {each.id: each for each in papers if each.visible_at <= YESTERDAY}  # the last version
    known = tuple(map(_told, seen.values()))
    keywords = _keywords(rng, known)
    matcher = Matcher(keywords)
    return Day(
        papers=papers,
        keywords=keywords,
        top=max(seen, key=serial_of),
        known=known,
        hits=tuple(hit for paper in known for hit in matcher.match(paper)),
    )


def _announced(rng: random.Random, words: Words) -> Iterator[StandinPaper]:
    number = 0
    for evening in _EVENINGS:
        for _ in range(_ANNOUNCED):
            number += 1
            held = rng.expovariate(1) if rng.random() < 0.1 else 0.0  # days
            waited = timedelta(hours=6 + 24 * rng.random(), days=min(held, 9.0))
            yield _paper(number, f"{evening:%y%m}", words, evening, evening - waited)


def _revised(
    rng: random.Random, recent: Sequence[StandinPaper], old: Sequence[StandinPaper]
) -> Iterator[StandinPaper]:
    """A second version with the same text."""
    calendar = _EVENINGS[-2:]
    before = [each for each in recent if each.visible_at < calendar[0]]
    half = _ANNOUNCED // 2
    chosen = [*rng.sample(before, 2 * half), *rng.sample(list(old), 2 * half)]
    for n, each in enumerate(chosen):
        evening = calendar[n % 2]
        yield replace(each, version=2, updated=evening - timedelta(hours=12), visible_at=evening)


def _keywords(rng: random.Random, papers: Sequence[Paper]) -> tuple[Keyword, ...]:
    """Different ones, each of some words that stand together in a paper."""
    found: dict[str, Keyword] = {}
    while len(found) < max(SIZES):
        words = rng.choice(papers).abstract.split()
        start = rng.randrange(len(words) - 3)
        length = rng.choices((2, 3), (1, 5))[0]
        keyword = parse(" ".join(words[start : start + length]))
        found[keyword.canonical] = keyword
    return tuple(found.values())


def _paper(
    number: int, month: str, words: Words, evening: datetime, published: datetime | None = None
) -> StandinPaper:
    return StandinPaper(
        id=f"{month}.{number:05d}",
        title=words.text(10).capitalize(),
        abstract=words.text(240),
        authors=("Ada Example", "Ben Sample", "Jo Nakamura"),
        categories=("cs.LG", "cs.CL"),
        published=published or evening - timedelta(hours=12),
        visible_at=evening,
        comment="12 pages, 5 figures",
    )


def _told(each: StandinPaper) -> Paper:
    month, _, number = each.id.partition(".")
    return built(
        int(number),
        each.title,
        month=month,
        published=each.published,
        abstract=each.abstract,
        authors=each.authors,
        categories=each.categories,
        primary_category=each.categories[0],
        version=each.version,
        updated=each.submitted,
        comment=each.comment,
    )
