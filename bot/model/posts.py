"""From what is due in a channel to the message that is posted there."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from bot.model.news import News
from bot.model.papers import Paper
from bot.model.subscriptions import Channel, Keyword

SHOWN_IN_FULL: Final = 30
"""How many papers of a digest are shown in full by default."""


class Why(StrEnum):
    """Why a paper is due in a channel."""

    NEW = "new"  # announced since the keyword was primed
    FIRST = "first"  # shown because the keyword is new in the channel


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper that a channel gets, with the channel's keywords that it matches.

    In a digest the paper's texts are ready to be shown; before that, they are as the source gave
    them. ``like`` is the title of a saved paper, ready to be shown, if this paper comes before
    others because it is similar to that one; else empty.
    """

    paper: Paper
    keywords: tuple[str, ...]
    like: str = ""


@dataclass(frozen=True, slots=True)
class NewsItem:
    """News that is due in one channel, with the message in which the paper was posted there.

    ``number`` is the id of the news; ``post_key`` is that message's key, ``link`` its address,
    empty if the platform has none. In a digest the texts of papers that get a line are ready to be
    shown.
    """

    number: int
    news: News
    paper: Paper
    posted_at: datetime
    post_key: str
    link: str = ""


class SharedSave(NamedTuple):
    """A paper that several people saved for one channel, and when each of them did."""

    paper: Paper
    saved_at: tuple[datetime, ...]


PROFILE_FORMAT: Final = f"1 {sys.byteorder}"
"""What was kept in another format is not read. So this changes with all that a profile depends on:
its layout, how texts are split and stemmed, and how much a term counts."""


class KeptProfile(NamedTuple):
    """What the papers saved in a channel look like together, as ``bot.matching.similarity`` has it
    in ``data``, in ``PROFILE_FORMAT``. ``ids`` are the papers'. ``revision`` counts the changes of
    the channel's saves that are in it."""

    revision: int
    ids: tuple[str, ...]
    data: bytes


class ChannelSaves(NamedTuple):
    """The papers saved for a channel, for comparing others with them: its last ``profile``, if
    there is one, and if more was saved or taken back since then, ``ids``, those of all papers that
    it should be made of, and ``papers``, those of them that are not in it."""

    revision: int
    profile: KeptProfile | None = None
    ids: frozenset[str] | None = None
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, slots=True)
class MostSaved:
    """A paper, and how many people saved it in one channel in one week."""

    paper: Paper
    people: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What one channel gets at one time. ``day`` is the channel's own date.

    ``missed`` are the posting days on which the bot was down; ``skipped`` is how many papers the
    channel's catch-up policy left out. Of a long digest only the first ``in_full`` papers are shown
    in full, the others in a line each. ``news`` of papers posted before come below, the most
    important first. ``week`` is the Monday of the week that a weekly digest is about, else
    ``None``. ``by_keyword``: the entries are grouped by their first keyword, each group under a
    heading. ``most_saved``, the papers that most people saved here in the week, come last. A digest
    may consist of news or of ``most_saved`` alone.
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
    """What is due in one channel, for the decision whether to publish and what.

    ``new`` papers were announced since their keyword was primed, ``first`` ones are shown because
    their keyword is new in the channel; both are the newest first, and as their source gave them.
    ``news`` are about papers that certainly arrived in the channel, in the order in which they were
    found. ``keywords`` are the channel's, as they are shown, in their order; papers that match one
    of the ``mutes`` are not posted. ``published_until`` is the posting time up to which the channel
    was published to, ``None`` if it never was. ``rescheduled``: its posting days were changed since
    then, so they don't tell which days were missed. ``last_complete_run_at`` is when the last
    complete run began. ``saves`` are the papers saved for the channel, if its digest is ordered by
    them; ``shared`` those that several people saved. ``most_saved_until`` is the posting time up to
    which the most saved papers were shown. ``basis`` is what the store read for this, to detect
    later whether anything has changed.
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
    saves: ChannelSaves | None = None
    shared: tuple[SharedSave, ...] = ()
    most_saved_until: datetime | None = None
    basis: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """One rendered message: the bytes to send, the papers it shows, and the news (by number).

    ``parent`` is the index of an earlier draft of the same digest in whose thread it belongs;
    ``reply_to`` the key of an earlier post that it replies to.
    """

    payload: str
    paper_ids: tuple[str, ...]
    parent: int | None = None
    news: tuple[int, ...] = ()
    reply_to: str = ""


class Publication(NamedTuple):
    """What publishing decided for one channel: messages with their keys; the ids of papers and
    news that are left out; papers that a mute hides; the posting times up to which the channel is
    now published to, and its most saved papers are shown (``None``: no further than before); and
    the ``profile`` of its saved papers, to be kept (``None``: the kept one stays)."""

    drafts: tuple[tuple[str, Draft], ...] = ()
    skipped: tuple[str, ...] = ()
    published_until: datetime | None = None
    skipped_news: tuple[int, ...] = ()
    most_saved_until: datetime | None = None
    muted: tuple[str, ...] = ()
    profile: KeptProfile | None = None


class Prepared(NamedTuple):
    """What was decided for a channel ahead of the transaction that carries it out.

    It remains valid as long as what is due in the channel, its settings, keywords and mutes are the
    same, and no paper got another version, comment or journal reference (in a posted paper that
    would be news). That a paper matches another of the keywords by now is no reason to decide
    again.
    """

    agenda: ChannelAgenda
    publication: Publication | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's own id of a message that arrived, and a link to it, empty if there is none.

    ``crosspost``: it is to be published to the servers that follow its channel. ``server`` is the
    channel's (as ``Person.server``), empty if that is not known. ``mention_gone`` is the role or
    user group that the message should have mentioned, but that does not exist any more; empty if
    the mention worked, ``None`` if it should mention nobody, or if that is not known.
    """

    message_id: str
    url: str = ""
    crosspost: bool = False
    server: str = ""
    mention_gone: str | None = None


class Crosspost(NamedTuple):
    """A message that was sent to its channel at ``sent_at``, claimed for crossposting.

    ``key`` is the key of its post; ``attempt`` counts from 1.
    """

    key: str
    channel: Channel
    message_id: str
    attempt: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """One message in the outbox, claimed for sending.

    ``key`` is the same in every attempt. ``attempt`` counts from 1. ``uncertain`` means that an
    earlier attempt may have arrived: search before sending. ``after_id`` is the platform's id of a
    message that was there before the first attempt, so this one can only be newer; empty if none is
    known. ``parent`` is the receipt of the message in whose thread this one belongs, ``None`` if
    there is none or it has not arrived; ``root`` is that of the message in whose thread ``parent``
    itself belongs. ``server`` is the channel's, empty if that is not known.
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
        """The message that begins the thread in which this one belongs; ``None`` if there is
        none."""
        return self.root or self.parent
