"""Who follows what, and where."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

MAX_CLAUSES: Final = 1000
"""Leaf clauses of one request: arXiv's search engine allows 1,024 in one Boolean [inferred]."""

MAX_KEYWORD_NAME_LENGTH: Final = 60
"""Characters of what a channel calls a keyword."""

NOBODY: Final = "none"
"""Who is mentioned where nobody is."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """What a channel follows, understood. Built by ``bot.keywords.parse`` only.

    ``text`` is what the person wrote; ``canonical`` is the same for every text of the same meaning
    and is the keyword's identity; ``query`` asks arXiv for it (a superset is allowed, a subset is
    not); ``clauses`` is what the query costs arXiv in leaf clauses, at most ``MAX_CLAUSES``.
    ``name`` is what a channel calls it, or empty.
    """

    text: str
    canonical: str
    query: str
    clauses: int
    name: str = ""

    @property
    def label(self) -> str:
        """What people are shown: its name, or else its text."""
        return self.name or self.text

    @property
    def handle(self) -> str:
        """Its meaning in 13 characters, for a button, and where its text is nobody's business."""
        return f"#{hashlib.sha256(self.canonical.encode()).hexdigest()[:12]}"

    @property
    def described(self) -> str:
        """Its text, behind its name where it has one."""
        return f"{self.name} ({self.text})" if self.name else self.text

    def is_mistakable_for(self, other: Keyword) -> bool:
        """Whether people could mean either by the same words: the name of one is the other's name
        or text, in whatever case."""
        return any(
            bool(one.name) and one.name.casefold() in (two.name.casefold(), two.text.casefold())
            for one, two in ((self, other), (other, self))
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks or changes something, as the platform names them.

    ``id`` is ``<platform>:<platform's own id>``; empty where nobody can be written to, as at the
    command line. ``manages`` and ``governs`` are what the platform says: may this person change
    what the channel follows, and decide who else may? ``server`` is the Discord server or Slack
    workspace in which they ask, ``<platform>:<its id>``; empty where there is none.
    ``mentionable`` are the roles there that they may mention, ``None`` where the platform does not
    say: then whoever manages may.
    ``private``: they ask in their own conversation with the bot, where nobody else is.
    ``no_thread`` says why no thread can be opened for them where they ask; empty where one can.
    """

    name: str
    id: str = ""
    manages: bool = True
    governs: bool = True
    server: str = ""
    mentionable: frozenset[str] | None = None
    private: bool = False
    no_thread: str = "There are no threads here."


@dataclass(frozen=True, slots=True)
class Channel:
    """A place to post. ``id`` is ``<platform>:<platform's own id>``, for the terminal ``console:``.

    A setting that is ``None`` means: as ``[schedule]`` in ``bot.toml`` says, or as is usual on the
    platform. ``editors`` says who may change keywords: ``managers`` or ``members``; ``updates``
    which news of posted papers come: ``status``, ``all`` or ``none``; ``group`` whether a digest
    is grouped by ``keyword`` or not (``none``); ``mention`` the platform's id of the one role or
    user group that a digest notifies, or ``none``; ``announce_changes`` whether the channel is told
    who changed what: ``true`` or ``false``; ``order`` which papers of a digest come first:
    ``newest`` or ``similarity`` (to those that are saved there). ``owner`` is the person
    (``Person.id``) whose private conversation with the bot it is; empty for every other channel.
    """

    id: str
    post_at: str | None = None
    days: str | None = None
    catch_up: str | None = None
    layout: str | None = None
    editors: str | None = None
    updates: str | None = None
    group: str | None = None
    mention: str | None = None
    announce_changes: str | None = None
    order: str | None = None
    owner: str = ""

    @property
    def platform(self) -> str:
        return self.id.partition(":")[0]

    @property
    def account(self) -> str:
        """Whose limits its messages count against: ``<platform>``, or ``<platform>:<name>`` where
        the bot has a token for each of several workspaces."""
        return self.id.rpartition("/")[0] or self.platform


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that come and go together: those of these ids, those whose ids begin with ``prefix``
    (``slack:T…/``), and those that are known to be in ``server`` (``Person.server``)."""

    ids: tuple[str, ...] = ()
    prefix: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A keyword in a channel. ``primed_at`` is ``None`` until its present papers are known; one
    that then ``continues`` took a broader one's place, and has no first papers."""

    channel_id: str
    keyword: Keyword
    added_by: Person
    added_at: datetime
    primed_at: datetime | None = None
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Mute:
    """An expression whose papers a channel does not get, whichever keyword they match. It has no
    name of its own."""

    channel_id: str
    keyword: Keyword
    added_by: Person
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Interests:
    """What a collect starts from: every keyword once, and how far earlier runs got.

    ``primed`` are followed since an earlier run; ``fresh`` have still to be primed in at least one
    channel (a keyword can be both). ``complete_at`` and ``swept_at`` are when the last complete
    run and the last complete wide run began; ``first_at`` when the first run of all did.
    ``checkpoint`` is what the source wrote for itself the last time. ``metadata_incomplete`` are
    papers of the last two weeks of which it did not say everything. ``followed_until`` is the last
    ``Run.followed_until``. ``personal`` are those keywords' meanings that people follow for
    themselves alone.
    """

    primed: tuple[Keyword, ...]
    fresh: tuple[Keyword, ...]
    first_at: datetime | None = None
    complete_at: datetime | None = None
    swept_at: datetime | None = None
    checkpoint: str = ""
    metadata_incomplete: tuple[str, ...] = ()
    followed_until: date | None = None
    personal: frozenset[str] = frozenset()
