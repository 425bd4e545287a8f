"""A clock that was ahead has left times in the database that nothing may wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Note, NoteKind
from bot.keywords import parse
from bot.model import ChannelGroup, Hit, News, NewsKind, Person, Prime, Publication, Receipt, Run
from bot.model.posts import Draft
from bot.model.zotero import ZoteroConnection, ZoteroLibrary, item_key
from bot.ports import Store
from bot.store.statements.clock_recovery import RECORDED_TIMES
from bot.store.statements.rows import to_text
from tests.builders import paper
from tests.fakes import START
from tests.store.database import change, opened, select

KEYWORD, REMOVED = parse("reward model"), parse("graph network")
AHEAD = START + timedelta(days=40)
LEASE, PAUSE = 300.0, 3600.0
HOUR = timedelta(hours=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """All that a bot does in a morning, while its clock was forty days ahead."""
    store = opened(tmp_path / "db")
    await live(store, "fake:one", at=AHEAD)
    yield store
    store.close()


async def live(store: Store, channel: str, at: Any) -> None:
    await store.follow(channel, KEYWORD, Person("Ada"), at)
    found = paper(1, "A reward model", published=START - timedelta(days=2))
    notes = (Note(NoteKind.SHORT, "one is missing", sample=b"<feed/>"),)
    run = Run(
        at, at, at - timedelta(days=14), False, True, (found,),
        (Hit(found.id, KEYWORD.canonical, "title"),),
        (Prime(KEYWORD.canonical, (found.id,), None, 0),),
        notes=notes,
    )  # fmt: skip
    await store.follow(channel, REMOVED, Person("Ada"), at)
    run = replace(run, primes=(*run.primes, Prime(REMOVED.canonical, (), None, 0)))
    await store.record(run, first_post=1)
    await store.unfollow(channel, [REMOVED.canonical], at)
    await store.claim_request(["envelope:1"], at)
    await store.save_secret("token", "T1", "sealed", at)
    await store.follow(f"{channel}-gone", KEYWORD, Person("Ada"), at)
    await store.archive_channels(ChannelGroup(ids=(f"{channel}-gone",)), "removed", at)
    await store.claim_session("fake:bot", 0, at, interval=HOUR, hourly=9, daily=9)
    await store.hold_sessions("fake:bot", at, 60.0, "too many")
    await store.record_refusal("fake", "no", at)
    drafts = tuple((f"{channel}-{n}", Draft("{}", (found.id,) if n == 0 else ())) for n in range(3))
    publication = Publication(drafts, published_until=at, most_saved_until=at)
    await store.publish([(channel, lambda _: publication)], at)
    ada = Person("Ada", "fake:ada")
    library = ZoteroLibrary("users/7", "ada")
    await store.connect_zotero(
        ZoteroConnection(ada.id, False, channel, library, ada, at), "sealed", at
    )
    await store.save_all(channel, [found], ada, at)
    await store.mark_zotero_sent(ada.id, [item_key(library.id, found.id)], at)
    await store.pause_zotero(ada.id, at, at, "no")
    for number in range(2):
        post = await store.claim("fake", at, at + timedelta(seconds=LEASE))
        assert post is not None
        if number == 0:
            await store.mark_sent(post.key, Receipt("m"), at)
        else:
            await store.refuse(post.key, True, at, "no", PAUSE)
    news = (News(found.id, NewsKind.VERSION, "2", version=2),)
    await store.record(Run(at, at, at, False, True, followed=(found,), news=news), first_post=0)


async def values(store: Store, table: str, column: str) -> set[str]:
    rows = select(store, f"select {column} from {table} where {column} <> ''")  # noqa: S608
    return {row[0] for row in rows}


@pytest.mark.parametrize(("table", "column"), RECORDED_TIMES)
async def test_nothing_recorded_stays_in_the_future(store: Store, table: str, column: str) -> None:
    assert await values(store, table, column) == {to_text(AHEAD)}, "or it is not tested here"
    await store.recompute_times(START, LEASE, PAUSE)
    assert await values(store, table, column) == {to_text(START)}


@pytest.mark.parametrize(("table", "column"), RECORDED_TIMES)
async def test_what_is_over_stands(tmp_path: Path, table: str, column: str) -> None:
    store = opened(tmp_path / "db")
    await live(store, "fake:one", at=START - HOUR)
    assert await store.recompute_times(START, LEASE, PAUSE) == {}
    assert await values(store, table, column) == {to_text(START - HOUR)}
    store.close()


def test_every_time_in_the_schema_is_looked_after_or_says_why_not() -> None:
    """A column that is added is added to the table in ``clock_recovery`` as well, or here."""
    from bot.store import migrations
    from bot.store.statements import clock_recovery

    text = "\n".join(migrations.MIGRATIONS)
    columns = {
        word
        for line in text.splitlines()
        for word in line.split()[:1]
        if word.endswith(("_at", "_seen", "_before", "_until")) or word == "at"
    }
    assert {
        "published_until",
        "at",
        "not_before",
        "lease_until",
        "probe_at",
        "last_seen",
    } <= columns
    for column in columns - {"post_at"}:  # a time of day
        assert column in str(clock_recovery.__doc__), column


@pytest.mark.parametrize("state", ["queued", "unknown"])
@pytest.mark.parametrize("delay", [0.0, 75.0, 3600.0, 20_000.0])
async def test_a_delay_is_never_longer_than_it_was_made_and_a_shorter_one_stands(
    store: Store, state: str, delay: float
) -> None:
    post = await store.claim("fake", AHEAD + HOUR, AHEAD + HOUR)
    assert post is not None
    key = post.key
    how = store.requeue if state == "queued" else store.mark_unknown
    await how(key, AHEAD, delay, "later")

    async def not_before() -> set[str]:
        one = f"(select not_before from outbox where key = '{key}')"  # noqa: S608
        return await values(store, one, "not_before")

    await store.recompute_times(START, LEASE, PAUSE)
    latest = START + timedelta(seconds=delay)
    assert await not_before() == {to_text(latest)}
    assert "outbox.not_before" not in await store.recompute_times(START + HOUR, LEASE, PAUSE)
    assert await not_before() == {to_text(latest)}


async def test_a_lease_is_never_longer_than_a_lease(store: Store) -> None:
    change(store, "update channels set paused = null, probe_at = null")
    post = await store.claim("fake", AHEAD, AHEAD + timedelta(seconds=LEASE))
    assert post is not None
    await store.recompute_times(START, LEASE, PAUSE)
    latest = to_text(START + timedelta(seconds=LEASE))
    assert await values(store, "outbox", "lease_until") == {latest}
    assert "outbox.lease_until" not in await store.recompute_times(START + HOUR, LEASE, PAUSE)
    assert await values(store, "outbox", "lease_until") == {latest}


@pytest.mark.parametrize(("refusals", "hours"), [(1, 1), (2, 2), (4, 8), (9, 24)])
async def test_a_pause_is_never_longer_than_after_so_many_refusals(
    store: Store, refusals: int, hours: int
) -> None:
    change(store, "update channels set probes = ?", refusals)
    assert (await store.recompute_times(START, LEASE, PAUSE))["channels.probe_at"] == 1
    latest = to_text(START + hours * HOUR)
    assert await values(store, "channels", "probe_at") == {latest}
    assert "channels.probe_at" not in await store.recompute_times(START + HOUR, LEASE, PAUSE)
    assert await values(store, "channels", "probe_at") == {latest}


async def test_a_clock_that_is_plainly_behind_changes_no_moment_of_the_past(
    store: Store,
) -> None:
    """As that of a machine without a battery, until the network has set it."""
    changed = await store.recompute_times(START - timedelta(days=365), LEASE, PAUSE)
    assert set(changed) <= {"outbox.not_before", "outbox.lease_until", "channels.probe_at"}
    assert await values(store, "channels", "published_until") == {to_text(AHEAD)}
