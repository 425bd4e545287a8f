"""Adds up what a source answers in one collect, request by request.

Reads from the store which papers an answer must contain again; changes nothing. A source that fails
raises no error here but leaves a note: what it did answer is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from bot.errors import (
    KeywordRefused,
    Note,
    NoteKind,
    SourceError,
    SourceNotAsked,
    SourceThrottled,
)
from bot.keywords import parse
from bot.model import AnnouncementStats, Batch, Expected, Keyword, Paper, Unmatched
from bot.model.papers import keep_latest_versions
from bot.ports import CollectStore, Source, Wanted

# A third to two thirds of papers are announced more than a day after their submission, 0.8 % more
# than 14 days after it (facts of arXiv, 2.5, measured 2024-2026): hence two widths.
LOOK_BACK = timedelta(days=14)
LOOK_BACK_WIDE = timedelta(days=60)

MANY_NEW = 50  # keywords; at arXiv's pace a request for each would take minutes
HISTORY = 100  # papers of a new keyword taken as known; as many as a section of the page holds

# Papers of the last complete answer that may be missing from this one: texts change, papers go.
MISSING_ALLOWED = 2
MISSING_SHARE = 0.1
SHORT_RUNS_BELIEVED = 3  # missing this often in a row, they are believed to be gone

# What every announcement brings, whatever the keywords: it has more than a hundred papers a day.
PROBE = parse("cat:cs.LG")


@dataclass(frozen=True, slots=True)
class History:
    """The existing papers of a new keyword, by their ids.

    They are complete from submission ``since`` on (``None``: they are all that there are);
    ``baseline`` is the highest serial that had been announced.
    """

    keyword: Keyword
    among: frozenset[str]
    since: datetime | None
    baseline: int


@dataclass
class FetchResult:
    """What was fetched in this run. ``chosen`` papers were fetched because they may match;
    ``revised`` and ``listed`` are a Batch's."""

    papers: dict[str, Paper] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)
    revised: dict[str, Paper] = field(default_factory=dict)
    listed: tuple[date, date] | None = None
    unmatched: Unmatched = field(default_factory=Unmatched)
    announcement_stats: AnnouncementStats = field(default_factory=AnnouncementStats)
    notes: list[Note] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    requests: int = 0
    complete: bool = True
    stopped: bool = False  # no more requests in this run

    def take(self, batch: Batch) -> None:
        keep_latest_versions(self.papers, (*batch.papers, *batch.others))
        keep_latest_versions(self.revised, batch.revised)
        if batch.chosen:
            self.chosen.update(paper.id for paper in batch.papers)
        self.unmatched += batch.unmatched
        self.notes.extend(batch.notes)
        self.requests += batch.requests

    def submitted_after(self, time: datetime) -> bool:
        """Whether any fetched paper was submitted after that, whatever it is about."""
        newest = self.unmatched.newest
        return any(paper.published > time for paper in self.papers.values()) or (
            newest is not None and newest > time
        )

    def fail(self, error: SourceError) -> None:
        """No usable answer about keywords that were followed before this run."""
        self.complete = False
        self.fail_history(error, [""])

    def fail_history(self, error: SourceError, canonicals: Iterable[str]) -> None:
        """No history of these new keywords. That concerns them alone: nothing is incomplete."""
        self.stopped = error.kind.blocks_source
        self.notes += [error.note(canonical) for canonical in canonicals]
        self.requests += error.requests


async def fetch(
    source: Source,
    store: CollectStore,
    keywords: Sequence[Keyword],
    since: datetime,
    checkpoint: str,
    result: FetchResult,
    wanted: Wanted | None = None,
    posted: Collection[str] = (),
) -> None:
    """The papers that may match keywords which are followed since an earlier run.

    An answer without papers that the last complete run had is requested once more. If they are
    still missing, it counts as incomplete, unless that happened several times in a row.
    """
    expected = await store.expected([keyword.canonical for keyword in keywords], since)
    short: Note | None = None
    for _ in range(2):  # once more where an answer has holes
        try:
            batch = await source.fetch(keywords, since, checkpoint, wanted, posted)
        except SourceError as error:
            result.fail(error)
            return
        result.take(batch)
        result.announcement_stats = batch.announcement_stats
        result.listed = batch.listed
        if not batch.chosen:  # it need not hold what was announced before
            break
        short = _shortfall(expected, frozenset(result.papers))
        if short is None or not batch.complete:
            break
    believed = short is not None and expected.short_runs >= SHORT_RUNS_BELIEVED
    if short is not None:
        result.notes.append(short)
    result.complete = batch.complete and (short is None or believed)


async def probe(source: Source, submissions_expected_after: datetime, result: FetchResult) -> None:
    """Whether the announcement has arrived. Only its content shows that, because no date does.

    Costs a request only where the keywords themselves brought nothing that recent.
    """
    if not result.complete or result.stopped or result.submitted_after(submissions_expected_after):
        return
    try:
        batch = await source.latest(PROBE, 1)
    except SourceError as error:
        result.fail(error)
        return
    result.requests += batch.requests
    if batch.complete and not any(
        paper.published > submissions_expected_after for paper in batch.papers
    ):
        deadline = f"{submissions_expected_after:%Y-%m-%d %H:%M} UTC"
        text = f"nothing that was submitted after {deadline} is there yet"
        result.notes.append(Note(NoteKind.LATE, text))


def _shortfall(expected: Expected, got: frozenset[str]) -> Note | None:
    """A note if papers of the last complete answer are missing. arXiv sometimes gives well-formed
    answers of a few rows (facts of arXiv, 9), and only such papers reveal it."""
    missing = expected.paper_ids - got
    if not are_too_many(len(missing), len(expected.paper_ids)):
        return None
    return Note(
        NoteKind.SHORT,
        f"{len(missing)} of {len(expected.paper_ids)} papers that were there at the last complete "
        "run are missing from this answer",
    )


def are_too_many(missing: int, expected: int) -> bool:
    """Whether so many papers are missing that the answer can't be trusted."""
    return missing > max(MISSING_ALLOWED, MISSING_SHARE * expected)


async def fetch_histories(
    source: Source,
    keywords: Sequence[Keyword],
    now: datetime,
    result: FetchResult,
    wanted: Wanted | None = None,
) -> None:
    """The existing papers of new keywords: the newest of each; or, for many new keywords at once,
    those submitted in the last two weeks, which does not need a request for each keyword.

    A keyword without a complete history stays new, and gets a note of its own: the run is still
    complete for the keywords that were followed before.
    """
    if len(keywords) > MANY_NEW:
        await _fetch_recent(source, keywords, now - LOOK_BACK, result, wanted)
        return
    canonicals = [keyword.canonical for keyword in keywords]
    for number, keyword in enumerate(keywords):
        if result.stopped:
            return
        try:
            batch = await source.latest(keyword, HISTORY)
        except KeywordRefused as error:
            result.fail_history(error, ())
            # A source that refuses everything refuses this keyword too: only if it answered
            # another request is the keyword at fault.
            note = error.note(keyword.canonical)
            result.notes.append(replace(note, kind=NoteKind.REFUSED) if result.papers else note)
            continue
        except (SourceThrottled, SourceNotAsked) as error:
            result.fail_history(error, canonicals[number:])  # no request for the others
            return
        except SourceError as error:
            result.fail_history(error, [keyword.canonical])
            continue
        result.take(_concerning(keyword, batch))
        if batch.complete:
            oldest = min((paper.published for paper in batch.papers), default=None)
            since = oldest if len(batch.papers) >= HISTORY else None
            result.histories.append(_history(keyword, batch, since))


def _concerning(keyword: Keyword, batch: Batch) -> Batch:
    """The batch with its notes as notes on this keyword."""
    notes = (replace(note, keyword=keyword.canonical) for note in batch.notes)
    return replace(batch, notes=tuple(notes))


async def _fetch_recent(
    source: Source,
    keywords: Sequence[Keyword],
    since: datetime,
    result: FetchResult,
    wanted: Wanted | None,
) -> None:
    if result.stopped:
        return
    try:
        batch = await source.fetch(keywords, since, wanted=wanted)
    except SourceError as error:
        result.fail_history(error, [""])
        return
    result.take(batch)
    if not batch.complete:
        return
    refused = {note.keyword for note in batch.notes if note.kind is NoteKind.REFUSED}
    whole = _history(keywords[0], batch, since)
    result.histories += [
        replace(whole, keyword=keyword) for keyword in keywords if keyword.canonical not in refused
    ]


def _history(keyword: Keyword, batch: Batch, since: datetime | None) -> History:
    return History(
        keyword=keyword,
        among=frozenset(paper.id for paper in batch.papers),
        since=since,
        baseline=max([batch.unmatched.highest_serial, *(paper.serial for paper in batch.papers)]),
    )


async def complete(
    source: Source,
    store: CollectStore,
    matched: set[str],
    metadata_incomplete: Sequence[str],
    result: FetchResult,
) -> Sequence[Paper]:
    """Fetch the missing metadata of papers that match, of this run and earlier ones.

    They are posted in any case, marked as incomplete; so a source that fails only leaves a note.
    """
    ids = [p.id for p in result.papers.values() if not p.has_full_metadata and p.id in matched]
    ids = [*await store.metadata_incomplete(ids), *metadata_incomplete]
    if not ids or result.stopped:
        return ()
    try:
        batch = await source.papers(list(dict.fromkeys(ids)))
    except SourceError as error:
        result.requests += error.requests
        result.notes.append(error.note())
        return ()
    result.take(batch)
    matched.update(paper.id for paper in batch.papers)
    return batch.papers
