"""What is asked of arXiv: as little as possible, in one piece where its limits allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.arxiv.search_query import (
    MAX_KEYWORDS,
    MAX_URL_LENGTH,
    Window,
    address,
    batches,
    lookup_request,
    newest_request,
    probe_request,
    window_request,
)
from bot.model import Keyword
from bot.model.subscriptions import MAX_CLAUSES
from tests.arxiv.feeds import NOON, phrase

URL = "https://export.arxiv.org/api/query"
WINDOW = Window.of_days(NOON - timedelta(days=14), NOON)


def costly(number: int, clauses: int) -> Keyword:
    return Keyword(str(number), f"{number:04d}", f"all:x{number}", clauses)


def test_the_days_keywords_are_one_address_as_arxiv_documents_it() -> None:
    keywords = [phrase("large language model"), phrase("graph neural network")]
    window = Window(datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    assert address(URL, window_request(keywords, window).encoded()) == (
        "https://export.arxiv.org/api/query?search_query=%28%28ti%3A%22large+language+model%22+OR+"
        "abs%3A%22large+language+model%22%29+OR+%28ti%3A%22graph+neural+network%22+OR+abs%3A%22"
        "graph+neural+network%22%29%29+AND+submittedDate%3A%5B202611090000+TO+202611240000%5D"
        "&start=0&max_results=2000&sortBy=submittedDate&sortOrder=descending"
    )


def test_the_other_requests_are_as_documented_too() -> None:
    keyword = phrase("graph neural network")
    assert parse_qs(
        urlsplit(address(URL, lookup_request(["2611.1", "2611.2"]).encoded())).query
    ) == {
        "id_list": ["2611.1,2611.2"],
        "start": ["0"],
        "max_results": ["2"],
    }
    assert parse_qs(urlsplit(address(URL, newest_request(keyword, 100).encoded())).query) == {
        "search_query": [keyword.query],
        "start": ["0"],
        "max_results": ["100"],
        "sortBy": ["submittedDate"],
        "sortOrder": ["descending"],
    }
    assert probe_request(WINDOW).max_results == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ti:a", "(ti:a)"),
        ("(ti:a)", "(ti:a)"),
        ("(ti:a OR abs:a)", "(ti:a OR abs:a)"),
        ("(ti:a) OR (abs:a)", "((ti:a) OR (abs:a))"),
        ('(ti:"a)" OR abs:b)', '(ti:"a)" OR abs:b)'),
        ('ti:"(a)"', '(ti:"(a)")'),
        ('"("', '("(")'),
        ("((ti:a)", "(((ti:a))"),  # nothing is fixed; arXiv refuses it and says so
    ],
)
def test_every_keyword_is_in_parentheses_once(query: str, expected: str) -> None:
    keyword = Keyword("a", "a", query, 2)
    assert window_request([keyword], WINDOW).search_query == f"{expected} AND {WINDOW.clause}"


def test_an_address_stays_the_same_all_day() -> None:
    keywords = [phrase("b"), phrase("a")]
    addresses = set()
    for hour in range(24):
        now = datetime(2026, 3, 2, hour, 30, tzinfo=UTC)
        window = Window.of_days(now - timedelta(days=14), now)
        [group] = batches(keywords[:: 1 if hour % 2 else -1], window, URL)
        addresses.add(address(URL, window_request(group, window).encoded()))
    assert len(addresses) == 1


def test_a_window_is_whole_days_and_holds_its_last_minute() -> None:
    assert WINDOW.clause == "submittedDate:[202602160000 TO 202603022359]"
    assert WINDOW.holds(datetime(2026, 2, 16, 0, 0, tzinfo=UTC))
    assert WINDOW.holds(datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC))
    assert not WINDOW.holds(datetime(2026, 2, 15, 23, 59, 59, tzinfo=UTC))
    assert not WINDOW.holds(datetime(2026, 3, 3, 0, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (NOON + timedelta(days=9), "202603020000"),  # our clock was set back
        (datetime.min.replace(tzinfo=UTC), "199108010000"),
    ],
)
def test_a_window_that_makes_no_sense_is_bent_to_one_that_does(since: datetime, first: str) -> None:
    assert Window.of_days(since, NOON).clause == f"submittedDate:[{first} TO 202603022359]"


@given(st.integers(0, 12_000))
def test_halves_meet_and_do_not_overlap(days: int) -> None:
    whole = Window.of_days(NOON - timedelta(days=days), NOON)
    left, right = whole.halves()
    assert (left.first, right.last) == (whole.first, whole.last)
    assert right.first - left.last == timedelta(minutes=1)
    assert left.first <= left.last
    assert right.first <= right.last


def test_a_minute_is_not_halved() -> None:
    with pytest.raises(ValueError, match="minute"):
        Window(NOON, NOON).halves()


def test_many_keywords_are_split_by_length() -> None:
    keywords = [phrase(f"invented word {number:03d}") for number in range(100)]
    parts = list(batches(keywords, WINDOW, URL))
    assert len(parts) == 2
    asked = [window_request(part, WINDOW).encoded() for part in parts]
    assert all(len(address(URL, each)) <= MAX_URL_LENGTH for each in asked)
    assert [keyword for part in parts for keyword in part] == keywords


def test_an_address_is_filled_up_to_exactly_the_limit() -> None:
    keywords = [phrase(f"größe {n:02d}-model") for n in range(45)]
    spare = MAX_URL_LENGTH - len(address(URL, window_request(keywords, WINDOW).encoded()))
    assert spare > 0
    full = URL + "x" * spare
    assert [len(part) for part in batches(keywords, WINDOW, full)] == [45]
    assert [len(part) for part in batches(keywords, WINDOW, f"{full}x")] == [44, 1]


def test_short_keywords_are_split_by_number() -> None:
    keywords = [Keyword(f"{n}", f"{n:03d}", f"ti:{n}", 1) for n in range(150)]
    assert [len(part) for part in batches(keywords, WINDOW, URL)] == [MAX_KEYWORDS, 50]


def test_costly_keywords_are_split_by_clauses() -> None:
    parts = list(batches([costly(number, 55) for number in range(20)], WINDOW, URL))
    assert [len(part) for part in parts] == [MAX_CLAUSES // 55, 2]


def test_a_keyword_beyond_every_limit_comes_alone() -> None:
    keywords = [costly(1, 2), costly(2, 5000), costly(3, 2)]
    assert [len(part) for part in batches(keywords, WINDOW, URL)] == [1, 1, 1]


def test_a_keyword_of_many_channels_is_asked_for_once() -> None:
    assert list(batches([phrase("a"), phrase("a")], WINDOW, URL)) == [(phrase("a"),)]
    assert list(batches([], WINDOW, URL)) == []
