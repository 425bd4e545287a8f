"""Long work is done in short steps: people get their turn, and no step counts before its last."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import StoreBusy
from bot.keywords import parse
from bot.model import ChannelAgenda, Draft, Hit, Person, Prime, Publication, Recorded, Run
from bot.ports import Store
from tests.builders import paper
from tests.fakes import START
from tests.store.database import opened, select

OLD, NEW = parse("reward model"), parse("graph network")
CHANNELS = tuple(f"fake:{n}" for n in range(6))
PAPERS = tuple(paper(n) for n in range(1, 13))
DAY = timedelta(days=1)
NOBODY = Person("")


def run_of_a_day() -> Run:
    """Twelve papers that match the keyword of long ago, and the newer half a new one too."""
    hits = [Hit(each.id, OLD.canonical, "title") for each in PAPERS]
    hits += [Hit(each.id, NEW.canonical, "abstract") for each in PAPERS[6:]]
    newest = tuple(each.id for each in reversed(PAPERS[6:]))
    prime = Prime(NEW.canonical, newest, None, PAPERS[-1].serial)
    window = START - 14 * DAY
    return Run(
        START + DAY, START + DAY, window, False, True, PAPERS, tuple(hits), (prime,), requests=2
    )


async def following(path: Path, batch_size: int, **how: Any) -> Store:
    """All channels follow the one keyword and are primed; half of them, and one more, the other."""
    store = opened(path, batch_size=batch_size, **how)
    for channel in CHANNELS:
        await store.follow(channel, OLD, NOBODY, START)
    primes = (Prime(OLD.canonical, (), None, 0),)
    await store.record(
        Run(START, START, START - 14 * DAY, False, True, primes=primes), first_post=0
    )
    for channel in (*CHANNELS[:3], "fake:new"):
        await store.follow(channel, NEW, NOBODY, START)
    return store


def rows_of(store: Store, *tables: str) -> dict[str, list[Any]]:
    return {
        table: select(store, f"select * from {table} order by 1, 2")  # noqa: S608
        for table in tables
    }


RECORDED = ("papers", "hits", "subscriptions", "ledger")


class Interrupted(sqlite3.Connection):
    """Refuses the transaction of that number, counted from when it is set."""

    refused: int | None = None
    count = 0

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql == "begin immediate" and self.refused is not None:
            if self.count == self.refused:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            self.count += 1
        return super().execute(sql, *args)


def interruptible(connections: list[Interrupted]) -> Callable[[str], sqlite3.Connection]:
    def connect(path: str) -> sqlite3.Connection:
        made = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=Interrupted
        )
        connections.append(made)
        return made

    return connect


def half_primed(store: Store) -> list[str]:
    """Channels in which the new keyword counts as primed, while its present papers are missing."""
    [prime] = run_of_a_day().primes
    rows = select(
        store,
        "select channel_id from subscriptions s where canonical = ? and primed_at is not null"
        " and exists (select 1 from json_each(?) where value not in"
        " (select paper_id from ledger l where l.channel_id = s.channel_id))",
        NEW.canonical,
        json.dumps(prime.paper_ids),
    )
    return [row[0] for row in rows]


async def test_a_run_in_many_steps_leaves_what_it_leaves_in_one(tmp_path: Path) -> None:
    whole = await following(tmp_path / "whole", 10_000)
    parts = await following(tmp_path / "parts", 1)
    in_one = await whole.record(run_of_a_day(), first_post=3)
    in_many = await parts.record(run_of_a_day(), first_post=3)
    assert in_one == in_many == Recorded(new_papers=12, due=6 * 12 + 3, primed=4)
    tables = (*RECORDED, "runs")
    assert rows_of(whole, *tables) == rows_of(parts, *tables)
    whole.close()
    parts.close()


async def test_a_run_that_ends_between_any_two_steps_does_not_count_and_is_made_up_in_full(
    tmp_path: Path, figures: Callable[[str], None]
) -> None:
    whole = await following(tmp_path / "whole", 10_000)
    await whole.record(run_of_a_day(), first_post=3)
    expected = rows_of(whole, *RECORDED)
    whole.close()
    step, recorded = 0, False
    while not recorded:
        connections: list[Interrupted] = []
        path = tmp_path / f"{step}"
        store = await following(path, 20, connect=interruptible(connections))
        connections[0].refused = step
        try:
            await store.record(run_of_a_day(), first_post=3)
            recorded = True
        except StoreBusy:
            recorded = False
        connections[0].refused = None
        if not recorded:
            interests = await store.interests()
            assert interests.complete_at == START, "the cursor has not moved"
            assert half_primed(store) == [], "a channel is primed whole, or not at all"
            await store.record(run_of_a_day(), first_post=3)
        assert rows_of(store, *RECORDED) == expected, step
        store.close()
        step += 1
    figures(f"a run broken off before each of its {step} steps")
    assert step > 8


async def test_who_adds_a_keyword_waits_for_one_step_of_a_long_collect(tmp_path: Path) -> None:
    store = await following(tmp_path / "db", 1)
    recording = asyncio.create_task(store.record(run_of_a_day(), first_post=3))
    await asyncio.sleep(0)
    assert await store.follow("fake:late", OLD, NOBODY, START)
    assert not recording.done()
    # It came after the question was put: its present papers are asked for the next time.
    assert (await recording).primed == 4
    assert await store.unprimed() == {("fake:late", OLD.canonical)}
    store.close()


async def test_who_removes_a_keyword_waits_for_one_channel_of_a_long_publish(
    tmp_path: Path,
) -> None:
    store = await following(tmp_path / "db", 1)
    await store.record(run_of_a_day(), first_post=3)
    seen: dict[str, int] = {}

    def plan(agenda: ChannelAgenda) -> Publication:
        papers = tuple(entry.paper.id for entry in (*agenda.new, *agenda.first))
        seen[agenda.channel.id] = len(papers)
        return Publication(((f"key {agenda.channel.id}", Draft("bytes", papers)),))

    publishing = asyncio.create_task(
        store.publish([(channel, plan) for channel in CHANNELS], START + DAY)
    )
    await asyncio.sleep(0)
    assert await store.unfollow(CHANNELS[-1], [OLD.canonical], START)
    assert not publishing.done()
    assert await publishing == 6
    assert seen[CHANNELS[0]] == 12
    assert seen[CHANNELS[-1]] == 0, "the channel's digest knows of it"
    store.close()


async def test_two_runs_at_the_same_time_are_recorded_one_after_the_other(tmp_path: Path) -> None:
    store = await following(tmp_path / "db", 1)
    nothing = Run(START + DAY, START + DAY, START, False, True)
    recording = asyncio.create_task(store.record(run_of_a_day(), first_post=3))
    # The loop stands still while this looks, so that at most one step is done in between.
    while not select(store, "select 1 from ledger where state = 'due'"):
        await asyncio.wait([recording], timeout=0)
    assert not recording.done()
    other = asyncio.create_task(store.record(nothing, first_post=3))
    assert (await recording).due == 6 * 12 + 3
    assert (await other).due == 0
    store.close()


@pytest.mark.parametrize("rows", [1, 7, 10_000])
async def test_what_is_on_every_ledger_is_read_and_written_once(tmp_path: Path, rows: int) -> None:
    store = await following(tmp_path / "db", rows)
    await store.record(run_of_a_day(), first_post=3)
    before = rows_of(store, "ledger")
    again = await store.record(run_of_a_day(), first_post=3)
    assert again == Recorded(new_papers=0, due=0, primed=0)
    assert rows_of(store, "ledger") == before
    store.close()
