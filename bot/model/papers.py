"""One article, what a source says of many, and what a collect makes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from bot.errors import Note, NoteKind
from bot.model.news import News

VERSION_UNKNOWN: Final = 0
"""The version of a paper whose source did not say which it is."""


MAX_LENGTHS: Final = {
    "title": 2_000,  # characters; arXiv's form takes no more than some hundreds
    "abstract": 20_000,  # arXiv's own limit is 1,920; the longest of 5,345 in April 2026 has 2,082
    "comment": 5_000,  # 398
    "journal_ref": 2_000,
    "doi": 1_000,  # a paper may name several
    "primary_category": 100,
}
"""What is kept of each text of a paper. Nothing real comes near these: they bound the time and the
memory that one paper can cost, whoever made it, from whichever source, also from the database."""

MAX_NAME_LENGTH: Final = 500  # of an author, in characters; 83 in April 2026
MAX_CATEGORY_LENGTH: Final = 100
MAX_AUTHORS: Final = 10_000  # collaborations have three thousand, the largest some five thousand
MAX_CATEGORIES: Final = 100


@dataclass(frozen=True, slots=True)
class Paper:
    """One article, as its source gave it: text is raw (LaTeX stays), white space is collapsed.

    ``id`` is the identity and never holds a version. ``serial`` grows in the order in which the
    source announced its papers; it is comparable only within one source. ``published`` is when the
    first version was submitted. Where ``version`` is ``VERSION_UNKNOWN`` the source did not say
    that: then it is the day on which the present version was, and the paper was submitted then or
    before.

    A text that is longer than ``MAX_LENGTHS`` allows is cut, and ends in ``…``; authors and
    categories beyond the maximum are left out. It remains the same paper.
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
        """Cheap, so that what is made of a paper can be kept by paper."""
        return hash(self.id)

    @property
    def has_full_metadata(self) -> bool:
        """Whether the source said which version this is, and when the first was submitted."""
        return self.version != VERSION_UNKNOWN


def keep_latest_versions(papers: dict[str, Paper], more: Iterable[Paper]) -> None:
    """Add ``more`` to ``papers`` (by id). Of one paper the highest version stays, and of two
    answers with the same one the later."""
    for paper in more:
        known = papers.get(paper.id)
        if known is None or known.version <= paper.version:
            papers[paper.id] = paper


def _bounded(texts: tuple[str, ...], most: int, longest: int) -> tuple[str, ...]:
    """The same tuple where nothing is too long, which is always."""
    if len(texts) <= most and max(map(len, texts), default=0) <= longest:
        return texts
    return tuple(_cut(text, longest) for text in texts[:most])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@dataclass(frozen=True, slots=True)
class AnnouncementStats:
    """What a source knows of everything that was announced, whatever was requested.

    ``plan`` says in which way it was fetched, and why. ``announced`` counts the papers announced
    since the fetch before, ``None`` where that is not known; ``missing`` those of them, and of
    earlier ones, that are not available yet. ``checkpoint`` is for the source alone: it is stored
    with the run, and passed back the next time.
    """

    plan: str = ""
    announced: int | None = None
    missing: int = 0
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What is known of papers that were read and not kept, as no keyword matches: how many, the
    highest serial among them, and when the newest was submitted (``None``: there were none)."""

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
    """What a source answered. ``complete`` is true only if nothing that matches can be missing.

    ``chosen`` is false for papers that came because they were announced, and not because they may
    match; ``others`` are such papers beside those that were chosen. ``unmatched`` is what is known
    of papers that were read and not kept, because the fetch was given what is wanted.

    ``revised`` were kept for having been posted alone, and are no candidates for a match. Of all
    that were posted, whatever changed on the days (UTC) from the first of ``listed`` on is in the
    batch, and the next list has to begin on the second; ``None``: of that nothing is known.
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper matches a keyword; ``field`` says where (``title``, ``abstract``, ``authors`` …)."""

    paper_id: str
    canonical: str
    field: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Papers that a complete answer for ``keywords`` must hold again, because the last one did.

    ``short_runs`` counts the runs since then that were refused because papers were missing.
    """

    paper_ids: frozenset[str]
    short_runs: int = 0


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
    """The outcome of one collect, to be recorded in steps of which the last makes it count.

    Only a ``complete`` run moves the cursor. ``wide`` is the weekly fetch further back. ``fetched``
    counts the papers in the answer; ``papers`` are those worth keeping; ``followed`` are posted
    ones beside them, of which nothing else is asked than what became of them. ``news`` are what
    changed of either since they were last recorded; ``followed_until`` is the day (UTC) up
    to which it is known what became of every posted paper, ``None``: no further than before.
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
        """Whether to fetch again soon: the run is not whole, or it left keywords ``unprimed`` (by
        their canonical forms) that the source may understand."""
        refused = {note.keyword for note in self.notes if note.kind is NoteKind.REFUSED}
        return not self.whole or not refused.issuperset(unprimed)

    @property
    def late(self) -> bool:
        """The answer is whole, but the announcement that was awaited is not in it yet."""
        return any(note.kind is NoteKind.LATE for note in self.notes)

    @property
    def whole(self) -> bool:
        """The answer is complete, and nothing that was awaited is missing in it."""
        return self.complete and not self.late


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a run changed: papers not seen before, rows now due, keywords primed."""

    new_papers: int
    due: int
    primed: int
