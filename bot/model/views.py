"""What people are shown of the bot's state, as frozen data. Standard library and ``model`` only.

Named tuples: as dataclasses they would cost every start of the program another 12 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from bot.errors import Note
from bot.model import Channel, Keyword, Mute, News, NewsKind, Paper, Subscription


class RunView(NamedTuple):
    """One collect, as it was recorded."""

    started_at: datetime
    finished_at: datetime
    since: datetime
    complete: bool
    requests: int
    fetched: int
    matched: int
    new: int
    due: int
    primed: int
    notes: tuple[Note, ...]
    plan: str
    announced: int | None
    missing: int

    @property
    def queried_arxiv(self) -> bool:
        """Whether anything was asked, be it moments before for the preview of a new keyword. Where
        nobody follows anything a run is complete without."""
        return self.requests > 0 or bool(self.plan) or self.fetched > 0


class OpenPost(NamedTuple):
    """A post that did not arrive yet, or about which a person has to decide."""

    key: str
    state: str
    attempts: int
    created_at: datetime
    not_before: datetime
    papers: int
    error: str


class PostedDigest(NamedTuple):
    """What was made for a channel at ``published_at`` and has arrived there since.

    ``papers`` are those of the messages that have, and ``news`` those of papers posted before;
    ``posted_at`` is when the last of these did.
    """

    published_at: datetime
    posted_at: datetime
    papers: int
    news: int = 0


class FailingCrosspost(NamedTuple):
    """Why a channel's last message was not crossposted yet, or (``given_up``) never will be."""

    error: str
    given_up: bool


class ChannelView(NamedTuple):
    """One channel: what it follows, what was posted, what waits, and what prevents posting.

    ``paused`` is empty, ``person`` or ``refused``; ``reason`` and ``paused_at`` belong to it.
    ``mention_gone`` is the role or user group that its last digest could not mention.
    ``rescheduled``: its days were changed since it was last published to. ``digests`` are those of
    the week before the last one that arrived, and that one, in the order
    in which they did. ``muted`` papers were hidden at ``muted_at``, the last time that the mutes
    hid any. ``skipped`` papers were left out at ``skipped_at``, the last time any were.
    ``stopped_library`` is the channel's library in Zotero that takes no more papers.
    """

    channel: Channel
    subscriptions: tuple[Subscription, ...]
    due: int
    sent: int
    posts: tuple[OpenPost, ...]
    published_until: datetime | None
    paused: str
    reason: str
    paused_at: datetime | None
    probe_at: datetime | None
    digests: tuple[PostedDigest, ...] = ()
    skipped: int = 0
    skipped_at: datetime | None = None
    crosspost: FailingCrosspost | None = None
    mutes: tuple[Mute, ...] = ()
    muted: int = 0
    muted_at: datetime | None = None
    rescheduled: bool = False
    mention_gone: str = ""
    stopped_library: str = ""
    news_due: Mapping[NewsKind, int] = MappingProxyType({})


class ArchivedChannel(NamedTuple):
    """One that the bot was removed from (``reason``) at ``since``: its keywords are kept until
    ``kept_until``, and come back with the bot."""

    channel: str
    since: datetime
    kept_until: datetime
    reason: str
    keywords: int


class PlatformRefusal(NamedTuple):
    """A platform that does not let the bot in, or did not when it was last tried."""

    platform: str
    reason: str
    since: datetime


class StateView(NamedTuple):
    """Everything that ``status`` shows, in one consistent snapshot. ``archived`` channels are not
    among the ``channels``; ``database`` is its engine and that one's version. ``people`` counts the
    private conversations that were left out of the ``channels`` (``bot.chat.visibility``).
    ``posting_days`` are those of ``[schedule]`` with which the bot was last started, empty before
    that."""

    last_run: RunView | None
    last_complete: RunView | None
    papers: int
    channels: tuple[ChannelView, ...]
    archived: tuple[ArchivedChannel, ...] = ()
    refusals: tuple[PlatformRefusal, ...] = ()
    database: str = ""
    people: int = 0
    posting_days: str = ""


class ToldNews(NamedTuple):
    """News of a posted paper in a channel: ``due``, ``posted``, or ``skipped``, as its setting
    says; since ``at``."""

    news: News
    state: str
    at: datetime


class Standing(NamedTuple):
    """What a channel's ledger says of a paper, and what became of the post.

    ``state`` is the ledger's (``due``, ``posted``, ``known``, ``skipped``, ``dropped``,
    ``muted``); ``news`` are those of the paper that this channel was to hear, in their order;
    ``post_state`` the outbox's, empty where there is no post.
    """

    channel_id: str
    state: str
    why: str
    at: datetime
    post_key: str
    post_state: str
    sent_at: datetime | None
    message_url: str
    error: str
    news: tuple[ToldNews, ...] = ()


class PaperView(NamedTuple):
    """What is known of one paper. ``paper`` is ``None`` if it was never fetched."""

    paper: Paper | None
    first_seen: datetime | None
    standings: tuple[Standing, ...]


class ChannelPaper(NamedTuple):
    """A paper that a channel got, waits for, or would have got without a mute (``muted``).

    ``found_at`` is when the run began that brought it; ``posted_at`` when it arrived, ``None``
    where it has not. ``keywords`` are those of the channel's that it matches, as they are shown.
    """

    paper: Paper
    muted: bool
    found_at: datetime
    posted_at: datetime | None
    keywords: tuple[str, ...]


class Arrival(NamedTuple):
    """A paper, and when the run began that brought it for the first time."""

    paper: Paper
    at: datetime


class KeywordPapers(NamedTuple):
    """A section of the page: a keyword, the newest ``papers`` by their submission, the ids of those
    of the last day (``new``), and as many that arrived last, the last one first."""

    keyword: Keyword
    papers: tuple[Paper, ...]
    new: frozenset[str] = frozenset()
    arrivals: tuple[Arrival, ...] = ()


DELAYS = (1, 5, 30, 60, 300, 1800, 3600, 21600)  # seconds; bounds of the histogram below


class Measures(NamedTuple):
    """Sums for machines that watch. ``posts`` by platform and state, ``ledger`` by state.

    ``delays`` counts the delivered posts that took at most ``DELAYS`` seconds from the outbox to
    the channel, ``delay_seconds`` is the sum of all of them.
    """

    runs: int
    complete_runs: int
    requests: int
    fetched: int
    matched: int
    due: int
    announced: int
    papers: int
    subscriptions: int
    ledger: Mapping[str, int]
    posts: Mapping[tuple[str, str], int]
    delays: tuple[int, ...]
    delivered: int
    delay_seconds: float
    database_bytes: int
