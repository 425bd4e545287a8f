"""The wording by itself: times, meanings, estimates, and whatever people type."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.arxiv.calendar import AnnouncementCalendar, NoAnnouncement
from bot.arxiv.ids import base_id
from bot.chat.parse import COMMANDS, bare_id, parse_command
from bot.chat.replies.dates import DateFormatter, iso
from bot.chat.replies.paraphrase import in_words
from bot.chat.replies.preview import Estimate, chart, estimate
from bot.chat.replies.reasons import ChannelContext, explain_channel
from bot.chat.replies.settings import ScheduleDefaults, settings_reply
from bot.chat.replies.status import last_run_line
from bot.config import check
from bot.errors import UserError
from bot.keywords import expression, parse
from bot.model import Batch, Channel
from bot.model.timetable import Timetable
from bot.model.views import ChannelView, OpenPost, PostedDigest, RunView, StateView
from tests.builders import paper
from tests.fakes import START

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-03-02T08:00", "today 09:00"),
        ("2026-03-01T22:59", "yesterday 23:59"),
        ("2026-03-01T23:00", "today 00:00"),  # already Monday in Berlin
        ("2026-03-03T08:00", "tomorrow 09:00"),
        ("2026-02-27T08:00", "Fri 27 Feb 09:00"),
        ("2026-03-30T08:00", "Mon 30 Mar 10:00"),  # summer time
        ("2025-12-31T08:00", "Wed 31 Dec 2025 09:00"),
    ],
)
def test_a_time_is_written_in_the_channels_time_zone(at: str, said: str) -> None:
    utc = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert DateFormatter(START, BERLIN).time(utc) == said


def test_times_for_programs_are_utc_and_absent_where_there_is_none() -> None:
    assert iso(START + timedelta(microseconds=5)) == "2026-03-02T08:00:00Z"
    assert iso(None) is None


@pytest.mark.parametrize(
    ("local", "weekend"),
    [
        ("2026-03-06T02:00", False),  # Thursday evening's announcement is in
        ("2026-03-06T19:59", False),
        ("2026-03-06T20:01", True),  # a Friday evening without one
        ("2026-03-07T12:00", True),
        ("2026-03-08T19:59", True),
        ("2026-03-08T20:01", False),  # Sunday evening's, on the day of summer time
        ("2026-03-09T02:00", False),
    ],
)
def test_arxivs_weekend_is_from_friday_to_sunday_evening_in_new_york(
    local: str, weekend: bool
) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=NEW_YORK).astimezone(UTC)
    assert (AnnouncementCalendar().reason_before(at) is NoAnnouncement.WEEKEND) is weekend


@pytest.mark.parametrize(
    ("keyword", "said"),
    [
        ("Reward-Models", '"reward models" in title or abstract'),
        ("co:NeurIPS", '"neurips" in comment'),
        ("cat:cs.lg", "category cs.LG"),
        ("cat:cond-mat.mtrl-sci", "category cond-mat.mtrl-sci"),
        ("cat:hep-th", "category hep-th with everything below it"),
        ("cat:cs.SY", "category eess.SY (also called cs.SY)"),
        ("cat:math-ph", "category math-ph (also called math.MP)"),
        ("cat:alg-geom", "category math.AG"),
        ('au:"Ada Example"', "an author called Ada Example"),
        ("all:sampling", '"sampling" anywhere'),
        ("transform*", 'a word that begins with "transform" in title or abstract'),
        (
            "ti:model??",
            'a word that begins with "model" and 2 letters more in title',
        ),
        (
            "ti:a1 OR abs:b2 AND cat:cs.LG",
            '"a1" in title or ("b2" in abstract and category cs.LG)',
        ),
        (
            "(reward OR value) -survey",
            '("reward" in title or abstract or "value" in title or abstract)'
            ' and not "survey" in title or abstract',
        ),
    ],
)
def test_what_was_understood_is_said_with_its_precedence(keyword: str, said: str) -> None:
    assert in_words(expression(parse(keyword))) == said


@pytest.mark.parametrize(
    ("channel", "defaults", "name", "said"),
    [
        (Channel("discord:1"), ScheduleDefaults(), "post_at", "08:00 (the default)"),
        (Channel("discord:1"), ScheduleDefaults(), "catch_up", "all (the default)"),
        (Channel("discord:1"), ScheduleDefaults(), "layout", "digest (the default)"),
        (Channel("slack:C1"), ScheduleDefaults(), "layout", "thread (the default)"),
        (Channel("slack:C1"), ScheduleDefaults(), "editors", "managers (the default)"),
        (
            Channel("discord:1"),
            ScheduleDefaults({"catch_up": "newest 20"}, frozenset({"catch_up", "days"})),
            "catch_up",
            "newest 20 (from [schedule] in bot.toml)",
        ),
        (
            Channel("discord:1"),
            ScheduleDefaults({"catch_up": "newest 20"}, frozenset({"days"})),
            "days",
            "mon-fri (from [schedule] in bot.toml)",
        ),
        (
            Channel("discord:1", catch_up="skip", editors="members"),
            ScheduleDefaults({"catch_up": "newest 20"}, frozenset({"catch_up"})),
            "catch_up",
            "skip (set here)",
        ),
    ],
)
def test_a_setting_is_shown_with_its_effective_value_and_where_that_comes_from(
    channel: Channel, defaults: ScheduleDefaults, name: str, said: str
) -> None:
    assert f"{name} = {said}: " in settings_reply(channel, defaults, ZoneInfo("UTC")).text


def test_what_bot_toml_gives_is_distinguished_from_what_it_leaves_out() -> None:
    text = '[schedule]\npost_at = "08:00"\ncatch_up = "newest 7"\n'
    schedule = check(text, Path("bot.toml")).schedule
    assert schedule.written == {"post_at", "catch_up"}, "also where it says the default"
    assert schedule.values == {"post_at": "08:00", "days": "mon-fri", "catch_up": "newest 7"}
    assert check("", Path("bot.toml")).schedule.written == set()


def test_an_estimate_of_no_papers_at_all_is_zero_and_not_cut() -> None:
    found = estimate(Batch((), True), [], 100, 7, START)
    assert found == Estimate(0, 7.0, cut=False, until=START)
    assert found.per_day == 0


LAST_DAYS = ("Sat 28 Feb", "Fri 27 Feb", "Thu 26 Feb", "Wed 25 Feb", "Tue 24 Feb")


@pytest.mark.parametrize(
    ("days", "hours_ago", "shown"),
    [
        (7, [1, 2, 26], ["2 Mon 2 Mar", "1 Sun 1 Mar", *(f"0 {d}" for d in LAST_DAYS)]),
        (2, [1, 47], ["1 Mon 2 Mar", "0 Sun 1 Mar", "1 Sat 28 Feb"]),  # a part of Saturday
        (7, [], []),
        (1, [1], []),
        (30, [1], []),
    ],
)
def test_a_preview_has_a_bar_for_each_day_of_a_week_or_two(
    days: int, hours_ago: list[int], shown: list[str]
) -> None:
    papers = tuple(
        paper(n, published=START - timedelta(hours=each)) for n, each in enumerate(hours_ago)
    )
    bars = chart(estimate(Batch(papers, True), papers, 100, days, START), BERLIN)
    found = zip(bars.said, bars.labels, strict=True) if bars else ()
    assert [" ".join(each) for each in found] == shown


def test_an_estimate_of_papers_of_one_minute_is_no_million_a_day() -> None:
    papers = tuple(paper(n, published=START) for n in range(100))
    assert estimate(Batch(papers, True), papers, 100, 7, START).per_day == 2400


@given(st.text(max_size=60))
def test_any_words_are_a_command_or_a_kind_refusal(words: str) -> None:
    try:
        command, rest = parse_command(words)
    except UserError:
        return
    assert command in COMMANDS
    assert rest == rest.strip()


@given(st.sampled_from(sorted(COMMANDS)), st.text(min_size=1, max_size=40))
def test_what_follows_a_command_arrives_as_it_was_typed(command: str, rest: str) -> None:
    typed = rest.strip()
    if typed:
        assert parse_command(f"  {command.title()}  {typed} ") == (command, typed)


@given(st.text(max_size=80))
def test_any_text_is_an_id_or_is_refused_as_one(text: str) -> None:
    try:
        identity = base_id(bare_id(text))
    except ValueError:
        return
    assert base_id(identity) == identity


@pytest.mark.parametrize(
    ("requests", "fetched", "outcome"),
    [(0, 0, "with nothing to ask arXiv"), (0, 8, "complete"), (1, 0, "complete")],
)
def test_a_run_on_what_a_preview_just_fetched_is_not_one_that_had_nothing_to_ask(
    requests: int, fetched: int, outcome: str
) -> None:
    at = datetime(2026, 3, 2, 8, tzinfo=UTC)
    run = RunView(at, at, at, True, requests, fetched, 8, 8, 3, 1, (), "", None, 0)
    said = last_run_line(StateView(run, run, 8, ()), DateFormatter(at, BERLIN))
    assert said == f"Last run: today 09:00, {outcome}."


def context_of(view: ChannelView) -> ChannelContext:
    state = StateView(None, None, 0, (view,))
    timetable = Timetable(BERLIN, time(9), frozenset(range(7)))
    return ChannelContext(view, state, timetable, DateFormatter(START + HOUR, BERLIN), True)


@pytest.mark.parametrize(
    ("papers", "news", "said"),
    [
        (0, 0, "The week's most saved papers posted today"),
        (0, 1, "News of earlier papers posted today"),
        (2, 0, "2 papers posted today"),
    ],
)
def test_the_weeks_most_saved_papers_are_named_where_they_were_posted_alone(
    papers: int, news: int, said: str
) -> None:
    view = ChannelView(Channel("discord:1"), (), 0, 0, (), None, "", "", None, None)
    posted = PostedDigest(START, START + HOUR, papers, news, True)
    _, explanation = explain_channel(context_of(view._replace(digests=(posted,))))
    assert explanation.startswith(said)


@pytest.mark.parametrize(
    ("beside", "everything"),
    [
        ({}, True),
        ({"digests": (PostedDigest(START - DAY, START + HOUR, 2),)}, True),
        ({"digests": (PostedDigest(START, START + HOUR, 2),)}, False),
        ({"digests": (PostedDigest(START, START + HOUR, 0, news=1),)}, True),
        ({"posts": (OpenPost("key", "queued", 0, START, START, 2, ""),)}, False),
        ({"posts": (OpenPost("key", "dead", 1, START - DAY, START, 2, "no"),)}, True),
        ({"skipped": 2, "skipped_at": START}, False),
    ],
)
def test_mutes_hid_all_that_there_were_where_no_other_paper_was_due_at_the_same_time(
    beside: dict[str, Any], everything: bool
) -> None:
    """Whether that has arrived yet, and whatever else was posted that day."""
    view = ChannelView(Channel("discord:1"), (), 0, 0, (), None, "", "", None, None)
    hid = view._replace(muted=3, muted_at=START, **beside)
    _, said = explain_channel(context_of(hid))
    of = ", all that there were" if everything else ""
    assert f"3 papers hidden by mutes{of}, today 09:00." in said
