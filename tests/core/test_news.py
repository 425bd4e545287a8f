"""What became of posted papers: what is news, and where and when it is told."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.core.collect import collect
from bot.core.deliver import Deliverer
from bot.core.digest import Rules
from bot.core.news import KINDS, differs, news_of
from bot.core.publish import publish
from bot.errors import NoteKind, SourceDown
from bot.keywords import parse
from bot.model import VERSION_UNKNOWN, Batch, Channel, NewsKind, Paper, Person, Run
from bot.model.timetable import Timetable
from tests.builders import paper
from tests.fakes import START, FakeClock, FakePlatform, FakeSource, PlainComposer
from tests.store.database import change, opened, select, wait

DAY = timedelta(days=1)
TIMETABLE = Timetable(ZoneInfo("UTC"), time(8, 0), frozenset(range(7)))
A, B = "fake:a", "fake:b"
FIRST = paper(1)
LOOKUP = f"papers {FIRST.id}"
WITHDRAWN = "This paper has been withdrawn by the authors due to an error in Lemma 2"


def later(version: int = 2, **fields: object) -> Paper:
    at = START + version * DAY
    return dataclasses.replace(FIRST, version=version, updated=at, **fields)  # type: ignore[arg-type]


# -- what is news ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (FIRST, FIRST, []),
        (FIRST, dataclasses.replace(FIRST, comment="12 pages"), []),
        (FIRST, later(), ["version"]),
        (FIRST, dataclasses.replace(FIRST, comment="Accepted at ICML 2026"), ["venue"]),
        (FIRST, later(comment="Accepted at ICML 2026"), ["venue", "version"]),
        (FIRST, later(comment="Submitted to ICML 2026"), ["version"]),
        (FIRST, dataclasses.replace(FIRST, journal_ref="Phys. Rev. D 101 (2026) 1"), ["venue"]),
        (FIRST, dataclasses.replace(FIRST, journal_ref="?!"), ["venue"]),
        (
            later(comment="Accepted at ICML 2026"),
            later(comment="Accepted at ICML 2026 (oral)"),
            [],
        ),
        (
            later(comment="Accepted at ICML 2026"),
            later(comment="Accepted at NeurIPS 2026"),
            ["venue"],
        ),
        (later(comment="Accepted at ICML 2026"), later(), []),
        (
            later(comment="Accepted at ICML 2026"),
            later(comment="Accepted at ICML 2026", journal_ref="Proc. of ICML 2026"),
            ["venue"],
        ),
        (later(journal_ref="Phys. Rev. D 101, 1"), later(journal_ref="PRD 101 (2026), 1"), []),
        (FIRST, later(comment=WITHDRAWN), ["withdrawn"]),
        (later(2, comment=WITHDRAWN), later(3, comment=WITHDRAWN), []),
        (later(2, comment=WITHDRAWN), later(3, comment="Lemma 2 corrected"), ["restored"]),
        (later(3), later(2, comment=WITHDRAWN), []),  # an older answer
        (later(VERSION_UNKNOWN), later(3), []),  # nobody knew the version: it may be the same
    ],
)
def test_what_is_news(before: Paper, after: Paper, kinds: list[str]) -> None:
    found = news_of(before, after)
    assert [each.kind for each in found] == kinds


def test_news_say_what_changed() -> None:
    [version] = news_of(FIRST, later(title="A study of  $\\alpha$", comment="12 pages"))
    assert version.titles == ("A study of reward models", "A study of α")
    assert version.comments == ("", "12 pages")
    assert (version.version, version.mark) == (2, "2")
    [venue] = news_of(FIRST, dataclasses.replace(FIRST, journal_ref="Proc. of ICML 2026"))
    assert (venue.text, venue.published) == ("ICML 2026", True)
    [withdrawn] = news_of(FIRST, later(comment=WITHDRAWN))
    assert withdrawn.text == WITHDRAWN


def test_a_paper_whose_abstract_was_forgotten_was_withdrawn_if_its_comment_said_so() -> None:
    known = dataclasses.replace(FIRST, abstract="")
    assert news_of(known, FIRST) == ()
    unknown = later(abstract="This paper has been withdrawn by its authors.")
    assert [each.kind for each in news_of(known, unknown)] == [NewsKind.VERSION]
    assert news_of(known, later(comment=WITHDRAWN))[0].kind is NewsKind.WITHDRAWN


def test_a_record_without_a_version_differs_by_what_can_be_news() -> None:
    record = later(VERSION_UNKNOWN, title="A study of\n reward models")
    known = dataclasses.replace(FIRST, updated=record.updated)
    assert not differs(known, record)
    assert differs(FIRST, record)
    assert differs(known, dataclasses.replace(record, journal_ref="Phys. Rev."))


# -- from a source to the channels ----------------------------------------------------------------


class Life:
    """A bot day by day, over a real database, with a scripted source and a platform in a file."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock)
        self.store = opened(folder / "db")
        self.platform = FakePlatform(folder / "messages", clock=self.clock)
        self.deliverer = Deliverer("fake", self.platform, self.store, self.clock, random.Random(1))
        self.updates: dict[str, str] = {}

    def follow(self, *channels: str) -> None:
        for channel in channels:
            wait(self.store.follow(channel, parse("reward model"), Person("Ada"), self.clock.now()))

    def rules(self, channel: Channel) -> Rules:
        return Rules(TIMETABLE, None, news=KINDS[self.updates.get(channel.id, "status")])

    async def run(self, *papers: Paper) -> Run:
        """A day passes; what arXiv has of these papers is now this."""
        self.clock.advance(86_400)
        ids = {each.id for each in papers}
        self.source.announced = [e for e in self.source.announced if e[1].id not in ids]
        self.source.announce(*papers)
        run, _ = await collect(self.source, self.store, self.clock, first_post=3)
        await publish(self.store, {"fake": PlainComposer}, self.rules, self.clock, now=True)
        await self.deliverer.deliver()
        return run

    async def until(self, day: int) -> None:
        """Its first run after a long time, which looks as far back; then an ordinary one."""
        self.clock.jump(START + (day - 2) * DAY)
        for _ in range(2):
            await self.run()

    def told(self, channel: str = A) -> list[str]:
        return self.platform.news(channel)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Life]:
    bot = Life(tmp_path)
    bot.follow(A)
    await bot.run(FIRST)
    assert bot.platform.papers(A) == [FIRST.id]
    yield bot
    bot.store.close()


def revised(*papers: Paper, listed: tuple[date, date] | None = None) -> Callable[[Batch], Batch]:
    """The answer of a harvest that lists these as changed."""

    def harvest(batch: Batch) -> Batch:
        del batch
        return Batch((), True, requests=2, chosen=False, revised=papers, listed=listed)

    return harvest


async def test_a_withdrawal_is_told_once_and_in_reply_to_the_papers_own_message(bot: Life) -> None:
    gone = later(comment=WITHDRAWN)
    for _ in range(3):
        await bot.run(gone)
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]
    [(parent, post)] = select(
        bot.store,
        "select o.parent_key, l.post_key from outbox o, ledger l where o.parent_key is not null",
    )
    assert parent == post
    assert bot.platform.papers(A) == [FIRST.id]


async def test_a_digest_may_consist_of_news_alone_and_beside_papers_they_come_last(
    bot: Life,
) -> None:
    accepted = dataclasses.replace(FIRST, comment="Accepted at ICML 2026")
    await bot.run(accepted, paper(2))
    message = bot.platform.messages()[-1]
    assert '"papers": ["2603.00002"]' in message["payload"]
    assert "accepted icml 2026" in message["payload"]
    await bot.run(dataclasses.replace(accepted, journal_ref="Proc. of ICML 2026"))
    assert bot.told() == [
        f"{FIRST.id} venue accepted icml 2026",
        f"{FIRST.id} venue published icml 2026",
    ]


async def test_new_versions_are_told_where_a_channel_asks_for_them(bot: Life) -> None:
    bot.follow(B)
    bot.updates = {A: "all", B: "none"}
    await bot.run(paper(2))
    bot.source.announced.clear()
    await bot.run(later(), later(2, comment=WITHDRAWN, id="2603.00002", serial=paper(2).serial))
    assert bot.told(A) == [
        "2603.00002 withdrawn 2", f"{FIRST.id} version 2", "reply 2603.00002 2",
    ]  # fmt: skip
    assert bot.told(B) == []
    bot.updates = {A: "all", B: "all"}
    await bot.run(later(3))
    assert bot.told(A)[1:3] == [f"{FIRST.id} version 2", f"{FIRST.id} version 3"]
    assert bot.told(B) == [f"{FIRST.id} version 3"], "what it did not want is not told later"


async def test_a_paper_that_is_posted_with_its_venue_brings_no_news_of_it(bot: Life) -> None:
    accepted = dataclasses.replace(FIRST, comment="Accepted at ICML 2026")
    await bot.run(accepted)
    bot.follow(B)
    await bot.run(accepted)
    await bot.run(accepted)
    assert FIRST.id in bot.platform.papers(B)
    assert bot.told(B) == []
    await bot.run(later(comment=WITHDRAWN))
    assert bot.told(B) == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]


async def test_an_answer_that_goes_back_and_forth_tells_nothing_twice(bot: Life) -> None:
    accepted = dataclasses.replace(FIRST, comment="Accepted at ICML 2026")
    for each in (accepted, FIRST, accepted, FIRST, accepted):
        await bot.run(each)
    assert bot.told() == [f"{FIRST.id} venue accepted icml 2026"]


async def test_a_paper_that_comes_back_and_is_withdrawn_again_is_told_each_time(bot: Life) -> None:
    await bot.run(later(2, comment=WITHDRAWN))
    await bot.run(later(3, comment="Lemma 2 corrected"))
    await bot.run(later(4, comment=WITHDRAWN))
    assert bot.told()[:3] == [
        f"{FIRST.id} withdrawn 2", f"{FIRST.id} restored 3", f"{FIRST.id} withdrawn 4",
    ]  # fmt: skip


async def test_news_wait_until_it_is_known_that_the_papers_own_message_arrived(
    bot: Life,
) -> None:
    change(bot.store, "update outbox set state = 'held'")
    await bot.run(later(comment=WITHDRAWN))
    assert bot.told() == []
    change(bot.store, "update outbox set state = 'sent' where state = 'held'")
    await bot.run()
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]


async def test_a_paused_channel_hears_it_when_it_is_back_and_one_without_keywords_never(
    bot: Life,
) -> None:
    await bot.store.pause(A, "holidays", bot.clock.now())
    await bot.run(later(comment=WITHDRAWN))
    assert bot.told() == []
    await bot.store.resume(A)
    await bot.run()
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]
    await bot.store.unfollow(A, [parse("reward model").canonical], bot.clock.now())
    bot.follow(B)
    await bot.run(later(3))
    assert len(bot.told()) == 2


async def test_an_old_paper_is_looked_up_once_a_week_and_its_news_told(bot: Life) -> None:
    await bot.until(70)
    bot.source.requests.clear()
    gone = later(comment=WITHDRAWN)
    runs = [await bot.run(gone) for _ in range(14)]
    assert [each for each in bot.source.requests if each.startswith("papers")] == [LOOKUP] * 2
    assert sum(run.followed_until is not None for run in runs) == 2
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]


async def test_a_lookup_that_failed_is_made_again_the_next_day(bot: Life) -> None:
    await bot.until(70)
    while (await bot.run()).followed_until is None:
        pass
    for _ in range(6):
        await bot.run()
    gone = later(comment=WITHDRAWN)
    bot.source.faults = [None, SourceDown("no answer")]
    assert (await bot.run(gone)).followed_until is None
    assert bot.source.requests[-1] == LOOKUP
    assert bot.told() == []
    assert (await bot.run(gone)).followed_until is not None
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]


@pytest.mark.parametrize("left", [0, 3])
async def test_a_lookup_without_the_papers_that_were_asked_for_is_made_again_the_next_day(
    bot: Life, left: int
) -> None:
    await bot.run(*(paper(n) for n in range(2, 11)))
    await bot.until(70)
    while (await bot.run()).followed_until is None:
        pass
    for _ in range(6):
        await bot.run()
    gone = later(comment=WITHDRAWN)
    bot.source.faults = [None, lambda batch: dataclasses.replace(batch, papers=batch.papers[:left])]
    run = await bot.run(gone)
    assert run.followed_until is None
    assert [note.kind for note in run.notes] == [NoteKind.SHORT]
    assert bot.told() == []
    assert (await bot.run(gone)).followed_until is not None
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]


async def test_a_paper_that_arxiv_took_away_does_not_keep_the_others_from_being_looked_up(
    bot: Life,
) -> None:
    await bot.run(*(paper(n) for n in range(2, 11)))
    bot.source.announced = [each for each in bot.source.announced if each[1] != FIRST]
    await bot.until(70)
    while (run := await bot.run()).followed_until is None:
        pass
    assert run.notes == ()


async def test_a_posted_paper_is_looked_up_for_two_years(bot: Life) -> None:
    await bot.until(720)
    bot.source.requests.clear()
    for _ in range(8):
        await bot.run()
    assert LOOKUP in bot.source.requests
    await bot.until(740)
    bot.source.requests.clear()
    for _ in range(8):
        await bot.run(later(comment=WITHDRAWN))
    assert LOOKUP not in bot.source.requests
    assert bot.told() == []


async def test_what_a_list_of_changes_holds_is_completed_and_told_without_looking_up_the_rest(
    bot: Life,
) -> None:
    for _ in range(15):
        await bot.run(paper(2))
    until = await _followed_until(bot)
    gone = later(2, comment=WITHDRAWN)
    record = dataclasses.replace(gone, version=VERSION_UNKNOWN, published=gone.updated)
    today = (bot.clock.now() + DAY).date()
    bot.source.requests.clear()
    bot.source.faults = [revised(record, listed=(until, today))]
    run = await bot.run(gone)
    assert bot.source.requests[1:] == [f"papers {FIRST.id}"]
    assert run.followed_until == today
    assert bot.told() == [f"{FIRST.id} withdrawn 2", f"reply {FIRST.id} 2"]
    # The next one begins where this one ended, and has nothing.
    bot.source.requests.clear()
    for _ in range(10):
        day = (bot.clock.now() + DAY).date()
        bot.source.faults = [revised(listed=(day - DAY, day))]
        assert (await bot.run()).followed_until == day
    assert not [each for each in bot.source.requests if each.startswith("papers")]


async def test_a_list_that_does_not_begin_where_the_last_lookup_ended_speaks_for_nothing(
    bot: Life,
) -> None:
    until = await _followed_until(bot)
    bot.source.faults = [revised(listed=(until + DAY, until + 2 * DAY))]
    assert (await bot.run()).followed_until is None


async def _followed_until(bot: Life) -> date:
    found = (await bot.store.interests()).followed_until
    assert found is not None
    return found


async def test_the_source_is_told_which_papers_were_posted(bot: Life) -> None:
    await bot.run()
    assert bot.source.posted == {FIRST.id}


async def test_a_record_kept_for_having_been_posted_is_no_candidate_for_a_match(bot: Life) -> None:
    bot.follow(B)
    await bot.run()
    old = paper(7, month="2401", published=datetime(2024, 1, 5, tzinfo=UTC))
    record = dataclasses.replace(old, version=VERSION_UNKNOWN)
    bot.source.faults = [revised(record)]
    await bot.run()
    assert old.id not in bot.platform.papers(B)


async def test_a_clock_that_was_ahead_does_not_end_the_weekly_lookups(bot: Life) -> None:
    change(bot.store, "update runs set followed_until = '2099-01-01'")
    await bot.run()
    assert (await bot.store.interests()).followed_until == bot.clock.now().date()


async def test_a_bulk_edit_is_told_in_one_digest_with_the_withdrawals_first(bot: Life) -> None:
    papers = [paper(n) for n in range(100, 400)]
    await bot.run(*papers)
    edited = [
        dataclasses.replace(each, comment="Accepted at ICML 2026")
        if number
        else dataclasses.replace(each, comment=WITHDRAWN, version=2)
        for number, each in enumerate(papers)
    ]
    before = len(bot.platform.messages())
    await bot.run(*edited)
    digest, reply = bot.platform.messages()[before:]
    assert '"news": [["2603.00100", "withdrawn"' in digest["payload"]
    assert '"reply"' in reply["payload"]
    assert len(bot.told()) == 301
