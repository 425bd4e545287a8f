"""What was fetched for a keyword some minutes ago is not fetched again, and nothing gets stale."""

from __future__ import annotations

import pytest

from bot.arxiv.cache import CachedSource
from bot.errors import SourceDown
from bot.keywords import parse
from bot.model import Batch
from tests.builders import paper
from tests.fakes import FakeClock, FakeSource

REWARD = parse("reward model")


def cached_source() -> tuple[FakeClock, FakeSource, CachedSource]:
    clock = FakeClock()
    arxiv = FakeSource(clock)
    arxiv.announce(paper(1), paper(2))
    return clock, arxiv, CachedSource(lambda: arxiv, clock)


async def test_a_preview_and_the_priming_after_it_cost_one_request() -> None:
    clock, arxiv, cached = cached_source()
    first = await cached.latest(REWARD, 100)
    clock.advance(60)
    again = await cached.latest(parse("Reward-Models"), 100)
    assert again.papers == first.papers
    assert (first.requests, again.requests) == (1, 0)
    assert arxiv.requests == ["latest reward model"]


async def test_after_some_minutes_arxiv_is_requested_again() -> None:
    clock, arxiv, cached = cached_source()
    await cached.latest(REWARD, 100)
    arxiv.announce(paper(3))
    clock.advance(601)
    assert len((await cached.latest(REWARD, 100)).papers) == 3


async def test_an_answer_with_holes_is_not_cached() -> None:
    _, arxiv, cached = cached_source()
    arxiv.faults = [lambda batch: Batch(batch.papers[:1], complete=False)]
    assert len((await cached.latest(REWARD, 100)).papers) == 1
    assert len((await cached.latest(REWARD, 100)).papers) == 2


async def test_a_failure_is_not_cached() -> None:
    _, arxiv, cached = cached_source()
    arxiv.faults = [SourceDown("timed out")]
    with pytest.raises(SourceDown):
        await cached.latest(REWARD, 100)
    assert (await cached.latest(REWARD, 100)).complete


async def test_only_so_many_keywords_are_cached() -> None:
    _, arxiv, cached = cached_source()
    for number in range(100):
        await cached.latest(parse(f"keyword{number}"), 100)
    asked = len(arxiv.requests)
    await cached.latest(parse("keyword99"), 100)
    assert len(arxiv.requests) == asked
    await cached.latest(parse("keyword0"), 100)
    assert len(arxiv.requests) == asked + 1
