"""What years leave in the database: what is needed again, and not more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.keywords import parse
from bot.model import Draft, Hit, Person, Prime, Publication, Receipt, Run
from bot.store import open_store
from bot.store.sqlite import SqliteStore
from tests.builders import paper
from tests.fakes import START

KEYWORD = parse("reward model")
LATER = START + timedelta(days=400)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(tmp_path, alone=True)
    yield opened
    opened.close()


async def collected(store: SqliteStore, at: datetime, *numbers: int, hits: bool = True) -> None:
    papers = tuple(paper(n) for n in numbers)
    found = tuple(Hit(p.id, KEYWORD.canonical, "title") for p in papers) if hits else ()
    run = Run(at, at, at - timedelta(days=14), False, True, papers=papers, hits=found)
    await store.record(run, first_post=0)


async def follow(store: SqliteStore) -> None:
    await store.follow("console:", KEYWORD, Person("Ada"), START)
    prime = Prime(KEYWORD.canonical, (), None, 0)
    await store.record(
        Run(START, START, START - timedelta(days=14), False, True, primes=(prime,)), first_post=0
    )


async def posted(store: SqliteStore, at: datetime, *numbers: int) -> None:
    ids = tuple(paper(n).id for n in numbers)
    drafts = ((f"key-{numbers[0]}", Draft("the bytes", ids)),)
    await store.publish([("console:", lambda _: Publication(drafts, (), at))], at)
    post = await store.claim("console", at, at + timedelta(minutes=3))
    assert post is not None
    await store.mark_sent(post.key, Receipt("1", ""), at)


async def forgotten(store: SqliteStore, at: datetime) -> tuple[int, int, int]:
    what = await store.outdated(at)
    for step in what.in_steps(2):
        assert len(step) <= 2
        await store.forget(step, at)
    assert len(await store.outdated(at)) == 0
    return len(what.papers), len(what.abstracts), len(what.payloads)


async def test_a_posted_paper_is_remembered_for_ever_and_its_abstract_for_a_year(
    store: SqliteStore,
) -> None:
    await follow(store)
    await collected(store, START, 1, 2, 3)
    await posted(store, START, 1, 2, 3)
    assert await forgotten(store, START + timedelta(days=29)) == (0, 0, 0)
    assert await forgotten(store, START + timedelta(days=31)) == (0, 0, 1)
    assert await forgotten(store, START + timedelta(days=364)) == (0, 0, 0)
    assert await forgotten(store, LATER) == (0, 3, 0)
    known = await store.paper(paper(1).id)
    assert known.paper is not None
    assert (known.paper.title, known.paper.abstract) == (paper(1).title, "")
    assert [s.state for s in known.standings] == ["posted"]
    # and arXiv may bring it again: it is whole then, and not new
    await collected(store, LATER, 1)
    known = await store.paper(paper(1).id)
    assert known.paper == paper(1)
    assert [s.state for s in known.standings] == ["posted"]
    assert len((await store.state()).channels[0].posts) == 0


async def test_a_paper_that_no_channel_knows_goes_after_a_year(store: SqliteStore) -> None:
    await collected(store, START, 1, 2, hits=False)
    await collected(store, START + timedelta(days=100), 2, hits=False)
    assert await forgotten(store, START + timedelta(days=364)) == (0, 0, 0)
    assert await forgotten(store, LATER) == (1, 0, 0)
    assert (await store.paper(paper(1).id)).paper is None
    assert (await store.paper(paper(2).id)).paper is not None


async def test_what_is_still_due_keeps_its_abstract(store: SqliteStore) -> None:
    await follow(store)
    await collected(store, START, 1)
    assert await forgotten(store, LATER) == (0, 0, 0)


async def test_a_held_post_keeps_its_bytes_because_somebody_may_send_it_again(
    store: SqliteStore,
) -> None:
    await follow(store)
    await collected(store, START, 1)
    drafts = (("key-1", Draft("the bytes", (paper(1).id,))),)
    await store.publish([("console:", lambda _: Publication(drafts, (), START))], START)
    await store.hold("key-1", START, "nobody knows")
    assert await forgotten(store, START + timedelta(days=31)) == (0, 0, 0)
    assert await store.resend("key-1", LATER)
    post = await store.claim("console", LATER, LATER + timedelta(minutes=3))
    assert post is not None
    assert post.payload == "the bytes"


async def test_what_is_needed_again_since_the_look_is_not_forgotten(store: SqliteStore) -> None:
    await follow(store)
    await collected(store, START, 1, hits=False)
    what = await store.outdated(LATER)
    assert what.papers == (paper(1).id,)
    await asyncio.gather(collected(store, LATER, 1), store.forget(what, LATER))
    known = await store.paper(paper(1).id)
    assert known.paper == paper(1)
    assert [s.state for s in known.standings] == ["due"]
