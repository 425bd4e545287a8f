"""What every source keeps to: the fake that other tests rely on, and arXiv over real HTTP."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest

from bot.arxiv.cache import CachedSource
from bot.arxiv.source import ArxivSource
from bot.keywords import parse
from bot.model import Paper
from bot.ports import Source
from tests.builders import paper
from tests.fakes import START, FakeClock, FakeSource
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_server import ArxivServer

REWARD, GRAPH, UNHEARD = parse("reward model"), parse("graph network"), parse("unheard of words")
DAY = timedelta(days=1)
PAPERS = (
    paper(1, "A reward model", published=START - 20 * DAY),
    paper(2, "A reward model", published=START - 3 * DAY),
    paper(3, "A graph network", published=START - 2 * DAY),
    paper(4, "A reward model of a graph network", published=START - DAY),
    paper(5, "Something else", published=START - DAY),
)


def ids(papers: Sequence[Paper]) -> list[int]:
    return [int(each.id.partition(".")[2]) for each in papers]


@asynccontextmanager
async def fake(clock: FakeClock) -> AsyncIterator[Source]:
    source = FakeSource(clock)
    source.announce(*PAPERS)
    yield source


@asynccontextmanager
async def arxiv(clock: FakeClock) -> AsyncIterator[Source]:
    listed = [
        StandinPaper(
            id=each.id,
            title=each.title,
            abstract=each.abstract,
            authors=each.authors,
            categories=each.categories,
            published=each.published,
            visible_at=each.published,
        )
        for each in PAPERS
    ]
    with ArxivServer(listed, clock) as server:
        async with ArxivSource(
            url=server.url,
            contact="mailto:test@example.org",
            interval=0,
            clock=clock,
            pace_file=None,
            rng=random.Random(1),
        ) as source:
            yield source


@asynccontextmanager
async def cached(clock: FakeClock) -> AsyncIterator[Source]:
    async with arxiv(clock) as source:
        yield CachedSource(lambda: source, clock)


@pytest.fixture(params=[fake, arxiv, cached], ids=lambda made: made.__name__)
async def source(request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    async with request.param(FakeClock()) as made:
        yield cast(Source, made)


async def test_it_brings_what_was_submitted_since_and_may_match(source: Source) -> None:
    batch = await source.fetch([REWARD, GRAPH], START - 14 * DAY)
    assert batch.complete
    assert sorted(ids(batch.papers)) == [2, 3, 4]
    assert batch.requests >= 1


async def test_a_paper_of_two_keywords_comes_once(source: Source) -> None:
    batch = await source.fetch([REWARD, GRAPH], START - 14 * DAY)
    assert len({each.id for each in batch.papers}) == len(batch.papers)


async def test_nothing_that_matches_is_an_answer_and_a_complete_one(source: Source) -> None:
    batch = await source.fetch([UNHEARD], START - 14 * DAY)
    assert (batch.papers, batch.complete) == ((), True)


async def test_the_newest_come_first_whatever_their_age_and_no_more_than_asked(
    source: Source,
) -> None:
    assert ids((await source.latest(REWARD, 2)).papers) == [4, 2]
    everything = await source.latest(REWARD, 100)
    assert ids(everything.papers) == [4, 2, 1]
    assert everything.complete


async def test_times_are_in_utc_and_identities_have_no_version(source: Source) -> None:
    for each in (await source.latest(REWARD, 100)).papers:
        assert each.published.utcoffset() == timedelta(0)
        assert "v" not in each.id


async def test_papers_come_by_their_ids_with_full_metadata_and_unknown_ones_not_at_all(
    source: Source,
) -> None:
    batch = await source.papers([PAPERS[3].id, "2603.99999", PAPERS[0].id])
    assert batch.complete
    assert sorted(ids(batch.papers)) == [1, 4]
    assert all(each.has_full_metadata for each in batch.papers)


async def test_a_source_that_answers_says_so_for_check(source: Source) -> None:
    found = await source.examine()
    assert found
    assert all(each.ok and each.subject and each.text for each in found)
