"""Answers as data, for ``--json`` and for whoever checks what the bot says.

The names of the fields are the keys of the JSON, and so a contract (``docs/cli.md``): a field is
added, but not renamed. ``explanation`` is the text that people read, of which ``cause`` is the
name. They are named tuples, because as many dataclasses cost every start of the program 15 ms.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, NamedTuple

from bot.chat.replies.dates import iso
from bot.chat.replies.reasons import Cause
from bot.model import NewsKind
from bot.model.views import ArchivedChannel, OpenPost, PlatformRefusal, PostedDigest, RunView


class ChannelStatus(NamedTuple):
    """``queued`` counts the posts on their way, ``posts`` are all that wait for something."""

    channel: str
    keywords: tuple[str, ...]
    due: int
    news_due: int
    queued: int
    held: int
    dead: int
    sent: int
    posted: tuple[PostedDigest, ...]
    paused: str
    paused_at: datetime | None
    reason: str
    tried_again_at: datetime | None
    published_until: datetime | None
    next_post: datetime
    cause: Cause
    explanation: str
    posts: tuple[OpenPost, ...]


class StatusReport(NamedTuple):
    """``file_problem`` says why ``bot.toml`` and the database differ, ``page_problem`` what
    is wrong with the page; empty if they do not, or nothing is.
    ``refusals`` are the platforms that do not let the bot in. ``database`` is its
    engine and that one's version. ``people`` is how many follow keywords for themselves, of which
    nothing else is said."""

    now: datetime
    timezone: str
    last_run: RunView | None
    last_complete_run: RunView | None
    papers: int
    next_announcement: datetime
    next_post: datetime | None
    channels: tuple[ChannelStatus, ...]
    database: str
    archived: tuple[ArchivedChannel, ...] = ()
    file_problem: str = ""
    page_problem: str = ""
    refusals: tuple[PlatformRefusal, ...] = ()
    people: int = 0


class MatchingKeyword(NamedTuple):
    """``field`` is empty where something that is absent makes the keyword match."""

    keyword: str
    field: str


class ClosestKeyword(NamedTuple):
    keyword: str
    reason: str


class NewsInChannel(NamedTuple):
    """What became of a paper that was posted; ``state`` and ``since`` are as ``ToldNews`` says."""

    kind: NewsKind
    text: str
    version: int
    state: str
    since: datetime


class PaperInChannel(NamedTuple):
    """What became of a paper in one channel; ``state`` and ``since`` are the ledger's."""

    channel: str
    explanation: str
    matches: tuple[MatchingKeyword, ...]
    closest: ClosestKeyword | None
    state: str | None = None
    since: datetime | None = None
    post_state: str | None = None
    post_key: str | None = None
    sent_at: datetime | None = None
    message_url: str | None = None
    error: str | None = None
    news: tuple[NewsInChannel, ...] = ()


class PaperReport(NamedTuple):
    """``known`` says whether the source ever brought the paper."""

    paper: str
    known: bool
    title: str | None
    url: str | None
    first_seen: datetime | None
    last_run: RunView | None
    last_complete_run: RunView | None
    explanation: str
    channels: tuple[PaperInChannel, ...]


class PreviewedPaper(NamedTuple):
    id: str
    title: str
    authors: tuple[str, ...]
    category: str
    published: datetime
    url: str


class PreviewReport(NamedTuple):
    """``papers`` in the last ``days``, or ``at_least`` so many."""

    keyword: str
    canonical: str
    understood: str
    notices: tuple[str, ...]
    days: int
    papers: int
    at_least: bool
    per_day: float
    complete: bool
    broad: bool
    newest: tuple[PreviewedPaper, ...]


class KeywordAdded(NamedTuple):
    """``followed_as`` is how the channel followed the same already, where nothing changed;
    ``name`` what it is shown as, or empty."""

    channel: str
    keyword: str
    canonical: str
    understood: str
    notices: tuple[str, ...]
    changed: bool = True
    followed_as: str | None = None
    name: str = ""


class KeywordRemoved(NamedTuple):
    channel: str
    keyword: str
    canonical: str
    changed: bool = True


class KeywordMuted(NamedTuple):
    """``would_have_hidden`` of the ``papers`` of the last 30 days in the channel match it."""

    channel: str
    keyword: str
    canonical: str
    understood: str
    notices: tuple[str, ...]
    changed: bool = True
    papers: int = 0
    would_have_hidden: int = 0


class FollowedKeyword(NamedTuple):
    keyword: str
    canonical: str
    added_by: str
    added_at: datetime
    primed_at: datetime | None
    name: str


class KeywordList(NamedTuple):
    channel: str
    keywords: tuple[FollowedKeyword, ...]
    mutes: tuple[str, ...] = ()


class KeywordRate(NamedTuple):
    keyword: str
    papers: int
    per_day: float


class CategoryShare(NamedTuple):
    category: str
    papers: int
    share: float


class StatisticsReport(NamedTuple):
    """What a channel got in the last ``days``; ``muted`` papers were hidden. Half of those that
    arrived did so within ``hours_after_announcement``."""

    channel: str
    days: int
    papers: int
    muted: int
    keywords: tuple[KeywordRate, ...]
    categories: tuple[CategoryShare, ...]
    hours_after_announcement: float | None


class PaperSaved(NamedTuple):
    """A paper that a channel keeps: by whom, the first one first, and when the last of them saved
    it."""

    id: str
    title: str
    authors: tuple[str, ...]
    category: str
    published: datetime
    url: str
    saved_by: tuple[str, ...]
    saved_at: datetime


class SavedReport(NamedTuple):
    """One of the ``pages`` of the ``total`` papers that a channel keeps, or that were found."""

    channel: str
    total: int
    page: int
    pages: int
    papers: tuple[PaperSaved, ...]


class AllKeywords(NamedTuple):
    channels: tuple[KeywordList, ...]


def encode(value: object) -> Any:
    """A report as JSON has it: times in UTC to the second, ``null`` for what there is not.

    Bytes (the start of a foreign answer) are left out.
    """
    if named := _fields(value):
        return {name: encode(each) for name, each in named.items() if not isinstance(each, bytes)}
    match value:
        case datetime():
            return iso(value)
        case str():
            return str(value)
        case tuple():
            return [encode(each) for each in value]
        case _:
            return value


def _fields(value: object) -> dict[str, Any]:
    """Of a named tuple or a dataclass; empty for any other value."""
    if isinstance(value, tuple):
        return dict(zip(getattr(value, "_fields", ()), value, strict=False))
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return {}
