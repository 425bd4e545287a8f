"""Who follows what, and where."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

MAX_CLAUSES: Final = 1000
"""Leaf clauses in one request: arXiv's search engine allows 1,024 in a Boolean query [inferred]."""

MAX_KEYWORD_NAME_LENGTH: Final = 60
"""Characters of the name that a channel gives a keyword."""

NOBODY: Final = "none"
"""The value of the setting ``mention`` that mentions nobody."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword, parsed. Made by ``bot.keywords.parse`` alone.

    ``text`` is what the person wrote; ``canonical`` is the same for every text of the same meaning,
    and is the keyword's identity; ``query`` is the query for arXiv (its answer may be a superset of
    what matches, never a subset); ``clauses`` is the cost of the query in leaf clauses, at most
    ``MAX_CLAUSES``. ``name`` is what a channel calls it, or empty.
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
        """A short name for its meaning, 13 characters long: for buttons, and in place of a text
        that others must not see, as in logs."""
        return f"#{hashlib.sha256(self.canonical.encode()).hexdigest()[:12]}"

    @property
    def described(self) -> str:
        """Its text; with its name before it, if it has one."""
        return f"{self.name} ({self.text})" if self.name else self.text


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks or changes something, as the platform names them.

    ``id`` is ``<platform>:<platform's own id>``; empty if they can't be written to, as at the
    command line. According to the platform, ``manages`` is whether they may change what the channel
    follows, and ``governs`` whether they may decide who else may. ``server`` is the Discord server
    or Slack workspace in which they ask, ``<platform>:<its id>``; empty if there is none.
    ``mentionable`` are the roles there that they may mention, ``None`` if the platform does not
    say: then everybody who manages the channel may mention any. ``private``: they ask in their own
    conversation with the bot. ``no_thread`` says why no thread can be opened for them where they
    ask; empty if one can.
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
    """A place to post. ``id`` is ``<platform>:<platform's own id>``, or ``console:`` for the
    terminal.

    A setting that is ``None`` has its default: what ``[schedule]`` in ``bot.toml`` says, or what is
    usual on the platform. ``editors`` says who may change keywords: ``managers`` or ``members``;
    ``updates`` which news of posted papers come: ``status``, ``all`` or ``none``; ``group`` whether
    a digest is grouped by ``keyword`` or not (``none``); ``mention`` is the platform's id of the
    role or user group that a digest notifies, or ``none``; ``announce_changes`` whether the channel
    is told who changed what: ``true`` or ``false``; ``order`` which papers of a digest come first:
    ``newest`` or ``similarity`` (to those saved there). ``owner`` is the person (``Person.id``)
    whose private conversation with the bot it is; empty for every other channel.
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


class ChannelGroup(NamedTuple):
    """Channels that the bot is added to or removed from together: those with these ids, those whose
    ids begin with ``prefix`` (``slack:T…/``), and those that are known to be in ``server``
    (``Person.server``)."""

    ids: tuple[str, ...] = ()
    prefix: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A keyword in a channel. ``primed_at`` is ``None`` until its existing papers are recorded as
    known; ``continues`` means that until then, and that it took the place of a broader keyword, so
    that it has no first papers."""

    channel_id: str
    keyword: Keyword
    added_by: Person
    added_at: datetime
    primed_at: datetime | None = None
    continues: bool = False


class Followed(NamedTuple):
    """What it means that a channel follows a keyword from now on: ``continues``, if it was removed
    recently and goes on where it ended."""

    continues: bool


class Mute(NamedTuple):
    """An expression whose papers are not posted in a channel, whichever keyword they match. Its
    keyword has no name."""

    channel_id: str
    keyword: Keyword
    added_by: Person
    added_at: datetime


class Interests(NamedTuple):
    """What a collect starts from: every keyword once, and how far earlier runs got.

    ``primed`` keywords are primed in at least one channel, ``fresh`` ones have still to be primed
    in at least one (a keyword can be both). ``complete_at`` and ``swept_at`` are when the last
    complete run and the last complete wide run began, ``first_at`` when the very first run did.
    ``checkpoint`` is what the source returned at the last run. ``metadata_incomplete`` are papers
    of the last two weeks without full metadata. ``followed_until`` is the last
    ``Run.followed_until``. ``personal`` are the canonical forms of keywords that are only followed
    in private conversations.
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
