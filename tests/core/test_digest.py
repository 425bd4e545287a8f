"""What a channel gets at a moment: posting times, the first digest, missed days."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.arxiv.calendar import AnnouncementCalendar
from bot.core.digest import MAX_UNKEPT, Rules, display_cache, plan
from bot.keywords import parse
from bot.matching.similarity import InverseFrequencies
from bot.model import (
    Channel,
    ChannelAgenda,
    ChannelSaves,
    Digest,
    Draft,
    Entry,
    KeptProfile,
    Paper,
    Publication,
    SharedSave,
    Why,
)
from bot.model.timetable import Timetable
from bot.text import digests, displayed
from tests.builders import paper
from tests.fakes import PlainComposer

UTC_ZONE = ZoneInfo("UTC")
WORKDAYS = frozenset(range(5))
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def rules(backlog: int | None = None, zone: str = "UTC", at: time = time(8, 0)) -> Rules:
    return Rules(Timetable(ZoneInfo(zone), at, WORKDAYS), backlog)


def agenda(
    *numbers: int,
    published_until: datetime | None = MONDAY - 3 * DAY,
    last_complete_run_at: datetime | None = MONDAY,
    why: Why = Why.NEW,
) -> ChannelAgenda:
    due = tuple(Entry(paper(n), ("reward model",)) for n in reversed(numbers))
    new, first = (due, ()) if why is Why.NEW else ((), due)
    return ChannelAgenda(Channel("fake:a"), published_until, last_complete_run_at, new, first)


def decide(agenda: ChannelAgenda, at: datetime, rules: Rules, *, now: bool = False) -> Publication:
    publication = plan(agenda, PlainComposer(), rules, at, now=now)
    assert publication is not None
    return publication


def shown(publication: Publication) -> list[str]:
    payloads = [json.loads(draft.payload) for _, draft in publication.drafts]
    return [paper_id for payload in payloads for paper_id in payload["papers"]]


def test_new_papers_wait_for_the_channels_time_of_day() -> None:
    early = MONDAY - timedelta(minutes=1)
    assert plan(agenda(1), PlainComposer(), rules(), early) is None
    assert shown(decide(agenda(1), MONDAY, rules())) == ["2603.00001"]


def test_a_paper_that_goes_to_many_channels_is_made_ready_once() -> None:
    show, paper_of_latex = display_cache(), paper(1, r"On $\alpha$-stable processes")
    assert show(paper_of_latex) is show(paper(1, r"On $\alpha$-stable processes"))
    assert show(paper_of_latex) == displayed(paper_of_latex)
    assert show(paper(1, "Corrected", version=2)).title == "Corrected"


def test_now_does_not_wait() -> None:
    early = MONDAY - timedelta(minutes=1)
    assert shown(decide(agenda(1), early, rules(), now=True)) == ["2603.00001"]


def test_a_served_time_does_not_come_twice() -> None:
    publication = decide(agenda(1), MONDAY, rules())
    assert publication.published_until == MONDAY
    later = agenda(2, published_until=publication.published_until)
    assert plan(later, PlainComposer(), rules(), MONDAY + timedelta(hours=5)) is None


def test_the_first_papers_of_a_new_keyword_go_out_at_once() -> None:
    evening = MONDAY + timedelta(hours=10)
    publication = decide(agenda(1, 2, why=Why.FIRST, published_until=MONDAY), evening, rules())
    assert shown(publication) == ["2603.00002", "2603.00001"]
    assert publication.published_until is None, "the next regular time is not used up"


def test_an_empty_day_posts_nothing_and_is_over() -> None:
    publication = decide(agenda(), MONDAY, rules())
    assert publication.drafts == ()
    assert publication.published_until == MONDAY


def test_a_time_is_not_over_while_no_complete_run_speaks_for_it() -> None:
    """arXiv was late or did not answer: what comes later is still posted on the same day."""
    yesterday = MONDAY - DAY
    assert plan(agenda(last_complete_run_at=yesterday), PlainComposer(), rules(), MONDAY) is None
    partial = decide(agenda(1, last_complete_run_at=yesterday), MONDAY, rules())
    assert shown(partial) == ["2603.00001"]
    assert partial.published_until is None
    rest = decide(agenda(2, last_complete_run_at=MONDAY), MONDAY + timedelta(hours=2), rules())
    assert shown(rest) == ["2603.00002"]


def is_served(slot: datetime, by_run: datetime, binding: bool = True) -> bool:
    """Whether a run that began then serves that posting time, if arXiv's calendar is binding."""
    calendar = AnnouncementCalendar(binding=binding)
    timetable = Timetable(
        UTC_ZONE, slot.time(), frozenset(range(7)), announced_between=calendar.fetchable_between
    )
    due = agenda(published_until=slot - DAY, last_complete_run_at=by_run)
    publication = plan(due, PlainComposer(), Rules(timetable, None), slot)
    return publication is not None and publication.published_until == slot


def test_a_run_speaks_for_a_time_from_exactly_twelve_hours_before_it_on() -> None:
    """Where nobody knows when anything is announced."""
    began = MONDAY - timedelta(hours=12)
    assert is_served(MONDAY, began, binding=False)
    assert not is_served(MONDAY, began - timedelta(seconds=1), binding=False)
    assert decide(agenda(last_complete_run_at=began), MONDAY, rules()).published_until == MONDAY


@pytest.mark.parametrize(
    ("slot", "from_then_on"),
    [
        # From when arXiv's announcement of that night can be fetched: 22:45 in New York,
        ("2026-03-03T08:00", "2026-03-03T03:45"),
        ("2026-03-10T08:00", "2026-03-10T02:45"),  # where clocks spring two days before,
        ("2026-11-02T08:00", "2026-11-02T03:45"),  # and go back the day before.
        ("2026-03-02T08:00", "2026-03-02T03:45"),  # A Monday: Sunday's.
        ("2026-03-03T03:46", "2026-03-03T03:45"),
        # None comes in between.
        ("2026-03-03T03:44", "2026-03-02T15:44"),
        ("2026-03-02T23:00", "2026-03-02T11:00"),
        ("2026-03-07T08:00", "2026-03-06T20:00"),  # a Saturday
        ("2026-03-08T08:00", "2026-03-07T20:00"),
        ("2026-06-22T08:00", "2026-06-21T20:00"),  # a Monday after a Sunday that was a holiday
        ("2026-11-27T08:00", "2026-11-26T20:00"),  # after Thanksgiving
    ],
)
def test_no_run_speaks_for_a_time_if_something_was_announced_between_them(
    slot: str, from_then_on: str
) -> None:
    time_of_day, first = (datetime.fromisoformat(f"{each}:00Z") for each in (slot, from_then_on))
    assert is_served(time_of_day, first)
    assert not is_served(time_of_day, first - timedelta(seconds=1))


def test_a_run_after_the_time_speaks_for_it_whatever_was_announced_since() -> None:
    just_before_the_announcement = datetime(2026, 3, 3, 3, 44, tzinfo=UTC)
    assert is_served(just_before_the_announcement, just_before_the_announcement)
    assert is_served(MONDAY, MONDAY)


def test_at_exactly_the_posting_time_the_channel_is_published_to_and_only_once() -> None:
    slot = MONDAY
    just_before = agenda(1, published_until=slot - timedelta(microseconds=1))
    assert shown(decide(just_before, slot, rules())) == ["2603.00001"]
    assert plan(agenda(1, published_until=slot), PlainComposer(), rules(), slot) is None
    too_early = slot - timedelta(microseconds=1)
    assert plan(agenda(1), PlainComposer(), rules(), too_early) is None


def test_the_weekend_is_no_missed_day() -> None:
    friday = MONDAY - 3 * DAY
    publication = decide(agenda(1, published_until=friday), MONDAY, rules(backlog=0))
    assert shown(publication) == ["2603.00001"]


@pytest.mark.parametrize(
    ("backlog", "expected", "skipped"),
    [
        (None, ["2603.00003", "2603.00002", "2603.00001"], []),
        (2, ["2603.00003", "2603.00002"], ["2603.00001"]),
        (0, [], ["2603.00003", "2603.00002", "2603.00001"]),
    ],
)
def test_after_missed_days_the_catch_up_policy_decides(
    backlog: int | None, expected: list[str], skipped: list[str]
) -> None:
    wednesday = MONDAY + 2 * DAY
    behind = agenda(1, 2, 3, published_until=MONDAY - 3 * DAY, last_complete_run_at=wednesday)
    publication = decide(behind, wednesday, rules(backlog))
    assert shown(publication) == expected
    assert list(publication.skipped) == skipped
    assert publication.published_until == wednesday
    if expected:
        payload = json.loads(publication.drafts[0][1].payload)
        assert payload["missed"] == ["2026-03-02", "2026-03-03"]
        assert payload["skipped"] == len(skipped)


def test_a_policy_never_touches_a_day_that_was_not_missed() -> None:
    publication = decide(agenda(1, 2, 3), MONDAY, rules(backlog=0))
    assert len(shown(publication)) == 3
    assert publication.skipped == ()


def test_keys_are_stable_distinct_and_short_enough_for_a_nonce() -> None:
    many = agenda(*range(1, 31))
    first, again = decide(many, MONDAY, rules()), decide(many, MONDAY, rules())
    keys = [key for key, _ in first.drafts]
    assert keys == [key for key, _ in again.drafts]
    assert len(set(keys)) == len(keys) == 3
    assert all(len(key) <= 25 for key in keys)


def test_threads_of_a_second_digest_hang_under_its_own_head() -> None:
    new = agenda(*range(1, 13)).new
    first = agenda(*range(21, 33), why=Why.FIRST).first
    both = ChannelAgenda(Channel("fake:a"), None, MONDAY, new, first)
    publication = plan(both, PlainComposer(threaded=True), rules(), MONDAY)
    assert publication is not None
    assert [draft.parent for _, draft in publication.drafts] == [None, 0, None, 2]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Berlin", date(2026, 3, 27), datetime(2026, 3, 27, 1, 30, tzinfo=UTC)),
        # Monday after the spring change; the change itself falls on a Sunday.
        ("Europe/Berlin", date(2026, 3, 30), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 10, 26), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
    ],
)
def test_the_local_time_of_day_stays_over_clock_changes(
    zone: str, day: date, expected: datetime
) -> None:
    timetable = Timetable(ZoneInfo(zone), time(2, 30), frozenset(range(7)))
    assert timetable.latest(expected) == expected
    assert timetable.day_of(expected) == day


def test_clock_changes_neither_skip_nor_double_a_posting_day() -> None:
    timetable = Timetable(ZoneInfo("Europe/Berlin"), time(2, 30), frozenset(range(7)))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    days = []
    while moment < datetime(2027, 1, 1, tzinfo=UTC):
        moment = timetable.following(moment)
        days.append(timetable.day_of(moment))
        assert timetable.latest(moment) == moment
    gaps = {later - earlier for earlier, later in itertools.pairwise(days)}
    assert gaps == {DAY}


class DayComposer(PlainComposer):
    """Notes for which day each digest is."""

    def __init__(self) -> None:
        super().__init__()
        self.days: list[date] = []

    def compose(self, digest: Digest) -> list[Draft]:
        self.days.append(digest.day)
        return super().compose(digest)


@pytest.mark.parametrize(
    ("published_until", "at", "day"),
    [
        (MONDAY - 3 * DAY, MONDAY, MONDAY.date()),
        # arXiv was silent all Monday and answers in the night
        (MONDAY - 3 * DAY, MONDAY + timedelta(hours=18), MONDAY.date()),
        # down since Friday morning, started on Sunday
        (MONDAY - 4 * DAY, MONDAY - DAY, (MONDAY - 3 * DAY).date()),
        # a person wants it now, before Tuesday's time
        (MONDAY, MONDAY + timedelta(hours=18), (MONDAY + DAY).date()),
    ],
)
def test_a_digest_that_had_to_wait_says_for_which_day_it_is(
    published_until: datetime, at: datetime, day: date
) -> None:
    composer = DayComposer()
    plan(agenda(1, published_until=published_until), composer, rules(), at, now=True)
    assert composer.days == [day]


# -- once a week, and by keyword ------------------------------------------------------------------


class KeepsDigests(PlainComposer):
    """Composes as usual, and remembers of what."""

    def __init__(self) -> None:
        super().__init__()
        self.digests: list[Digest] = []

    def compose(self, digest: Digest) -> list[Draft]:
        self.digests.append(digest)
        return super().compose(digest)


def weekly(zone: str = "Europe/Berlin", at: time = time(8, 0)) -> Rules:
    return Rules(Timetable(ZoneInfo(zone), at, frozenset({0}), weekly=True), None, by_keyword=True)


def week_shown(agenda: ChannelAgenda, at: datetime, rules: Rules, *, now: bool = False) -> str:
    composer = KeepsDigests()
    assert plan(agenda, composer, rules, at, now=now) is not None
    return digests.heading(composer.digests[0])


@pytest.mark.parametrize(
    ("at", "now", "said"),
    [
        ("2026-11-30T07:00", False, "Week of 23 November 2026"),  # Monday 08:00 in Berlin
        ("2026-12-02T12:00", False, "Week of 23 November 2026"),  # had to wait until Wednesday
        ("2026-11-26T12:00", True, "Week of 23 November 2026"),  # a Thursday, by hand
        ("2026-03-30T06:00", False, "Week of 23 March 2026"),  # the clocks sprang on Sunday
        ("2026-10-26T07:00", False, "Week of 19 October 2026"),
        ("2027-01-04T07:00", False, "Week of 28 December 2026"),
    ],
)
def test_a_weekly_digest_says_which_week_it_is_about(at: str, now: bool, said: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    before = weekly().timetable.latest(moment) - (timedelta(0) if now else 7 * DAY)
    due = agenda(1, 2, published_until=before, last_complete_run_at=moment)
    due = replace(due, keywords=("reward model",))
    assert week_shown(due, moment, weekly(), now=now) == f"{said} · 2 new papers"


def test_a_channel_that_becomes_weekly_waits_for_monday_and_has_missed_nothing() -> None:
    thursday = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
    due = agenda(1, 2, published_until=thursday, last_complete_run_at=thursday + 4 * DAY)
    due = replace(due, keywords=("reward model",), rescheduled=True)
    assert plan(due, PlainComposer(), weekly("UTC"), thursday + 3 * DAY) is None
    assert weekly("UTC").timetable.following(thursday) == thursday + 4 * DAY
    composer = KeepsDigests()
    plan(due, composer, weekly("UTC"), thursday + 4 * DAY)
    assert composer.digests[0].missed == ()


def test_days_that_became_posting_days_only_now_were_not_missed() -> None:
    """Otherwise catch_up = "skip" would leave out a week's papers on a change back from weekly."""
    thursday = MONDAY + 3 * DAY
    waiting = agenda(1, 2, published_until=MONDAY, last_complete_run_at=thursday)
    assert shown(decide(waiting, thursday, rules(backlog=0))) == []
    rescheduled = replace(waiting, rescheduled=True)
    assert shown(decide(rescheduled, thursday, rules(backlog=0))) == ["2603.00002", "2603.00001"]


def test_papers_stand_by_the_channels_keywords_and_the_newest_first_within_each() -> None:
    entries = (
        Entry(paper(4), ("reward",)),
        Entry(paper(3), ("Graphs", "reward")),
        Entry(paper(2), ("reward",)),
        Entry(paper(1), ("Graphs",)),
    )
    due = replace(agenda(), new=entries, keywords=("Graphs", "reward"))
    composer = KeepsDigests()
    plan(due, composer, replace(rules(), by_keyword=True), MONDAY)
    [digest] = composer.digests
    assert [each.paper.id[-1] for each in digest.entries] == ["3", "1", "4", "2"]
    headings = digests.group_headings(digest, digest.entries)
    assert headings == ("Graphs (2)", "", "reward (2)", "")
    assert digests.group_headings(digest, digest.entries[1:]) == ("Graphs (2)", "reward (2)", "")


# -- what people saved ----------------------------------------------------------------------------

SAVED = tuple(
    paper(500 + n, f"Glacier flow and ice cores, part {n}", abstract=f"Ice of sample {n}.")
    for n in range(10)
)
OTHERS = (
    "Sorting networks for queues",
    "Ice cores of a glacier",
    "Bird song at dawn",
    "A glacier in spring",
    "Soup",
)


def saves(papers: Sequence[Paper]) -> ChannelSaves:
    """As if none of them were in a profile yet."""
    return ChannelSaves(1, None, frozenset(each.id for each in papers), tuple(papers))


def ordered(
    saved: tuple[Paper, ...], *, by_similarity: bool = True, why: Why = Why.NEW
) -> list[Entry]:
    titled = tuple(
        Entry(paper(n, title, abstract=title), ("x",)) for n, title in enumerate(OTHERS, 1)
    )
    due = titled[::-1]
    new, first = (due, ()) if why is Why.NEW else ((), due)
    made = ChannelAgenda(
        Channel("fake:a"), MONDAY - 3 * DAY, MONDAY, new=new, first=first, saves=saves(saved)
    )
    wanted = replace(rules(), by_similarity=by_similarity)
    recorder = KeepsDigests()
    background = InverseFrequencies([*saved, *(each.paper for each in due)])
    plan(made, recorder, wanted, MONDAY, frequencies=background)
    [digest] = recorder.digests
    return list(digest.entries)


@pytest.mark.parametrize("why", list(Why))
def test_papers_like_saved_ones_come_first_and_say_so_and_none_is_left_out(why: Why) -> None:
    entries = ordered(SAVED, why=why)
    titles = [each.paper.title for each in entries]
    assert set(titles[:2]) == {OTHERS[1], OTHERS[3]}
    assert titles[2:] == [OTHERS[4], OTHERS[2], OTHERS[0]], "the others as before, the newest first"
    assert all(each.like.startswith("Glacier flow") for each in entries[:2])
    assert [each.like for each in entries[2:]] == ["", "", ""], "nothing is like them"


def test_with_fewer_than_ten_saved_papers_or_without_the_setting_the_newest_come_first() -> None:
    newest = list(reversed(OTHERS))
    assert [each.paper.title for each in ordered(SAVED[:9])] == newest
    assert [each.paper.title for each in ordered(SAVED, by_similarity=False)] == newest


def test_only_the_first_three_say_what_they_are_like() -> None:
    due = tuple(Entry(paper(n, "Ice", abstract="Cores"), ("x",)) for n in range(9, 0, -1))
    made = ChannelAgenda(Channel("fake:a"), None, MONDAY, new=due, saves=saves(SAVED))
    recorder = KeepsDigests()
    wanted = replace(rules(), by_similarity=True)
    plan(made, recorder, wanted, MONDAY, frequencies=InverseFrequencies(SAVED))
    [digest] = recorder.digests
    assert [bool(each.like) for each in digest.entries] == [True] * 3 + [False] * 6


def test_a_profile_is_kept_until_it_is_worth_writing_it_again() -> None:
    due = (Entry(paper(1, "Ice cores"), ("x",)),)
    wanted = replace(rules(), by_similarity=True)

    def kept(saves: ChannelSaves) -> KeptProfile | None:
        made = ChannelAgenda(Channel("fake:a"), None, MONDAY, new=due, saves=saves)
        found = plan(made, PlainComposer(), wanted, MONDAY, frequencies=InverseFrequencies(SAVED))
        assert found is not None
        return found.profile

    first = kept(saves(SAVED))
    assert first is not None
    ids = frozenset(each.id for each in SAVED)
    assert (first.revision, frozenset(first.ids)) == (1, ids)
    assert kept(ChannelSaves(1, first)) is None, "nothing changed"
    more = tuple(paper(600 + n, "Ice") for n in range(MAX_UNKEPT + 1))
    added = ids.union(each.id for each in more)
    assert kept(ChannelSaves(2, first, added - {more[-1].id}, more[:-1])) is None
    again = kept(ChannelSaves(3, first, added, more))
    assert again is not None
    assert (again.revision, frozenset(again.ids)) == (3, added)
    fewer = kept(ChannelSaves(4, again, added - {SAVED[0].id}))
    assert fewer is not None
    assert frozenset(fewer.ids) == added - {SAVED[0].id}
    assert kept(ChannelSaves(5, fewer, frozenset(sorted(ids)[:9]))) is None, "too few to compare"


def test_of_missed_days_the_newest_are_posted_whatever_they_are_like() -> None:
    due = tuple(Entry(paper(n, OTHERS[n - 1]), ("x",)) for n in range(5, 0, -1))
    made = ChannelAgenda(Channel("fake:a"), MONDAY - 7 * DAY, MONDAY, new=due, saves=saves(SAVED))
    wanted = replace(rules(backlog=2), by_similarity=True)
    found = plan(made, PlainComposer(), wanted, MONDAY, frequencies=InverseFrequencies(SAVED))
    assert found is not None
    assert sorted(shown(found)) == ["2603.00004", "2603.00005"]
    assert len(found.skipped) == 3


FRIDAY = MONDAY + 4 * DAY
HOUR = timedelta(hours=1)


def told(
    at: datetime,
    *saves: tuple[int, tuple[datetime, ...]],
    until: datetime | None = None,
    run: datetime | None = None,
    new: tuple[int, ...] = (),
) -> tuple[list[tuple[str, int]], datetime | None]:
    """The most saved papers of the digest at that time, and up to which time they count as told."""
    shared = tuple(SharedSave(paper(number), times) for number, times in saves)
    base = agenda(*new, published_until=at - DAY, last_complete_run_at=run or at)
    made = replace(base, shared=shared, most_saved_until=until)
    recorder = KeepsDigests()
    publication = plan(made, recorder, rules(), at)
    found = [
        (each.paper.id, each.people) for digest in recorder.digests for each in digest.most_saved
    ]
    return found, publication.most_saved_until if publication else None


def test_the_last_digest_of_a_week_ends_with_what_two_or_more_people_saved_in_it() -> None:
    week = [FRIDAY - n * DAY for n in (1, 2, 3)]
    saves = [
        (1, (week[0], week[1])),
        (2, (week[0], week[1], week[2])),
        (3, (week[0], FRIDAY - 8 * DAY)),  # one of the two in the week before
        (4, (week[0], FRIDAY + HOUR)),
        (5, (FRIDAY, FRIDAY - 7 * DAY + HOUR)),
    ]
    expected = [("2603.00002", 3), ("2603.00005", 2), ("2603.00001", 2)]
    assert told(FRIDAY, *saves, new=(9,)) == (expected, FRIDAY)
    assert told(FRIDAY, *saves) == (expected, FRIDAY), "alone, where nothing else is new"
    assert told(FRIDAY - DAY, *saves, new=(9,), until=FRIDAY - 7 * DAY) == ([], None)


def test_at_most_five_are_told_and_none_where_each_was_saved_by_one() -> None:
    both = (FRIDAY - DAY, FRIDAY - HOUR)
    found, _ = told(FRIDAY, *((n, both) for n in range(1, 9)))
    assert found == [(f"2603.{n:05d}", 2) for n in (8, 7, 6, 5, 4)]
    assert told(FRIDAY, (1, both[:1]), new=(9,)) == ([], None)


def test_what_was_told_is_not_told_again_and_what_was_not_comes_with_the_next_digest() -> None:
    both = (FRIDAY - DAY, FRIDAY - HOUR)
    monday = FRIDAY + 3 * DAY
    assert told(monday, (1, both), new=(9,), until=FRIDAY) == ([], None)
    assert told(monday, (1, both), new=(9,)) == ([("2603.00001", 2)], FRIDAY)
    assert told(monday, (1, both)) == ([], None), "but not alone, days later"


def test_a_late_arxiv_keeps_the_most_saved_papers_for_the_digest_that_waits_for_it() -> None:
    both = (FRIDAY - DAY, FRIDAY - HOUR)
    assert told(FRIDAY, (1, both), run=FRIDAY - DAY) == ([], None)
    assert told(FRIDAY + HOUR, (1, both), run=FRIDAY + HOUR) == ([("2603.00001", 2)], FRIDAY)


def test_other_posting_days_tell_no_save_twice() -> None:
    both = (FRIDAY - 3 * DAY, FRIDAY - 2 * DAY)
    assert told(FRIDAY, (1, both), until=FRIDAY - DAY, new=(9,)) == ([], None)


def test_within_each_keyword_the_similar_ones_come_first() -> None:
    entries = tuple(
        Entry(paper(n, title), (keyword,))
        for n, title, keyword in ((4, "Soup", "a"), (3, "Ice", "b"), (2, "Glacier ice", "a"))
    )
    due = replace(agenda(), new=entries, keywords=("a", "b"), saves=saves(SAVED))
    composer = KeepsDigests()
    wanted = replace(rules(), by_keyword=True, by_similarity=True)
    plan(due, composer, wanted, MONDAY, frequencies=InverseFrequencies())
    [digest] = composer.digests
    assert [each.paper.title for each in digest.entries] == ["Glacier ice", "Soup", "Ice"]
    assert [bool(each.like) for each in digest.entries] == [True, False, True]


def test_a_paper_that_a_mute_hides_at_its_time_is_settled_and_not_shown() -> None:
    entries = tuple(
        Entry(paper(n, title), ("reward",))
        for n, title in ((3, "Surveys of reward"), (2, "Reward"), (1, "A survey"))
    )
    due = replace(agenda(), new=entries, first=(Entry(paper(9, "Survey"), ("reward",)),))
    due = replace(due, mutes=(parse("survey"),))
    publication = decide(due, MONDAY, rules())
    assert shown(publication) == ["2603.00002"]
    assert publication.muted == ("2603.00003", "2603.00001", "2603.00009")
    early = decide(due, MONDAY - timedelta(minutes=1), rules())
    assert (shown(early), early.muted) == ([], ("2603.00009",)), "others wait, and so may the mute"
    all_hidden = decide(replace(due, mutes=(parse("reward OR survey"),)), MONDAY, rules())
    assert all_hidden.drafts == ()
    assert all_hidden.published_until == MONDAY


def test_a_catch_up_of_the_newest_counts_what_no_mute_hides() -> None:
    due = agenda(1, 2, 3, published_until=MONDAY - 14 * DAY)
    due = replace(
        due, new=(Entry(paper(4, "A survey"), ("reward",)), *due.new), mutes=(parse("survey"),)
    )
    assert shown(decide(due, MONDAY, rules(backlog=2))) == ["2603.00003", "2603.00002"]
