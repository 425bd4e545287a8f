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
from bot.core.publish import publish
from bot.errors import (
    KeywordRefused,
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
    Note,
    NoteKind,
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


class House:
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
        wait(self.store.unfollow(channel, parse(text).canonical, at))

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
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def numbered(ids: list[str]) -> list[int]:
    return sorted(int(paper_id.partition(".")[2]) for paper_id in ids)


async def test_a_new_keyword_shows_its_newest_three_and_does_not_flood(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 60)))
    house.follow(A, "reward model")
    await house.collect()
    posted = await house.publish()
    assert numbered(posted[A]) == [57, 58, 59]
    assert await house.day() == {}


async def test_what_is_announced_after_that_is_posted_once(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 10)))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    house.source.announce(paper(11), paper(12), at=START + DAY)
    assert numbered((await house.day())[A]) == [11, 12]
    for _ in range(20):
        assert await house.day() == {}


async def test_hundreds_of_new_keywords_cost_one_question_and_do_not_flood(house: House) -> None:
    for number in range(200):
        house.source.announce(
            paper(900 + number, f"On topic{number}", published=START - 40 * DAY, month="2601"),
            *(paper(10 * number + n, f"Of topic{number}") for n in range(5)),
        )
        house.follow(A, f"topic{number}")
    house.source.announce(*(paper(3000 + n, "Of a broad topic199") for n in range(300)))
    run, recorded = await house.collect(first_post=1)
    assert (run.complete, recorded.primed) == (True, 200)
    assert house.source.requests == [f"fetch {START - 14 * DAY:%Y-%m-%d}"]
    posted = await house.publish()
    assert numbered(posted[A]) == [*(10 * number + 4 for number in range(199)), 3299]
    assert await house.day() == {}
    news = [paper(5000 + n, f"More of topic{n}") for n in range(0, 200, 50)]
    house.source.announce(*news)
    assert numbered((await house.day())[A]) == [5000, 5050, 5100, 5150]


def unkept(*papers: Paper) -> Callable[[Batch], Batch]:
    """As a harvest answers that was told which papers are wanted, and read these beside."""
    known = Unmatched(len(papers), max(p.serial for p in papers), max(p.published for p in papers))
    return lambda batch: dataclasses.replace(batch, chosen=False, unmatched=known)


async def test_papers_that_a_harvest_did_not_keep_are_counted(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(paper(1))
    house.source.faults.append(unkept(paper(2, "Other"), paper(3, "Other")))
    run, recorded = await house.collect()
    assert (run.fetched, recorded.due) == (3, 1)


async def test_a_harvest_is_told_which_papers_are_wanted(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.follow(A, "graph network")
    await house.collect()
    assert house.source.wanted is not None
    titles = ("Reward models", "A graph network", "Nothing of interest")
    assert [house.source.wanted(paper(n, title)) for n, title in enumerate(titles)] == [
        True, True, False
    ]  # fmt: skip


async def test_many_new_keywords_count_as_known_what_a_harvest_did_not_keep(house: House) -> None:
    """Their baseline is the highest number that had been announced, whatever it is about."""
    for number in range(60):
        house.follow(A, f"topic{number}")
    house.source.announce(paper(5, "Of topic7"))
    house.source.faults.append(unkept(paper(900, "Other")))
    await house.collect(first_post=0)
    held = paper(800, "Of topic7", published=START - 40 * DAY)
    house.source.announce(held, at=START)
    house.source.matches = lambda keyword, paper: True
    house.source.faults.append(
        lambda batch: dataclasses.replace(batch, papers=(held,), chosen=False)
    )
    assert await house.day() == {}
    baselines = select(house.store, "select distinct baseline from subscriptions")
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
    house: House, fault: SourceError | Callable[[Batch], Batch]
) -> None:
    house.source.announce(paper(1))
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(paper(11), paper(12, "Of graph networks"), at=START + DAY)
    house.follow("fake:B", "graph network", "neural fields")
    house.clock.advance(86_400)
    house.source.faults = [None, fault, fault]
    run, _ = await house.collect()
    assert run.complete
    assert {note.keyword for note in run.notes} == {
        parse("graph network").canonical, parse("neural fields").canonical
    }  # fmt: skip
    assert 11 in numbered((await house.publish())[A])
    state = await house.store.state()
    assert state.last_complete is not None
    assert state.last_complete.started_at == house.clock.now(), "the cursor moved"
    left = {canonical for _, canonical in await house.store.unprimed()}
    assert left == {note.keyword for note in run.notes}
    assert run.worth_repeating(left), "it does not wait for tomorrow"
    house.source.faults = []
    again, _ = await house.collect()
    assert not again.worth_repeating(())
    assert numbered((await house.publish())["fake:B"]) == [12]


async def test_a_new_keyword_that_the_source_refuses_is_named_and_not_asked_for_again_and_again(
    house: House,
) -> None:
    house.source.announce(paper(1))
    house.follow(A, "reward model")
    await house.collect()
    house.follow("fake:B", "graph network")
    house.source.faults = [None, KeywordRefused("not understood")]
    run, _ = await house.collect()
    refused = parse("graph network").canonical
    assert [(note.kind, note.keyword) for note in run.notes] == [(NoteKind.REFUSED, refused)]
    assert run.complete
    assert not run.worth_repeating({refused})
    assert run.worth_repeating({refused, parse("neural fields").canonical})


async def test_where_nothing_else_was_answered_no_keyword_is_blamed(house: House) -> None:
    house.follow(A, "reward model")
    house.source.faults = [KeywordRefused("not understood")]
    run, _ = await house.collect()
    assert [note.kind for note in run.notes] == [NoteKind.GARBLED]
    assert not run.complete
    assert run.worth_repeating({parse("reward model").canonical})


async def test_many_new_keywords_without_an_answer_leave_the_run_whole_for_the_others(
    house: House,
) -> None:
    house.source.announce(paper(1))
    house.follow(A, "reward model")
    await house.collect()
    house.follow("fake:B", *(f"topic{n}" for n in range(60)))
    house.source.faults = [None, SourceDown("no answer")]
    run, recorded = await house.collect()
    assert (run.complete, recorded.primed) == (True, 0)
    assert run.worth_repeating({canonical for _, canonical in await house.store.unprimed()})


async def test_of_hundreds_of_new_keywords_none_is_primed_by_an_answer_with_holes(
    house: House,
) -> None:
    house.follow(A, *(f"topic{n}" for n in range(200)))
    house.source.announce(paper(1, "Of topic7"))
    house.source.faults.append(lambda batch: dataclasses.replace(batch, complete=False))
    run, recorded = await house.collect()
    assert (run.complete, recorded.primed) == (False, 0)
    run, recorded = await house.collect()
    assert (run.complete, recorded.primed) == (True, 200)
    assert numbered((await house.publish())[A]) == [1]


async def test_a_keyword_that_the_source_refuses_keeps_no_other_new_one_from_being_primed(
    house: House,
) -> None:
    house.follow(A, *(f"topic{n}" for n in range(200)))
    refused = Note(NoteKind.REFUSED, "no such thing", parse("topic3").canonical)
    house.source.faults.append(lambda batch: dataclasses.replace(batch, notes=(refused,)))
    _, recorded = await house.collect()
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
    house: House,
) -> None:
    house.follow(A, "reward model")
    await house.collect()
    news = [paper(11, version=2, updated=START + DAY), paper(12, "Something else")]
    house.source.announce(*news, at=START + DAY)
    house.source.faults.append(harvested(*news))
    assert numbered((await house.day())[A]) == [11]
    assert house.source.requests[-1] == f"papers {news[0].id}"
    known = await house.store.paper(news[0].id)
    assert known.paper == news[0]
    assert (await house.store.paper(news[1].id)).paper is None, "what matches nothing is not kept"


async def test_a_paper_that_is_not_all_told_is_posted_and_completed_later(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    news = paper(11, published=START - 3 * DAY, updated=START + DAY)
    house.source.announce(news, at=START + DAY)
    house.source.faults += [harvested(news), SourceDown("no answer")]
    assert numbered((await house.day())[A]) == [11]
    known = (await house.store.paper(news.id)).paper
    assert known is not None
    assert not known.has_full_metadata
    assert await house.day() == {}
    assert (await house.store.paper(news.id)).paper == news


async def test_an_old_paper_that_is_listed_again_is_no_news_though_its_version_is(
    house: House,
) -> None:
    old = paper(5, published=START - 900 * DAY, month="2309")
    house.source.announce(*(paper(n) for n in range(20, 130)), old)
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    again = dataclasses.replace(old, updated=START + DAY)
    house.source.faults += [harvested(again), SourceDown("no answer")]
    assert await house.day() == {}


async def test_a_harvest_need_not_hold_what_was_there_yesterday(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 40)))
    house.follow(A, "reward model")
    await house.collect()
    house.clock.advance(86_400)
    await house.collect()
    house.clock.advance(86_400)
    house.source.faults.append(harvested())
    run, _ = await house.collect()
    assert run.complete
    assert run.notes == ()


async def test_a_paper_announced_days_after_its_submission_is_posted(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    late = paper(5, published=START - 9 * DAY)
    house.source.announce(late, at=START + DAY)
    assert numbered((await house.day())[A]) == [5]


async def test_a_paper_that_moderation_held_for_seven_weeks_is_found_by_the_weekly_look(
    house: House,
) -> None:
    house.source.announce(paper(1))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    held = paper(900, published=START - 45 * DAY)
    house.source.announce(held, at=START + 2 * DAY)
    posted = [await house.day() for _ in range(9)]
    assert [numbered(p[A]) for p in posted if p] == [[900]]
    wide = [r for r in house.source.requests if r == f"fetch {START + 7 * DAY - 60 * DAY:%Y-%m-%d}"]
    assert wide or any("fetch 2026-01" in request for request in house.source.requests)


async def test_a_broad_keyword_with_more_history_than_priming_reads_does_not_flood_later(
    house: House,
) -> None:
    """Priming reads 100 papers; a wide look brings older ones that were there all along."""
    old = [paper(n, published=START - 50 * DAY + timedelta(minutes=n)) for n in range(1, 300)]
    house.source.announce(*old, at=START - 40 * DAY)
    house.follow(A, "reward model")
    await house.collect()
    assert len((await house.publish())[A]) == 3
    for _ in range(9):
        assert await house.day() == {}


async def test_a_paper_that_the_index_was_late_with_is_posted_although_its_id_is_low(
    house: House,
) -> None:
    house.source.announce(paper(1), paper(3))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    house.source.announce(paper(2), at=START + DAY)
    assert numbered((await house.day())[A]) == [2]


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
    house: House,
) -> None:
    house.follow(A, "reward model")
    house.source.announce(paper(1))
    await house.collect()
    house.composer = Meanwhile(house.path, "update channels set published_until = published_until")
    assert await house.publish() == {A: ["2603.00001"]}


async def test_what_is_removed_while_a_digest_is_rendered_is_not_posted(house: House) -> None:
    house.follow(A, "reward model")
    house.source.announce(paper(1))
    await house.collect()
    house.composer = Meanwhile(house.path, "delete from subscriptions")
    assert await house.publish() == {}


async def test_a_new_version_of_a_posted_paper_is_not_news(house: House) -> None:
    house.source.announce(paper(1))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    house.source.announced.clear()
    house.source.announce(paper(1, version=2, title="A study of reward models, corrected"))
    assert await house.day() == {}


async def test_a_paper_first_seen_as_version_two_is_posted(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(paper(1, version=2), at=START + DAY)
    assert numbered((await house.day())[A]) == [1]


async def test_a_paper_of_two_keywords_is_posted_once_and_names_both(house: House) -> None:
    house.follow(A, "reward model", "graph network")
    await house.collect()
    house.source.announce(paper(1, "A reward model for a graph network"), at=START + DAY)
    assert numbered((await house.day())[A]) == [1]
    payload = json.loads(house._messages()[-1][1])
    assert payload["keywords"] == [["graph network", "reward model"]]


async def test_each_channel_gets_its_own_keywords_and_one_request_serves_all(house: House) -> None:
    house.follow(A, "reward model")
    house.follow(B, "reward model", "graph network")
    await house.collect()
    house.source.announce(paper(1), paper(2, "A graph network"), at=START + DAY)
    house.source.requests.clear()
    posted = await house.day()
    assert (numbered(posted[A]), numbered(posted[B])) == ([1], [1, 2])
    assert len(house.source.requests) == 1


async def test_a_keyword_added_to_a_second_channel_is_primed_there_alone(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 10)))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    house.follow(B, "Reward-Models")
    posted = await house.day()
    assert numbered(posted[B]) == [7, 8, 9]
    assert A not in posted


async def test_what_an_old_keyword_posted_is_not_posted_again_for_a_new_one(house: House) -> None:
    both = [paper(n, "A reward model of a graph network") for n in range(1, 6)]
    house.source.announce(*both)
    house.follow(A, "reward model")
    await house.collect()
    posted = numbered((await house.publish())[A])
    house.follow(A, "graph network")
    again = numbered((await house.day()).get(A, []))
    assert not set(posted) & set(again)


async def test_two_new_keywords_both_show_their_newest(house: House) -> None:
    shared = [paper(n, "A reward model of a graph network") for n in range(1, 4)]
    house.source.announce(*shared, *(paper(n, "A graph network") for n in range(4, 7)))
    house.follow(A, "reward model", "graph network")
    await house.collect()
    assert numbered((await house.publish())[A]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "error",
    [
        SourceDown("no answer"),
        SourceGarbled("a page of HTML", sample=b"<html>"),
        SourceThrottled("wait", until=START + DAY),
    ],
)
async def test_a_source_that_fails_is_no_empty_day(house: House, error: SourceError) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(paper(1), at=START + DAY)
    house.clock.advance(86_400)
    house.source.faults = [error]
    run, _ = await house.collect()
    assert not run.complete
    state = await house.store.state()
    assert state.last_run is not None
    assert state.last_run.notes[0].text == str(error)
    assert state.last_complete is not None
    assert state.last_complete.started_at == START, "the cursor did not move"
    assert numbered((await house.day())[A]) == [1]


async def test_the_garbled_answer_is_kept_as_a_sample(house: House) -> None:
    house.follow(A, "reward model")
    house.source.faults = [SourceGarbled("not Atom", sample=b"<html>Oops")]
    await house.collect()
    rows = select(house.store, "select kind, body from samples")
    assert rows == [("garbled", b"<html>Oops")]


def cut(keep: int, *, complete: bool) -> Callable[[Batch], Batch]:
    def fault(batch: Batch) -> Batch:
        notes = () if complete else (Note(NoteKind.SHORT, "cut"),)
        papers = batch.papers[:keep]
        return dataclasses.replace(batch, papers=papers, complete=complete, notes=notes)

    return fault


async def test_what_an_incomplete_answer_did_bring_is_posted_and_the_rest_later(
    house: House,
) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(*(paper(n) for n in range(1, 6)), at=START + DAY)
    house.clock.advance(86_400)
    house.source.faults = [cut(2, complete=False)]
    run, _ = await house.collect()
    assert not run.complete
    assert numbered((await house.publish())[A]) == [4, 5]
    assert numbered((await house.day())[A]) == [1, 2, 3]


async def test_an_incomplete_answer_does_not_prime_a_keyword(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 50)))
    house.follow(A, "reward model")
    house.source.faults = [cut(1, complete=False)]
    await house.collect()
    assert await house.publish() == {}
    posted = await house.day()
    assert numbered(posted[A]) == [47, 48, 49]


async def test_a_well_formed_answer_of_one_row_is_noticed_by_yesterdays_papers(
    house: House,
) -> None:
    house.source.announce(*(paper(n) for n in range(1, 41)))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    house.source.announce(*(paper(n) for n in range(50, 60)), at=START + DAY)
    house.clock.advance(86_400)
    house.source.faults = [cut(1, complete=True), cut(1, complete=True)]
    run, _ = await house.collect()
    assert not run.complete
    assert run.requests == 2, "asked once more before it is called short"
    assert [note.kind for note in run.notes] == [NoteKind.SHORT]
    assert len((await house.publish())[A]) == 1
    assert len((await house.day())[A]) == 9


async def test_a_second_look_at_a_short_answer_can_mend_it(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 41)))
    house.follow(A, "reward model")
    await house.collect()
    house.clock.advance(86_400)
    house.source.faults = [cut(1, complete=True)]
    run, _ = await house.collect()
    assert run.complete
    assert run.notes == ()


async def test_papers_that_stay_away_are_believed_to_be_gone_after_a_while(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 41)))
    house.follow(A, "reward model")
    await house.collect()
    house.source.announced = house.source.announced[:10]
    outcomes = []
    for _ in range(5):
        house.clock.advance(86_400)
        run, _ = await house.collect()
        outcomes.append(run.complete)
    assert outcomes == [False, False, False, True, True]


async def test_a_downtime_widens_the_look_back_by_as_much(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.clock.advance(100 * 86_400)
    run, _ = await house.collect()
    assert START - run.since >= 14 * DAY


async def test_a_clock_that_jumps_back_loses_nothing(house: House) -> None:
    house.source.announce(paper(1))
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    house.source.announce(paper(2), at=START - 400 * DAY)
    house.clock.jump(START - 300 * DAY)
    run, _ = await house.collect()
    assert run.since <= START - 314 * DAY
    posted = await house.publish()
    house.clock.jump(START + DAY)
    await house.collect()
    later = await house.publish()
    assert numbered(posted.get(A, []) + later.get(A, [])) == [2]


async def test_a_clock_that_was_wrong_for_a_run_does_not_narrow_later_ones(house: House) -> None:
    house.follow(A, "reward model")
    house.clock.jump(START + 3000 * DAY)
    await house.collect()
    house.clock.jump(START)
    run, _ = await house.collect()
    assert run.since <= START - 14 * DAY


async def test_a_keyword_removed_before_its_papers_were_posted_takes_them_along(
    house: House,
) -> None:
    house.follow(A, "reward model", "graph network")
    await house.collect()
    house.source.announce(paper(1), paper(2, "A reward model of a graph network"), at=START + DAY)
    house.clock.advance(86_400)
    await house.collect()
    house.unfollow(A, "reward model")
    assert numbered((await house.publish())[A]) == [2]


async def test_a_keyword_removed_and_added_again_posts_nothing_twice(house: House) -> None:
    house.source.announce(*(paper(n) for n in range(1, 4)))
    house.follow(A, "reward model")
    await house.collect()
    first = numbered((await house.publish())[A])
    house.unfollow(A, "reward model")
    house.follow(A, "reward models")
    assert await house.day() == {}
    assert first == [1, 2, 3]


async def test_undo_of_a_removal_brings_back_what_was_due_although_other_channels_were_served(
    house: House,
) -> None:
    house.follow(A, "reward model")
    house.follow(B, "graph network")
    await house.collect()
    house.source.announce(*(paper(n) for n in range(1, 8)), at=START + DAY)
    house.clock.advance(86_400)
    await house.collect()
    before = house.following()
    house.unfollow(A, "reward model")
    house.source.announce(paper(8, "A graph network"))
    await house.collect()
    assert numbered((await house.publish())[B]) == [8]
    house.follow(A, "reward models", undo=True)
    assert house.following() == before
    assert numbered((await house.publish())[A]) == [1, 2, 3, 4, 5, 6, 7]
    assert await house.day() == {}


async def test_what_is_announced_between_a_removal_and_its_undo_is_posted(house: House) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.unfollow(A, "reward model")
    house.clock.advance(86_400)
    house.source.announce(paper(1))
    await house.collect()
    house.source.announced.clear()  # as a harvest, which tells of each paper once
    await house.collect()
    assert await house.publish() == {}
    house.follow(A, "reward model", undo=True)
    assert numbered((await house.publish())[A]) == [1]


async def test_a_removed_keyword_that_is_added_by_somebody_else_goes_on_and_is_theirs(
    house: House,
) -> None:
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(paper(1), at=START + DAY)
    house.clock.advance(86_400)
    await house.collect()
    house.unfollow(A, "reward model")
    house.follow(A, "Reward Models", person=Person("Ben", "fake:2"))
    [own] = await house.store.subscriptions(A)
    assert (own.keyword.text, own.added_by.name) == ("Reward Models", "Ben")
    assert numbered((await house.publish())[A]) == [1]


async def test_of_two_keywords_removed_one_that_comes_back_brings_what_both_had_found(
    house: House,
) -> None:
    house.follow(A, "reward model", "graph network")
    await house.collect()
    house.source.announce(paper(1, "A reward model of a graph network"), at=START + DAY)
    house.clock.advance(86_400)
    await house.collect()
    house.unfollow(A, "reward model")
    house.clock.advance(60)
    house.unfollow(A, "graph network")
    house.follow(A, "reward model", undo=True)
    assert numbered((await house.publish())[A]) == [1]


async def test_a_keyword_that_was_removed_long_ago_is_new_when_it_is_added_again(
    house: House,
) -> None:
    house.follow(A, "reward model")
    house.follow(B, "graph network")
    await house.collect()
    house.source.announce(*(paper(n) for n in range(1, 8)), at=START + DAY)
    house.clock.advance(86_400)
    await house.collect()
    house.unfollow(A, "reward model")
    for _ in range(8):
        await house.day()
    asked = len(house.source.requests)
    await house.collect()
    interests = await house.store.interests()
    assert not interests.fresh
    assert [k.text for k in interests.primed] == ["graph network"]
    assert len(house.source.requests) == asked + 1
    house.source.announce(paper(20))
    house.follow(A, "reward model", undo=True)
    await house.collect()
    assert numbered((await house.publish())[A]) == [20]  # what was dropped stays so


async def test_a_setting_that_is_changed_while_others_are_published_to_counts(
    house: House,
) -> None:
    house.follow(A, "reward model")
    await house.collect()
    [before] = await house.store.publishable()
    await house.store.change_setting(A, "post_at", "09:30")
    seen: list[str | None] = []

    def rules(channel: Channel) -> Rules:
        seen.append(channel.post_at)
        return RULES

    composers = {"fake": PlainComposer}
    await publish(house.store, composers, rules, house.clock, channels=[before])
    assert set(seen) == {"09:30"}
    assert await house.store.to_recheck() == ()


async def test_a_throttled_source_is_not_asked_for_the_next_keyword(house: House) -> None:
    house.follow(A, "reward model", "graph network", "time series")
    house.source.faults = [SourceThrottled("wait", until=START + DAY)]
    await house.collect()
    assert len(house.source.requests) == 1


async def test_the_cursor_is_bound_to_what_was_found_not_to_the_calendar_day(
    house: House,
) -> None:
    """Asked too early, the source still shows yesterday; the same day's second run finds it."""
    house.follow(A, "reward model")
    await house.collect()
    house.source.announce(paper(1), at=START + timedelta(hours=3))
    house.clock.advance(3 * 3600)
    await house.collect()
    assert numbered((await house.publish())[A]) == [1]


async def test_a_year_of_days_posts_every_paper_exactly_once(house: House) -> None:
    """Papers arrive with delays as arXiv's do, the source fails now and then, the bot is down."""
    import random

    rng = random.Random(20260302)
    house.follow(A, "reward model")
    await house.collect()
    await house.publish()
    announced: list[int] = []
    posted: list[int] = []
    number = 0
    for day in range(1, 120):
        today = START + day * DAY
        for _ in range(rng.randrange(0, 4)):
            number += 1
            delay = rng.choice([1, 1, 1, 2, 3, 4, 9, 13, 40])
            house.source.announce(paper(number, published=today - delay * DAY), at=today)
            announced.append(number)
        house.clock.jump(today + timedelta(minutes=5))
        roll = rng.random()
        if roll < 0.1:
            continue  # the bot is down
        if roll < 0.25:
            house.source.faults = [SourceDown("no answer")]
        elif roll < 0.35:
            house.source.faults = [cut(1, complete=False)]
        await house.collect()
        house.source.faults = []
        posted += numbered((await house.publish(now=False)).get(A, []))
    house.clock.jump(datetime(2026, 8, 1, 9, 0, tzinfo=UTC))
    for _ in range(8):
        house.clock.advance(86_400)
        await house.collect()
        posted += numbered((await house.publish(now=False)).get(A, []))
    assert sorted(posted) == announced


async def awaiting(house: House) -> tuple[Run, Recorded]:
    return await collect(
        house.source,
        house.store,
        house.clock,
        first_post=0,
        submissions_expected_after=house.clock.now() - DAY / 2,
    )


async def test_an_announcement_that_matches_nobody_is_no_late_one(house: House) -> None:
    await settled_house(house)
    house.source.faults.append(unkept(paper(9, "Other", published=house.clock.now())))
    run, _ = await awaiting(house)
    assert (run.late, run.notes) == (False, ())


async def settled_house(house: House) -> None:
    house.follow(A, "reward model")
    house.source.announce(paper(1))
    await house.collect()
    await house.publish()
    house.clock.advance(86_400)


def of_today(house: House, number: int, title: str) -> Paper:
    return paper(number, title, published=house.clock.now() - timedelta(hours=6))


async def test_an_announcement_that_the_keywords_brought_is_there_without_asking_more(
    house: House,
) -> None:
    await settled_house(house)
    house.source.announce(of_today(house, 2, "A reward model"))
    house.source.requests.clear()
    run, recorded = await awaiting(house)
    assert (run.complete, run.late, recorded.due) == (True, False, 1)
    assert len(house.source.requests) == 1


async def test_whether_a_quiet_announcement_is_there_is_asked_of_the_content(house: House) -> None:
    await settled_house(house)
    house.source.announce(of_today(house, 3, "Of gardens, cat:cs.lg"))
    run, _ = await awaiting(house)
    assert (run.complete, run.late) == (True, False)
    assert house.source.requests[-1] == "latest cat:cs.LG"


async def test_a_late_announcement_is_awaited_and_posted_the_same_day(house: House) -> None:
    await settled_house(house)
    run, _ = await awaiting(house)
    assert (run.complete, run.late) == (True, True)
    assert await house.publish(now=False) == {}
    house.clock.advance(3 * 3600)
    house.source.announce(of_today(house, 2, "A reward model"))
    run, _ = await awaiting(house)
    assert not run.late
    assert await house.publish(now=False) == {A: [paper(2).id]}
    # and that was today's: what comes in the evening waits for tomorrow
    house.clock.advance(9 * 3600)
    house.source.announce(of_today(house, 5, "A reward model"))
    await awaiting(house)
    assert await house.publish(now=False) == {}


async def test_a_probe_that_fails_leaves_the_day_open(house: House) -> None:
    await settled_house(house)
    house.source.faults = [None, SourceDown("arXiv can't be reached.")]
    run, _ = await awaiting(house)
    assert (run.complete, run.late) == (False, False)
    assert [note.kind for note in run.notes] == [NoteKind.DOWN]


async def test_a_new_keyword_does_not_wait_for_a_late_announcement(house: House) -> None:
    await settled_house(house)
    house.follow(A, "graph network")
    house.source.announce(paper(7, "A graph network"))
    run, recorded = await awaiting(house)
    assert run.late
    assert recorded.primed == 1
