"""What a response of arXiv means. Pure.

The signs are those of real answers (arXiv's mailing list and the trackers of its clients, 2015 to
2026): throttling comes as 429, 403, 406, 503 and as status 200 with the text ``Rate exceeded.``;
an answer may say "556 results" and bring none; an error may be a feed with status 200.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from bot.arxiv.atom_feed import AtomFeed
from bot.arxiv.rate_limit import MAX_PAUSE_SECONDS
from bot.arxiv.search_query import SearchRequest, Window
from bot.errors import Note, NoteKind, SourceDown, SourceError, SourceGarbled
from bot.model import Paper

T = TypeVar("T")
Q = TypeVar("Q")
Q_contra = TypeVar("Q_contra", contravariant=True)

STALE_AFTER: Final = timedelta(hours=24)

_STRAYS_ALLOWED: Final = 3
"""So many papers outside the window may come from a server that counts its minutes otherwise."""

_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_TOO_LONG: Final = frozenset({413, 414, 431})
_THROTTLED: Final = {
    429: "It answered 429: too many requests.",
    403: "It answered 403: this address, or the name and contact we send, may be blocked."
    " See arXiv's terms (info.arxiv.org/help/api/tou), and check [arxiv] contact.",
    406: "It answered 406, as it does to clients it wants to slow down.",
    503: "It answered 503: try later.",
}


class Response(NamedTuple, Generic[T]):
    """One HTTP response: the parsed document, or why there is none. Header names are lower case.

    ``sample`` is the start of the body.
    """

    status: int
    headers: Mapping[str, str]
    sample: bytes
    document: T | None = None
    problem: SourceGarbled | None = None


class Throttled(NamedTuple):
    """Send nothing for ``retry_after`` seconds at least."""

    reason: str
    retry_after: float


class Redirect(NamedTuple):
    """Send the request to another address."""

    location: str


class Failure(NamedTuple):
    """No answer. ``is_retryable``: the same request may help; ``needs_post``: in a POST's body."""

    error: SourceError
    is_retryable: bool = True
    needs_post: bool = False


# The document itself where it answers the request, perhaps by saying why it is refused.
Assessment: TypeAlias = T | Throttled | Redirect | Failure


class Check(Protocol[T, Q_contra]):
    """Whether a document answers its request; ``None`` means: not with this status."""

    def __call__(
        self, document: T, response: Response[T], request: Q_contra, /
    ) -> T | Failure | None: ...


class ShortAnswer(SourceGarbled):
    """Papers are missing from the answer that it says there are. ``feed`` has the others."""

    kind = NoteKind.SHORT

    def __init__(self, text: str, feed: AtomFeed, sample: bytes) -> None:
        self.feed = feed
        super().__init__(text, sample=sample)


def assess(
    response: Response[T], request: Q, check: Check[T, Q], now: datetime, config_key: str
) -> Assessment[T]:
    """What a response means for its request. ``config_key`` of bot.toml holds the address."""
    throttled = _THROTTLED.get(response.status)
    if throttled is None and response.document is None and _says_rate_exceeded(response.sample):
        throttled = 'It answered "Rate exceeded."'
    if throttled is not None:
        return Throttled(throttled, retry_after(response.headers.get("retry-after", ""), now))
    if response.status in _REDIRECTS:
        return Redirect(response.headers.get("location", ""))
    if response.status >= 500 or response.status == 408:
        return Failure(SourceDown(f"arXiv answered {response.status}.", sample=response.sample))
    if response.document is not None:
        checked = check(response.document, response, request)
        if checked is not None:
            return checked
    if response.status == 200 and response.problem is not None:
        return Failure(response.problem)
    refused = SourceGarbled(
        f"arXiv answered {response.status}, which is no answer to a query. Is {config_key} right?",
        sample=response.sample,
    )
    is_too_long = response.status in _TOO_LONG
    return Failure(refused, is_retryable=is_too_long, needs_post=is_too_long)


def check_feed(
    feed: AtomFeed, response: Response[AtomFeed], request: SearchRequest
) -> AtomFeed | Failure | None:
    """Whether a feed has the papers that it must have. An error feed may have any status."""
    if feed.error is not None:
        return feed
    if response.status != 200:
        return None
    if feed.start != request.start:
        wrong = f"arXiv gave the papers from {feed.start} on instead of from {request.start} on."
        return Failure(SourceGarbled(wrong, sample=response.sample))
    expected = min(request.max_results, feed.total - request.start)
    if len(feed.papers) < expected:
        short = f"arXiv gave {len(feed.papers)} papers where {expected} must be."
        return Failure(ShortAnswer(short, feed, response.sample))
    return feed


def retry_after(header: str, now: datetime) -> float:
    """Seconds to wait: a number or an HTTP date, at most a day. 0 for anything else."""
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:12]), MAX_PAUSE_SECONDS)
    try:
        until = parsedate_to_datetime(text)
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait.total_seconds(), 0.0), MAX_PAUSE_SECONDS)


def stale_note(feed: AtomFeed, now: datetime) -> Note | None:
    """A note if the answer was made on another day than ours.

    One from the past is an old copy, and lacks what was announced since. One from the future is
    whole: then the clock here is wrong, and only that is worth a note (``is_old``).
    """
    if abs(now - feed.updated) <= STALE_AFTER:
        return None
    return Note(
        NoteKind.STALE,
        f"arXiv's answer says that it was made at {feed.updated:%Y-%m-%d %H:%M} UTC,"
        f" while the clock here says {now:%Y-%m-%d %H:%M} UTC.",
    )


def is_old(feed: AtomFeed, now: datetime) -> bool:
    """Whether papers may be missing because the answer is an old copy."""
    return now - feed.updated > STALE_AFTER


def order_note(papers: Sequence[Paper]) -> Note | None:
    """A note if the papers are not newest first, as they were asked for."""
    if all(newer.published >= older.published for newer, older in pairwise(papers)):
        return None
    return Note(NoteKind.UNSORTED, "arXiv's answer was not newest first.")


def stray_note(papers: Sequence[Paper], window: Window) -> Note | None:
    """A note if the server gave more than a few papers of other days than it was asked for."""
    strays = sum(not window.holds(paper.published) for paper in papers)
    if strays <= _STRAYS_ALLOWED:
        return None
    return Note(
        NoteKind.GARBLED,
        f"arXiv ignored what it was asked for: {strays} of {len(papers)} papers were not submitted"
        f" between {window.first:%Y-%m-%d} and {window.last:%Y-%m-%d}.",
    )


def _says_rate_exceeded(sample: bytes) -> bool:
    return sample.lstrip()[:100].lower().startswith(b"rate exceeded")
