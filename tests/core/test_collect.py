"""From what a source says to what is due where: new, known, primed, incomplete."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.core.collect import collect
from bot.core.digest import Rules
from bot.core.publish import publish, republish
from bot.errors import (
    KeywordRefused,
    Note,
    NoteKind,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceNotAsked,
    SourceThrottled,
)
from bot.keywords import parse
from bot.model import (
    VERSION_UNKNOWN,
    Batch,
    Channel,
    Digest,
    Draft,
    Paper,
    Person,
    Recorded,
    Run,
    Unmatched,
)
from bot.model.timetable import Timetable
from bot.ports import Composer
from tests.builders import paper
from tests.fakes import START, FakeClock, FakeSource, PlainComposer
from tests.store.database import opened, select, wait

DAY = timedelta(days=1)
RULES = Rules(Timetable(ZoneInfo("UTC"), time(8, 0), frozenset(range(7))), None)
A, B = "fake:a", "fake:b"

ADA = Person("Ada")


class Core:
    """The core over a real database, with a scripted source."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock)
        self.path = folder / "db"
        self.store = opened(self.path)
        self.composer: Composer = PlainComposer(100)

    def follow(self, channel: str, *texts: str, person: Person = ADA, undo: bool = False) -> None:
        for text in texts:
            wait(self.store.follow(channel, parse(text), person, self.clock.now(), undo=undo))

    def following(self) -> list[tuple[object, ...]]:
        """Every subscription with all that is kept of it."""
        return select(self.store, "select * from subscriptions order by 1, 2")

    def unfollow(self, channel: str, text: str) -> None:
        at = self.clock.now()
        wait(self.store.unfollow(channel, [parse(text).canonical], at))

    async def collect(self, first_post: int = 3) -> tuple[Run, Recorded]:
        return await collect(self.source, self.store, self.clock, first_post=first_post)

    async def publish(self, *, now: bool = True) -> dict[str, list[str]]:
        """Publish, and return what the new messages hold, by channel."""
        before = self._messages()
        composers = {"fake": lambda: self.composer}
        await publish(self.store, composers, lambda _: RULES, self.clock, now=now)
        posted: dict[str, list[str]] = {}
        for channel, payload in self._messages()[len(before) :]:
            posted.setdefault(channel, []).extend(json.loads(payload)["papers"])
        return posted

    async def day(self) -> dict[str, list[str]]:
        """A day passes, and the bot does its work."""
        self.clock.advance(86_400)
        await self.collect()
        return await self.publish()

    def _messages(self) -> list[tuple[str, str]]:
        return select(self.store, "select channel_id, payload from outbox order by seq")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = Core(tmp_path)
    yield core
    core.store.close()


def numbered(ids: list[str]) -> list[int]:
    return sorted(int(paper_id.partition(".")[2]) for paper_id in ids)


async def test_a_new_keyword_shows_its_newest_three_and_does_not_flood(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 60)))
    core.follow(A, "reward model")
    await core.collect()
    posted = await core.publish()
    assert numbered(posted[A]) == [57, 58, 59]
    assert await core.day() == {}


async def test_what_is_announced_after_that_is_posted_once(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 10)))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    core.source.announce(paper(11), paper(12), at=START + DAY)
    assert numbered((await core.day())[A]) == [11, 12]
    for _ in range(20):
        assert await core.day() == {}


async def test_hundreds_of_new_keywords_cost_one_question_and_do_not_flood(core: Core) -> None:
    for number in range(200):
        core.source.announce(
            paper(900 + number, f"On topic{number}", published=START - 40 * DAY, month="2601"),
            *(paper(10 * number + n, f"Of topic{number}") for n in range(5)),
        )
        core.follow(A, f"topic{number}")
    core.source.announce(*(paper(3000 + n, "Of a broad topic199") for n in range(300)))
    run, recorded = await core.collect(first_post=1)
    assert (run.complete, recorded.primed) == (True, 200)
    assert core.source.requests == [f"fetch {START - 14 * DAY:%Y-%m-%d}"]
    posted = await core.publish()
    assert numbered(posted[A]) == [*(10 * number + 4 for number in range(199)), 3299]
    assert await core.day() == {}
    news = [paper(5000 + n, f"More of topic{n}") for n in range(0, 200, 50)]
    core.source.announce(*news)
    assert numbered((await core.day())[A]) == [5000, 5050, 5100, 5150]


def unkept(*papers: Paper) -> Callable[[Batch], Batch]:
    """As a harvest answers that was told which papers are wanted, and read these beside."""
    known = Unmatched(len(papers), max(p.serial for p in papers), max(p.published for p in papers))
    return lambda batch: dataclasses.replace(batch, chosen=False, unmatched=known)


async def test_papers_that_a_harvest_did_not_keep_are_counted(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(paper(1))
    core.source.faults.append(unkept(paper(2, "Other"), paper(3, "Other")))
    run, recorded = await core.collect()
    assert (run.fetched, recorded.due) == (3, 1)


async def test_a_harvest_is_told_which_papers_are_wanted(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.follow(A, "graph network")
    await core.collect()
    assert core.source.wanted is not None
    titles = ("Reward models", "A graph network", "Nothing of interest")
    assert [core.source.wanted(paper(n, title)) for n, title in enumerate(titles)] == [
        True, True, False
    ]  # fmt: skip


async def test_many_new_keywords_count_as_known_what_a_harvest_did_not_keep(core: Core) -> None:
    """Their baseline is the highest number that had been announced, whatever it is about."""
    for number in range(60):
        core.follow(A, f"topic{number}")
    core.source.announce(paper(5, "Of topic7"))
    core.source.faults.append(unkept(paper(900, "Other")))
    await core.collect(first_post=0)
    held = paper(800, "Of topic7", published=START - 40 * DAY)
    core.source.announce(held, at=START)
    core.source.matches = lambda keyword, paper: True
    core.source.faults.append(
        lambda batch: dataclasses.replace(batch, papers=(held,), chosen=False)
    )
    assert await core.day() == {}
    baselines = select(core.store, "select distinct baseline from subscriptions")
    assert baselines == [(paper(900).serial,)]


NO_HISTORY: list[SourceError | Callable[[Batch], Batch]] = [
    SourceDown("no answer"),
    SourceThrottled("wait", until=START + DAY),
    SourceGarbled("not Atom"),
    SourceNotAsked("the pace file is locked"),
    lambda batch: dataclasses.replace(
        batch, papers=(), complete=False, notes=(Note(NoteKind.SHORT, "cut"),)
    ),
]


@pytest.mark.parametrize("fault", NO_HISTORY, ids=["down", "throttled", "garbled", "local", "cut"])
async def test_what_a_new_keyword_gets_for_an_answer_concerns_that_keyword_alone(
    core: Core, fault: SourceError | Callable[[Batch], Batch]
) -> None:
    core.source.announce(paper(1))
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(paper(11), paper(12, "Of graph networks"), at=START + DAY)
    core.follow("fake:B", "graph network", "neural fields")
    core.clock.advance(86_400)
    core.source.faults = [None, fault, fault]
    run, _ = await core.collect()
    assert run.complete
    assert {note.keyword for note in run.notes} == {
        parse("graph network").canonical, parse("neural fields").canonical
    }  # fmt: skip
    assert 11 in numbered((await core.publish())[A])
    state = await core.store.state()
    assert state.last_complete is not None
    assert state.last_complete.started_at == core.clock.now(), "the cursor moved"
    left = {canonical for _, canonical in await core.store.unprimed()}
    assert left == {note.keyword for note in run.notes}
    assert run.worth_repeating(left), "it does not wait for tomorrow"
    core.source.faults = []
    again, _ = await core.collect()
    assert not again.worth_repeating(())
    assert numbered((await core.publish())["fake:B"]) == [12]


async def test_a_new_keyword_that_the_source_refuses_is_named_and_not_asked_for_again_and_again(
    core: Core,
) -> None:
    core.source.announce(paper(1))
    core.follow(A, "reward model")
    await core.collect()
    core.follow("fake:B", "graph network")
    core.source.faults = [None, KeywordRefused("not understood")]
    run, _ = await core.collect()
    refused = parse("graph network").canonical
    assert [(note.kind, note.keyword) for note in run.notes] == [(NoteKind.REFUSED, refused)]
    assert run.complete
    assert not run.worth_repeating({refused})
    assert run.worth_repeating({refused, parse("neural fields").canonical})


async def test_where_nothing_else_was_answered_no_keyword_is_blamed(core: Core) -> None:
    core.follow(A, "reward model")
    core.source.faults = [KeywordRefused("not understood")]
    run, _ = await core.collect()
    assert [note.kind for note in run.notes] == [NoteKind.GARBLED]
    assert not run.complete
    assert run.worth_repeating({parse("reward model").canonical})


async def test_many_new_keywords_without_an_answer_leave_the_run_whole_for_the_others(
    core: Core,
) -> None:
    core.source.announce(paper(1))
    core.follow(A, "reward model")
    await core.collect()
    core.follow("fake:B", *(f"topic{n}" for n in range(60)))
    core.source.faults = [None, SourceDown("no answer")]
    run, recorded = await core.collect()
    assert (run.complete, recorded.primed) == (True, 0)
    assert run.worth_repeating({canonical for _, canonical in await core.store.unprimed()})


async def test_of_hundreds_of_new_keywords_none_is_primed_by_an_answer_with_holes(
    core: Core,
) -> None:
    core.follow(A, *(f"topic{n}" for n in range(200)))
    core.source.announce(paper(1, "Of topic7"))
    core.source.faults.append(lambda batch: dataclasses.replace(batch, complete=False))
    run, recorded = await core.collect()
    assert (run.complete, recorded.primed) == (False, 0)
    run, recorded = await core.collect()
    assert (run.complete, recorded.primed) == (True, 200)
    assert numbered((await core.publish())[A]) == [1]


async def test_a_keyword_that_the_source_refuses_keeps_no_other_new_one_from_being_primed(
    core: Core,
) -> None:
    core.follow(A, *(f"topic{n}" for n in range(200)))
    refused = Note(NoteKind.REFUSED, "no such thing", parse("topic3").canonical)
    core.source.faults.append(lambda batch: dataclasses.replace(batch, notes=(refused,)))
    _, recorded = await core.collect()
    assert recorded.primed == 199


def harvested(*papers: Paper) -> Callable[[Batch], Batch]:
    """What a harvest answers: everything, whatever it is about, and not all told."""
    found = tuple(
        dataclasses.replace(
            p, version=VERSION_UNKNOWN, published=p.updated, authors=("A. Example",)
        )
        for p in papers
    )
    return lambda batch: dataclasses.replace(batch, papers=found, chosen=False)


async def test_what_a_harvest_does_not_say_of_a_paper_is_asked_for_before_it_is_posted(
    core: Core,
) -> None:
    core.follow(A, "reward model")
    await core.collect()
    news = [paper(11, version=2, updated=START + DAY), paper(12, "Something else")]
    core.source.announce(*news, at=START + DAY)
    core.source.faults.append(harvested(*news))
    assert numbered((await core.day())[A]) == [11]
    assert core.source.requests[-1] == f"papers {news[0].id}"
    known = await core.store.paper(news[0].id)
    assert known.paper == news[0]
    assert (await core.store.paper(news[1].id)).paper is None, "what matches nothing is not kept"


async def test_a_paper_with_incomplete_metadata_is_posted_and_completed_later(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    news = paper(11, published=START - 3 * DAY, updated=START + DAY)
    core.source.announce(news, at=START + DAY)
    core.source.faults += [harvested(news), SourceDown("no answer")]
    assert numbered((await core.day())[A]) == [11]
    known = (await core.store.paper(news.id)).paper
    assert known is not None
    assert not known.has_full_metadata
    assert await core.day() == {}
    assert (await core.store.paper(news.id)).paper == news


async def test_an_old_paper_that_is_listed_again_is_no_news_though_its_version_is(
    core: Core,
) -> None:
    old = paper(5, published=START - 900 * DAY, month="2309")
    core.source.announce(*(paper(n) for n in range(20, 130)), old)
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    again = dataclasses.replace(old, updated=START + DAY)
    core.source.faults += [harvested(again), SourceDown("no answer")]
    assert await core.day() == {}


async def test_a_harvest_need_not_hold_what_was_there_yesterday(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 40)))
    core.follow(A, "reward model")
    await core.collect()
    core.clock.advance(86_400)
    await core.collect()
    core.clock.advance(86_400)
    core.source.faults.append(harvested())
    run, _ = await core.collect()
    assert run.complete
    assert run.notes == ()


async def test_a_paper_announced_days_after_its_submission_is_posted(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    late = paper(5, published=START - 9 * DAY)
    core.source.announce(late, at=START + DAY)
    assert numbered((await core.day())[A]) == [5]


async def test_a_paper_that_moderation_held_for_seven_weeks_is_found_by_the_weekly_look(
    core: Core,
) -> None:
    core.source.announce(paper(1))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    held = paper(900, published=START - 45 * DAY)
    core.source.announce(held, at=START + 2 * DAY)
    posted = [await core.day() for _ in range(9)]
    assert [numbered(p[A]) for p in posted if p] == [[900]]
    wide = [r for r in core.source.requests if r == f"fetch {START + 7 * DAY - 60 * DAY:%Y-%m-%d}"]
    assert wide or any("fetch 2026-01" in request for request in core.source.requests)


async def test_a_broad_keyword_with_more_history_than_priming_reads_does_not_flood_later(
    core: Core,
) -> None:
    """Priming reads 100 papers; a wide look brings older ones that were there all along."""
    old = [paper(n, published=START - 50 * DAY + timedelta(minutes=n)) for n in range(1, 300)]
    core.source.announce(*old, at=START - 40 * DAY)
    core.follow(A, "reward model")
    await core.collect()
    assert len((await core.publish())[A]) == 3
    for _ in range(9):
        assert await core.day() == {}


async def test_a_paper_that_the_index_was_late_with_is_posted_although_its_id_is_low(
    core: Core,
) -> None:
    core.source.announce(paper(1), paper(3))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    core.source.announce(paper(2), at=START + DAY)
    assert numbered((await core.day())[A]) == [2]


class Meanwhile(PlainComposer):
    """Something happens while a digest is rendered, on another connection to the database."""

    def __init__(self, path: Path, happening: str) -> None:
        super().__init__()
        self._path = path
        self._happening = happening

    def compose(self, digest: Digest) -> list[Draft]:
        # Waits for nobody: an error if a transaction is open now.
        other = sqlite3.connect(self._path, timeout=0)
        with closing(other), other:
            other.execute(self._happening)
        return super().compose(digest)


async def test_titles_are_read_and_digests_rendered_while_no_transaction_is_open(
    core: Core,
) -> None:
    core.follow(A, "reward model")
    core.source.announce(paper(1))
    await core.collect()
    core.composer = Meanwhile(core.path, "update channels set published_until = published_until")
    assert await core.publish() == {A: ["2603.00001"]}


async def test_what_is_removed_while_a_digest_is_rendered_is_not_posted(core: Core) -> None:
    core.follow(A, "reward model")
    core.source.announce(paper(1))
    await core.collect()
    core.composer = Meanwhile(core.path, "delete from subscriptions")
    assert await core.publish() == {}


async def test_a_new_version_of_a_posted_paper_is_not_news(core: Core) -> None:
    core.source.announce(paper(1))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    core.source.announced.clear()
    core.source.announce(paper(1, version=2, title="A study of reward models, corrected"))
    assert await core.day() == {}


async def test_a_paper_first_seen_as_version_two_is_posted(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(paper(1, version=2), at=START + DAY)
    assert numbered((await core.day())[A]) == [1]


async def test_a_paper_of_two_keywords_is_posted_once_and_names_both(core: Core) -> None:
    core.follow(A, "reward model", "graph network")
    await core.collect()
    core.source.announce(paper(1, "A reward model for a graph network"), at=START + DAY)
    assert numbered((await core.day())[A]) == [1]
    payload = json.loads(core._messages()[-1][1])
    assert payload["keywords"] == [["reward model", "graph network"]]


async def test_each_channel_gets_its_own_keywords_and_one_request_serves_all(core: Core) -> None:
    core.follow(A, "reward model")
    core.follow(B, "reward model", "graph network")
    await core.collect()
    core.source.announce(paper(1), paper(2, "A graph network"), at=START + DAY)
    core.source.requests.clear()
    posted = await core.day()
    assert (numbered(posted[A]), numbered(posted[B])) == ([1], [1, 2])
    assert len(core.source.requests) == 1


async def test_a_keyword_added_to_a_second_channel_is_primed_there_alone(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 10)))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    core.follow(B, "Reward-Models")
    posted = await core.day()
    assert numbered(posted[B]) == [7, 8, 9]
    assert A not in posted


async def test_what_an_old_keyword_posted_is_not_posted_again_for_a_new_one(core: Core) -> None:
    both = [paper(n, "A reward model of a graph network") for n in range(1, 6)]
    core.source.announce(*both)
    core.follow(A, "reward model")
    await core.collect()
    posted = numbered((await core.publish())[A])
    core.follow(A, "graph network")
    again = numbered((await core.day()).get(A, []))
    assert not set(posted) & set(again)


async def test_two_new_keywords_both_show_their_newest(core: Core) -> None:
    shared = [paper(n, "A reward model of a graph network") for n in range(1, 4)]
    core.source.announce(*shared, *(paper(n, "A graph network") for n in range(4, 7)))
    core.follow(A, "reward model", "graph network")
    await core.collect()
    assert numbered((await core.publish())[A]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "error",
    [
        SourceDown("no answer"),
        SourceGarbled("a page of HTML", sample=b"<html>"),
        SourceThrottled("wait", until=START + DAY),
    ],
)
async def test_a_source_that_fails_is_no_empty_day(core: Core, error: SourceError) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(paper(1), at=START + DAY)
    core.clock.advance(86_400)
    core.source.faults = [error]
    run, _ = await core.collect()
    assert not run.complete
    state = await core.store.state()
    assert state.last_run is not None
    assert state.last_run.notes[0].text == str(error)
    assert state.last_complete is not None
    assert state.last_complete.started_at == START, "the cursor did not move"
    assert numbered((await core.day())[A]) == [1]


async def test_the_garbled_answer_is_kept_as_a_sample(core: Core) -> None:
    core.follow(A, "reward model")
    core.source.faults = [SourceGarbled("not Atom", sample=b"<html>Oops")]
    await core.collect()
    rows = select(core.store, "select kind, body from samples")
    assert rows == [("garbled", b"<html>Oops")]


def cut(keep: int, *, complete: bool) -> Callable[[Batch], Batch]:
    def fault(batch: Batch) -> Batch:
        notes = () if complete else (Note(NoteKind.SHORT, "cut"),)
        papers = batch.papers[:keep]
        return dataclasses.replace(batch, papers=papers, complete=complete, notes=notes)

    return fault


async def test_what_an_incomplete_answer_did_bring_is_posted_and_the_rest_later(
    core: Core,
) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(*(paper(n) for n in range(1, 6)), at=START + DAY)
    core.clock.advance(86_400)
    core.source.faults = [cut(2, complete=False)]
    run, _ = await core.collect()
    assert not run.complete
    assert numbered((await core.publish())[A]) == [4, 5]
    assert numbered((await core.day())[A]) == [1, 2, 3]


async def test_an_incomplete_answer_does_not_prime_a_keyword(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 50)))
    core.follow(A, "reward model")
    core.source.faults = [cut(1, complete=False)]
    await core.collect()
    assert await core.publish() == {}
    posted = await core.day()
    assert numbered(posted[A]) == [47, 48, 49]


async def test_a_well_formed_answer_of_one_row_is_noticed_by_yesterdays_papers(
    core: Core,
) -> None:
    core.source.announce(*(paper(n) for n in range(1, 41)))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    core.source.announce(*(paper(n) for n in range(50, 60)), at=START + DAY)
    core.clock.advance(86_400)
    core.source.faults = [cut(1, complete=True), cut(1, complete=True)]
    run, _ = await core.collect()
    assert not run.complete
    assert run.requests == 2, "asked once more before it is called short"
    assert [note.kind for note in run.notes] == [NoteKind.SHORT]
    assert len((await core.publish())[A]) == 1
    assert len((await core.day())[A]) == 9


async def test_a_second_look_at_a_short_answer_can_mend_it(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 41)))
    core.follow(A, "reward model")
    await core.collect()
    core.clock.advance(86_400)
    core.source.faults = [cut(1, complete=True)]
    run, _ = await core.collect()
    assert run.complete
    assert run.notes == ()


async def test_papers_that_stay_away_are_believed_to_be_gone_after_a_while(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 41)))
    core.follow(A, "reward model")
    await core.collect()
    core.source.announced = core.source.announced[:10]
    outcomes = []
    for _ in range(5):
        core.clock.advance(86_400)
        run, _ = await core.collect()
        outcomes.append(run.complete)
    assert outcomes == [False, False, False, True, True]


async def test_a_downtime_widens_the_look_back_by_as_much(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.clock.advance(100 * 86_400)
    run, _ = await core.collect()
    assert START - run.since >= 14 * DAY


async def test_a_clock_that_jumps_back_loses_nothing(core: Core) -> None:
    core.source.announce(paper(1))
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    core.source.announce(paper(2), at=START - 400 * DAY)
    core.clock.jump(START - 300 * DAY)
    run, _ = await core.collect()
    assert run.since <= START - 314 * DAY
    posted = await core.publish()
    core.clock.jump(START + DAY)
    await core.collect()
    later = await core.publish()
    assert numbered(posted.get(A, []) + later.get(A, [])) == [2]


async def test_a_clock_that_was_wrong_for_a_run_does_not_narrow_later_ones(core: Core) -> None:
    core.follow(A, "reward model")
    core.clock.jump(START + 3000 * DAY)
    await core.collect()
    core.clock.jump(START)
    run, _ = await core.collect()
    assert run.since <= START - 14 * DAY


async def test_a_keyword_removed_before_its_papers_were_posted_takes_them_along(
    core: Core,
) -> None:
    core.follow(A, "reward model", "graph network")
    await core.collect()
    core.source.announce(paper(1), paper(2, "A reward model of a graph network"), at=START + DAY)
    core.clock.advance(86_400)
    await core.collect()
    core.unfollow(A, "reward model")
    assert numbered((await core.publish())[A]) == [2]


async def test_a_keyword_removed_and_added_again_posts_nothing_twice(core: Core) -> None:
    core.source.announce(*(paper(n) for n in range(1, 4)))
    core.follow(A, "reward model")
    await core.collect()
    first = numbered((await core.publish())[A])
    core.unfollow(A, "reward model")
    core.follow(A, "reward models")
    assert await core.day() == {}
    assert first == [1, 2, 3]


async def seven_due_in_one_of_two_channels(core: Core) -> None:
    core.follow(A, "reward model")
    core.follow(B, "graph network")
    await core.collect()
    core.source.announce(*(paper(n) for n in range(1, 8)), at=START + DAY)
    core.clock.advance(86_400)
    await core.collect()


async def test_undo_of_a_removal_brings_back_what_was_due_although_other_channels_were_served(
    core: Core,
) -> None:
    await seven_due_in_one_of_two_channels(core)
    before = core.following()
    core.unfollow(A, "reward model")
    core.source.announce(paper(8, "A graph network"))
    await core.collect()
    assert numbered((await core.publish())[B]) == [8]
    core.follow(A, "reward models", undo=True)
    assert core.following() == before
    await core.collect()
    assert numbered((await core.publish())[A]) == [1, 2, 3, 4, 5, 6, 7]
    assert await core.day() == {}


async def test_what_is_announced_between_a_removal_and_its_undo_is_posted(core: Core) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.unfollow(A, "reward model")
    core.clock.advance(86_400)
    core.source.announce(paper(1))
    await core.collect()
    core.source.announced.clear()  # as a harvest, which tells of each paper once
    await core.collect()
    assert await core.publish() == {}
    core.follow(A, "reward model", undo=True)
    await core.collect()
    assert numbered((await core.publish())[A]) == [1]


@pytest.mark.parametrize("recomputed", [False, True])
async def test_undo_on_a_clock_that_was_set_back_posts_nothing_from_before_the_keyword(
    core: Core, recomputed: bool
) -> None:
    """Neither of two keywords that were new together, where the clock was ahead until then, nor
    where it is behind now."""
    core.source.announce(paper(1), paper(2, "A graph network"), paper(3, "Reward model of a graph"))
    core.follow(A, "reward model", "graph network")
    await core.collect(first_post=0)
    if recomputed:
        core.unfollow(A, "reward model")
        core.clock.jump(START - timedelta(hours=1))
        await core.store.recompute_times(core.clock.now(), 300.0, 3600.0)
    else:
        core.clock.jump(START - timedelta(hours=1))
        core.unfollow(A, "reward model")
    core.follow(A, "reward model", undo=True)
    core.source.announce(paper(4), at=START - DAY)
    await core.collect()
    assert await core.publish() == {A: [paper(4).id]}


async def test_a_removed_keyword_that_is_added_by_somebody_else_continues_and_is_theirs(
    core: Core,
) -> None:
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(paper(1), at=START + DAY)
    core.clock.advance(86_400)
    await core.collect()
    core.unfollow(A, "reward model")
    core.follow(A, "Reward Models", person=Person("Ben", "fake:2"))
    [own] = await core.store.subscriptions(A)
    assert (own.keyword.text, own.added_by.name) == ("Reward Models", "Ben")
    assert numbered((await core.publish())[A]) == [1]


async def test_of_two_keywords_removed_one_that_comes_back_brings_what_both_had_found(
    core: Core,
) -> None:
    core.follow(A, "reward model", "graph network")
    await core.collect()
    core.source.announce(paper(1, "A reward model of a graph network"), at=START + DAY)
    core.clock.advance(86_400)
    await core.collect()
    core.unfollow(A, "reward model")
    core.clock.advance(60)
    core.unfollow(A, "graph network")
    core.follow(A, "reward model", undo=True)
    assert numbered((await core.publish())[A]) == [1]


async def test_a_keyword_that_was_removed_long_ago_is_new_when_it_is_added_again(
    core: Core,
) -> None:
    await seven_due_in_one_of_two_channels(core)
    core.unfollow(A, "reward model")
    for _ in range(8):
        await core.day()
    asked = len(core.source.requests)
    await core.collect()
    interests = await core.store.interests()
    assert not interests.fresh
    assert [k.text for k in interests.primed] == ["graph network"]
    assert len(core.source.requests) == asked + 1
    core.source.announce(paper(20))
    core.follow(A, "reward model", undo=True)
    await core.collect()
    assert numbered((await core.publish())[A]) == [20]  # what was dropped stays so


async def test_a_setting_that_is_changed_while_others_are_published_to_counts(
    core: Core,
) -> None:
    core.follow(A, "reward model")
    await core.collect()
    await core.store.change_settings(A, {"post_at": "09:30"})
    seen: list[str | None] = []

    def rules(channel: Channel) -> Rules:
        seen.append(channel.post_at)
        return RULES

    composers = {"fake": PlainComposer}
    await republish(core.store, composers, rules, core.clock)
    assert set(seen) == {"09:30"}
    assert await core.store.to_recheck() == ()


async def test_a_throttled_source_is_not_asked_for_the_next_keyword(core: Core) -> None:
    core.follow(A, "reward model", "graph network", "time series")
    core.source.faults = [SourceThrottled("wait", until=START + DAY)]
    await core.collect()
    assert len(core.source.requests) == 1


async def test_the_cursor_is_bound_to_what_was_found_not_to_the_calendar_day(
    core: Core,
) -> None:
    """Asked too early, the source still shows yesterday; the same day's second run finds it."""
    core.follow(A, "reward model")
    await core.collect()
    core.source.announce(paper(1), at=START + timedelta(hours=3))
    core.clock.advance(3 * 3600)
    await core.collect()
    assert numbered((await core.publish())[A]) == [1]


async def test_a_year_of_days_posts_every_paper_exactly_once(core: Core) -> None:
    """Papers arrive with delays as arXiv's do, the source fails now and then, the bot is down."""
    import random

    rng = random.Random(20260302)
    core.follow(A, "reward model")
    await core.collect()
    await core.publish()
    announced: list[int] = []
    posted: list[int] = []
    number = 0
    for day in range(1, 120):
        today = START + day * DAY
        for _ in range(rng.randrange(0, 4)):
            number += 1
            delay = rng.choice([1, 1, 1, 2, 3, 4, 9, 13, 40])
            core.source.announce(paper(number, published=today - delay * DAY), at=today)
            announced.append(number)
        core.clock.jump(today + timedelta(minutes=5))
        roll = rng.random()
        if roll < 0.1:
            continue  # the bot is down
        if roll < 0.25:
            core.source.faults = [SourceDown("no answer")]
        elif roll < 0.35:
            core.source.faults = [cut(1, complete=False)]
        await core.collect()
        core.source.faults = []
        posted += numbered((await core.publish(now=False)).get(A, []))
    core.clock.jump(datetime(2026, 8, 1, 9, 0, tzinfo=UTC))
    for _ in range(8):
        core.clock.advance(86_400)
        await core.collect()
        posted += numbered((await core.publish(now=False)).get(A, []))
    assert sorted(posted) == announced


async def awaiting(core: Core) -> tuple[Run, Recorded]:
    return await collect(
        core.source,
        core.store,
        core.clock,
        first_post=0,
        submissions_expected_after=core.clock.now() - DAY / 2,
    )


async def test_an_announcement_that_matches_no_keyword_is_not_late(core: Core) -> None:
    await settled_core(core)
    core.source.faults.append(unkept(paper(9, "Other", published=core.clock.now())))
    run, _ = await awaiting(core)
    assert (run.late, run.notes) == (False, ())


async def settled_core(core: Core) -> None:
    core.follow(A, "reward model")
    core.source.announce(paper(1))
    await core.collect()
    await core.publish()
    core.clock.advance(86_400)


def of_today(core: Core, number: int, title: str) -> Paper:
    return paper(number, title, published=core.clock.now() - timedelta(hours=6))


async def test_an_announcement_that_the_keywords_brought_is_there_without_asking_more(
    core: Core,
) -> None:
    await settled_core(core)
    core.source.announce(of_today(core, 2, "A reward model"))
    core.source.requests.clear()
    run, recorded = await awaiting(core)
    assert (run.complete, run.late, recorded.due) == (True, False, 1)
    assert len(core.source.requests) == 1


async def test_whether_a_quiet_announcement_is_there_is_asked_of_the_content(core: Core) -> None:
    await settled_core(core)
    core.source.announce(of_today(core, 3, "Of gardens, cat:cs.lg"))
    run, _ = await awaiting(core)
    assert (run.complete, run.late) == (True, False)
    assert core.source.requests[-1] == "latest cat:cs.LG"


async def test_a_late_announcement_is_awaited_and_posted_the_same_day(core: Core) -> None:
    await settled_core(core)
    run, _ = await awaiting(core)
    assert (run.complete, run.late) == (True, True)
    assert await core.publish(now=False) == {}
    core.clock.advance(3 * 3600)
    core.source.announce(of_today(core, 2, "A reward model"))
    run, _ = await awaiting(core)
    assert not run.late
    assert await core.publish(now=False) == {A: [paper(2).id]}
    # and that was today's: what comes in the evening waits for tomorrow
    core.clock.advance(9 * 3600)
    core.source.announce(of_today(core, 5, "A reward model"))
    await awaiting(core)
    assert await core.publish(now=False) == {}


async def test_a_probe_that_fails_leaves_the_day_open(core: Core) -> None:
    await settled_core(core)
    core.source.faults = [None, SourceDown("arXiv can't be reached.")]
    run, _ = await awaiting(core)
    assert (run.complete, run.late) == (False, False)
    assert [note.kind for note in run.notes] == [NoteKind.DOWN]


async def test_a_new_keyword_does_not_wait_for_a_late_announcement(core: Core) -> None:
    await settled_core(core)
    core.follow(A, "graph network")
    core.source.announce(paper(7, "A graph network"))
    run, recorded = await awaiting(core)
    assert run.late
    assert recorded.primed == 1
