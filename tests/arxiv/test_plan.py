"""Which way arXiv is asked: the one with the fewest requests, and everything once a week."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.plan import HARVEST_INTERVAL, MAX_HARVEST, FetchTask, Plan, Strategy, choose
from bot.arxiv.search_query import Window, batches
from bot.model import Keyword
from tests.arxiv.feeds import phrase

URL = "https://export.arxiv.org/api/query"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
LOOK_BACK = timedelta(days=14)
SINCE = NOW - LOOK_BACK
DAY = timedelta(days=1)

# (keywords, requests that a union of them needs)
UNIONS = {1: 1, 10: 1, 100: 2, 1_000: 20, 5_000: 99}
KEYWORDS = [phrase(f"invented word {number:05d}") for number in range(max(UNIONS))]


def task(keywords: list[Keyword], last: int | None = None, since: datetime = SINCE) -> FetchTask:
    """``last`` is how many days ago the last harvest was, if there was one."""
    checkpoint = Checkpoint()
    if last is not None:
        checkpoint = Checkpoint(TODAY - last * DAY, highest_id="2611.20000")
    return FetchTask(keywords, since, NOW, checkpoint, URL)


def plan(
    keywords: list[Keyword],
    last: int | None = None,
    *,
    since: datetime = SINCE,
    wanted: Strategy = Strategy.AUTO,
    can_harvest: bool = True,
) -> Plan:
    return choose(task(keywords, last, since), wanted=wanted, can_harvest=can_harvest)


def unions(keywords: list[Keyword]) -> int:
    return sum(1 for _ in batches(keywords, Window.of_days(SINCE, NOW), URL))


@pytest.mark.parametrize(("number", "requests"), UNIONS.items())
def test_the_table_below_rests_on_as_many_requests(number: int, requests: int) -> None:
    assert unions(KEYWORDS[:number]) == requests


WEEKLY = "one is due every week, the last was on "


@pytest.mark.parametrize(
    ("number", "last", "strategy", "begin", "reason"),
    [
        (1, None, Strategy.UNION, 14, "harvest 24, union 1"),
        (1, 0, Strategy.UNION, 0, "harvest 3, union 1"),
        (1, 1, Strategy.UNION, 1, "harvest 5, union 1"),
        (1, 6, Strategy.UNION, 6, "harvest 12, union 1"),
        (1, 7, Strategy.HARVEST, 7, WEEKLY),
        (10, 1, Strategy.UNION, 1, "harvest 5, union 1"),
        (10, 8, Strategy.HARVEST, 8, WEEKLY),
        (100, None, Strategy.UNION, 14, "harvest 24, union 2"),
        (100, 1, Strategy.UNION, 1, "harvest 5, union 2"),
        (100, 7, Strategy.HARVEST, 7, WEEKLY),
        (1_000, None, Strategy.UNION, 14, "harvest 24, union 20"),
        (1_000, 0, Strategy.HARVEST, 0, "harvest 3, union more"),
        (1_000, 4, Strategy.HARVEST, 4, "harvest 9, union more"),
        (1_000, 7, Strategy.HARVEST, 7, "harvest 14, union more"),
        (1_000, 30, Strategy.HARVEST, 30, WEEKLY),
        (5_000, None, Strategy.HARVEST, 14, "harvest 24, union more"),
        (5_000, 1, Strategy.HARVEST, 1, "harvest 5, union more"),
        (5_000, 60, Strategy.HARVEST, 60, "harvest 93, union more"),
        # Too long ago to go on from there: that is done by the numbers, beside today's way.
        (1, 61, Strategy.UNION, 14, "harvest 24, union 1"),
        (1_000, 365, Strategy.UNION, 14, "harvest 24, union 20"),
        (5_000, 365, Strategy.HARVEST, 14, "harvest 24, union more"),
        (1, 700_000, Strategy.UNION, 14, "harvest 24, union 1"),
        # A clock was wrong, and nobody knows since when.
        (1, -1, Strategy.HARVEST, 14, WEEKLY),
        (1, -3650, Strategy.HARVEST, 14, WEEKLY),
        (5_000, -3650, Strategy.HARVEST, 14, "harvest 24, union more"),
    ],
)
def test_the_way_with_the_fewest_requests_is_taken_and_says_why(
    number: int, last: int | None, strategy: Strategy, begin: int, reason: str
) -> None:
    found = plan(KEYWORDS[:number], last)
    assert found.strategy is strategy
    assert task(KEYWORDS[:number], last).harvest_from == TODAY - begin * DAY
    if reason == WEEKLY and last is not None:
        assert found.reason == f"{WEEKLY}{TODAY - last * DAY}"
    else:
        assert found.reason == f"the fewest requests, about: {reason}"


@pytest.mark.parametrize("number", [1, 2, 5, 10, 59, 100, 130, 400])
def test_there_are_never_more_requests_than_one_for_each_keyword(number: int) -> None:
    """Beside the weekly harvest, which is for another purpose."""
    by_keyword = unions(KEYWORDS[:number])
    assert by_keyword <= number
    for last in (None, *range(HARVEST_INTERVAL.days)):
        found = plan(KEYWORDS[:number], last)
        said = re.search(rf"{found.strategy} (\d+)", found.reason)
        assert said is not None
        assert int(said[1]) <= by_keyword


@given(
    st.sampled_from([1, 100, 300]),
    st.none() | st.integers(-(10**6), 7 * 10**5),
    st.integers(-1000, 10_000),
    st.sampled_from(Strategy),
    st.booleans(),
)
def test_whatever_was_stored_a_harvest_begins_on_a_day_that_arxiv_knows(
    number: int, last: int | None, back: int, wanted: Strategy, can_harvest: bool
) -> None:
    """A day to come is an error there. And none is read from further back than can be read."""
    since = NOW - back * DAY
    found = plan(KEYWORDS[:number], last, since=since, wanted=wanted, can_harvest=can_harvest)
    assert found.strategy is not Strategy.AUTO
    assert task(KEYWORDS[:number], last, since).harvest_from <= TODAY
    assert found.reason
    if found.strategy is Strategy.HARVEST:
        assert can_harvest
        assert TODAY - task(KEYWORDS[:number], last, since).harvest_from <= MAX_HARVEST


@pytest.mark.parametrize("back", [61, 365, 10_000])
@pytest.mark.parametrize("last", [None, 365])
def test_after_a_long_downtime_everything_is_too_much_to_read(back: int, last: int | None) -> None:
    """By keyword nothing is lost, however long it was."""
    found = plan(KEYWORDS, last, since=NOW - back * DAY)
    assert found.strategy is Strategy.UNION
    assert found.reason == f"everything since {TODAY - back * DAY} is too much to read"


@pytest.mark.parametrize(
    ("wanted", "can_harvest", "last", "numbers"),
    [
        # A harvest is due every week, or the numbers where there is none.
        (Strategy.AUTO, True, 6, False),
        (Strategy.AUTO, True, 7, False),
        (Strategy.HARVEST, True, 7, False),
        (Strategy.UNION, True, 6, False),
        (Strategy.UNION, True, 7, True),
        (Strategy.AUTO, False, 6, False),
        (Strategy.AUTO, False, 7, True),
        (Strategy.UNION, False, 60, True),
        (Strategy.UNION, False, None, False),
        # Sixty days a harvest goes back; what lies before is never given up.
        (Strategy.AUTO, True, 60, False),
        (Strategy.AUTO, True, 61, True),
        (Strategy.HARVEST, True, 61, True),
        (Strategy.UNION, True, 3650, True),
        (Strategy.AUTO, False, 3650, True),
    ],
)
def test_everything_that_was_announced_is_scanned_in_some_way(
    wanted: Strategy, can_harvest: bool, last: int | None, numbers: bool
) -> None:
    for since in (SINCE, NOW - 3650 * DAY):
        found = plan(KEYWORDS[:1], last, since=since, wanted=wanted, can_harvest=can_harvest)
        assert found.scans_numbers is numbers


def test_a_harvest_continues_where_the_last_one_was_however_far_the_keywords_are() -> None:
    """What was announced between the two would be missing from both."""
    assert task(KEYWORDS, 30).harvest_from == TODAY - 30 * DAY
    assert task(KEYWORDS, 3, NOW - 60 * DAY).harvest_from == TODAY - 3 * DAY


@pytest.mark.parametrize("wanted", Strategy)
@pytest.mark.parametrize("number", [1, 1_000])
def test_without_an_address_there_is_no_harvest_whatever_is_wanted(
    wanted: Strategy, number: int
) -> None:
    found = plan(KEYWORDS[:number], 30, wanted=wanted, can_harvest=False)
    assert (found.strategy, found.reason) == (Strategy.UNION, "no OAI-PMH address is set")


@pytest.mark.parametrize("wanted", [Strategy.UNION, Strategy.HARVEST])
@pytest.mark.parametrize("number", [1, 1_000])
@pytest.mark.parametrize("last", [None, 0, 30, 365, -30])
def test_what_bot_toml_wants_is_done(wanted: Strategy, number: int, last: int | None) -> None:
    found = plan(KEYWORDS[:number], last, wanted=wanted)
    assert (found.strategy, found.reason) == (wanted, "bot.toml wants it")


def test_days_are_those_of_utc_wherever_the_bot_stands() -> None:
    """arXiv's datestamps are."""
    east = timezone(timedelta(hours=14))
    far_east = FetchTask(
        KEYWORDS[:1],
        datetime(2026, 11, 14, 3, 0, tzinfo=east),
        datetime(2026, 11, 28, 3, 0, tzinfo=east),
        Checkpoint(),
        URL,
    )
    assert far_east.harvest_from == date(2026, 11, 13)
