"""What one answer is worth, sign by sign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.arxiv.atom_feed import Feed, read
from bot.arxiv.responses import (
    Answer,
    Failed,
    Moved,
    ShortAnswer,
    Throttled,
    Usable,
    Verdict,
    astray,
    judge,
    judge_feed,
    retry_after,
    stale,
    unsorted,
)
from bot.arxiv.search_query import Request, Window
from bot.errors import SourceDown, SourceGarbled
from bot.model import NoteKind
from tests.arxiv.feeds import NOON, feed, standin_paper

REQUEST = Request("ti:reward", rows=100)
GOOD = read(feed(standin_paper(1), standin_paper(2)))
UNREADABLE = SourceGarbled("no feed", sample=b"<html>")


def verdict_on(given: Answer[Feed], request: Request = REQUEST) -> Verdict[Feed]:
    return judge(given, NOON, lambda read, answer: judge_feed(read, answer, request), "[arxiv] url")


def answer(status: int, sample: bytes = b"", **headers: str) -> Answer[Feed]:
    """An answer without a feed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    problem = SourceGarbled("no feed", sample=sample) if status in {200, 400} else None
    return Answer(status, named, sample, problem=problem)


def test_a_good_feed_is_usable() -> None:
    assert verdict_on(Answer(200, {}, b"", GOOD)) == Usable(GOOD)


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
    given: Answer[Feed], seconds: float, reason: str
) -> None:
    verdict = verdict_on(given)
    assert isinstance(verdict, Throttled)
    assert verdict.retry_after == seconds
    assert reason in verdict.reason


@pytest.mark.parametrize("status", [500, 502, 504, 520, 408])
def test_a_server_error_may_pass(status: int) -> None:
    verdict = verdict_on(answer(status, b"oops"))
    assert isinstance(verdict, Failed)
    assert isinstance(verdict.error, SourceDown)
    assert (verdict.again, verdict.error.sample) == (True, b"oops")


def test_a_page_that_is_no_feed_may_pass_and_keeps_its_beginning() -> None:
    verdict = verdict_on(Answer(200, {}, b"<html>", problem=UNREADABLE))
    assert verdict == Failed(UNREADABLE)


@pytest.mark.parametrize("status", [204, 300, 304, 401, 404, 410, 418])
def test_other_answers_are_not_asked_for_again(status: int) -> None:
    verdict = verdict_on(answer(status))
    assert isinstance(verdict, Failed)
    assert isinstance(verdict.error, SourceGarbled)
    assert not verdict.again


def test_a_bad_request_that_is_no_error_feed_is_not_asked_for_again() -> None:
    for given in (answer(400, b"<html>"), Answer(400, {}, b"", GOOD)):
        verdict = verdict_on(given)
        assert isinstance(verdict, Failed)
        assert not verdict.again


@pytest.mark.parametrize("status", [413, 414, 431])
def test_what_was_too_long_for_a_get_is_posted(status: int) -> None:
    verdict = verdict_on(answer(status))
    assert isinstance(verdict, Failed)
    assert verdict.by_post
    assert verdict.again


def test_a_redirect_is_a_redirect() -> None:
    assert verdict_on(answer(301, location="https://arxiv.org/x")) == Moved("https://arxiv.org/x")


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
    verdict = verdict_on(Answer(200, {}, b"sample", given), Request("x", start, rows))
    if not problem:
        assert verdict == Usable(given)
        return
    assert isinstance(verdict, Failed)
    assert problem in str(verdict.error)
    assert verdict.error.sample == b"sample"
    assert isinstance(verdict.error, ShortAnswer) == (start == 0)


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
    ("hours", "remarked"), [(0, False), (23, False), (25, True), (-23, False), (-25, True)]
)
def test_an_answer_of_another_day_is_stale_whichever_clock_is_wrong(
    hours: float, remarked: bool
) -> None:
    note = stale(GOOD, NOON + timedelta(hours=hours))
    assert (note is not None and note.kind is NoteKind.STALE) == remarked


def test_order_is_looked_at_pair_by_pair() -> None:
    newest, middle, oldest = read(feed(*(standin_paper(n) for n in (1, 2, 3)))).papers
    assert unsorted([newest, middle, oldest]) is None
    assert unsorted([newest, newest]) is None
    assert unsorted([]) is None
    assert unsorted([newest, oldest, middle]) is not None


def test_a_few_strays_are_no_sign_and_many_are() -> None:
    papers = read(feed(*(standin_paper(number) for number in range(1, 5)))).papers
    elsewhere = Window(NOON, NOON)
    assert astray(papers[:3], elsewhere) is None
    note = astray(papers, elsewhere)
    assert note is not None
    assert note.kind is NoteKind.GARBLED
