"""The words of the house as frozen data. Nothing here acts, or asks for the time.

Every ``datetime`` is aware and in UTC. Collections are tuples, so that every value can be shared
freely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Paper:
    """One article, as its source gave it: text is raw (LaTeX stays), white space is collapsed.

    ``id`` is the identity and never holds a version. ``serial`` grows in the order in which the
    source announced its papers; it is comparable only within one source.
    """

    id: str
    version: int
    serial: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    primary_category: str
    published: datetime
    updated: datetime
    url: str
    pdf_url: str
    comment: str = ""
    journal_ref: str = ""
    doi: str = ""


@dataclass(frozen=True, slots=True)
class Keyword:
    """What a channel follows, understood. Built by ``bot.keywords.parse`` only.

    ``text`` is what the person wrote; ``canonical`` is the same for every text of the same meaning
    and is the keyword's identity; ``query`` asks arXiv for it (a superset is allowed, a subset is
    not); ``clauses`` is what the query costs arXiv in leaf clauses.
    """

    text: str
    canonical: str
    query: str
    clauses: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A place to post. ``id`` is ``<platform>:<platform's own id>``, for the terminal ``console:``.

    A setting that is ``None`` means: as ``[schedule]`` in ``bot.toml`` says.
    """

    id: str
    post_at: str | None = None
    days: str | None = None
    catch_up: str | None = None
    layout: str | None = None

    @property
    def platform(self) -> str:
        return self.id.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A keyword in a channel. ``primed_at`` is ``None`` until its present papers are known."""

    channel_id: str
    keyword: Keyword
    added_by: str
    added_at: datetime
    primed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Interests:
    """What a collect starts from: every keyword once, and how far earlier runs got.

    ``primed`` are followed since an earlier run; ``fresh`` have still to be primed in at least one
    channel (a keyword can be both). ``complete_at`` and ``swept_at`` are when the last complete
    run and the last complete wide run began; ``first_at`` when the first run of all did.
    """

    primed: tuple[Keyword, ...]
    fresh: tuple[Keyword, ...]
    first_at: datetime | None = None
    complete_at: datetime | None = None
    swept_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Papers that a complete answer for ``keywords`` must hold again, because the last one did.

    ``short_runs`` counts the runs since then that were refused because papers were missing.
    """

    paper_ids: frozenset[str]
    short_runs: int = 0


class NoteKind(StrEnum):
    """Why a fetch was not plainly complete, or what an operator should know of it."""

    THROTTLED = "throttled"  # asked to wait; we do
    DOWN = "down"  # no answer, or a server error
    GARBLED = "garbled"  # an answer that is not what was asked for
    SHORT = "short"  # papers that must be there are not
    STALE = "stale"  # an answer of another day
    UNSORTED = "unsorted"  # harmless for a whole window, fatal for "the newest"
    REFUSED = "refused"  # the source does not understand one keyword
    DISAGREES = "disagrees"  # the source says "matches", our matcher says "no"


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on a fetch, in a sentence. ``sample`` is the start of a foreign answer."""

    kind: NoteKind
    text: str
    keyword: str = ""
    sample: bytes = b""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source answered. ``complete`` is true only if nothing that matches can be missing."""

    papers: tuple[Paper, ...]
    complete: bool
    notes: tuple[Note, ...] = ()
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper matches a keyword; ``field`` says where (``title``, ``abstract``, ``authors`` …)."""

    paper_id: str
    canonical: str
    field: str


@dataclass(frozen=True, slots=True)
class Prime:
    """The present papers of one keyword, newest first, taken as known.

    ``since`` is the submission time from which on they are complete (``None``: all there are);
    ``baseline`` is the highest serial the source had announced by then.
    """

    canonical: str
    paper_ids: tuple[str, ...]
    since: datetime | None
    baseline: int


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of one collect, to be recorded in one transaction.

    Only a ``complete`` run moves the cursor. ``wide`` is the weekly look further back.
    ``disagreements`` are (paper id, canonical) pairs that the source and our matcher see
    differently.
    """

    started_at: datetime
    finished_at: datetime
    since: datetime
    wide: bool
    complete: bool
    papers: tuple[Paper, ...] = ()
    hits: tuple[Hit, ...] = ()
    primes: tuple[Prime, ...] = ()
    notes: tuple[Note, ...] = ()
    requests: int = 0
    disagreements: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a run changed: papers not seen before, rows now due, keywords primed."""

    new_papers: int
    due: int
    primed: int


class Why(StrEnum):
    """For what reason a paper is due in a channel."""

    NEW = "new"  # announced since the keyword was primed
    FIRST = "first"  # shown because the keyword is new in the channel


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper in a digest, its text as people write it, with the channel's keywords it matches."""

    paper: Paper
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """What one channel gets at one time. ``day`` is the channel's own date.

    ``missed`` are the posting days that the bot was down; ``skipped`` is how many papers the
    channel's catch-up policy left out.
    """

    channel: Channel
    day: date
    why: Why
    entries: tuple[Entry, ...]
    missed: tuple[date, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """A paper that waits to be posted in a channel, with the channel's keywords it matches."""

    paper: Paper
    why: Why
    since: datetime
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agenda:
    """One channel's state when its time to publish is weighed.

    ``served`` is the posting time up to which the channel was served, ``None`` for a channel that
    never was. ``settled`` is when the last complete run began.
    """

    channel: Channel
    served: datetime | None
    settled: datetime | None
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """One rendered message: the bytes to send, and the papers it shows.

    ``parent`` is the index of an earlier draft of the same digest under which it belongs (thread).
    """

    payload: str
    paper_ids: tuple[str, ...]
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing decided for one channel: messages with their keys, papers left out, and up to
    which posting time the channel is served now (``None``: no further than before)."""

    drafts: tuple[tuple[str, Draft], ...] = ()
    skipped: tuple[str, ...] = ()
    served: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's own id of a message that arrived, and a link to it where there is one."""

    message_id: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """One message in the outbox, claimed for sending.

    ``key`` never changes over retries. ``attempt`` counts from 1. ``uncertain`` means that an
    earlier attempt may have arrived: look before sending. ``parent`` is the receipt of the
    message under which this one belongs.
    """

    key: str
    channel: Channel
    payload: str
    attempt: int
    uncertain: bool
    created_at: datetime
    parent: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command answers, for any platform to show privately to the person who asked.

    ``announcement`` is one line for the whole channel (a change was made), or empty. ``data`` is
    the same answer for other programs.
    """

    text: str
    entries: tuple[Entry, ...] = ()
    announcement: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
