"""What years leave in the database: what is needed again, and not more."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import Note, NoteKind
from bot.keywords import parse
from bot.model import (
    AnnouncementStats,
    ChannelAgenda,
    Draft,
    Expected,
    Hit,
    Interests,
    Person,
    Prime,
    Publication,
    Receipt,
    Run,
)
from bot.model.views import Measures, StateView
from bot.ports import Store
from bot.store import open_store
from bot.store.engines.base import Connection
from bot.store.statements.collect import record
from tests.builders import paper
from tests.fakes import START
from tests.store.database import engine_of, select, wait

KEYWORD = parse("reward model")
LATER = START + timedelta(days=400)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path, alone=True)
    yield opened
    opened.close()


async def collected(store: Store, at: datetime, *numbers: int, hits: bool = True) -> None:
    papers = tuple(paper(n) for n in numbers)
    found = tuple(Hit(p.id, KEYWORD.canonical, "title") for p in papers) if hits else ()
    run = Run(at, at, at - timedelta(days=14), False, True, papers=papers, hits=found)
    await store.record(run, first_post=0)


async def follow(store: Store) -> None:
    await store.follow("console:", KEYWORD, Person("Ada"), START)
    prime = Prime(KEYWORD.canonical, (), None, 0)
    await store.record(
        Run(START, START, START - timedelta(days=14), False, True, primes=(prime,)), first_post=0
    )


async def posted(store: Store, at: datetime, *numbers: int) -> None:
    ids = tuple(paper(n).id for n in numbers)
    drafts = ((f"key-{numbers[0]}", Draft("the bytes", ids)),)
    await store.publish([("console:", lambda _: Publication(drafts, (), at))], at)
    post = await store.claim("console", at, at + timedelta(minutes=3))
    assert post is not None
    await store.mark_sent(post.key, Receipt("1", ""), at)


async def forgotten(store: Store, at: datetime) -> tuple[int, int, int]:
    what = await store.outdated(at)
    for step in what.in_steps(2):
        assert len(step) <= 2
        await store.forget(step, at)
    assert len(await store.outdated(at)) == 0
    return len(what.papers), len(what.abstracts), len(what.payloads)


async def test_a_posted_paper_is_remembered_for_ever_and_its_abstract_for_a_year(
    store: Store,
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


async def test_a_paper_that_no_channel_knows_goes_after_a_year(store: Store) -> None:
    await collected(store, START, 1, 2, hits=False)
    await collected(store, START + timedelta(days=100), 2, hits=False)
    assert await forgotten(store, START + timedelta(days=364)) == (0, 0, 0)
    assert await forgotten(store, LATER) == (1, 0, 0)
    assert (await store.paper(paper(1).id)).paper is None
    assert (await store.paper(paper(2).id)).paper is not None


async def test_what_is_still_due_keeps_its_abstract(store: Store) -> None:
    await follow(store)
    await collected(store, START, 1)
    assert await forgotten(store, LATER) == (0, 0, 0)


async def test_a_held_post_keeps_its_bytes_because_somebody_may_send_it_again(
    store: Store,
) -> None:
    await follow(store)
    await collected(store, START, 1)
    drafts = (("key-1", Draft("the bytes", (paper(1).id,))),)
    await store.publish([("console:", lambda _: Publication(drafts, (), START))], START)
    assert await store.claim("console", START, START) is not None
    await store.hold_for_review("key-1", START, "nobody knows")
    assert await forgotten(store, START + timedelta(days=31)) == (0, 0, 0)
    assert await store.resend("key-1", LATER)
    post = await store.claim("console", LATER, LATER + timedelta(minutes=3))
    assert post is not None
    assert post.payload == "the bytes"


async def test_what_is_needed_again_since_the_look_is_not_forgotten(store: Store) -> None:
    await follow(store)
    await collected(store, START, 1, hits=False)
    what = await store.outdated(LATER)
    assert what.papers == (paper(1).id,)
    await asyncio.gather(collected(store, LATER, 1), store.forget(what, LATER))
    known = await store.paper(paper(1).id)
    assert known.paper == paper(1)
    assert [s.state for s in known.standings] == ["due"]


# -- runs -----------------------------------------------------------------------------------------


def ran(
    day: float, *, complete: bool = True, wide: bool = False, checkpoint: str = "", kind: str = ""
) -> Run:
    at = START + timedelta(days=day)
    return Run(
        at, at, at - timedelta(days=14), wide, complete,
        notes=(Note(NoteKind(kind), "as it was"),) if kind else (),
        requests=2, fetched=5,
        announcement_stats=AnnouncementStats("by keyword", 40, checkpoint=checkpoint),
    )  # fmt: skip


def save(store: Store, runs: Sequence[Run]) -> None:
    def all_of_them(db: Connection) -> None:
        for run in runs:
            deque(record(db, run, 0, 1000), maxlen=0)  # every step of it

    wait(engine_of(store).write(all_of_them))


def days_kept(store: Store) -> list[float]:
    rows = select(store, "select started_at from runs order by id")
    day = timedelta(days=1)
    return [round((datetime.fromisoformat(row[0]) - START) / day, 3) for row in rows]


async def forgotten_runs(store: Store, at: datetime) -> int:
    what = await store.outdated(at)
    before = await store.measures()
    for step in what.in_steps(3):
        await store.forget(step, at)
        assert sums(await store.measures()) == sums(before)
    return len(what.runs)


def sums(measures: Measures) -> tuple[int, ...]:
    """The counters of runs."""
    return measures[:7]


async def test_a_run_of_a_year_ago_is_forgotten_and_no_counter_goes_back(
    store: Store,
) -> None:
    save(store, [ran(day, wide=day % 7 == 0, complete=day != 5) for day in range(400)])
    assert (await store.measures()).runs == 400
    assert await forgotten_runs(store, START + timedelta(days=365)) == 0
    assert await forgotten_runs(store, START + timedelta(days=400)) == 34
    assert days_kept(store) == [0, *range(35, 400)]  # the first says since when there is a bot
    save(store, [ran(400)])
    measures = await store.measures()
    assert (measures.runs, measures.complete_runs) == (401, 400)
    assert (measures.requests, measures.fetched, measures.announced) == (802, 2005, 401 * 40)
    assert await forgotten_runs(store, START + timedelta(days=2000)) > 300
    assert (await store.measures()).runs == 401


async def test_what_was_noted_last_is_kept_however_old_it_is(store: Store) -> None:
    save(
        store,
        [
            ran(0), ran(1, checkpoint="here"), ran(2), ran(3, wide=True), ran(4),
            ran(5, kind="late"),
            ran(6, complete=False, kind="short"), ran(7, complete=False, kind="short"),
        ],
    )  # fmt: skip
    assert await forgotten_runs(store, START + timedelta(days=3000)) == 1
    assert days_kept(store) == [0, 1, 3, 4, 5, 6, 7]


async def test_the_last_run_that_was_not_late_is_kept(store: Store) -> None:
    save(store, [ran(0), ran(1), ran(2, wide=True), ran(3, wide=True, kind="late")])
    assert await forgotten_runs(store, LATER) == 1
    assert days_kept(store) == [0, 2, 3]


async def test_a_clock_that_was_wrong_once_does_not_hide_the_last_complete_run(
    store: Store,
) -> None:
    save(store, [ran(0), ran(5), ran(5000, wide=True), ran(6), ran(7, complete=False)])
    assert await forgotten_runs(store, LATER) == 1
    assert days_kept(store) == [0, 5000, 6, 7]


async def test_a_bot_that_never_got_a_whole_answer_forgets_all_but_its_first_and_last_run(
    store: Store,
) -> None:
    save(store, [ran(day, complete=False) for day in range(10)])
    assert await forgotten_runs(store, LATER) == 8
    assert days_kept(store) == [0, 9]


async def what_runs_decide(store: Store) -> tuple[Interests, Expected, StateView, object]:
    agendas: list[ChannelAgenda] = []
    await store.publish([("console:", agendas.append)], LATER)
    return (
        await store.interests(),
        await store.expected([KEYWORD.canonical], START - timedelta(days=99)),
        await store.state(),
        agendas[0].last_complete_run_at,
    )


@pytest.mark.parametrize("seed", range(12))
async def test_the_next_run_and_status_see_the_same_before_and_after(
    store: Store, seed: int
) -> None:
    rng = random.Random(seed)
    await follow(store)
    await collected(store, START, 1, 2)
    kinds = ["", "", "late", "short", "down"]
    days = sorted(rng.uniform(0, 800) for _ in range(60))
    days[rng.randrange(60)] += rng.choice((0, -300, 900))  # a clock that was wrong once
    often = rng.choice((0.0, 0.3, 0.9))
    save(
        store,
        [
            ran(
                day, complete=rng.random() < often, wide=rng.random() < 0.2,
                checkpoint=rng.choice(("", f"mark {day}")), kind=rng.choice(kinds),
            )
            for day in days
        ],
    )  # fmt: skip
    before = await what_runs_decide(store)
    gone = await forgotten_runs(store, START + timedelta(days=rng.choice((500, 1100, 1300))))
    assert await what_runs_decide(store) == before
    assert len(days_kept(store)) == 62 - gone


async def test_a_run_that_is_to_be_forgotten_twice_counts_once(store: Store) -> None:
    save(store, [ran(day) for day in range(4)])
    what = await store.outdated(LATER)
    before = await store.measures()
    await asyncio.gather(store.forget(what, LATER), store.forget(what, LATER))
    assert days_kept(store) == [0, 3]
    assert sums(await store.measures()) == sums(before)
