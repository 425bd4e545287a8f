"""The bot's state as it is shown to people, as frozen data.

Named tuples, because as dataclasses they would add 12 ms to every start of the program.
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
        """Whether the run, or the preview of a new keyword just before it, queried arXiv. If nobody
        follows anything, a run is complete without that."""
        return self.requests > 0 or bool(self.plan) or self.fetched > 0


class OpenPost(NamedTuple):
    """A post that has not arrived yet, or that a person has to decide about."""

    key: str
    state: str
    attempts: int
    created_at: datetime
    not_before: datetime
    papers: int
    error: str

    @property
    def is_stuck(self) -> bool:
        """Whether nothing more happens to it until a person decides."""
        return self.state in ("held", "dead")


class PostedDigest(NamedTuple):
    """The messages that were made for a channel at ``published_at`` and have arrived.

    ``papers`` and ``news`` (of papers posted before) count what these messages show;
    ``most_saved``: the week's most saved papers as well, or alone. ``posted_at`` is when the last
    of them arrived.
    """

    published_at: datetime
    posted_at: datetime
    papers: int
    news: int = 0
    most_saved: bool = False


class FailingCrosspost(NamedTuple):
    """Why a channel's last message was not crossposted yet, or (``given_up``) never will be."""

    error: str
    given_up: bool


class ChannelView(NamedTuple):
    """One channel: what it follows, what was posted, what waits, and what prevents posting.

    ``paused`` is empty, ``person`` or ``refused``; ``reason`` and ``paused_at`` belong to it.
    ``mention_gone`` is the role or user group that its last digest could not mention.
    ``rescheduled``: its days were changed since it was last published to. ``digests`` are the last
    one that arrived and those of the week before it, in the order in which they arrived. ``muted``
    is how many papers the mutes hid the last time that they hid any, ``muted_at`` when that was;
    ``skipped`` and ``skipped_at`` are the same for papers that catch-up left out.
    ``stopped_library`` is the name of the channel's library in Zotero if nothing is sent there any
    more, else empty.
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
    """A channel that the bot was removed from at ``since``, for this ``reason``. Its keywords are
    kept until ``kept_until``, and come back with the bot."""

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
    among the ``channels``; ``database`` is the engine with its version. ``people`` counts the
    private conversations that were left out of ``channels`` (``bot.chat.visibility``).
    ``posting_days`` are ``[schedule] days`` at the last start of the bot; empty before the first
    one."""

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
    """News of a posted paper in a channel. Its ``state`` since ``at`` is ``due``, ``posted``, or
    ``skipped`` because of the channel's setting ``updates``."""

    news: News
    state: str
    at: datetime


class Standing(NamedTuple):
    """What a channel's ledger says of a paper, and what became of the post.

    ``state`` is the ledger's (``due``, ``posted``, ``known``, ``skipped``, ``dropped``,
    ``muted``); ``post_state`` the outbox's, empty if there is no post; ``news`` are the paper's on
    this channel's ledger, in order.
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
    """What is known of one paper. ``paper`` is ``None`` if it was never fetched. ``saves`` is how
    many people saved it, and ``threads`` the link to the thread about it (empty if that is not
    known to have arrived), each by channel."""

    paper: Paper | None
    first_seen: datetime | None
    standings: tuple[Standing, ...]
    saves: Mapping[str, int]
    threads: Mapping[str, str]


class ChannelPaper(NamedTuple):
    """A paper that a channel got, waits for, or would have got without a mute (``muted``).

    ``found_at`` is when the run that brought it began; ``posted_at`` when its post arrived,
    ``None`` if it has not. ``keywords`` are the channel's keywords that it matches, as they are
    shown.
    """

    paper: Paper
    muted: bool
    found_at: datetime
    posted_at: datetime | None
    keywords: tuple[str, ...]


class Arrival(NamedTuple):
    """A paper, and when the run that brought it for the first time began."""

    paper: Paper
    at: datetime


class KeywordPapers(NamedTuple):
    """A section of the page: a keyword, its newest ``papers`` by submission, the ids of those that
    came in the last day (``new``), and as many ``arrivals``, the last paper to arrive first."""

    keyword: Keyword
    papers: tuple[Paper, ...]
    new: frozenset[str] = frozenset()
    arrivals: tuple[Arrival, ...] = ()


DELAYS = (1, 5, 30, 60, 300, 1800, 3600, 21600)  # seconds; bounds of the histogram below


class Measures(NamedTuple):
    """Sums for monitoring. ``posts`` are by platform and state, ``ledger`` by state.

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
