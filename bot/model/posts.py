"""From what is due in a channel to the message that is posted there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from bot.model.news import News
from bot.model.papers import Paper
from bot.model.subscriptions import Channel, Keyword

SHOWN_IN_FULL: Final = 30
"""Papers of a digest that are shown whole where nothing else is set."""


class Why(StrEnum):
    """For what reason a paper is due in a channel."""

    NEW = "new"  # announced since the keyword was primed
    FIRST = "first"  # shown because the keyword is new in the channel


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper that a channel gets, with the channel's keywords that it matches.

    In a digest the paper's texts are ready to be shown; before, they are as its source gave them.
    ``like`` is the title of a paper saved in the channel, ready to be shown, if that is why this
    one comes before others.
    """

    paper: Paper
    keywords: tuple[str, ...]
    like: str = ""


@dataclass(frozen=True, slots=True)
class NewsItem:
    """News that are due in one channel, with the message in which the paper was posted there.

    ``number`` is the news' own, ``post_key`` that message's, ``link`` its address, empty where the
    platform has none. In a digest the texts of the papers that get a line are ready to be shown.
    """

    number: int
    news: News
    paper: Paper
    posted_at: datetime
    post_key: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class SharedSave:
    """A paper that several people keep for one channel, and when each of them saved it."""

    paper: Paper
    saved_at: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class MostSaved:
    """A paper that so many people saved in one channel in one week."""

    paper: Paper
    people: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What one channel gets at one time. ``day`` is the channel's own date.

    ``missed`` are the posting days that the bot was down; ``skipped`` is how many papers the
    channel's catch-up policy left out. Of a long digest only the first ``in_full`` papers are shown
    whole, and the others in a line each. ``news`` of papers posted before are told below, those
    that matter most first; a digest may consist of them alone. ``week`` is the Monday of the
    week that it is about, where it is about one. ``by_keyword``: the entries are grouped by their
    first keyword, and each group has a heading. ``most_saved``, the papers that most people saved
    here in the week, end it; it may consist of them alone, too.
    """

    channel: Channel
    day: date
    why: Why
    entries: tuple[Entry, ...]
    missed: tuple[date, ...] = ()
    skipped: int = 0
    in_full: int = SHOWN_IN_FULL
    news: tuple[NewsItem, ...] = ()
    week: date | None = None
    by_keyword: bool = False
    most_saved: tuple[MostSaved, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelAgenda:
    """What is due in one channel when it is decided whether to publish, the newest paper first.

    The papers are as their source gave them. ``first`` are shown because their keyword is new in
    the channel, ``new`` were announced since their keyword was primed. ``news`` are of papers that
    certainly arrived in the channel, in the order in which they were found. ``keywords`` are the
    channel's, as they are shown, in their order; papers that match one of the ``mutes`` are not to
    be shown. ``published_until`` is the posting time up to which it was published to, ``None`` for
    a channel that never was. ``rescheduled``: its days were changed since, so that they don't tell
    which were missed. ``last_complete_run_at`` is when the last complete run began. ``saved`` are
    the papers that are kept for the channel, if its digest is ordered by them; ``shared`` those
    that several people keep for it. ``most_saved_until`` is the posting time up to which the most
    saved papers were told. ``basis`` is what the store read for this, to compare with what is there
    later.
    """

    channel: Channel
    published_until: datetime | None
    last_complete_run_at: datetime | None
    new: tuple[Entry, ...] = ()
    first: tuple[Entry, ...] = ()
    news: tuple[NewsItem, ...] = ()
    keywords: tuple[str, ...] = ()
    mutes: tuple[Keyword, ...] = ()
    rescheduled: bool = False
    saved: tuple[Paper, ...] = ()
    shared: tuple[SharedSave, ...] = ()
    most_saved_until: datetime | None = None
    basis: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """One rendered message: the bytes to send, the papers it shows, and the news (by number).

    ``parent`` is the index of an earlier draft of the same digest under which it belongs (thread);
    ``reply_to`` the key of an earlier post that it is a reply to.
    """

    payload: str
    paper_ids: tuple[str, ...]
    parent: int | None = None
    news: tuple[int, ...] = ()
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing decided for one channel: messages with their keys, papers and news left out,
    papers that a mute hides, up to which posting time it is published to now, and its most saved
    papers are told (``None``: no further than before)."""

    drafts: tuple[tuple[str, Draft], ...] = ()
    skipped: tuple[str, ...] = ()
    published_until: datetime | None = None
    skipped_news: tuple[int, ...] = ()
    most_saved_until: datetime | None = None
    muted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was decided for a channel ahead of the transaction that carries it out.

    It remains valid as long as what is due in the channel, its settings, keywords and mutes are the
    same, and no paper got another version, comment or journal reference: that would be news, if the
    paper had been posted already. One that by now matches another one of the keywords too is no
    reason to decide again.
    """

    agenda: ChannelAgenda
    publication: Publication | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's own id of a message that arrived, and a link to it where there is one.

    ``crosspost``: it is to be published to the servers that follow its channel. ``server`` is the
    one that the channel is in (as ``Person.server``), empty where that is not known.
    ``mention_gone`` is the role or user group that it should mention and does not, because that is
    not there any more; empty where it does, ``None`` where it should mention nobody.
    """

    message_id: str
    url: str = ""
    crosspost: bool = False
    server: str = ""
    mention_gone: str | None = None


@dataclass(frozen=True, slots=True)
class Crosspost:
    """A message that has been in its channel since ``sent_at``, claimed for crossposting.

    ``key`` is its post's; ``attempt`` counts from 1.
    """

    key: str
    channel: Channel
    message_id: str
    attempt: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """One message in the outbox, claimed for sending.

    ``key`` never changes over retries. ``attempt`` counts from 1. ``uncertain`` means that an
    earlier attempt may have arrived: look before sending. ``after_id`` is the platform's id of a
    message that stood there before the first attempt, so this one can only be newer; empty where
    none is known. ``parent`` is the receipt of the message under which this one belongs, ``None``
    also where that one has not arrived; ``root`` that of the one under which ``parent`` itself
    belongs. ``server`` is that of the channel, empty where that is not
    known.
    """

    key: str
    channel: Channel
    payload: str
    attempt: int
    uncertain: bool
    after_id: str = ""
    parent: Receipt | None = None
    root: Receipt | None = None
    server: str = ""

    @property
    def thread(self) -> Receipt | None:
        """The message that begins the thread in which this one belongs."""
        return self.root or self.parent
