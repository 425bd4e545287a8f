"""What every database keeps to, through the ports alone: no SQL, no table, no engine.

A second engine is one more function in ``DATABASES``. The last test holds that no use case of
``ports.Store`` is missing here.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import ports
from bot.errors import Note, NoteKind, UserError
from bot.keywords import parse
from bot.model import (
    AnnouncementStats,
    Channel,
    ChannelAgenda,
    ChannelGroup,
    ChannelSaves,
    Discussion,
    Draft,
    Entry,
    Hit,
    KeptProfile,
    Keyword,
    News,
    NewsKind,
    Outdated,
    Paper,
    Person,
    Prepared,
    Prime,
    Publication,
    Receipt,
    Recorded,
    Run,
)
from bot.model.roles import ShardShare
from bot.model.snapshots import Change, Configure, Follow, Listing, Snapshot, Unfollow
from bot.model.views import ArchivedChannel, PlatformRefusal, PostedDigest
from bot.model.zotero import ZOTERO_KEY, ZoteroConnection, ZoteroLibrary, item_key
from bot.ports import Store, SyncDatabase
from tests.builders import paper
from tests.fakes import START
from tests.store.database import opened, opened_on_postgres
from tests.store.postgres import database as database_url

REWARD, GRAPH = parse("reward model"), parse("graph network")
ADA, BEN = Person("Ada", "fake:1"), Person("Ben", "fake:2")
A, B = "fake:a", "fake:b"
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LEASE = timedelta(minutes=5)
SETTLING = 75.0  # seconds


@dataclass
class Database:
    """One database that outlives its process: ``open`` again stands for a restart."""

    open: Callable[..., Store]


@contextmanager
def sqlite(folder: Path) -> Iterator[Database]:
    stores: list[Store] = []

    def open_it(*, alone: bool = True, batch_size: int | None = None) -> Store:
        stores.append(opened(folder / "db", alone=alone, patient=False, batch_size=batch_size))
        return stores[-1]

    yield Database(open_it)
    for store in stores:
        store.close()


@contextmanager
def postgres(folder: Path) -> Iterator[Database]:
    del folder
    stores: list[Store] = []
    with database_url() as url:

        def open_it(*, alone: bool = True, batch_size: int | None = None) -> Store:
            del alone  # a server takes any number of processes
            stores.append(opened_on_postgres(url, batch_size=batch_size))
            return stores[-1]

        yield Database(open_it)
        for store in stores:
            store.close()


DATABASES = [sqlite, postgres]


@pytest.fixture(params=DATABASES, ids=lambda made: made.__name__)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def store(database: Database) -> Store:
    return database.open()


# -- a life of the bot, as its parts bring it about -----------------------------------------------


def run_of(
    at: datetime, papers: Sequence[Paper] = (), keyword: Keyword = REWARD, **fields: object
) -> Run:
    """A complete run in which every paper matches the keyword."""
    values: dict[str, object] = {
        "papers": tuple(papers),
        "hits": tuple(Hit(each.id, keyword.canonical, "title") for each in papers),
        "requests": 2,
        "fetched": len(papers),
    }
    return Run(at, at + MINUTE, at - 14 * DAY, False, True, **(values | fields))  # type: ignore[arg-type]


async def follow(store: Store, *channels: str, keyword: Keyword = REWARD) -> None:
    """Primed without any paper: what is announced from now on is new."""
    for channel in channels:
        await store.follow(channel, keyword, ADA, START)
    prime = Prime(keyword.canonical, (), None, 0)
    await store.record(run_of(START, primes=(prime,)), first_post=0)


async def due(store: Store, channel: str) -> list[str]:
    return [each.paper.id for a in await store.agendas([channel]) for each in (*a.new, *a.first)]


def ids(*numbers: int) -> list[str]:
    return [paper(number).id for number in numbers]


async def queue(store: Store, channel: str, *keys: str, at: datetime = START) -> None:
    """Posts without papers; those after the first hang under it."""
    drafts = tuple(
        (key, Draft(f"bytes of {key}", (), 0 if n else None)) for n, key in enumerate(keys)
    )
    await store.change_settings(channel, {"layout": None})
    assert await store.publish([(channel, lambda _: Publication(drafts))], at) == len(keys)


async def publish(store: Store, channel: str, publication: Publication, at: datetime) -> None:
    await store.publish([(channel, lambda _: publication)], at)


async def claim(store: Store, at: datetime = START) -> str:
    """The key of the post that is claimed, of whichever account; empty if there is none."""
    for account in await store.waiting_accounts("fake"):
        if (post := await store.claim(account, at, at + LEASE)) is not None:
            return post.key
    return ""


async def view_of(store: Store, channel: str) -> object:
    [view] = (await store.state(channel)).channels
    return view


# -- CollectStore ---------------------------------------------------------------------------------


async def test_a_collect_starts_from_every_keyword_once_and_from_how_far_runs_got(
    store: Store,
) -> None:
    nothing = await store.interests()
    assert (nothing.primed, nothing.fresh, nothing.first_at) == ((), (), None)
    await follow(store, A, B)
    await store.follow(A, GRAPH, ADA, START)
    wide = run_of(START + DAY, announcement_stats=AnnouncementStats(checkpoint="here"))
    await store.record(replace(wide, wide=True), first_post=0)
    await store.record(replace(run_of(START + 2 * DAY), complete=False), first_post=0)
    found = await store.interests()
    assert ([k.text for k in found.primed], [k.text for k in found.fresh]) == (
        ["reward model"], ["graph network"],
    )  # fmt: skip
    assert (found.first_at, found.complete_at, found.swept_at) == (START, START + DAY, START + DAY)
    assert found.checkpoint == "here"


async def test_new_in_a_channel_is_what_its_ledger_does_not_hold(store: Store) -> None:
    await follow(store, A)
    papers = [paper(1), paper(2)]
    assert await store.record(run_of(START + DAY, papers), first_post=3) == Recorded(2, 2, 0)
    assert await store.record(run_of(START + DAY, papers), first_post=3) == Recorded(0, 0, 0)
    assert sorted(await due(store, A)) == ids(1, 2)
    old = paper(3, published=START - 300 * DAY, serial=paper(3).serial)
    await store.record(run_of(START + 2 * DAY, [old]), first_post=3)
    assert len(await due(store, A)) == 3, "its date does not matter"


async def test_a_new_keyword_takes_its_present_papers_as_known_and_shows_the_newest(
    store: Store,
) -> None:
    await store.follow(A, REWARD, ADA, START)
    papers = [paper(n) for n in range(1, 6)]
    newest_first = tuple(each.id for each in reversed(papers))
    prime = Prime(REWARD.canonical, newest_first, START - 14 * DAY, papers[-1].serial)
    run = run_of(START, papers, primes=(prime,))
    assert await store.record(run, first_post=2) == Recorded(5, 2, 1)
    [agenda] = await store.agendas([A])
    assert [each.paper.id for each in agenda.first] == [paper(5).id, paper(4).id]
    assert agenda.new == ()
    # announced before it was primed, and too old for its history: it was there already
    older = paper(0, published=START - 100 * DAY)
    assert (await store.record(run_of(START + DAY, [older]), first_post=2)).due == 0


async def test_an_incomplete_run_moves_no_cursor_and_what_it_brought_is_due(store: Store) -> None:
    await follow(store, A)
    run = replace(run_of(START + DAY, [paper(1)]), complete=False)
    await store.record(run, first_post=0)
    assert (await store.interests()).complete_at == START
    assert await due(store, A) == ids(1)


async def test_what_the_last_complete_run_saw_is_expected_again(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1), paper(2)]), first_post=0)
    short = run_of(START + 2 * DAY, notes=(Note(NoteKind.SHORT, "one is missing"),))
    await store.record(replace(short, complete=False), first_post=0)
    found = await store.expected([REWARD.canonical], paper(2).published)
    assert (found.paper_ids, found.short_runs) == (frozenset(ids(2)), 1)
    assert (await store.expected([GRAPH.canonical], START - 99 * DAY)).paper_ids == frozenset()


async def test_papers_without_full_metadata_are_asked_for_again_for_two_weeks(
    store: Store,
) -> None:
    await follow(store, A)
    bare = replace(paper(1), version=0)
    await store.record(run_of(START + DAY, [bare, paper(2)]), first_post=0)
    assert (await store.interests()).metadata_incomplete == (bare.id,)
    assert await store.metadata_incomplete(ids(1, 2, 3)) == frozenset(ids(1, 3))
    await store.record(run_of(START + 14 * DAY), first_post=0)
    assert (await store.interests()).metadata_incomplete == (bare.id,)
    await store.record(run_of(START + 16 * DAY), first_post=0)
    assert (await store.interests()).metadata_incomplete == ()
    await store.record(run_of(START + 16 * DAY, [paper(1)]), first_post=0)
    assert await store.metadata_incomplete(ids(1)) == frozenset()


async def test_the_text_of_the_highest_version_wins(store: Store) -> None:
    for version, title in ((2, "Corrected"), (1, "First")):
        made = paper(1, title, version=version)
        await store.record(run_of(START, [made], hits=()), first_post=0)
    known = (await store.paper(paper(1).id)).paper
    assert known is not None
    assert (known.title, known.version) == ("Corrected", 2)


async def test_everything_of_a_paper_is_kept_as_it_came(store: Store) -> None:
    whole = paper(
        1, "Ünïcode “quotes” 𝔸 'single' ? :name %s", abstract="a\nb", authors=("Ö. Ä", "X Y"),
        categories=("cs.LG", "stat.ML"), comment="5 pages", journal_ref="J. 1", doi="10.1/x",
        published=START - timedelta(milliseconds=1),
    )  # fmt: skip
    await store.record(run_of(START, [whole], hits=()), first_post=0)
    assert (await store.paper(whole.id)).paper == whole


async def test_a_run_in_many_steps_leaves_what_it_leaves_in_one(database: Database) -> None:
    store = database.open(batch_size=1)
    channels = [f"fake:{n}" for n in range(4)]
    await follow(store, *channels)
    await store.follow("fake:new", GRAPH, ADA, START)
    papers = [paper(n) for n in range(1, 8)]
    prime = Prime(GRAPH.canonical, tuple(each.id for each in papers), None, 0)
    run = run_of(START + DAY, papers, primes=(prime,))
    assert await store.record(run, first_post=3) == Recorded(7, 4 * 7 + 3, 1)
    for channel in channels:
        assert len(await due(store, channel)) == 7


async def test_two_runs_at_the_same_time_are_recorded_one_after_the_other(
    database: Database,
) -> None:
    store = database.open(batch_size=1)
    await follow(store, A, B)
    first = run_of(START + DAY, [paper(1), paper(2)])
    both = await asyncio.gather(
        store.record(first, first_post=0), store.record(first, first_post=0)
    )
    assert [each.due for each in both] == [4, 0]


# -- news of posted papers ------------------------------------------------------------------------

WITHDRAWN = News(paper(1).id, NewsKind.WITHDRAWN, "2", text="an error", version=2)
ACCEPTED = News(paper(1).id, NewsKind.VENUE, "accepted icml 2026", text="ICML 2026", published=True)
REVISED = News(
    paper(1).id, NewsKind.VERSION, "3", version=3, titles=("Öld", "new"), comments=("", "5 pages")
)


async def publish_it(store: Store, channel: str, publication: Publication, at: datetime) -> None:
    await store.publish([(channel, lambda _: publication)], at)


async def post_first(store: Store, *channels: str) -> None:
    """Paper 1, in each channel, where it arrives."""
    for channel in channels:
        draft = Draft("one", (paper(1).id,))
        await publish_it(store, channel, Publication((("key of " + channel, draft),)), START + DAY)
        await claim(store, START + DAY)
        receipt = Receipt("m1", f"https://chat.example/{channel}/m1")
        await store.mark_sent("key of " + channel, receipt, START + DAY + MINUTE)


async def tell(store: Store, *news: News, days: int = 2) -> None:
    run = run_of(START + days * DAY, [paper(1, version=days)], hits=(), news=news)
    await store.record(run, first_post=0)


async def told(store: Store, channel: str) -> list[News]:
    return [each.news for agenda in await store.agendas([channel]) for each in agenda.news]


async def test_news_are_due_where_the_paper_was_posted_and_once(store: Store) -> None:
    await follow(store, A, B)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await post_first(store, A)
    assert await store.posted(START) == {paper(1).id: START + DAY}
    assert await store.posted(START + 2 * DAY) == {}
    assert await store.known_papers(ids(1, 2)) == (paper(1),)
    for _ in range(2):
        await tell(store, WITHDRAWN, ACCEPTED, REVISED)
    assert await told(store, A) == [WITHDRAWN, ACCEPTED, REVISED]
    assert await told(store, B) == []
    [agenda] = await store.agendas([A])
    first = agenda.news[0]
    assert (first.paper, first.posted_at, first.post_key, first.link) == (
        paper(1, version=2), START + DAY + MINUTE, f"key of {A}", f"https://chat.example/{A}/m1",
    )  # fmt: skip
    # Posted there by now, with all of that: it is no news.
    await post_first(store, B)
    await tell(store, WITHDRAWN, days=3)
    assert await told(store, B) == []


async def test_what_became_of_a_paper_is_kept_but_for_an_abstract_that_was_forgotten(
    store: Store,
) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await post_first(store, A)
    await store.forget(Outdated(abstracts=(paper(1).id,)), START + 400 * DAY)
    revised = paper(1, version=2, comment="Accepted at ICML 2026")
    later = run_of(START + 400 * DAY, followed=(revised,), news=(ACCEPTED,))
    await store.record(later, first_post=0)
    assert await store.known_papers(ids(1)) == (replace(revised, abstract=""),)
    assert await store.posted(START) == {paper(1).id: START + 400 * DAY}
    assert await told(store, A) == [ACCEPTED]
    old = paper(1, comment="withdrawn")
    await store.record(run_of(START + 401 * DAY, followed=(old, paper(2))), first_post=0)
    assert await store.known_papers(ids(1, 2)) == (replace(revised, abstract=""),)


async def test_news_that_are_posted_or_skipped_are_due_no_more(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await post_first(store, A)
    await tell(store, WITHDRAWN, ACCEPTED, REVISED)
    [agenda] = await store.agendas([A])
    numbers = [each.number for each in agenda.news]
    drafts = (
        ("digest", Draft("news", (), news=(numbers[0],))),
        ("reply", Draft("reply", (), reply_to=f"key of {A}")),
    )
    decided = Publication(drafts, skipped_news=(numbers[1],))
    assert await store.publish([(A, lambda _: decided)], START + 2 * DAY) == 2
    assert await told(store, A) == [REVISED]
    await claim(store, START + 2 * DAY)
    await store.mark_sent("digest", Receipt("m2"), START + 2 * DAY)
    reply = await store.claim("fake", START + 2 * DAY, START + 2 * DAY + LEASE)
    assert reply is not None
    assert reply.key == "reply"
    assert reply.parent == reply.thread == Receipt("m1", f"https://chat.example/{A}/m1")


async def test_a_reply_knows_the_thread_of_the_message_that_it_is_a_reply_to(store: Store) -> None:
    await follow(store, A)
    head, below = Draft("head", ()), Draft("below", tuple(ids(1)), parent=0)
    for drafts in ((("h", head), ("b", below)), (("r", Draft("reply", (), reply_to="b")),)):
        await publish_it(store, A, Publication(drafts), START)
    for key in "hb":
        assert await claim(store) == key
        await store.mark_sent(key, Receipt(f"m-{key}"), START)
    reply = await store.claim("fake", START, START + LEASE)
    assert reply is not None
    assert (reply.parent, reply.root) == (Receipt("m-b"), Receipt("m-h"))
    assert reply.thread == Receipt("m-h")


async def test_news_wait_for_the_papers_message_and_for_an_archived_channel(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    one = Publication((("k1", Draft("one", tuple(ids(1)))),))
    await store.publish([(A, lambda _: one)], START + DAY)
    await store.archive_channels(ChannelGroup(ids=(A,)), "removed", START + DAY)
    await tell(store, WITHDRAWN)
    await store.restore_channels(ChannelGroup(ids=(A,)), START + 2 * DAY)
    assert await told(store, A) == []
    await claim(store, START + 2 * DAY)
    await store.mark_sent("k1", Receipt("m1"), START + 2 * DAY)
    assert await told(store, A) == [WITHDRAWN]


async def test_a_channel_that_follows_nothing_and_one_posted_to_years_ago_hear_no_news(
    store: Store,
) -> None:
    await follow(store, A, B)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await post_first(store, A, B)
    await store.unfollow(A, [REWARD.canonical], START + DAY)
    await tell(store, WITHDRAWN)
    assert (await told(store, A), await told(store, B)) == ([], [WITHDRAWN])
    await tell(store, REVISED, days=735)
    assert await told(store, B) == [WITHDRAWN]


async def test_up_to_which_day_posted_papers_were_followed_is_what_the_last_run_says_that_knew(
    store: Store,
) -> None:
    assert (await store.interests()).followed_until is None
    day = START.date()
    await store.record(run_of(START, followed_until=day), first_post=0)
    await store.record(run_of(START + DAY), first_post=0)
    assert (await store.interests()).followed_until == day


# -- PublishStore and ServiceStore ----------------------------------------------------------------


async def test_a_channel_is_published_to_while_it_follows_or_has_papers_due(store: Store) -> None:
    await store.change_settings("fake:idle", {"post_at": "09:00"})
    await follow(store, A, B)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    assert [each.id for each in await store.publishable()] == [A, B]
    await store.pause(B, "quiet", START)
    assert [each.id for each in await store.publishable()] == [A]


async def test_an_agenda_holds_what_is_due_with_the_keywords_that_it_matches(store: Store) -> None:
    await follow(store, A)
    await follow(store, A, keyword=GRAPH)
    run = run_of(START + DAY, [paper(1), paper(2)])
    also = Hit(paper(2).id, GRAPH.canonical, "abstract")
    await store.record(replace(run, hits=(*run.hits, also)), first_post=0)
    late = run_of(START + 2 * DAY, notes=(Note(NoteKind.LATE, "not there yet"),))
    await store.record(late, first_post=0)
    [agenda] = await store.agendas([A, "fake:unknown"])
    assert agenda == ChannelAgenda(
        channel=Channel(A),
        published_until=None,
        last_complete_run_at=START + DAY,  # a late one does not speak for its day
        new=(
            Entry(paper(2), ("reward model", "graph network")),
            Entry(paper(1), ("reward model",)),
        ),
        keywords=("reward model", "graph network"),
    )


ONE = Publication((("k1", Draft("one", tuple(ids(1)))),))
CHANGES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "a setting": lambda store: store.change_settings(A, {"layout": "list"}),
    "a name": lambda store: store.rename(A, GRAPH.canonical, "Graphs"),
    "the keywords": lambda store: store.unfollow(A, [GRAPH.canonical], START),
    "the papers": lambda store: store.record(run_of(START + DAY, [paper(2)]), first_post=0),
    "what would be news of a paper": lambda store: store.record(
        run_of(START, [paper(1, comment="Accepted at ICML 2026")]), first_post=0
    ),
    "the last run": lambda store: store.record(run_of(START + 2 * DAY), first_post=0),
}


async def test_what_was_prepared_is_published_as_it_is_while_nothing_changes(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    [agenda] = await store.agendas([A])

    def plan(agenda: ChannelAgenda) -> Publication:
        raise AssertionError("nothing has changed")

    prepared = {A: Prepared(agenda, ONE)}
    assert await store.publish([(A, plan)], START + DAY + HOUR, prepared) == 1


async def test_what_was_prepared_remains_valid_where_a_paper_only_matches_another_keyword_too(
    store: Store,
) -> None:
    await follow(store, A)
    await follow(store, A, keyword=GRAPH)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    [agenda] = await store.agendas([A])
    later = replace(run_of(START + 2 * DAY, [paper(1)], GRAPH), complete=False)
    await store.record(later, first_post=0)
    [again] = await store.agendas([A])
    assert again.new == (Entry(paper(1), ("reward model", "graph network")),)

    def plan(agenda: ChannelAgenda) -> Publication:
        raise AssertionError("nothing that counts has changed")

    prepared = {A: Prepared(agenda, ONE)}
    assert await store.publish([(A, plan)], START + 2 * DAY, prepared) == 1


@pytest.mark.parametrize("what", CHANGES)
async def test_what_was_prepared_is_decided_again_where_something_changed(
    store: Store, what: str
) -> None:
    await follow(store, A)
    await follow(store, A, keyword=GRAPH)
    run = run_of(START + DAY, [paper(1)])
    also = Hit(paper(1).id, GRAPH.canonical, "abstract")
    await store.record(replace(run, hits=(*run.hits, also)), first_post=0)
    [agenda] = await store.agendas([A])
    await CHANGES[what](store)
    seen: list[ChannelAgenda] = []

    def plan(agenda: ChannelAgenda) -> Publication | None:
        seen.append(agenda)
        return None

    prepared = {A: Prepared(agenda, ONE)}
    assert await store.publish([(A, plan)], START + DAY + HOUR, prepared) == 0
    assert len(seen) == 1
    assert seen != [agenda]


async def test_a_publication_is_posted_skipped_and_served_in_one(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1), paper(2), paper(3)]), first_post=0)
    seen: list[ChannelAgenda] = []

    def plan(agenda: ChannelAgenda) -> Publication:
        seen.append(agenda)
        drafts = (("k1", Draft("one", tuple(ids(1)))), ("k2", Draft("two", tuple(ids(2)), 0)))
        return Publication(drafts, tuple(ids(3)), START + DAY)

    assert await store.publish([(A, plan)], START + DAY + HOUR) == 2
    assert [len(each.new) for each in seen] == [3]
    assert await store.agendas([A]) == ()
    standings = {n: (await store.paper(paper(n).id)).standings[0] for n in (1, 2, 3)}
    assert [(standings[n].state, standings[n].post_key) for n in (1, 2, 3)] == [
        ("posted", "k1"), ("posted", "k2"), ("skipped", ""),
    ]  # fmt: skip
    [view] = (await store.state(A)).channels
    assert (view.published_until, view.skipped, view.skipped_at) == (
        START + DAY, 1, START + DAY + HOUR,
    )  # fmt: skip
    assert await store.publish([(A, lambda _: None)], START + 2 * DAY) == 0


async def test_a_plan_that_fails_leaves_its_channel_as_it_was(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)

    def wrong(agenda: ChannelAgenda) -> Publication:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.publish([(A, wrong)], START + DAY)
    assert await due(store, A) == ids(1)


async def test_a_channel_that_came_back_or_was_changed_is_rechecked_until_it_is_published_to(
    store: Store,
) -> None:
    await follow(store, A, B)
    assert await store.to_recheck() == ()
    await store.change_settings(A, {"post_at": "07:30"})
    await store.pause(B, "quiet", START)
    await store.resume(B)
    assert await store.to_recheck() == (Channel(A, post_at="07:30"), Channel(B))
    await store.publish([(A, lambda _: None)], START)
    assert await store.to_recheck() == (Channel(B),)
    await store.pause(B, "quiet", START)
    assert await store.to_recheck() == ()


async def test_people_who_mute_at_the_same_time_get_no_more_than_there_is_room_for(
    store: Store,
) -> None:
    def check(muted: int) -> None:
        if muted >= 3:
            raise UserError("full")

    words = [parse(f"word {letter}") for letter in "abcdefgh"]
    done = await asyncio.gather(
        *(store.mute(A, each, ADA, START, check_room=check) for each in words),
        return_exceptions=True,
    )
    assert [each for each in done if each is True] == [True] * 3
    assert len(await store.mutes(A)) == 3
    again = (await store.mutes(A))[0].keyword
    assert not await store.mute(A, again, ADA, START, check_room=check), "that needs no room"


async def test_a_channel_is_unchecked_from_a_run_until_it_is_published_to(store: Store) -> None:
    assert not await store.has_unchecked(["fake"])
    await follow(store, A, B)
    await store.pause(B, "quiet", START)
    assert await store.unchecked(["fake", "console"]) == [A]
    assert not await store.has_unchecked(["console"])
    assert await store.publish([(A, lambda _: None)], START, once_per_run=True) == 0
    assert await store.unchecked(["fake"]) == []
    assert not await store.has_unchecked(["fake"])
    incomplete = replace(run_of(START + DAY), complete=False)
    await store.record(incomplete, first_post=0)
    assert await store.unchecked(["fake"]) == [A]
    await store.resume(B)
    assert sorted(await store.unchecked(["fake"])) == [A, B]


async def test_after_a_run_a_channel_is_published_to_once_and_still_rechecked(store: Store) -> None:
    await follow(store, A)
    await store.change_settings(A, {"post_at": "07:30"})
    plans = [(A, lambda _: Publication((("k1", Draft("one", ())),)))]
    assert await store.publish(plans, START, once_per_run=True) == 1
    assert await store.publish(plans, START, once_per_run=True) == 0
    assert [each.id for each in await store.to_recheck()] == [A], "the next run may be earlier"


async def test_a_channel_that_is_paused_while_its_digest_is_composed_gets_it_when_it_resumes(
    store: Store,
) -> None:
    await follow(store, A)
    await store.change_settings(A, {"post_at": "07:30"})
    plans = [(A, lambda _: Publication((("k1", Draft("one", ())),)))]
    await store.pause(A, "by Ada", START)
    assert await store.publish(plans, START) == 0
    await store.resume(A)
    assert [each.id for each in await store.to_recheck()] == [A]
    assert await store.publish(plans, START) == 1


async def test_mutes_are_kept_per_channel_and_ended_once(store: Store) -> None:
    await follow(store, A, B)
    assert await store.mute(A, GRAPH, ADA, START)
    assert not await store.mute(A, GRAPH, ADA, START + DAY)
    assert await store.mutes(B) == ()
    [mute] = await store.mutes()
    assert (mute.channel_id, mute.keyword, mute.added_by.name) == (A, GRAPH, ADA.name)
    await store.forget_person(ADA, START)
    assert [each.added_by.name for each in await store.mutes(A)] == [""]
    [view] = (await store.state(A)).channels
    assert [each.keyword for each in view.mutes] == [GRAPH]
    assert await store.unmute(A, GRAPH.canonical)
    assert not await store.unmute(A, GRAPH.canonical)
    assert await store.mutes() == ()


async def test_that_a_channels_days_were_changed_holds_until_it_is_next_published_to(
    store: Store,
) -> None:
    seen: list[bool] = []

    def look(agenda: ChannelAgenda) -> Publication:
        seen.append(agenda.rescheduled)
        return Publication(published_until=START)

    await follow(store, A)
    await store.change_settings(A, {"post_at": "07:30"})
    await store.publish([(A, look)], START)
    await store.change_settings(A, {"days": "weekly"})
    await store.publish([(A, lambda _: None)], START)
    await store.publish([(A, look)], START)
    await store.publish([(A, look)], START)
    assert seen == [False, True, False]


async def test_a_channel_remembers_that_its_last_digest_could_not_mention_a_role(
    store: Store,
) -> None:
    async def told() -> str:
        return (await store.state(A)).channels[0].mention_gone

    await follow(store, A)
    for number, (gone, shown) in enumerate([("7", "7"), (None, "7"), ("", "")]):
        key = f"{number}" * 24
        await publish_it(store, A, Publication(((key, Draft("one", ())),)), START)
        await claim(store, START)
        await store.mark_sent(key, Receipt(f"m{number}", mention_gone=gone), START)
        assert await told() == shown


async def test_days_of_the_schedule_that_were_changed_are_no_missed_days_of_channels_without_own(
    store: Store,
) -> None:
    async def rescheduled() -> dict[str, bool]:
        return {view.channel.id: view.rescheduled for view in (await store.state()).channels}

    await follow(store, A)
    await follow(store, B)
    await store.change_settings(B, {"days": "daily"})
    await store.publish([(B, lambda _: Publication(published_until=START))], START)
    await store.change_posting_days("mon-fri")
    await store.change_posting_days("mon-fri")
    assert await rescheduled() == {A: False, B: False}, "another start with the same days"
    await store.change_posting_days("weekly")
    assert await rescheduled() == {A: True, B: False}
    await store.publish([(A, lambda _: Publication(published_until=START))], START)
    assert await rescheduled() == {A: False, B: False}
    assert (await store.state()).posting_days == "weekly"


async def test_a_keyword_is_unprimed_until_a_run_primes_it(store: Store) -> None:
    await store.follow(A, REWARD, ADA, START)
    assert await store.unprimed() == {(A, REWARD.canonical)}
    await follow(store, A)
    assert await store.unprimed() == frozenset()


# -- DeliveryStore --------------------------------------------------------------------------------


async def test_the_head_of_each_channel_is_claimed_oldest_first_and_once(store: Store) -> None:
    await queue(store, A, "a1", "a2")
    await queue(store, B, "b1")
    assert [await claim(store) for _ in range(3)] == ["a1", "b1", ""]
    assert await claim(store, START - HOUR) == ""
    await store.mark_sent("a1", Receipt("m1"), START)
    assert await claim(store) == "a2"


async def test_each_workspace_has_a_queue_of_its_own(store: Store) -> None:
    for channel, key in (("fake:two/C1", "k1"), ("fake:one/C1", "k2"), (A, "k3")):
        await queue(store, channel, key)
    assert await store.waiting_accounts("fake") == ("fake", "fake:one", "fake:two")
    assert await store.waiting_accounts("another") == ()
    for account, key in (("fake:one", "k2"), ("fake", "k3"), ("fake:two", "k1")):
        post = await store.claim(account, START, START + LEASE)
        assert post is not None
        assert post.key == key
        assert await store.claim(account, START, START + LEASE) is None
        await store.mark_sent(key, Receipt("1"), START)
    assert await store.waiting_accounts("fake") == ()


async def test_a_channel_that_had_its_turn_waits_for_the_others(store: Store) -> None:
    await queue(store, A, "a1")
    await queue(store, B, "b1")
    first = await store.claim("fake", START, START + LEASE, [A])
    assert first is not None
    assert first.key == "b1"
    only = await store.claim("fake", START, START + LEASE, [A, B])
    assert only is not None
    assert only.key == "a1"


async def test_a_claimed_post_is_as_it_was_stored_and_hangs_under_what_arrived(
    store: Store,
) -> None:
    await queue(store, A, "a1", "a2")
    post = await store.claim("fake", START, START + LEASE)
    assert post is not None
    assert (post.payload, post.attempt, post.uncertain, post.parent) == (
        "bytes of a1", 1, False, None,
    )  # fmt: skip
    await store.mark_sent("a1", Receipt("m1", "https://x/1"), START)
    reply = await store.claim("fake", START, START + LEASE)
    assert reply is not None
    assert (reply.parent, reply.after_id) == (Receipt("m1", "https://x/1"), "m1")
    assert reply.channel == Channel(A)
    assert await store.claim("another", START, START + LEASE) is None


async def test_a_lease_that_ran_out_leaves_a_post_that_may_have_arrived(store: Store) -> None:
    await queue(store, A, "a1")
    assert await claim(store) == "a1"
    assert await store.next_claim("fake", START - DAY) == START + LEASE
    again = await store.claim("fake", START + LEASE, START + 2 * LEASE)
    assert again is not None
    assert (again.attempt, again.uncertain) == (2, True)


async def test_what_did_not_arrive_and_what_may_have_wait_for_their_delay(store: Store) -> None:
    await queue(store, A, "a1")
    assert await store.next_claim("fake", START - DAY) == START
    await claim(store)
    await store.requeue("a1", START, 30.0, "slow down")
    assert await claim(store, START + timedelta(seconds=29)) == ""
    later = START + timedelta(seconds=30)
    post = await store.claim("fake", later, later + LEASE)
    assert post is not None
    assert not post.uncertain
    await store.mark_unknown("a1", later, SETTLING, "no answer")
    assert await store.unsettled("fake", later) == {"a1": SETTLING}
    settled = later + timedelta(seconds=SETTLING)
    assert await store.unsettled("fake", settled) == {}
    assert await store.next_claim("fake", START - DAY) == settled
    post = await store.claim("fake", settled, settled + LEASE)
    assert post is not None
    assert (post.uncertain, post.attempt) == (True, 3)


async def test_held_and_dead_posts_wait_for_a_person(store: Store) -> None:
    await queue(store, A, "a1")
    await queue(store, B, "b1")
    await claim(store)
    await claim(store)
    await store.hold_for_review("a1", START, "nobody can say")
    await store.dead_letter("b1", START, "too long")
    assert [await claim(store, START + DAY), await store.next_claim("fake", START - DAY)] == [
        "",
        None,
    ]
    posts = [post for view in (await store.state()).channels for post in view.posts]
    assert [(post.key, post.state, post.error) for post in posts] == [
        ("a1", "held", "nobody can say"), ("b1", "dead", "too long"),
    ]  # fmt: skip
    assert await store.resend("a1", START + DAY)
    assert not await store.resend("a1", START + DAY), "it waits already"
    assert not await store.resend("nothing", START + DAY)
    assert await claim(store, START + DAY) == "a1"


async def test_a_channel_that_refuses_is_tried_ever_later_and_comes_back_with_a_post(
    store: Store,
) -> None:
    await queue(store, A, "a1")
    at = START
    for number in range(3):
        assert await claim(store, at) == "a1"
        first = await store.refuse("a1", False, at, "not a member", 3600.0)
        assert first is (number == 0)
        at += 2**number * HOUR
        assert await store.next_claim("fake", START - DAY) == at
    [view] = (await store.state(A)).channels
    assert (view.paused, view.reason, view.paused_at, view.probe_at) == (
        "refused", "not a member", START, at,
    )  # fmt: skip
    assert await claim(store, at) == "a1"
    await store.mark_sent("a1", Receipt("m1"), at)
    [view] = (await store.state(A)).channels
    assert (view.paused, view.reason, view.sent) == ("", "", 1)
    assert [each.id for each in await store.to_recheck()] == [A]


async def test_a_refused_channel_is_never_left_alone_for_more_than_a_day(store: Store) -> None:
    await queue(store, A, "a1")
    for _ in range(20):
        await store.refuse("a1", False, START, "no", 3600.0)
    assert await store.next_claim("fake", START - DAY) == START + DAY


# -- private conversations ------------------------------------------------------------------------

MINE, FOR_MYSELF = "fake:dm", replace(ADA, private=True)


async def test_a_private_conversation_belongs_to_its_person(store: Store) -> None:
    await follow(store, A)
    assert await store.follow(MINE, REWARD, FOR_MYSELF, START)
    assert (await store.owner_of(MINE), await store.owner_of(A)) == (ADA.id, "")
    assert await store.owner_of("fake:unknown") == ""
    [view] = (await store.state(MINE)).channels
    assert view.channel == Channel(MINE, owner=ADA.id)
    [agenda] = await _with_a_paper(store, MINE)
    assert agenda.channel.owner == ADA.id


async def _with_a_paper(store: Store, channel: str) -> Sequence[ChannelAgenda]:
    prime = Prime(REWARD.canonical, (), None, 0)
    await store.record(run_of(START, primes=(prime,)), first_post=0)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    return await store.agendas([channel])


async def test_a_person_is_a_server_of_their_own(store: Store) -> None:
    rooms: list[tuple[int, int]] = []
    there = replace(FOR_MYSELF, server="fake:s")
    await store.follow(A, REWARD, replace(BEN, server="fake:s"), START)
    await store.follow(MINE, REWARD, there, START)
    await store.follow(
        MINE, GRAPH, there, START, check_room=lambda own, server: rooms.append((own, server))
    )
    assert rooms == [(1, 1)]
    await queue(store, MINE, "mine")
    post = await store.claim("fake", START, START + LEASE)
    assert post is not None
    assert (post.server, post.channel.owner) == (ADA.id, ADA.id)
    assert await store.archive_channels(ChannelGroup(server="fake:s"), "removed", START) == (A,)


async def test_what_a_person_follows_for_themselves_is_in_no_list_page_or_file(
    store: Store,
) -> None:
    await follow(store, A)
    await store.follow(MINE, GRAPH, FOR_MYSELF, START)
    await store.change_settings(MINE, {"post_at": "09:00"})
    assert await store.mute(MINE, parse("survey"), FOR_MYSELF, START)
    assert await store.mutes() == ()
    assert [each.channel_id for each in await store.subscriptions()] == [A]
    assert [each.keyword.text for each in await store.page([A, MINE], 10, 10)] == ["reward model"]
    current = await store.synchronise(_current, START)
    assert [each.channel.id for each in current.listings] == [A]
    assert [each.text for each in await store.known_keywords()] == ["reward model"]
    assert [each.text for each in await store.known_keywords(A)] == ["reward model"]
    assert len(await store.known_keywords(MINE)) == 3
    assert await store.first_added_by([MINE]) is None, "nobody is told of its refusal"
    await store.archive_channels(ChannelGroup(ids=(MINE,)), "left", START)
    assert (await store.state()).archived == ()


def _current(database: SyncDatabase) -> Snapshot:
    with database.transaction() as transaction:
        return transaction.current()


async def test_nobody_sees_how_a_person_worded_a_keyword_for_themselves(store: Store) -> None:
    mine = parse("GRAPH   network")
    await store.follow(MINE, mine, FOR_MYSELF, START)
    await store.follow(A, GRAPH, BEN, START)
    assert [each.text for each in await store.known_keywords()] == ["graph network"]
    assert [each.text for each in (await store.interests()).fresh] == ["graph network"]


async def test_a_file_that_names_a_private_conversation_changes_nothing_there(
    store: Store,
) -> None:
    await store.follow(MINE, REWARD, FOR_MYSELF, START)
    wanted: list[Change] = [
        Follow(MINE, GRAPH),
        Unfollow(MINE, REWARD),
        Configure(MINE, "days", "mon"),
    ]

    def apply(database: SyncDatabase) -> Sequence[object]:
        with database.transaction() as transaction:
            transaction.arrange(MINE, [GRAPH.canonical])
            return transaction.apply([*wanted, Follow(A, GRAPH)], "the host")

    assert await store.synchronise(apply, START) == [Follow(A, GRAPH)]
    assert [each.keyword.text for each in await store.subscriptions(MINE)] == ["reward model"]
    [view] = (await store.state(MINE)).channels
    assert view.channel.days is None


async def test_who_refuses_messages_is_left_alone_until_they_resume(store: Store) -> None:
    await store.follow(MINE, REWARD, FOR_MYSELF, START)
    await queue(store, MINE, "mine")
    assert await claim(store) == "mine"
    assert await store.refuse("mine", False, START, "blocked", 3600.0)
    assert (await store.next_claim("fake", START - DAY), await claim(store, START + 99 * DAY)) == (
        None,
        "",
    )
    [view] = (await store.state(MINE)).channels
    assert (view.paused, view.reason, view.probe_at) == ("refused", "blocked", None)
    assert await store.resume(MINE)
    assert await claim(store, START + DAY) == "mine"


async def test_who_is_forgotten_follows_nothing_for_themselves_any_more(store: Store) -> None:
    await follow(store, A)
    await store.follow(MINE, GRAPH, FOR_MYSELF, START)
    await store.change_settings(MINE, {"post_at": "09:00"})
    await queue(store, MINE, "being sent")
    assert await claim(store) == "being sent"
    await queue(store, MINE, "mine", "and below it")
    await store.forget_person(FOR_MYSELF, START)
    assert await store.owner_of(MINE) == ""
    assert await store.subscriptions(MINE) == ()
    await store.requeue("being sent", START, 0.0, "they were away")
    assert await claim(store, START + DAY) == ""
    state = await store.state()
    assert [view.channel.id for view in state.channels] == [A], "nobody sees that there was one"
    assert state.archived == ()
    assert [each.text for each in (await store.interests()).fresh] == []
    assert [each.keyword.text for each in await store.subscriptions(A)] == ["reward model"]
    assert await store.follow(MINE, GRAPH, FOR_MYSELF, START + DAY), "and may begin again"


# -- CrosspostStore -------------------------------------------------------------------------------


async def test_a_message_is_handed_on_once_it_was_sent_and_until_it_is_done(store: Store) -> None:
    await queue(store, A, "a1", "a2")
    assert await store.next_crosspost("fake", START) is None
    for key in ("a1", "a2"):
        await claim(store)
        await store.mark_sent(key, Receipt(f"m-{key}", crosspost=True), START)
    first = await store.claim_crosspost("fake", START, START + LEASE)
    assert first is not None
    assert (first.key, first.message_id, first.attempt, first.sent_at, first.channel) == (
        "a1", "m-a1", 1, START, Channel(A),
    )  # fmt: skip
    await store.mark_crossposted("a1")
    second = await store.claim_crosspost("fake", START, START + LEASE)
    assert second is not None
    await store.retry_crosspost("a2", START + HOUR, "slow down")
    assert await store.claim_crosspost("fake", START, START + LEASE) is None
    assert await store.next_crosspost("fake", START) == START + HOUR
    [view] = (await store.state(A)).channels
    assert view.crosspost is not None
    assert (view.crosspost.error, view.crosspost.given_up) == ("slow down", False)
    again = await store.claim_crosspost("fake", START + HOUR, START + 2 * HOUR)
    assert again is not None
    assert again.attempt == 2
    await store.fail_crosspost("a2", "too old")
    [view] = (await store.state(A)).channels
    assert view.crosspost is not None
    assert (view.crosspost.error, view.crosspost.given_up) == ("too old", True)
    assert await store.next_crosspost("fake", START) is None


async def test_a_message_that_needs_no_handing_on_is_not(store: Store) -> None:
    await queue(store, A, "a1")
    await claim(store)
    await store.mark_sent("a1", Receipt("m1"), START)
    assert await store.claim_crosspost("fake", START, START + LEASE) is None


async def test_a_crosspost_that_seems_to_wait_for_days_was_put_there_by_a_wrong_clock(
    store: Store,
) -> None:
    await queue(store, A, "a1")
    await claim(store)
    await store.mark_sent("a1", Receipt("m1", crosspost=True), START)
    await store.retry_crosspost("a1", START + 9 * DAY, "slow down")
    assert await store.next_crosspost("fake", START) == START


# -- LeaseStore -----------------------------------------------------------------------------------


async def test_a_process_keeps_its_roles_and_gives_them_back(store: Store) -> None:
    assert store.process
    number = await store.acquire_lease("collector", 60)
    assert number is not None
    assert await store.acquire_lease("collector", 60) == number
    await store.release_lease("collector")
    await store.release_lease("a role that it never had")
    assert await store.acquire_lease("collector", 60) is not None


async def test_settings_are_agreed_on_by_the_processes_that_are_alive(database: Database) -> None:
    one = database.open()
    assert await one.agree_on_settings("mine") == "mine"
    assert await one.agree_on_settings("changed") == "changed", "nobody else is there"
    if one.is_shared:
        await one.acquire_lease("collector", 60)
        other = database.open()
        assert await other.agree_on_settings("other") == "changed"
        await one.release_lease("collector")
        assert await other.agree_on_settings("other") == "other"


async def test_arxivs_pace_is_what_was_saved_last(store: Store) -> None:
    assert await store.pace() == ""
    await store.save_pace("one")
    await store.save_pace("two")
    assert await store.pace() == "two"


# -- RecoveryStore --------------------------------------------------------------------------------


async def test_what_a_killed_process_was_sending_may_have_arrived_and_settles_first(
    database: Database,
) -> None:
    killed = database.open()
    await queue(killed, A, "a1")
    await claim(killed)
    killed.close()
    store = database.open()
    await store.release(START, SETTLING)
    assert await store.unsettled("fake", START) == {"a1": SETTLING}
    settled = START + timedelta(seconds=SETTLING)
    post = await store.claim("fake", settled, settled + LEASE)
    assert post is not None
    assert (post.key, post.uncertain) == ("a1", True)


async def test_a_clock_that_was_ahead_keeps_nothing_waiting(store: Store) -> None:
    ahead = START + 40 * DAY
    await follow(store, A, B)
    await store.record(run_of(ahead, [paper(1)]), first_post=0)
    drafts = (("a1", Draft("x", tuple(ids(1)))),)
    await publish(store, A, Publication(drafts, published_until=ahead), ahead)
    await queue(store, B, "b1", at=ahead)
    await store.claim("fake", ahead, ahead + LEASE)
    await store.requeue("a1", ahead, 30.0, "slow down")
    await store.claim("fake", ahead, ahead + LEASE)
    await store.refuse("b1", False, ahead, "no", 3600.0)
    changed = await store.recompute_times(START, LEASE.total_seconds(), 3600.0)
    assert changed["outbox.not_before"] >= 1
    assert (changed["channels.published_until"], changed["runs.started_at"]) == (1, 1)
    assert await store.next_claim("fake", START - DAY) == START + timedelta(seconds=30)
    [view] = (await store.state(B)).channels
    assert view.probe_at == START + HOUR
    assert await store.recompute_times(START, LEASE.total_seconds(), 3600.0) == {}


# -- PeopleStore ----------------------------------------------------------------------------------


async def test_a_keyword_is_followed_once_in_whatever_words(store: Store) -> None:
    assert await store.follow(A, REWARD, ADA, START)
    assert not await store.follow(A, parse("Reward-Models"), BEN, START)
    assert await store.follow(B, GRAPH, BEN, START + HOUR)
    [mine] = await store.subscriptions(A)
    assert (mine.channel_id, mine.keyword.text, mine.keyword.canonical) == (
        A, "reward model", REWARD.canonical,
    )  # fmt: skip
    assert (mine.added_by.name, mine.added_by.id) == ("Ada", "fake:1")
    assert (mine.added_at, mine.primed_at) == (START, None)
    assert [each.channel_id for each in await store.subscriptions()] == [A, B]
    assert sorted(each.text for each in await store.known_keywords()) == [
        "graph network", "reward model",
    ]  # fmt: skip


async def test_an_undo_brings_what_another_new_keyword_took_as_known_meanwhile(
    store: Store,
) -> None:
    await follow(store, A)
    await store.record(run_of(START + HOUR, [paper(1)]), first_post=0)
    await store.unfollow(A, [REWARD.canonical], START + DAY)
    await store.follow(A, GRAPH, ADA, START + DAY)
    papers = [paper(2), paper(3)]
    both = (*run_of(START, papers).hits, *run_of(START, papers, GRAPH).hits)
    prime = Prime(GRAPH.canonical, tuple(ids(3, 2)), None, paper(3).serial)
    run = run_of(START + 2 * DAY, papers, hits=both, primes=(prime,))
    await store.record(run, first_post=1)
    assert await due(store, A) == ids(3)
    await store.follow(A, REWARD, ADA, START + 3 * DAY, undo=True)
    assert sorted(await due(store, A)) == ids(1, 2, 3)


async def test_an_undo_brings_back_what_left_the_ledger_while_the_clock_was_behind(
    store: Store,
) -> None:
    await follow(store, A)
    await follow(store, A, keyword=GRAPH)
    both = (*run_of(START, [paper(1)]).hits, *run_of(START, [paper(1)], GRAPH).hits)
    await store.record(run_of(START + DAY, [paper(1)], hits=both), first_post=0)
    await store.unfollow(A, [REWARD.canonical], START + 3 * DAY)
    await store.unfollow(A, [GRAPH.canonical], START + 2 * DAY)
    assert await due(store, A) == []
    await store.follow(A, REWARD, ADA, START + 3 * DAY + HOUR, undo=True)
    assert await due(store, A) == ids(1)


async def test_a_removed_keyword_takes_its_due_papers_with_it_and_no_other(store: Store) -> None:
    await follow(store, A)
    await follow(store, A, keyword=GRAPH)
    run = run_of(START + DAY, [paper(1), paper(2)])
    also = Hit(paper(2).id, GRAPH.canonical, "abstract")
    await store.record(replace(run, hits=(*run.hits, also)), first_post=0)
    assert await store.unfollow(A, [REWARD.canonical], START + DAY)
    assert not await store.unfollow(A, [REWARD.canonical], START + DAY)
    assert await due(store, A) == ids(2)
    assert (await store.paper(paper(1).id)).standings[0].state == "dropped"


@pytest.mark.parametrize("undo", [False, True])
async def test_who_adds_a_keyword_again_within_a_week_loses_nothing(
    store: Store, *, undo: bool
) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await store.unfollow(A, [REWARD.canonical], START + DAY)
    await store.record(run_of(START + 2 * DAY, [paper(2)]), first_post=0)
    assert await store.follow(A, REWARD, BEN, START + 3 * DAY, undo=undo)
    assert sorted(await due(store, A)) == ids(1, 2)
    [mine] = await store.subscriptions(A)
    assert (mine.added_by.name, mine.added_at) == (
        ("Ada", START) if undo else ("Ben", START + 3 * DAY)
    )
    assert mine.primed_at == START


async def test_a_keyword_that_was_removed_long_ago_is_new_again(store: Store) -> None:
    await follow(store, A)
    await store.unfollow(A, [REWARD.canonical], START)
    await store.follow(A, REWARD, ADA, START + 8 * DAY)
    assert await store.unprimed() == {(A, REWARD.canonical)}


async def test_who_refuses_one_keyword_more_changes_nothing(store: Store) -> None:
    counts: list[tuple[int, int]] = []

    def no_room(in_channel: int, in_server: int) -> None:
        counts.append((in_channel, in_server))
        raise UserError("too many")

    ada = replace(ADA, server="fake:server")
    await store.follow(A, REWARD, ada, START)
    await store.follow(B, REWARD, ada, START)
    with pytest.raises(UserError):
        await store.follow(A, GRAPH, ada, START, check_room=no_room)
    with pytest.raises(UserError):
        await store.follow(A, GRAPH, ADA, START, check_room=no_room)
    assert counts == [(1, 2), (1, 0)]
    assert len(await store.subscriptions(A)) == 1


async def test_a_setting_is_changed_alone_and_taken_back(store: Store) -> None:
    await store.change_settings(A, {"post_at": "07:30"})
    await store.change_settings(A, {"layout": "inline"})
    await store.change_settings(A, {"group": "keyword"})
    await store.change_settings(A, {"post_at": None})
    [view] = (await store.state(A)).channels
    assert view.channel == Channel(A, layout="inline", group="keyword")
    with pytest.raises(ValueError, match="no setting"):
        await store.change_settings(A, {"id": "fake:other"})


async def test_a_request_is_claimed_once_by_any_of_its_ids_and_forgotten_after_a_day(
    database: Database,
) -> None:
    store = database.open()
    assert await store.claim_request(["envelope:1", "trigger:1"], START)
    assert not await store.claim_request(["envelope:2", "trigger:1"], START + HOUR)
    assert not await store.claim_request(["envelope:2"], START + HOUR), "each id counts"
    store.close()
    again = database.open()
    assert not await again.claim_request(["envelope:1"], START + 2 * HOUR), "also after a restart"
    assert await again.claim_request(["envelope:3"], START + 2 * HOUR)
    assert await again.claim_request(["envelope:1"], START + 3 * DAY)


# -- the servers that channels are in -------------------------------------------------------------


async def test_a_post_that_arrived_says_which_server_its_channel_is_in_and_counts_for_no_limit(
    store: Store,
) -> None:
    await follow(store, A, B)
    await queue(store, A, "a1")
    await claim(store)
    await store.mark_sent("a1", Receipt("1", server="fake:s"), START)
    rooms: list[tuple[int, int]] = []
    member = Person("Cleo", "fake:3", server="fake:s")
    await store.follow(
        B, GRAPH, member, START, check_room=lambda here, there: rooms.append((here, there))
    )
    assert rooms == [(1, 1)], "only what somebody there has added"
    group = ChannelGroup(server="fake:s")
    assert await store.archive_channels(group, "removed", START) == (A, B)


async def test_a_server_with_many_channels_makes_way_for_others(store: Store) -> None:
    channels = [f"fake:{name}" for name in "abcd"]
    await follow(store, *channels)
    for number, channel in enumerate(channels):
        await queue(store, channel, f"{channel}1")
        server = "fake:large" if number < 3 else "fake:small"
        await claim(store)
        await store.mark_sent(f"{channel}1", Receipt(str(number), server=server), START)
    for channel in channels:
        await queue(store, channel, f"{channel}2")

    async def next_one(without: Sequence[str], servers: Sequence[str]) -> tuple[str, str]:
        post = await store.claim("fake", START, START + LEASE, without, servers)
        assert post is not None
        return post.key, post.server

    assert await next_one([], ["fake:large"]) == ("fake:d2", "fake:small")
    large = ("fake:b2", "fake:large")
    assert await next_one(["fake:a"], ["fake:large"]) == large, "no other server has any"
    assert await next_one(["fake:a", "fake:c"], ["fake:large"]) == ("fake:a2", "fake:large")


async def test_the_one_to_tell_of_channels_is_who_first_added_a_keyword_there(
    store: Store,
) -> None:
    assert await store.first_added_by([A]) is None
    await store.follow(A, REWARD, Person("bot.toml"), START)
    assert await store.first_added_by([A]) is None, "nobody who can be written to"
    await store.follow(A, GRAPH, ADA, START + HOUR)
    await store.follow(B, GRAPH, BEN, START + MINUTE)
    assert await store.first_added_by([A]) == ADA
    assert await store.first_added_by([A, B]) == BEN
    await store.archive_channels(ChannelGroup(ids=(A,)), "removed", START + 2 * HOUR)
    assert await store.first_added_by([A]) == ADA


# -- platforms ------------------------------------------------------------------------------------


async def claim_session(
    store: Store, at: datetime, bucket: int = 0, account: str = "fake:bot", **limits: int
) -> datetime | None:
    given = {"hourly": 99, "daily": 99, **limits}
    return await store.claim_session(account, bucket, at, interval=timedelta(seconds=5), **given)


async def test_two_sessions_of_a_bucket_are_an_interval_apart_also_over_a_restart(
    database: Database,
) -> None:
    store = database.open()
    assert await claim_session(store, START) is None
    assert await claim_session(store, START, bucket=1) is None, "each bucket for itself"
    store.close()
    again = database.open()
    due = START + timedelta(seconds=5)
    assert await claim_session(again, START + timedelta(seconds=2)) == due
    assert await claim_session(again, START, account="fake:other") is None
    assert await claim_session(again, due) is None


async def test_sessions_of_all_buckets_are_bounded_in_an_hour_and_in_a_day(store: Store) -> None:
    for number in range(3):
        assert await claim_session(store, START + number * MINUTE, number, hourly=3) is None
    assert await claim_session(store, START + 9 * MINUTE, 9, hourly=3) == START + HOUR
    assert await claim_session(store, START + HOUR, 9, hourly=3, daily=4) is None
    later = START + 2 * HOUR
    assert await claim_session(store, later, 9, daily=4) == START + DAY
    assert await claim_session(store, START + DAY + MINUTE, 9, daily=4) is None


async def test_a_session_that_a_clock_which_was_ahead_recorded_delays_no_longer_than_its_limit(
    store: Store,
) -> None:
    assert await claim_session(store, START + 40 * DAY) is None
    assert await claim_session(store, START) == START + timedelta(seconds=5)
    assert await claim_session(store, START, 1, daily=1) == START + DAY


async def test_a_hold_on_sessions_outlives_a_restart_and_ends_by_itself(
    database: Database,
) -> None:
    store = database.open()
    assert await store.sessions_held("fake:bot", START) is None
    await claim_session(store, START)
    assert await store.sessions_held("fake:bot", START) is None
    await store.hold_sessions("fake:bot", START, 3600.0, "refused for good")
    store.close()
    again = database.open()
    held = ("refused for good", START + HOUR)
    assert await again.sessions_held("fake:bot", START + MINUTE) == held
    assert await again.sessions_held("fake:other", START + MINUTE) is None
    assert await again.sessions_held("fake:bot", START + HOUR) is None
    assert await again.sessions_held("fake:bot", START - DAY) == (held[0], START - DAY + HOUR)


async def test_a_platform_that_refuses_is_shown_with_its_first_time_and_newest_reason(
    store: Store,
) -> None:
    await store.record_refusal("fake", "a wrong token", START)
    await store.record_refusal("fake", "no such bot", START + HOUR)
    await store.record_refusal("other", "no", START)
    shown = PlatformRefusal("fake", "no such bot", START)
    assert (await store.state()).refusals == (shown, PlatformRefusal("other", "no", START))
    assert (await store.state(A)).refusals == (shown,), "of one channel, what concerns it"
    await store.clear_refusal("fake")
    await store.clear_refusal("fake")
    assert [each.platform for each in (await store.state()).refusals] == ["other"]


async def test_a_paused_channel_is_left_alone_until_it_is_resumed(store: Store) -> None:
    await queue(store, A, "a1")
    assert await store.pause(A, "by Ada", START)
    assert not await store.pause(A, "by Ben", START)
    [view] = (await store.state(A)).channels
    assert (view.paused, view.reason, view.paused_at) == ("person", "by Ada", START)
    assert (await claim(store), await store.next_claim("fake", START - DAY)) == ("", None)
    assert await store.resume(A)
    assert not await store.resume(A)
    assert await claim(store) == "a1"


async def test_an_invitation_resumes_what_a_channel_refused_and_nothing_that_a_person_paused(
    store: Store,
) -> None:
    await queue(store, A, "a1")
    await queue(store, B, "b1")
    await store.refuse("a1", False, START, "not a member", 3600.0)
    await store.pause(B, "by Ada", START)
    assert [await store.resume(each, refused_only=True) for each in (A, B)] == [True, False]
    assert not await store.resume(A, refused_only=True), "a channel that is not paused"
    assert [await claim(store), await claim(store)] == ["a1", ""]
    [view] = (await store.state(B)).channels
    assert (view.paused, view.reason, view.paused_at) == ("person", "by Ada", START)


async def test_a_person_may_pause_a_channel_that_refuses_us_and_a_refusal_changes_no_pause(
    store: Store,
) -> None:
    await queue(store, A, "a1")
    await store.refuse("a1", False, START, "not a member", 3600.0)
    assert await store.pause(A, "by Ada", START)
    await store.refuse("a1", False, START, "not a member", 3600.0)
    [view] = (await store.state(A)).channels
    assert (view.paused, view.reason) == ("person", "by Ada")


async def test_a_resumed_channel_no_longer_bears_the_reason_of_its_refusal(store: Store) -> None:
    await queue(store, A, "a1")
    await claim(store)
    await store.refuse("a1", False, START, "not a member", 3600.0)
    assert await store.resume(A)
    [view] = (await store.state(A)).channels
    assert (view.paused, [post.error for post in view.posts]) == ("", [""])
    assert await claim(store) == "a1"


# -- ReportStore and MonitoringStore --------------------------------------------------------------


async def test_the_state_shows_the_last_run_as_it_was_recorded(store: Store) -> None:
    assert (await store.state()).last_run is None
    await follow(store, A)
    notes = (Note(NoteKind.DOWN, "no answer", keyword="reward model", sample=b"<html>"),)
    stats = AnnouncementStats("by keyword", announced=40, missing=2)
    run = run_of(START + DAY, [paper(1)], notes=notes, announcement_stats=stats)
    await store.record(replace(run, complete=False, wide=True), first_post=0)
    state = await store.state()
    assert state.papers == 1
    last = state.last_run
    assert last is not None
    assert last.notes == (replace(notes[0], sample=b""),)
    assert (last.started_at, last.finished_at, last.since) == (
        START + DAY, START + DAY + MINUTE, START - 13 * DAY,
    )  # fmt: skip
    assert (last.complete, last.requests, last.fetched, last.matched) == (
        False, 2, 1, 1,
    )  # fmt: skip
    assert (last.new, last.due, last.primed) == (1, 1, 0)
    assert (last.plan, last.announced, last.missing) == ("by keyword", 40, 2)
    assert state.last_complete is not None
    assert state.last_complete.started_at == START


async def test_the_state_of_a_channel_shows_what_was_posted_within_a_week(store: Store) -> None:
    await follow(store, A, B)
    for day in (1, 9, 10):
        at = START + day * DAY
        await store.record(run_of(at, [paper(day)]), first_post=0)
        drafts = ((f"k{day}", Draft("x", tuple(ids(day)))),)

        publication = Publication(drafts, published_until=at)
        await publish(store, A, publication, at)
        assert await claim(store, at) == f"k{day}"
        await store.mark_sent(f"k{day}", Receipt("m"), at + MINUTE)
    [view] = (await store.state(A)).channels
    assert [(d.published_at, d.posted_at, d.papers) for d in view.digests] == [
        (START + day * DAY, START + day * DAY + MINUTE, 1) for day in (9, 10)
    ]
    assert (view.sent, view.due, view.posts) == (3, 0, ())
    assert [each.keyword.text for each in view.subscriptions] == ["reward model"]
    everything = (await store.state()).channels
    assert [(each.channel.id, each.due) for each in everything] == [(A, 0), (B, 3)]
    assert everything[0] == view
    assert (await store.state("fake:unknown")).channels == ()
    assert (await store.state("")).channels == (), "no channel has this id"


async def test_the_weeks_most_saved_papers_alone_count_as_posted_and_a_thread_does_not(
    store: Store,
) -> None:
    await follow(store, A)
    await store.open_discussion(A, ids(1)[0], thread("t"), START)
    drafts = (("alone", Draft("The week's most saved papers", ())),)
    await publish(store, A, Publication(drafts, most_saved_until=START), START + HOUR)
    for key in ("t-top", "t-first", "alone"):
        assert await claim(store, START + HOUR) == key
        await store.mark_sent(key, Receipt(key), START + HOUR)
    [view] = (await store.state(A)).channels
    assert view.digests == (PostedDigest(START + HOUR, START + HOUR, 0, 0, True),)


async def test_of_several_channels_the_state_and_the_keywords_are_those_of_these_alone(
    store: Store,
) -> None:
    others = "other:c"
    await follow(store, A, B, others)
    await store.follow(B, GRAPH, BEN, START)
    for channel in (A, B, others):
        await queue(store, channel, f"key of {channel}")
    for platform in ("fake", "other"):
        await store.record_refusal(platform, "no", START)
    state = await store.state(B, A)
    assert [(v.channel.id, len(v.subscriptions), len(v.posts)) for v in state.channels] == [
        (A, 1, 1),
        (B, 2, 1),
    ]
    assert state.channels == (await store.state()).channels[:2]
    assert [each.platform for each in state.refusals] == ["fake"]
    assert [each.channel_id for each in await store.subscriptions(A, others)] == [A, others]


async def test_the_channels_of_a_person_are_those_that_follow_something_of_theirs(
    store: Store,
) -> None:
    await follow(store, A, B)
    await store.follow(B, GRAPH, BEN, START)
    assert await store.channels_of_person(ADA.id) == [A, B]
    assert await store.channels_of_person(BEN.id) == [B]
    await store.unfollow(B, [GRAPH.canonical], START)
    assert await store.channels_of_person(BEN.id) == []


async def test_a_paper_is_known_with_what_became_of_it_in_every_channel(store: Store) -> None:
    await follow(store, A, B)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    drafts = (("k1", Draft("x", tuple(ids(1)))),)
    await publish(store, A, Publication(drafts), START + DAY)
    await claim(store, START + DAY)
    await store.mark_sent("k1", Receipt("m", "https://x/1"), START + DAY + MINUTE)
    known = await store.paper(paper(1).id)
    assert (known.paper, known.first_seen) == (paper(1), START + DAY)
    posted, waiting = known.standings
    assert (posted.channel_id, posted.state, posted.post_state, posted.message_url) == (
        A, "posted", "sent", "https://x/1",
    )  # fmt: skip
    assert (posted.why, posted.at, posted.sent_at) == ("new", START + DAY, START + DAY + MINUTE)
    assert (waiting.channel_id, waiting.state, waiting.post_state) == (B, "due", "")
    unknown = await store.paper("9999.99999")
    assert (unknown.paper, unknown.first_seen, unknown.standings) == (None, None, ())


async def test_a_page_has_a_section_for_each_keyword_with_its_newest_papers(store: Store) -> None:
    await follow(store, A, B)
    await store.record(run_of(START + HOUR, [paper(1), paper(2)]), first_post=0)
    await store.record(run_of(START + 3 * DAY, [paper(3)]), first_post=0)
    [section] = await store.page([A, B], 2, 100)
    assert section.keyword == REWARD
    assert [each.id for each in section.papers] == ids(3, 2)
    assert section.new == frozenset(ids(3)), "what the last day brought"
    assert [(each.paper.id, each.at) for each in section.arrivals] == [
        (paper(3).id, START + 3 * DAY),
        (paper(2).id, START + HOUR),
    ]


async def test_a_page_shows_the_named_channels_alone_in_their_order_and_that_of_their_keywords(
    store: Store,
) -> None:
    zebra, apple, named = parse("Zebra"), parse("apple"), replace(REWARD, name="Rewards")
    for channel, keyword in ((A, apple), (B, zebra), (B, named), (A, REWARD)):
        await store.follow(channel, keyword, ADA, START)

    async def labels(*channels: str, most: int = 100) -> list[str]:
        return [each.keyword.label for each in await store.page(channels, 2, most)]

    assert await labels(B) == ["Zebra", "Rewards"]
    assert await labels(B, A, B) == ["Zebra", "Rewards", "apple"]
    assert await labels(A, B) == ["apple", "reward model", "Zebra"]
    assert await labels() == []

    def arrange(database: SyncDatabase) -> None:
        with database.transaction() as transaction:
            transaction.arrange(B, [REWARD.canonical, "unknown"])

    await store.synchronise(arrange, START)
    assert await labels(B) == ["Rewards", "Zebra"]
    await store.record(run_of(START + HOUR, [paper(1), paper(2)]), first_post=0)
    [_, rewards, _] = await store.page([A, B], 2, 4)
    assert [each.id for each in rewards.papers] == ids(2), "of four papers in three sections"


async def test_a_keyword_can_be_renamed_and_two_of_a_channel_never_have_one_name(
    store: Store,
) -> None:
    async def labels() -> list[str]:
        return [each.keyword.label for each in await store.subscriptions(A)]

    await store.follow(A, replace(REWARD, name="Näme"), ADA, START)
    await store.follow(A, replace(GRAPH, name="NÄME"), ADA, START)
    assert await labels() == ["Näme", GRAPH.text]
    assert not await store.rename(A, GRAPH.canonical, "näme")
    assert not await store.rename(B, GRAPH.canonical, "Graphs")
    assert await store.rename(A, GRAPH.canonical, "Graphs")
    assert await store.rename(A, REWARD.canonical, "NÄME")
    assert await labels() == ["NÄME", "Graphs"]
    assert await store.rename(A, REWARD.canonical, "")
    assert await labels() == [REWARD.text, "Graphs"]
    await store.unfollow(A, [GRAPH.canonical], START)
    await store.follow(A, GRAPH, ADA, START + HOUR, undo=True)
    assert await labels() == [REWARD.text, "Graphs"], "an undo brings the name back"


async def texts(store: Store, channel: str) -> list[str]:
    return [each.keyword.text for each in await store.subscriptions(channel)]


def room_for(most: int) -> Callable[[int, int], None]:
    def check(in_channel: int, in_server: int) -> None:
        if in_channel >= most:
            raise UserError("full")

    return check


async def test_an_undo_puts_a_keyword_back_where_it_was_among_the_others(store: Store) -> None:
    words = [parse(f"word {letter}") for letter in "abcdef"]
    for each in words:
        await store.follow(A, each, ADA, START)
    a, b, c, d, _, f = everyone = [each.canonical for each in words]
    everything = [each.text for each in words]
    removals = ([a], [c], [f], [b, c], [a, f], [b, d, f], everyone)
    for removed in removals:
        for canonical in removed:
            await store.unfollow(A, [canonical], START)
        for each in reversed([each for each in words if each.canonical in removed]):
            assert await store.follow(A, each, BEN, START + HOUR, undo=True)
        assert await texts(store, A) == everything
    again = await store.unfollow(A, [b, d], START)
    assert again == {b, d}
    restored = await store.follow_again(
        A, [words[1], words[3], words[0]], BEN, START, check_room=room_for(9)
    )
    assert (list(restored), await texts(store, A)) == ([words[1], words[3]], everything)
    # What was added meanwhile stays behind what comes back, and added again is added last.
    await store.unfollow(A, [f], START)
    await store.follow(A, GRAPH, ADA, START)
    await store.follow(A, words[5], ADA, START, undo=True)
    assert await texts(store, A) == [*everything, GRAPH.text]
    await store.unfollow(A, [b], START)
    await store.follow(A, words[1], ADA, START)
    assert (await texts(store, A))[-1] == words[1].text


async def test_an_undo_after_the_order_was_changed_in_the_file_takes_its_old_place(
    store: Store,
) -> None:
    words = [parse(f"word {letter}") for letter in "abcd"]
    for each in words:
        await store.follow(A, each, ADA, START)
    await store.unfollow(A, [words[1].canonical], START)

    def arrange(database: SyncDatabase) -> None:
        with database.transaction() as transaction:
            transaction.arrange(A, [words[3].canonical, words[0].canonical])

    await store.synchronise(arrange, START)
    await store.follow(A, words[1], ADA, START, undo=True)
    assert await texts(store, A) == [words[3].text, words[1].text, words[0].text, words[2].text]


async def test_of_keywords_that_come_back_together_as_many_do_as_there_is_room_for(
    store: Store,
) -> None:
    words = [parse(f"word {letter}") for letter in "abc"]
    for each in words:
        await store.follow(A, each, ADA, START)
    await store.unfollow(A, [each.canonical for each in words], START)
    back = await store.follow_again(A, words, ADA, START, check_room=room_for(2))
    assert (list(back), await texts(store, A)) == (words[:2], [each.text for each in words[:2]])
    with pytest.raises(UserError, match="full"):
        await store.follow_again(A, words[2:], ADA, START, check_room=room_for(2))


async def test_what_one_keyword_is_called_is_neither_anothers_name_nor_its_words(
    store: Store,
) -> None:
    """Chat and bot.toml refuse it before; here are two people who did it at the same time."""

    async def labels() -> list[str]:
        return [each.keyword.label for each in await store.subscriptions(A)]

    await store.follow(A, replace(REWARD, name="Rewards"), ADA, START)
    await store.follow(A, replace(GRAPH, name="Reward Model"), ADA, START)
    assert await labels() == ["Rewards", GRAPH.text]
    assert not await store.rename(A, GRAPH.canonical, "REWARD model")
    assert await store.rename(A, REWARD.canonical, "Word")
    await store.follow(A, parse("word"), ADA, START)
    assert await labels() == [REWARD.text, GRAPH.text, "word"], "the words themselves come first"


def matching(keyword: Keyword, *papers: Paper) -> Callable[[Paper], Sequence[Hit]]:
    numbers = {each.id for each in papers}

    def match(paper: Paper) -> Sequence[Hit]:
        return [Hit(paper.id, keyword.canonical, "title")] if paper.id in numbers else ()

    return match


async def test_a_narrower_keyword_continues_in_the_place_of_the_other_one(store: Store) -> None:
    narrower = parse("ti:reward AND abs:reward")
    await store.follow(A, replace(REWARD, name="Rewards"), ADA, START)
    prime = Prime(REWARD.canonical, (), START - 14 * DAY, 0)
    await store.record(run_of(START, primes=(prime,)), first_post=3)
    await store.follow(A, GRAPH, ADA, START)
    await store.record(run_of(START + DAY, [paper(1), paper(2)]), first_post=3)
    match = matching(narrower, paper(1))
    at = START + DAY + HOUR
    found = await store.narrow(A, REWARD.canonical, narrower, BEN, at, match=match)
    assert found == replace(narrower, name="Rewards")
    assert [each.keyword for each in await store.subscriptions(A)] == [found, GRAPH]
    assert await due(store, A) == ids(1), "what it does not match is no longer due"
    assert await store.narrow(A, REWARD.canonical, narrower, BEN, at, match=match) is None
    # A run that began before brings what the narrower one matches, too; it is not known yet.
    await store.record(run_of(at, [paper(2), paper(3), paper(4)]), first_post=3)
    assert await due(store, A) == ids(1)
    old = [paper(n, published=START - n * DAY, serial=-n) for n in range(50, 60)]
    prime = Prime(narrower.canonical, (paper(4).id, *(each.id for each in old)), None, 4)
    later = run_of(at + HOUR, [paper(1), paper(4), *old], narrower, primes=(prime,))
    await store.record(later, first_post=3)
    assert sorted(await due(store, A)) == ids(1, 4), "and none of those that were there before"
    await store.record(run_of(at + DAY, [paper(5), *old], narrower), first_post=3)
    assert sorted(await due(store, A)) == ids(1, 4, 5)


async def test_a_narrower_keyword_that_is_followed_already_stays_as_it_is(store: Store) -> None:
    narrower = replace(parse("ti:reward AND abs:reward"), name="Narrow")
    await follow(store, A, keyword=narrower)
    await follow(store, A, keyword=replace(REWARD, name="Broad"))
    found = await store.narrow(
        A, REWARD.canonical, replace(narrower, name=""), BEN, START, match=matching(narrower)
    )
    assert found == narrower
    [only] = await store.subscriptions(A)
    assert (only.keyword, only.added_by, only.primed_at) == (narrower, ADA, START)


async def test_narrowing_that_fails_half_way_has_changed_nothing(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=3)
    before = (await store.subscriptions(A), await due(store, A))

    def fail(_: Paper) -> Sequence[Hit]:
        raise UserError("the process dies here")

    narrower = parse("ti:reward AND abs:reward")
    with pytest.raises(UserError):
        await store.narrow(A, REWARD.canonical, narrower, BEN, START + DAY, match=fail)
    assert (await store.subscriptions(A), await due(store, A)) == before
    assert await store.unprimed() == frozenset()


async def test_a_digest_names_keywords_by_their_names_in_the_order_of_the_channel(
    store: Store,
) -> None:
    for keyword in (replace(REWARD, name="Zzz"), replace(GRAPH, name="A name")):
        await follow(store, A, keyword=keyword)
    hits = tuple(Hit(paper(1).id, each.canonical, "title") for each in (GRAPH, REWARD))
    await store.record(run_of(START + DAY, [paper(1)], hits=hits), first_post=0)
    [agenda] = await store.agendas([A])
    assert [entry.keywords for entry in agenda.new] == [("Zzz", "A name")]


async def test_what_a_channel_got_is_listed_with_its_keywords_and_without_first_papers(
    store: Store,
) -> None:
    await follow(store, A, B)
    await store.follow(A, GRAPH, ADA, START)
    await store.record(run_of(START + DAY, [paper(1), paper(2)]), first_post=0)
    found = await store.channel_papers(A, START)
    assert [each.paper.id for each in found] == ids(2, 1)
    assert {each.keywords for each in found} == {("reward model",)}
    assert {(each.muted, each.found_at, each.posted_at) for each in found} == {
        (False, START + DAY, None)
    }
    assert await store.channel_papers(A, START + 2 * DAY) == ()
    graph = paper(3)
    hits, prime = (
        (Hit(graph.id, GRAPH.canonical, "title"),),
        Prime(GRAPH.canonical, (graph.id,), None, 3),
    )
    primed = run_of(START + 2 * DAY, [graph], hits=hits, primes=(prime,))
    await store.record(primed, first_post=1)
    assert len(await store.channel_papers(A, START)) == 2
    both = await store.channel_papers(A, START, first=True)
    assert [each.paper.id for each in both] == ids(3, 2, 1)
    assert await store.channel_papers("fake:nobody", START) == ()


async def test_the_measures_are_sums_over_everything(store: Store) -> None:
    await follow(store, A, B)
    stats = AnnouncementStats(announced=40)
    run = run_of(START + DAY, [paper(1), paper(2)], announcement_stats=stats)
    await store.record(run, first_post=0)
    drafts = tuple((f"k{n}", Draft("x", (), None)) for n in range(3))
    await publish(store, A, Publication(drafts), START)
    for seconds in (1, 31):
        await claim(store)
        key = f"k{seconds // 31}"
        await store.mark_sent(key, Receipt("m"), START + timedelta(seconds=seconds))
    found = await store.measures()
    assert (found.runs, found.complete_runs, found.requests, found.fetched) == (2, 2, 4, 2)
    assert (found.matched, found.due, found.announced) == (2, 4, 40)
    assert (found.papers, found.subscriptions, found.ledger) == (2, 2, {"due": 4})
    assert found.posts == {("fake", "sent"): 2, ("fake", "queued"): 1}
    assert (found.delivered, found.delays) == (2, (1, 1, 1, 2, 2, 2, 2, 2))
    assert found.delay_seconds == pytest.approx(32)
    assert found.database_bytes > 0


async def test_a_sound_database_has_no_problem(store: Store) -> None:
    await follow(store, A)
    assert (store.problem(), await store.integrity_problems()) == ("", ())


# -- MaintenanceStore -----------------------------------------------------------------------------


async def test_what_nobody_needs_is_forgotten_and_what_was_posted_never(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    drafts = (("k1", Draft("x", tuple(ids(1)))),)
    await publish(store, A, Publication(drafts), START + DAY)
    await claim(store, START + DAY)
    await store.mark_sent("k1", Receipt("m"), START + DAY)
    await store.record(run_of(START + 2 * DAY, [paper(2)], hits=()), first_post=0)
    for day in range(3, 6):
        await store.record(run_of(START + day * DAY), first_post=0)
    assert len(await store.outdated(START + 30 * DAY)) == 0
    month = await store.outdated(START + 32 * DAY)
    assert month == Outdated(payloads=("k1",))
    await store.forget(month, START + 32 * DAY)
    later = START + 400 * DAY
    year = await store.outdated(later)
    assert (year.papers, year.abstracts) == (tuple(ids(2)), tuple(ids(1)))
    before = await store.measures()
    for part in year.in_steps(1):
        await store.forget(part, later)
    after = await store.measures()
    assert (before.papers, after.papers) == (2, 1)
    assert (after.runs, after.requests, after.due) == (before.runs, before.requests, before.due)
    assert len(await store.outdated(later)) == 0
    known = await store.paper(paper(1).id)
    assert known.paper is not None
    assert (known.paper.abstract, known.standings[0].state) == ("", "posted")


async def test_what_is_needed_again_since_it_was_found_is_not_forgotten(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START, [paper(1)], hits=()), first_post=0)
    later = START + 400 * DAY
    what = await store.outdated(later)
    assert what.papers == tuple(ids(1))
    await store.record(run_of(later, [paper(1)]), first_post=0)
    await store.forget(what, later)
    assert (await store.paper(paper(1).id)).paper == paper(1)


# -- SyncStore ------------------------------------------------------------------------------------


async def test_a_synchronisation_reads_and_changes_who_follows_what_in_one_transaction(
    store: Store,
) -> None:
    await store.follow(A, REWARD, ADA, START)

    def work(database: SyncDatabase) -> tuple[Listing, ...]:
        with database.transaction() as transaction:
            changes = (
                Follow(B, GRAPH), Follow(A, REWARD), Configure(B, "post_at", "07:30"),
                Unfollow(A, REWARD), Unfollow(A, GRAPH),
            )  # fmt: skip
            transaction.apply(changes, "bot.toml")
            transaction.record_revision(transaction.last_revision() + 1, b"one")
            transaction.set_state("", b"state")
        with database.transaction() as transaction:
            assert (transaction.last_revision(), transaction.revision(1)) == (1, b"one")
            assert transaction.revision(2) is None
            transaction.record_revision(1, b"again")
            transaction.set_state("", b"newer")
            assert (transaction.revision(1), transaction.state("")) == (b"again", b"newer")
            return transaction.current().listings

    listings = await store.synchronise(work, START + HOUR)
    assert listings == (Listing(Channel(B, post_at="07:30"), (GRAPH,)),)
    [subscription] = await store.subscriptions()
    assert (subscription.added_by.name, subscription.added_at) == ("bot.toml", START + HOUR)


async def test_a_synchronisation_that_fails_has_changed_nothing_since_its_last_commit(
    store: Store,
) -> None:
    def work(database: SyncDatabase) -> None:
        with database.transaction() as transaction:
            assert (transaction.last_revision(), transaction.state("")) == (0, None)
            transaction.apply([Follow(A, REWARD)], "bot.toml")
        with database.transaction() as transaction:
            transaction.apply([Follow(A, GRAPH)], "bot.toml")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.synchronise(work, START)
    assert [each.keyword for each in await store.subscriptions()] == [REWARD]


async def test_each_file_has_a_state_of_its_own_and_one_of_them_is_the_owner(store: Store) -> None:
    def work(database: SyncDatabase) -> None:
        with database.transaction() as transaction:
            assert transaction.file_owner() is None
            transaction.set_file_owner("one")
            transaction.set_state("two", b"of two")
            assert (transaction.file_owner(), transaction.state("one")) == ("one", None)
            transaction.set_file_owner("two")
            transaction.set_state("one", b"of one")
            assert (transaction.file_owner(), transaction.state("two")) == ("two", b"of two")
            transaction.rename_file("two", "one")
            assert (transaction.file_owner(), transaction.state("one")) == ("one", b"of two")
            assert transaction.state("two") is None

    await store.synchronise(work, START)


async def test_a_file_that_is_not_compared_for_a_year_is_forgotten_unless_it_is_the_owner(
    store: Store,
) -> None:
    def keep(file: str) -> Callable[[SyncDatabase], list[bytes | None]]:
        def work(database: SyncDatabase) -> list[bytes | None]:
            with database.transaction() as transaction:
                transaction.set_state(file, b"text")
                return [transaction.state(each) for each in ("owner", "old", "new")]

        return work

    def own(database: SyncDatabase) -> None:
        with database.transaction() as transaction:
            transaction.set_file_owner("owner")

    await store.synchronise(own, START)
    await store.synchronise(keep("owner"), START)
    assert await store.synchronise(keep("old"), START) == [b"text", b"text", None]
    later = await store.synchronise(keep("new"), START + 366 * DAY)
    assert later == [b"text", None, b"text"]


async def test_at_least_two_hundred_revisions_are_kept(store: Store) -> None:
    def work(database: SyncDatabase) -> bytes | None:
        with database.transaction() as transaction:
            for number in range(1, 1002):
                transaction.record_revision(number, b"%d" % number)
            assert transaction.revision(1) is None
            return transaction.revision(801)

    assert await store.synchronise(work, START) == b"801"


# -- archived channels -----------------------------------------------------------------------------

HERE = ChannelGroup(prefix="fake:T1/")
C1, C2, ELSEWHERE = "fake:T1/C1", "fake:T1/C2", "fake:T12/C1"


async def test_an_archived_channel_is_in_no_list_limit_run_or_queue(store: Store) -> None:
    ada = replace(ADA, server="fake:T1")
    await follow(store, C1, C2, ELSEWHERE)
    await store.follow(C2, GRAPH, ada, START)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await queue(store, C1, "c1", "c2")
    await store.change_settings(C1, {"layout": "inline"})
    assert await store.archive_channels(HERE, "The app was removed.", START + DAY) == (C1, C2)
    assert await store.archive_channels(HERE, "again", START + 2 * DAY) == ()
    assert (await claim(store, START + DAY), await store.next_claim("fake", START - DAY)) == (
        "",
        None,
    )
    assert [each.id for each in await store.publishable()] == [ELSEWHERE]
    assert await store.to_recheck() == ()
    assert {each.channel_id for each in await store.subscriptions()} == {ELSEWHERE}
    assert await store.unprimed() == frozenset()
    assert [each.keyword for each in await store.page([C1, C2, ELSEWHERE], 3, 100)] == [REWARD]
    measured = await store.measures()
    assert (measured.subscriptions, measured.posts.get(("fake", "queued"))) == (1, None)
    state = await store.state()
    assert [view.channel.id for view in state.channels] == [ELSEWHERE]
    assert state.archived == (
        ArchivedChannel(C1, START + DAY, START + 31 * DAY, "The app was removed.", 1),
        ArchivedChannel(C2, START + DAY, START + 31 * DAY, "The app was removed.", 2),
    )
    one = await store.state(C2)
    assert (one.channels, [each.channel for each in one.archived]) == ((), [C2])
    listed = await store.synchronise(lambda db: current(db), START + DAY)
    assert [each.channel.id for each in listed.listings] == [ELSEWHERE]
    counts: list[int] = []
    await store.follow(
        "fake:T1/C3", GRAPH, ada, START, check_room=lambda _, server: counts.append(server)
    )
    assert counts == [0], "its keywords are in nobody's way"


def current(database: SyncDatabase) -> Snapshot:
    with database.transaction() as transaction:
        return transaction.current()


async def test_a_channel_that_comes_back_within_a_week_has_lost_nothing(store: Store) -> None:
    await follow(store, C1, ELSEWHERE)
    await store.follow(C1, GRAPH, BEN, START)
    await store.change_settings(C1, {"post_at": "07:30"})
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await queue(store, C1, "c1")
    await store.unfollow(C1, [GRAPH.canonical], START + DAY)
    before = await store.subscriptions(C1)
    await store.archive_channels(HERE, "removed", START + DAY)
    await store.record(run_of(START + 2 * DAY, [paper(2)]), first_post=0)
    assert await store.restore_channels(HERE, START + 3 * DAY) == (C1,)
    assert await store.restore_channels(HERE, START + 3 * DAY) == ()
    assert await store.subscriptions(C1) == before, "and not what a person had removed"
    assert sorted(await due(store, C1)) == ids(1, 2)
    assert [each.id for each in await store.to_recheck()] == [C1]
    assert await claim(store, START + 3 * DAY) == "c1"
    state = await store.state(C1)
    assert (state.channels[0].channel.post_at, state.archived) == ("07:30", ())


async def test_after_a_week_the_keywords_of_an_archived_channel_start_over(store: Store) -> None:
    await follow(store, C1)
    await store.archive_channels(HERE, "removed", START)
    assert [each.canonical for each in (await store.interests()).primed] == [REWARD.canonical]
    await store.record(run_of(START + 8 * DAY), first_post=0)
    assert (await store.interests()).primed == (), "nobody fetches them any more"
    await store.restore_channels(HERE, START + 9 * DAY)
    assert await store.unprimed() == {(C1, REWARD.canonical)}


async def test_after_thirty_days_an_archived_channel_is_forgotten_but_for_what_was_posted(
    store: Store,
) -> None:
    await follow(store, C1)
    await store.change_settings(C1, {"layout": "inline"})
    await store.record(run_of(START, [paper(1)]), first_post=0)
    await publish(store, C1, Publication((("c1", Draft("x", tuple(ids(1)))),)), START)
    await store.archive_channels(HERE, "removed", START)
    assert await store.restore_channels(HERE, START + 31 * DAY) == (C1,)
    assert await store.subscriptions(C1) == ()
    [view] = (await store.state(C1)).channels
    assert (view.channel.layout, [post.state for post in view.posts]) == (None, ["held"])
    assert (await store.paper(paper(1).id)).standings[0].state == "posted"


async def test_what_a_person_had_paused_stays_paused_and_a_refusal_is_over(store: Store) -> None:
    await follow(store, C1, C2)
    await queue(store, C2, "c2")
    await store.pause(C1, "by Ada", START)
    await store.refuse("c2", False, START, "token revoked", 3600.0)
    await store.archive_channels(HERE, "removed", START)
    await store.restore_channels(HERE, START)
    views = {view.channel.id: view.paused for view in (await store.state()).channels}
    assert views == {C1: "person", C2: ""}


async def test_channels_are_archived_by_id_by_prefix_or_by_server_and_no_other(
    store: Store,
) -> None:
    await follow(store, A, B, C1)
    await store.follow(A, GRAPH, replace(ADA, server="fake:server"), START)
    for group in (ChannelGroup(), ChannelGroup(prefix="fake:T1%"), ChannelGroup(ids=("nobody",))):
        assert await store.archive_channels(group, "", START) == ()
    assert await store.archive_channels(ChannelGroup(server="fake:server"), "", START) == (A,)
    assert await store.archive_channels(ChannelGroup(ids=(A, B)), "", START) == (B,)


async def test_who_follows_or_configures_something_in_an_archived_channel_brings_it_back(
    store: Store,
) -> None:
    await follow(store, A, B)
    await store.archive_channels(ChannelGroup(ids=(A, B)), "", START)
    assert await store.follow(A, GRAPH, BEN, START)
    assert len(await store.subscriptions(A)) == 2

    def configure(database: SyncDatabase) -> None:
        with database.transaction() as transaction:
            transaction.apply([Configure(B, "layout", "inline")], "bot.toml")

    await store.synchronise(configure, START)
    assert (await store.state()).archived == ()


async def test_a_message_of_an_archived_channel_is_handed_on_when_it_is_back(store: Store) -> None:
    await queue(store, A, "a1")
    await claim(store)
    await store.mark_sent("a1", Receipt("1", "", crosspost=True), START)
    await store.archive_channels(ChannelGroup(ids=(A,)), "", START)
    assert await store.next_crosspost("fake", START) is None
    assert await store.claim_crosspost("fake", START, START + LEASE) is None
    await store.restore_channels(ChannelGroup(ids=(A,)), START)
    assert await store.claim_crosspost("fake", START, START + LEASE) is not None


# -- papers that people keep ----------------------------------------------------------------------


async def kept(store: Store, who: Person = ADA, channel: str = A, **how: Any) -> list[str]:
    page = await store.saved(channel, who.id, limit=10, **how)
    assert page.total >= len(page.papers)
    return [each.paper.id for each in page.papers]


async def test_a_paper_is_kept_for_a_channel_and_taken_back_by_the_same_person(
    store: Store,
) -> None:
    assert await store.toggle_save(A, paper(1), ADA, START)
    assert await store.toggle_save(A, paper(2), ADA, START + HOUR)
    assert await store.toggle_save(A, paper(1), BEN, START + 2 * HOUR)
    assert await kept(store) == ids(1, 2)
    [first, _] = (await store.saved(A, BEN.id, limit=10)).papers
    assert (first.names, first.mine, first.saved_at) == (("Ada", "Ben"), True, START + 2 * HOUR)
    assert await kept(store, channel=B) == []
    assert await kept(store, BEN, B, mine=True) == ids(1)
    assert not await store.toggle_save(A, paper(1), BEN, START + 3 * HOUR)
    assert await kept(store) == ids(2, 1)
    assert not await store.toggle_save(A, paper(1), ADA, START + 3 * HOUR)
    assert await kept(store) == ids(2)


async def test_two_people_who_save_in_one_instant_both_keep_it(store: Store) -> None:
    both = [store.toggle_save(A, paper(1), who, START) for who in (ADA, BEN)]
    assert await asyncio.gather(*both) == [True, True]
    [one] = (await store.saved(A, "", limit=10)).papers
    assert (one.names, one.mine) == (("Ada", "Ben"), False)


async def test_papers_that_are_saved_together_are_kept_once_and_in_their_last_version(
    store: Store,
) -> None:
    await store.toggle_save(A, paper(1), ADA, START)
    newer = paper(1, "A newer title", version=2)
    assert await store.save_all(A, [newer, paper(2)], ADA, START + HOUR) == 1
    assert await store.save_all(A, [paper(1), paper(2)], ADA, START + HOUR) == 0
    titles = {
        each.paper.id: each.paper.title for each in (await store.saved(A, "", limit=9)).papers
    }
    assert titles[newer.id] == "A newer title"
    kept_as = await store.saved_paper(newer.id)
    assert kept_as is not None
    assert kept_as.title == "A newer title"
    await store.toggle_save(A, newer, ADA, START)
    assert await store.saved_paper(newer.id) is None


async def test_saved_papers_are_found_by_their_words_and_in_pages(store: Store) -> None:
    papers = [paper(n, f"Slow results {n}") for n in range(1, 31)]
    papers.append(paper(40, "50%_off! prices", authors=("Élodie Muster",)))
    for number, each in enumerate(papers):
        await store.save_all(A, [each], ADA, START + number * MINUTE)
    page = await store.saved(A, "", limit=10, offset=10)
    assert [each.paper.id for each in page.papers] == ids(*range(21, 11, -1))
    assert page.total == 31
    assert await kept(store, words=["SLOW", "results", "7"]) == ids(27, 17, 7)
    assert await kept(store, words=["élodie"]) == ids(40)
    assert await kept(store, words=["50%_off!"]) == ids(40)
    assert await kept(store, words=["%"]) == ids(40)
    assert await kept(store, words=["nowhere"]) == []
    assert (await store.saved(A, "", words=["nowhere"], limit=10)).total == 0


async def test_a_citation_key_is_unlike_any_other_and_stays(database: Database) -> None:
    store = database.open()
    wanted = {"1": "muster2026slow", "2": "muster2026slow", "3": "other2026"}
    keys = await store.citation_keys(wanted)
    assert keys == {"1": "muster2026slow", "2": "muster2026slowa", "3": "other2026"}
    store.close()
    again = database.open()
    assert await again.citation_keys({"2": "renamed", "4": "muster2026slow"}) == {
        "2": "muster2026slowa",
        "4": "muster2026slowb",
    }


async def test_a_person_who_wants_to_be_forgotten_leaves_no_name(store: Store) -> None:
    await store.follow(A, REWARD, ADA, START)
    await store.follow(B, GRAPH, BEN, START)
    await store.pause(A, "by Ada", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.toggle_save(A, paper(1), BEN, START)
    await store.toggle_save(B, paper(2), ADA, START)
    forgotten = await store.forget_person(ADA, START)
    assert (forgotten.saves, forgotten.names) == (2, 2)
    assert [each.names for each in (await store.saved(A, "", limit=9)).papers] == [("Ben",)]
    assert await kept(store, channel=B) == []
    followed = {each.keyword.text: each.added_by.name for each in await store.subscriptions()}
    assert followed == {"reward model": "", "graph network": "Ben"}
    assert (await view_of(store, A)).reason == "by somebody"  # type: ignore[attr-defined]
    assert (await store.forget_person(ADA, START)).saves == 0


async def test_who_is_forgotten_while_a_run_is_under_way_keeps_no_paper_from_the_others(
    store: Store,
) -> None:
    await follow(store, A)
    await store.follow(MINE, GRAPH, FOR_MYSELF, START)
    await store.forget_person(FOR_MYSELF, START)
    hits = tuple(Hit(paper(1).id, each.canonical, "title") for each in (GRAPH, REWARD))
    await store.record(run_of(START + DAY, [paper(1)], hits=hits), first_post=0)
    assert await due(store, A) == ids(1)


async def test_who_is_forgotten_may_have_got_a_reply_to_a_message_that_was_refused(
    store: Store,
) -> None:
    await store.follow(MINE, GRAPH, FOR_MYSELF, START)
    drafts = (("heading", Draft("one", ())), ("reply", Draft("two", (), 0)))
    await store.publish([(MINE, lambda _: Publication(drafts))], START)
    assert await claim(store) == "heading"
    await store.dead_letter("heading", START, "too long")
    assert await claim(store) == "reply"
    await store.mark_sent("reply", Receipt("2", ""), START)
    await store.forget_person(FOR_MYSELF, START)
    assert await store.owner_of(MINE) == ""


async def test_an_agenda_holds_what_is_saved_where_the_order_asks_for_it(store: Store) -> None:
    await follow(store, A, B)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    for number in (11, 12):
        await store.toggle_save(A, paper(number), ADA, START + number * MINUTE)
        await store.toggle_save(B, paper(number), BEN, START + number * MINUTE)
    await store.toggle_save(A, paper(12), BEN, START + HOUR)
    await store.change_settings(A, {"order": "similarity"})
    found = {each.channel.id: each for each in await store.agendas([A, B])}
    assert found[A].channel.order == "similarity"
    saves = found[A].saves
    assert saves is not None
    assert (saves.profile, saves.ids) == (None, frozenset(ids(11, 12)))
    assert [each.id for each in saves.papers] == ids(11, 12)
    [shared] = found[A].shared
    assert (shared.paper.id, shared.saved_at) == (*ids(12), (START + 12 * MINUTE, START + HOUR))
    assert (found[B].saves, found[B].shared) == (None, ())
    assert [each.id for each in await store.newest_papers(1)] == ids(1)


async def test_a_kept_profile_is_whole_until_what_is_saved_changes(store: Store) -> None:
    """Whoever changes it, and whatever: then the agenda says what has to be put in or taken out."""
    await follow(store, A, B)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await store.change_settings(A, {"order": "similarity"})
    await store.save_all(A, [paper(11), paper(12)], ADA, START)

    async def now() -> tuple[ChannelAgenda, ChannelSaves]:
        [agenda] = await store.agendas([A])
        assert agenda.saves is not None
        return agenda, agenda.saves

    async def keep(data: bytes) -> None:
        agenda, saves = await now()
        held = saves.ids or frozenset(saves.profile.ids if saves.profile else ())
        profile = KeptProfile(saves.revision, tuple(sorted(held)), data)
        prepared = Prepared(agenda, Publication(profile=profile))
        await store.publish([(A, never)], START, {A: prepared})

    def never(agenda: ChannelAgenda) -> Publication:
        raise AssertionError(agenda)

    async def change_to(expected: list[int], missing: list[int], *, profile: bool = True) -> None:
        _, saves = await now()
        assert (saves.profile is not None, saves.ids) == (profile, frozenset(ids(*expected)))
        assert [each.id for each in saves.papers] == ids(*missing)
        await keep(b"again")

    await keep(b"profile")
    _, saves = await now()
    assert saves.profile is not None
    assert (saves.profile.data, list(saves.profile.ids)) == (b"profile", ids(11, 12))
    assert (saves.ids, saves.papers) == (None, ())
    await store.save_all(A, [paper(13)], BEN, START)
    await change_to([11, 12, 13], [13])
    await store.toggle_save(A, paper(13), BEN, START)
    await change_to([11, 12], [])
    await store.toggle_save(B, paper(14), ADA, START)
    await store.toggle_save(B, paper(12, version=2), ADA, START)
    assert (await now())[1].ids is None, "the same text, and papers of another channel"
    await store.toggle_save(B, paper(12, "Another title", version=3), BEN, START)
    await change_to([11, 12], [11, 12], profile=False)
    await store.toggle_save(A, paper(15), BEN, START)
    await change_to([11, 12, 15], [15])
    await store.forget_person(BEN, START)
    await change_to([11, 12], [11, 12], profile=False)


async def test_a_profile_of_earlier_saves_is_not_kept(store: Store) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    await store.change_settings(A, {"order": "similarity"})
    await store.save_all(A, [paper(11), paper(12)], ADA, START)
    [before] = await store.agendas([A])
    assert before.saves is not None
    await store.toggle_save(A, paper(12), ADA, START)
    late = KeptProfile(before.saves.revision, tuple(ids(11, 12)), b"late")
    await store.publish([(A, lambda _: Publication(profile=late))], START)
    [agenda] = await store.agendas([A])
    assert agenda.saves is not None
    assert (agenda.saves.profile, agenda.saves.ids) == (None, frozenset(ids(11)))


async def test_a_save_in_the_meantime_is_decided_again_and_what_was_told_is_remembered(
    store: Store,
) -> None:
    await follow(store, A)
    await store.record(run_of(START + DAY, [paper(1)]), first_post=0)
    [agenda] = await store.agendas([A])
    for who in (ADA, BEN):
        await store.toggle_save(A, paper(11), who, START)
    seen: list[ChannelAgenda] = []

    def plan(agenda: ChannelAgenda) -> Publication:
        seen.append(agenda)
        return Publication(most_saved_until=START + HOUR)

    await store.publish([(A, plan)], START, {A: Prepared(agenda, None)})
    assert [each.paper.id for each in seen[0].shared] == ids(11)
    assert seen[0].most_saved_until is None
    [agenda] = await store.agendas([A])
    assert agenda.most_saved_until == START + HOUR


# -- threads about papers -------------------------------------------------------------------------


def thread(name: str) -> list[tuple[str, Draft]]:
    """Of two messages."""
    return [
        (f"{name}-top", Draft(f"Discussion {name}", ())),
        (f"{name}-first", Draft(f"Abstract {name}", (), parent=0)),
    ]


async def test_of_two_people_who_open_a_thread_in_one_instant_one_does(store: Store) -> None:
    [one] = ids(1)
    assert await store.discussion(A, one) is None
    both = [store.open_discussion(A, one, thread(name), START) for name in ("a", "b")]
    assert sorted(await asyncio.gather(*both)) == [False, True]
    found = await store.discussion(A, one)
    assert found is not None
    assert (found.opening, found.first, found.stuck) == (None, None, ())
    assert await claim(store) == found.key.replace("first", "top")
    assert await store.discussion(B, one) is None
    assert await store.open_discussion(B, one, thread("c"), START)


async def test_a_thread_is_known_by_its_messages_as_soon_as_they_arrived(store: Store) -> None:
    [one] = ids(1)
    await store.open_discussion(A, one, thread("a"), START)
    await claim(store)
    await store.mark_sent("a-top", Receipt("1", "https://chat.example/1"), START)
    post = await store.claim("fake", START, START + MINUTE)
    assert post is not None
    assert (post.key, post.parent) == ("a-first", Receipt("1", "https://chat.example/1"))
    await store.mark_sent("a-first", Receipt("2", "https://chat.example/2"), START)
    found = await store.discussion(A, one)
    assert found == Discussion(
        "a-first", Receipt("1", "https://chat.example/1"), Receipt("2", "https://chat.example/2")
    )
    # It was deleted, and two people want another one.
    again = [
        store.open_discussion(A, one, thread(name), START + MINUTE, instead_of="a-first")
        for name in ("b", "c")
    ]
    assert sorted(await asyncio.gather(*again)) == [False, True]
    found = await store.discussion(A, one)
    assert found is not None
    assert found.key in {"b-first", "c-first"}


async def test_what_prevents_a_thread_is_known_of_either_message_and_of_the_channel(
    store: Store,
) -> None:
    [one] = ids(1)
    await store.open_discussion(A, one, thread("a"), START)
    await claim(store)
    await store.refuse("a-top", False, START, "I am not in this channel.", 60.0)
    found = await store.discussion(A, one)
    assert found is not None
    assert found.refusal == "I am not in this channel."
    await store.resume(A)
    await claim(store, START + HOUR)
    await store.hold_for_review("a-top", START, "who knows")
    await claim(store, START + HOUR)
    await store.dead_letter("a-first", START, "too long")
    found = await store.discussion(A, one)
    assert found is not None
    assert (found.stuck, found.dead) == (("a-top", "a-first"), ("a-first",))
    assert (found.error, found.refusal) == ("who knows", "")


# -- secrets --------------------------------------------------------------------------------------


async def test_a_secret_is_kept_by_kind_and_owner_replaced_and_deleted(store: Store) -> None:
    await store.save_secret("token", "T2", "one", START)
    await store.save_secret("token", "T1", "two", START)
    await store.save_secret("key", "T1", "three", START)
    await store.save_secret("token", "T1", "four", START + HOUR)
    assert await store.secret("token", "T1") == "four"
    await store.renew_secret("token", "T1", "two", "five", START + HOUR)
    assert await store.secret("token", "T1") == "four", "it was replaced meanwhile"
    await store.renew_secret("token", "T1", "four", "six", START + HOUR)
    assert await store.secret("token", "T1") == "six"
    assert await store.secret_owners("token") == ("T1", "T2")
    assert await store.delete_secret("token", "T1")
    assert not await store.delete_secret("token", "T1")
    await store.renew_secret("token", "T1", "six", "seven", START + HOUR)
    assert await store.secret("token", "T1") is None
    assert await store.secret("key", "T1") == "three"


# -- ZoteroStore ----------------------------------------------------------------------------------

OWN = ZoteroConnection(ADA.id, False, A, ZoteroLibrary("users/7", "muster"), ADA, START)
SHARED = ZoteroConnection(A, True, A, ZoteroLibrary("groups/9", "Reading Group"), BEN, START)


async def sending(store: Store, at: datetime = START) -> list[tuple[str, list[str]]]:
    """What is claimed at that time, batch by batch: library, and ids of papers."""
    found = []
    while batch := await store.claim_zotero(at, at + LEASE):
        papers = [item.paper.id for item in batch.items]
        found.append((batch.connection.library.id, papers))
    return found


async def item_keys(store: Store, at: datetime = START) -> list[str]:
    batch = await store.claim_zotero(at, at + LEASE)
    return [item.key for item in batch.items] if batch else []


async def counts(store: Store, owner: str) -> tuple[int, int, int]:
    """Papers that were sent, wait, and were rejected."""
    [one] = await store.zotero_connections(owner)
    return one.sent, one.waiting, one.rejected


async def test_saves_go_to_the_persons_library_and_to_the_channels_each_once(store: Store) -> None:
    await store.toggle_save(A, paper(1), ADA, START)
    await store.connect_zotero(OWN, "sealed", START)
    await store.connect_zotero(SHARED, "sealed too", START)
    assert await store.secret(ZOTERO_KEY, ADA.id) == "sealed"
    await store.toggle_save(A, paper(2), BEN, START)
    await store.toggle_save(B, paper(3), ADA, START)
    assert await store.next_zotero(START) == START
    assert sorted(await sending(store)) == [("groups/9", ids(1, 2)), ("users/7", ids(1, 3))]
    assert await sending(store) == [], "they are leased"
    # Saved once more, by others and elsewhere, and sent already: nothing is new.
    for owner, library in ((A, "groups/9"), (ADA.id, "users/7")):
        keys = [item_key(library, each) for each in ids(1, 2, 3)]
        await store.mark_zotero_sent(owner, keys, START)
    await store.toggle_save(A, paper(1), BEN, START)
    await store.save_all(B, [paper(1), paper(3)], ADA, START)
    assert await sending(store) == []
    assert (await counts(store, A), await counts(store, ADA.id)) == ((2, 0, 0), (2, 0, 0))
    assert await store.next_zotero(START) is None


async def test_what_is_taken_back_before_it_left_is_not_sent_and_later_again_under_its_key(
    store: Store,
) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.toggle_save(A, paper(1), ADA, START)
    assert await sending(store) == []
    await store.toggle_save(A, paper(1), ADA, START)
    [key] = await item_keys(store)
    assert key == item_key("users/7", paper(1).id)
    await store.toggle_save(A, paper(1), ADA, START)  # while it is under way
    await store.mark_zotero_sent(ADA.id, [key], START)
    assert await counts(store, ADA.id) == (1, 0, 0)
    await store.toggle_save(A, paper(1), ADA, START)
    assert await item_keys(store) == [key], "which changes nothing if it is still there"
    await store.toggle_save(A, paper(1), ADA, START)
    await store.requeue_zotero(ADA.id, [key], START, "no answer")
    assert await counts(store, ADA.id) == (0, 0, 0), "nobody keeps it any more"


async def test_what_failed_is_sent_again_then_alone_after_some_attempts(store: Store) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.save_all(A, [paper(1), paper(2)], ADA, START)
    for attempt in range(3):
        at = START + attempt * HOUR
        batch = await store.claim_zotero(at, at + LEASE)
        assert batch is not None
        assert (len(batch.items), batch.attempt) == (2, attempt + 1)
        keys = [item.key for item in batch.items]
        await store.requeue_zotero(ADA.id, keys, at + HOUR, "no answer")
        assert await store.next_zotero(at) == at + HOUR
        assert [each.error for each in await store.zotero_connections()] == ["no answer"]
        assert await sending(store, at) == []
    assert await sending(store, at + HOUR) == [("users/7", ids(1)), ("users/7", ids(2))]
    await store.reject_zotero(ADA.id, keys[0], at, "too long")
    await store.mark_zotero_sent(ADA.id, keys[1:], at)
    assert await counts(store, ADA.id) == (1, 0, 1)
    [one] = await store.zotero_connections(ADA.id)
    assert (one.error, one.rejection) == ("", "too long")


async def test_a_process_that_died_leaves_what_it_sent_for_after_its_lease_or_the_next_start(
    store: Store,
) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    first = await item_keys(store)
    assert await store.next_zotero(START) == START + LEASE
    assert await item_keys(store, START + LEASE) == first
    await store.release_zotero(START)
    assert await item_keys(store) == first
    await store.release_zotero(START + 40 * DAY)  # by a clock that was ahead
    assert await item_keys(store, START + MINUTE) == first


async def test_an_item_of_somebody_else_leaves_ours_another_key(store: Store) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    seen = []
    for _ in range(3):
        seen += await item_keys(store)
        await store.rename_zotero(ADA.id, seen[-1:], START)
    assert seen == [item_key("users/7", paper(1).id, number) for number in range(3)]


async def test_a_paused_library_is_left_alone_until_its_owner_connects_again(store: Store) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await item_keys(store)
    assert not await store.pause_zotero(ADA.id, START - HOUR, START, "an earlier key")
    assert await store.pause_zotero(ADA.id, START, START + HOUR, "The key was revoked.")
    assert not await store.pause_zotero(ADA.id, START, START + DAY, "again")
    [one] = await store.zotero_connections()
    assert (one.paused, one.paused_at, one.waiting) == ("The key was revoked.", START + HOUR, 1)
    assert await store.next_zotero(START + DAY) is None
    assert await sending(store, START + DAY) == []
    await store.connect_zotero(OWN, "new", START + DAY)
    assert await sending(store, START + DAY) == [("users/7", ids(1))]
    [one] = await store.zotero_connections()
    assert (one.paused, one.paused_at, one.connected_at) == ("", None, START + DAY)
    assert await store.secret(ZOTERO_KEY, ADA.id) == "new"


OUTCOMES: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "it is sent again": lambda store, key: store.requeue_zotero(ADA.id, [key], START, "no answer"),
    "it is rejected": lambda store, key: store.reject_zotero(ADA.id, key, START, "too long"),
    "it is sent under another key": lambda store, key: store.rename_zotero(ADA.id, [key], START),
    "the process died": lambda store, key: store.release_zotero(START),
    "its library is paused": lambda store, key: store.pause_zotero(ADA.id, START, START, "no"),
    "its owner connects again": lambda store, key: store.connect_zotero(OWN, "new", START),
}


@pytest.mark.parametrize("end", OUTCOMES.values(), ids=OUTCOMES.keys())
async def test_what_is_taken_back_while_it_is_under_way_is_not_sent_again(
    store: Store, end: Callable[[Store, str], Awaitable[object]]
) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.save_all(A, [paper(1), paper(2)], ADA, START)
    await store.toggle_save(A, paper(1), BEN, START)  # who keeps it
    [key, _] = await item_keys(store)
    await store.toggle_save(A, paper(1), ADA, START)
    await end(store, key)
    await store.connect_zotero(OWN, "new", START + LEASE)
    assert await sending(store, START + LEASE) == [("users/7", ids(2))]
    assert await counts(store, ADA.id) == (0, 1, 0)


async def test_what_was_rejected_and_taken_back_is_neither_counted_nor_sent_again(
    store: Store,
) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.toggle_save(A, paper(1), BEN, START)  # who keeps it
    [key] = await item_keys(store)
    await store.reject_zotero(ADA.id, key, START, "too long")
    assert await counts(store, ADA.id) == (0, 0, 1)
    await store.toggle_save(A, paper(1), ADA, START)
    assert await counts(store, ADA.id) == (0, 0, 0)
    await store.connect_zotero(OWN, "sealed", START)
    assert await sending(store) == []


async def test_another_library_gets_everything_that_is_saved_and_the_same_one_what_is_new(
    store: Store,
) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.mark_zotero_sent(ADA.id, await item_keys(store), START)
    await store.connect_zotero(OWN, "sealed", START)
    assert await sending(store) == []
    other = OWN._replace(library=ZoteroLibrary("groups/9", "Reading Group"))
    await store.connect_zotero(other, "sealed", START)
    assert await sending(store) == [("groups/9", ids(1))]
    assert await store.disconnect_zotero(ADA.id)
    assert not await store.disconnect_zotero(ADA.id)
    assert await store.secret(ZOTERO_KEY, ADA.id) is None
    await store.toggle_save(A, paper(2), ADA, START)
    assert await store.zotero_connections() == ()
    assert await store.next_zotero(START) is None


async def test_nothing_is_claimed_while_zotero_wants_to_be_left_alone(store: Store) -> None:
    await store.connect_zotero(OWN, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.hold_zotero(START + 2 * HOUR)
    await store.hold_zotero(START + HOUR)
    assert await store.next_zotero(START) == START + HOUR
    assert await sending(store, START + HOUR - MINUTE) == []
    await store.hold_zotero(START + 40 * DAY)  # by a clock that was ahead
    assert await store.next_zotero(START) == START
    assert await sending(store) == [("users/7", ids(1))]


async def test_a_forgotten_person_leaves_no_key_also_none_that_a_channel_used(store: Store) -> None:
    theirs = SHARED._replace(person=ADA)
    await store.connect_zotero(OWN, "sealed", START)
    await store.connect_zotero(theirs, "sealed", START)
    bens = OWN._replace(owner=BEN.id, person=BEN, library=ZoteroLibrary("users/8", "ben"))
    await store.connect_zotero(bens, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.forget_person(ADA, START)
    assert await store.secret_owners(ZOTERO_KEY) == (BEN.id,)
    assert [each.owner for each in await store.zotero_connections()] == [BEN.id]
    assert await sending(store) == []


async def test_a_removed_channel_loses_its_key_in_time_and_who_saves_only_there(
    store: Store,
) -> None:
    bens = OWN._replace(owner=BEN.id, person=BEN, library=ZoteroLibrary("users/8", "ben"))
    for each in (OWN, SHARED, bens):
        await store.connect_zotero(each, "sealed", START)
    await store.toggle_save(A, paper(1), ADA, START)
    await store.toggle_save(B, paper(2), BEN, START)
    await store.archive_channels(ChannelGroup(ids=(A,)), "removed", START)
    assert await sending(store) == [("users/7", ids(1)), ("users/8", ids(2))]
    await store.restore_channels(ChannelGroup(ids=(B,)), START)
    await store.record(run_of(START + 29 * DAY), first_post=0)
    assert await store.secret_owners(ZOTERO_KEY) == (ADA.id, BEN.id, A)
    await store.record(run_of(START + 31 * DAY), first_post=0)
    assert await store.secret_owners(ZOTERO_KEY) == (BEN.id,)


# -- processes ------------------------------------------------------------------------------------


async def test_what_one_process_did_another_one_sees(database: Database) -> None:
    serving, beside = database.open(), database.open(alone=False)
    await beside.follow(A, REWARD, ADA, START)
    assert await serving.unprimed() == {(A, REWARD.canonical)}
    await queue(serving, A, "a1")
    await claim(serving)
    assert [post.state for post in (await beside.state(A)).channels[0].posts] == ["sending"]


async def test_everything_is_there_after_a_restart(database: Database) -> None:
    first = database.open()
    await follow(first, A)
    await first.record(run_of(START + DAY, [paper(1)]), first_post=0)
    before = (await first.state(), await first.interests(), await first.agendas([A]))
    first.close()
    again = database.open()
    assert (await again.state(), await again.interests(), await again.agendas([A])) == before


async def test_one_process_alone_has_all_shards(store: Store) -> None:
    everything = ShardShare(3, frozenset({0, 1, 2}), frozenset())
    assert await store.share_shards("account", 3, 60.0) == everything
    assert await store.share_shards("account", 3, 60.0) == everything
    await store.release_shards("account", {0, 2})
    await store.release_shards("an account that it never had")
    assert await store.share_shards("account", 3, 60.0) == everything
    await store.release_shards("account")
    assert (await store.share_shards("account", 2, 60.0)).total == 2


def test_no_use_case_of_the_store_is_missing_here() -> None:
    protocols = [each for each in ports.Store.__mro__ if each.__module__ == ports.__name__]
    promised = {
        name
        for each in (*protocols, ports.SyncTransaction, ports.SyncDatabase)
        for name, value in vars(each).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert promised - used == set()
    assert len(promised) > 40
