"""What one answer of arXiv is worth. Pure: an answer in, a verdict out.

The signs are those of real answers (arXiv's mailing list and the trackers of its clients, 2015 to
2026): throttling comes as 429, 403, 406, 503 and as status 200 with the text ``Rate exceeded.``;
an answer may say "556 results" and bring none; an error may be a feed with status 200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Final, Generic, TypeVar

from bot.arxiv.atom_feed import Feed
from bot.arxiv.rate_limit import LONGEST_COOL_DOWN
from bot.arxiv.search_query import Request, Window
from bot.errors import SourceDown, SourceError, SourceGarbled
from bot.model import Note, NoteKind, Paper

T = TypeVar("T")

STALE_AFTER: Final = timedelta(hours=24)

_STRAYS: Final = 3
"""So many papers outside the window may come from a server that counts its minutes otherwise."""

_MOVED: Final = frozenset({301, 302, 307, 308})
_TOO_LONG: Final = frozenset({413, 414, 431})
_THROTTLED: Final = {
    429: "It answered 429: too many requests.",
    403: "It answered 403: this address, or the name and contact we send, may be blocked."
    " See arXiv's terms (info.arxiv.org/help/api/tou), and check [arxiv] contact.",
    406: "It answered 406, as it does to clients it wants to slow down.",
    503: "It answered 503: try later.",
}


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came over the wire: what was read, or why nothing was. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    sample: bytes
    read: T | None = None
    problem: SourceGarbled | None = None


@dataclass(frozen=True, slots=True)
class Usable(Generic[T]):
    """An answer, perhaps one that only says why the request was refused."""

    read: T


@dataclass(frozen=True, slots=True)
class Throttled:
    """Leave arXiv alone, ``retry_after`` seconds at least."""

    reason: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Moved:
    """Ask at another address."""

    location: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer. ``again``: the same request may help; ``by_post``: in the body of a POST."""

    error: SourceError
    again: bool = True
    by_post: bool = False


Verdict = Usable[T] | Throttled | Moved | Failed


class ShortAnswer(SourceGarbled):
    """Papers are missing from the answer that it says there are. ``feed`` is what came."""

    kind = NoteKind.SHORT

    def __init__(self, text: str, feed: Feed, sample: bytes) -> None:
        self.feed = feed
        super().__init__(text, sample=sample)


def judge(
    answer: Answer[T], now: datetime, look: Callable[[T, Answer[T]], Verdict[T] | None], key: str
) -> Verdict[T]:
    """What to make of an answer, before looking at which papers it holds.

    ``look`` judges what was read; ``None`` means: not with this status. ``key`` of bot.toml holds
    the address that was asked.
    """
    throttled = _THROTTLED.get(answer.status)
    if throttled is None and answer.read is None and _says_rate_exceeded(answer.sample):
        throttled = 'It answered "Rate exceeded."'
    if throttled is not None:
        return Throttled(throttled, retry_after(answer.headers.get("retry-after", ""), now))
    if answer.status in _MOVED:
        return Moved(answer.headers.get("location", ""))
    if answer.status >= 500 or answer.status == 408:
        down = SourceDown(f"arXiv answered {answer.status}.", sample=answer.sample)
        return Failed(down)
    if answer.read is not None:
        verdict = look(answer.read, answer)
        if verdict is not None:
            return verdict
    if answer.status == 200 and answer.problem is not None:
        return Failed(answer.problem)
    refused = SourceGarbled(
        f"arXiv answered {answer.status}, which is no answer to a query. Is {key} right?",
        sample=answer.sample,
    )
    too_long = answer.status in _TOO_LONG
    return Failed(refused, again=too_long, by_post=too_long)


def judge_feed(feed: Feed, answer: Answer[Feed], request: Request) -> Verdict[Feed] | None:
    """Whether a feed has the rows that it must have. An error feed may have any status."""
    if feed.error is not None:
        return Usable(feed)
    if answer.status != 200:
        return None
    if feed.start != request.start:
        wrong = f"arXiv gave the papers from {feed.start} on instead of from {request.start} on."
        return Failed(SourceGarbled(wrong, sample=answer.sample))
    due = min(request.rows, feed.total - request.start)
    if len(feed.papers) < due:
        short = f"arXiv gave {len(feed.papers)} papers where {due} must be."
        return Failed(ShortAnswer(short, feed, answer.sample))
    return Usable(feed)


def retry_after(header: str, now: datetime) -> float:
    """Seconds to wait: a number or an HTTP date, at most a day. 0 for anything else."""
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:12]), LONGEST_COOL_DOWN)
    try:
        until = parsedate_to_datetime(text)
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait.total_seconds(), 0.0), LONGEST_COOL_DOWN)


def stale(feed: Feed, now: datetime) -> Note | None:
    """A remark if the answer was made on another day than ours.

    One from the past is an old copy, and lacks what came since. One from the future is whole: then
    it is the clock here that is wrong, and only that is worth a remark (``is_old``).
    """
    if abs(now - feed.updated) <= STALE_AFTER:
        return None
    return Note(
        NoteKind.STALE,
        f"arXiv's answer says that it was made at {feed.updated:%Y-%m-%d %H:%M} UTC,"
        f" while the clock here says {now:%Y-%m-%d %H:%M} UTC.",
    )


def is_old(feed: Feed, now: datetime) -> bool:
    """Whether papers may be missing because the answer is an old copy."""
    return now - feed.updated > STALE_AFTER


def unsorted(papers: Sequence[Paper]) -> Note | None:
    """A remark if the papers are not newest first, as they were asked for."""
    if all(newer.published >= older.published for newer, older in pairwise(papers)):
        return None
    return Note(NoteKind.UNSORTED, "arXiv's answer was not newest first.")


def astray(papers: Sequence[Paper], window: Window) -> Note | None:
    """A remark if the server gave more than a few papers of other days than it was asked for."""
    strays = sum(not window.holds(paper.published) for paper in papers)
    if strays <= _STRAYS:
        return None
    return Note(
        NoteKind.GARBLED,
        f"arXiv ignored what it was asked for: {strays} of {len(papers)} papers were not submitted"
        f" between {window.first:%Y-%m-%d} and {window.last:%Y-%m-%d}.",
    )


def _says_rate_exceeded(sample: bytes) -> bool:
    return sample.lstrip()[:100].lower().startswith(b"rate exceeded")
