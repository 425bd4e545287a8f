"""What a response means, sign by sign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.arxiv.atom_feed import AtomFeed, read
from bot.arxiv.responses import (
    Assessment,
    Failure,
    Redirect,
    Response,
    ShortAnswer,
    Throttled,
    assess,
    check_feed,
    order_note,
    retry_after,
    stale_note,
    stray_note,
)
from bot.arxiv.search_query import SearchRequest, Window
from bot.errors import NoteKind, SourceDown, SourceGarbled
from tests.arxiv.feeds import NOON, feed, standin_paper

REQUEST = SearchRequest("ti:reward", max_results=100)
GOOD = read(feed(standin_paper(1), standin_paper(2)))
UNREADABLE = SourceGarbled("no feed", sample=b"<html>")


def assessed(given: Response[AtomFeed], request: SearchRequest = REQUEST) -> Assessment[AtomFeed]:
    return assess(given, request, check_feed, NOON, "[arxiv] url")


def answer(status: int, sample: bytes = b"", **headers: str) -> Response[AtomFeed]:
    """An answer without a feed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    problem = SourceGarbled("no feed", sample=sample) if status in {200, 400} else None
    return Response(status, named, sample, problem=problem)


def test_a_good_feed_is_usable() -> None:
    assert assessed(Response(200, {}, b"", GOOD)) == GOOD


@pytest.mark.parametrize(
    ("given", "seconds", "reason"),
    [
        (answer(429, b"Rate exceeded."), 0, "429"),
        (answer(429, retry_after="60"), 60, "429"),
        (answer(503, retry_after="0"), 0, "503"),
        (answer(406), 0, "406"),
        (answer(403), 0, "may be blocked"),
        (answer(200, b"Rate exceeded."), 0, "Rate exceeded"),
        (answer(200, b"\n rate EXCEEDED\n"), 0, "Rate exceeded"),
    ],
)
def test_throttling_is_recognised_in_all_its_forms(
    given: Response[AtomFeed], seconds: float, reason: str
) -> None:
    outcome = assessed(given)
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after == seconds
    assert reason in outcome.reason


@pytest.mark.parametrize("status", [500, 502, 504, 520, 408])
def test_a_server_error_may_pass(status: int) -> None:
    outcome = assessed(answer(status, b"oops"))
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.error, SourceDown)
    assert (outcome.is_retryable, outcome.error.sample) == (True, b"oops")


def test_a_page_that_is_no_feed_may_pass_and_keeps_its_beginning() -> None:
    outcome = assessed(Response(200, {}, b"<html>", problem=UNREADABLE))
    assert outcome == Failure(UNREADABLE)


@pytest.mark.parametrize("status", [204, 300, 304, 401, 404, 410, 418])
def test_other_answers_are_not_asked_for_again(status: int) -> None:
    outcome = assessed(answer(status))
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.error, SourceGarbled)
    assert not outcome.is_retryable


def test_a_bad_request_that_is_no_error_feed_is_not_asked_for_again() -> None:
    for given in (answer(400, b"<html>"), Response(400, {}, b"", GOOD)):
        outcome = assessed(given)
        assert isinstance(outcome, Failure)
        assert not outcome.is_retryable


@pytest.mark.parametrize("status", [413, 414, 431])
def test_what_was_too_long_for_a_get_is_posted(status: int) -> None:
    outcome = assessed(answer(status))
    assert isinstance(outcome, Failure)
    assert outcome.needs_post
    assert outcome.is_retryable


def test_a_redirect_is_a_redirect() -> None:
    assert assessed(answer(301, location="https://arxiv.org/x")) == Redirect("https://arxiv.org/x")


@pytest.mark.parametrize(
    ("total", "start", "rows", "problem"),
    [
        (2, 0, 100, ""),
        (3, 0, 100, "2 papers where 3 must be"),
        (4711, 0, 2, ""),
        (4711, 0, 3, "2 papers where 3 must be"),
        (4711, 2, 2, "from 0 on instead of from 2 on"),
        (1, 0, 100, ""),  # more than announced: doubles, which is looked into later
    ],
)
def test_a_page_must_hold_what_its_total_promises(
    total: int, start: int, rows: int, problem: str
) -> None:
    given = read(feed(standin_paper(1), standin_paper(2), total=total))
    outcome = assessed(Response(200, {}, b"sample", given), SearchRequest("x", start, rows))
    if not problem:
        assert outcome == given
        return
    assert isinstance(outcome, Failure)
    assert problem in str(outcome.error)
    assert outcome.error.sample == b"sample"
    assert isinstance(outcome.error, ShortAnswer) == (start == 0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("120", 120),
        (" 120 ", 120),
        ("999999999999999999999", 86400),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
        ("soon", 0),
        ("Mon, 02 Mar 2026 12:10:00 GMT", 600),
        ("Mon, 02 Mar 2026 12:10:00 -0000", 600),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Mon, 99 Mar 2026 12:10:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_never_more_than_a_day(
    header: str, seconds: float
) -> None:
    assert retry_after(header, NOON) == seconds


@pytest.mark.parametrize(
    ("hours", "noted"), [(0, False), (23, False), (25, True), (-23, False), (-25, True)]
)
def test_an_answer_of_another_day_is_stale_whichever_clock_is_wrong(
    hours: float, noted: bool
) -> None:
    note = stale_note(GOOD, NOON + timedelta(hours=hours))
    assert (note is not None and note.kind is NoteKind.STALE) == noted


def test_order_is_looked_at_pair_by_pair() -> None:
    newest, middle, oldest = read(feed(*(standin_paper(n) for n in (1, 2, 3)))).papers
    assert order_note([newest, middle, oldest]) is None
    assert order_note([newest, newest]) is None
    assert order_note([]) is None
    assert order_note([newest, oldest, middle]) is not None


def test_a_few_strays_are_no_sign_and_many_are() -> None:
    papers = read(feed(*(standin_paper(number) for number in range(1, 5)))).papers
    elsewhere = Window(NOON, NOON)
    assert stray_note(papers[:3], elsewhere) is None
    note = stray_note(papers, elsewhere)
    assert note is not None
    assert note.kind is NoteKind.GARBLED
