"""A paper, a source's answer with many of them, and what a collect makes of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from bot.errors import Note, NoteKind
from bot.model.news import News

VERSION_UNKNOWN: Final = 0
"""The version of a paper whose source did not say which version it is."""


MAX_LENGTHS: Final = {
    "title": 2_000,  # characters; arXiv's form takes no more than some hundreds
    "abstract": 20_000,  # arXiv's own limit is 1,920; the longest of 5,345 in April 2026 has 2,082
    "comment": 5_000,  # 398
    "journal_ref": 2_000,
    "doi": 1_000,  # a paper may name several
    "primary_category": 100,
}
"""The characters of each text of a paper that are kept. No real paper comes near these: they bound
the time and memory that one can cost, whether it comes from a source or from the database."""

MAX_NAME_LENGTH: Final = 500  # of an author, in characters; 83 in April 2026
MAX_CATEGORY_LENGTH: Final = 100
MAX_AUTHORS: Final = 10_000  # collaborations have three thousand, the largest some five thousand
MAX_CATEGORIES: Final = 100


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper, as its source gave it: text is raw (LaTeX stays), white space is collapsed.

    ``id`` is the identity and never contains a version. ``serial`` grows in the order in which the
    source announced its papers; it is comparable only within one source. ``published`` is when the
    first version was submitted. If the source did not say that, ``version`` is ``VERSION_UNKNOWN``,
    and ``published`` is the day on which the present version was submitted: the paper itself may be
    older.

    A text that is longer than ``MAX_LENGTHS`` allows is truncated, and ends in ``…``; authors and
    categories beyond the maximum are left out.
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

    def __post_init__(self) -> None:
        for name, most in MAX_LENGTHS.items():
            if len(getattr(self, name)) > most:
                object.__setattr__(self, name, _cut(getattr(self, name), most))
        authors = _bounded(self.authors, MAX_AUTHORS, MAX_NAME_LENGTH)
        if authors is not self.authors:
            object.__setattr__(self, "authors", authors)
        categories = _bounded(self.categories, MAX_CATEGORIES, MAX_CATEGORY_LENGTH)
        if categories is not self.categories:
            object.__setattr__(self, "categories", categories)

    def __hash__(self) -> int:
        """Cheap, so that papers can be the keys of caches."""
        return hash(self.id)

    @property
    def has_full_metadata(self) -> bool:
        """Whether the source said which version this is, and when the first was submitted."""
        return self.version != VERSION_UNKNOWN


def keep_latest_versions(papers: dict[str, Paper], more: Iterable[Paper]) -> None:
    """Add ``more`` to ``papers`` (by id). If a paper is in both, the higher version is kept; if
    both have the same version, the one in ``more``."""
    for paper in more:
        known = papers.get(paper.id)
        if known is None or known.version <= paper.version:
            papers[paper.id] = paper


def _bounded(texts: tuple[str, ...], most: int, longest: int) -> tuple[str, ...]:
    """The texts within these limits; the same tuple if nothing is too long, which is the rule."""
    if len(texts) <= most and max(map(len, texts), default=0) <= longest:
        return texts
    return tuple(_cut(text, longest) for text in texts[:most])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@dataclass(frozen=True, slots=True)
class AnnouncementStats:
    """What a source knows about everything that was announced, whatever was requested.

    ``plan`` says how it was fetched, and why. ``announced`` counts the papers announced since the
    previous fetch, ``None`` if that is not known; ``missing`` counts announced papers, of then or
    earlier, that are not available yet. ``checkpoint`` is for the source alone: it is stored with
    the run, and passed back the next time.
    """

    plan: str = ""
    announced: int | None = None
    missing: int = 0
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What is known of papers that were read but not kept, because they match no keyword: how many
    there were, their highest serial, and when the newest was submitted (``None`` if there were
    none)."""

    count: int = 0
    highest_serial: int = 0
    newest: datetime | None = None

    def __add__(self, other: Unmatched) -> Unmatched:
        return Unmatched(
            self.count + other.count,
            max(self.highest_serial, other.highest_serial),
            max(filter(None, (self.newest, other.newest)), default=None),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """A source's answer. ``complete`` is true only if nothing that matches can be missing.

    ``chosen`` is false if the papers came because they were announced, and not because they may
    match; ``others`` are such papers in an answer whose ``papers`` were chosen. ``unmatched`` is
    what is known of papers that were read but not kept, as the fetch was told which are wanted.

    ``revised`` are papers that were only kept because they had been posted; they are not candidates
    for a match. If ``listed`` is set, the batch has every posted paper that changed on or after its
    first day (UTC), and the next list has to begin on its second day. If it is ``None``, nothing is
    known about changes of posted papers.
    """

    papers: tuple[Paper, ...]
    complete: bool
    notes: tuple[Note, ...] = ()
    requests: int = 0
    chosen: bool = True
    others: tuple[Paper, ...] = ()
    revised: tuple[Paper, ...] = ()
    listed: tuple[date, date] | None = None
    announcement_stats: AnnouncementStats = AnnouncementStats()
    unmatched: Unmatched = Unmatched()


class Hit(NamedTuple):
    """A paper that matches a keyword; ``field`` says where (``title``, ``abstract``, …)."""

    paper_id: str
    canonical: str
    field: str


class Expected(NamedTuple):
    """Papers that a complete answer must contain again, because the last complete one did.

    ``short_runs`` counts the runs since then that did not count because papers were missing.
    """

    paper_ids: frozenset[str]
    short_runs: int = 0


class Prime(NamedTuple):
    """The existing papers of a new keyword, newest first, which are recorded as known.

    ``since`` is the submission time from which on they are complete (``None``: they are all there
    are); ``baseline`` is the highest serial that the source had announced by then.
    """

    canonical: str
    paper_ids: tuple[str, ...]
    since: datetime | None
    baseline: int


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of one collect, to be recorded in steps, the last of which makes it count.

    Only a ``complete`` run moves the cursor. ``wide`` marks the weekly fetch that goes further
    back. ``fetched`` counts the papers in the answer; ``papers`` are those worth keeping;
    ``followed`` are posted papers besides, which were only followed up. ``news`` are the changes of
    both since they were last recorded; ``followed_until`` is the day (UTC) up to which changes of
    all posted papers are known, ``None``: no further than before.
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
    fetched: int = 0
    announcement_stats: AnnouncementStats = AnnouncementStats()
    followed: tuple[Paper, ...] = ()
    news: tuple[News, ...] = ()
    followed_until: date | None = None

    def worth_repeating(self, unprimed: Collection[str]) -> bool:
        """Whether to fetch again soon: because the run is not ``whole``, or because it did not
        prime some of the keywords ``unprimed`` (canonical forms) that the source has not
        refused."""
        refused = {note.keyword for note in self.notes if note.kind is NoteKind.REFUSED}
        return not self.whole or not refused.issuperset(unprimed)

    @property
    def late(self) -> bool:
        """Whether the expected announcement was not in the answer yet."""
        return any(note.kind is NoteKind.LATE for note in self.notes)

    @property
    def whole(self) -> bool:
        """Whether the answer was complete, and had the expected announcement."""
        return self.complete and not self.late


class Recorded(NamedTuple):
    """What recording a run changed: how many papers are new in the database, how many became due,
    and how many subscriptions were primed."""

    new_papers: int
    due: int
    primed: int
