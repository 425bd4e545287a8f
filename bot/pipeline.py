"""collect() and publish(): from what a source says to what stands in the outbox.

The flow, with everything that touches the database in one transaction each:

::

    collect   interests ─▶ source.fetch, source.latest ─▶ match ─▶ record (ledger "due", prime)
    publish   per channel: due ─▶ plan() ─▶ compose ─▶ outbox

Does not send anything, does not decide when to run, keeps no state of its own. An answer with
holes is recorded for what it brought, and never counts as complete.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.errors import SourceError, SourceGarbled, SourceThrottled
from bot.keywords import parse
from bot.matching import Matcher, nearly
from bot.model import (
    Agenda,
    Batch,
    Channel,
    Expected,
    Hit,
    Interests,
    Keyword,
    Note,
    NoteKind,
    Paper,
    Prime,
    Publication,
    Recorded,
    Run,
)
from bot.planning import Rules, plan
from bot.ports import Clock, CollectStore, Composer, PublishStore, Source

log = logging.getLogger(__name__)

# A third to two thirds of papers are announced more than a day after their submission, 0.8 % more
# than 14 days after it (facts of arXiv, 2.5, measured 2024-2026): hence two widths.
LOOK_BACK = timedelta(days=14)
LOOK_BACK_WIDE = timedelta(days=60)
WIDE_EVERY = timedelta(days=7)

HISTORY = 100  # papers of a new keyword taken as known; as many as a section of the page holds

# Papers of the last complete answer that may be missing from this one: texts change, papers go.
MISSING_ALLOWED = 2
MISSING_SHARE = 0.1
SHORT_RUNS_BELIEVED = 3  # missing this often in a row, they are believed to be gone

# What every announcement brings, whatever the keywords: it has more than a hundred papers a day.
PROBE = parse("cat:cs.LG")

ASKED_BACK_KEYWORDS = 3  # requests a run may spend on papers that match nothing here
ASKED_BACK_PAPERS = 50
ASKED_BACK_LOOKS = 50_000  # keywords x papers: each look at a pair takes some microseconds


@dataclass
class _Answers:
    """What the source said in this run, gathered."""

    papers: dict[str, Paper] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    histories: list[tuple[Keyword, Batch]] = field(default_factory=list)
    requests: int = 0
    complete: bool = True
    throttled: bool = False

    def take(self, batch: Batch) -> None:
        for paper in batch.papers:
            known = self.papers.get(paper.id)
            if known is None or known.version <= paper.version:
                self.papers[paper.id] = paper
        self.notes.extend(batch.notes)
        self.requests += batch.requests

    def fail(self, error: SourceError, keyword: str = "") -> None:
        self.complete = False
        self.throttled = isinstance(error, SourceThrottled)
        kind = NoteKind.DOWN
        if self.throttled:
            kind = NoteKind.THROTTLED
        elif isinstance(error, SourceGarbled):
            kind = NoteKind.GARBLED
        self.notes.append(Note(kind, str(error), keyword, error.sample))
        self.requests += error.requests


async def collect(
    source: Source,
    store: CollectStore,
    clock: Clock,
    *,
    first_post: int,
    opened: datetime | None = None,
) -> tuple[Run, Recorded]:
    """Ask the source what is there, and record what is due where.

    ``opened`` is for when an announcement is awaited: papers submitted after it are to be seen. A
    whole answer without any is ``late``: it counts, but does not yet speak for the day.

    Raises StoreError, and then nothing was recorded. A source that fails is not an error here: the
    run that is returned is then not ``complete``, and its notes say why.
    """
    started = clock.now()
    interests = await store.interests()
    since, wide = _window(interests, started)
    answers = _Answers()
    if interests.primed:
        await _fetch(source, store, interests.primed, since, answers)
    await _fetch_histories(source, interests.fresh, answers)
    if opened is not None and interests.primed:
        await _probe(source, opened, answers)

    keywords = {keyword.canonical: keyword for keyword in (*interests.primed, *interests.fresh)}
    papers = tuple(answers.papers.values())
    hits = await asyncio.to_thread(_match, tuple(keywords.values()), papers)
    disagreements = await _ask_back(source, store, interests.primed, papers, hits, answers)
    run = Run(
        started_at=started,
        finished_at=clock.now(),
        since=since,
        wide=wide,
        complete=answers.complete,
        papers=papers,
        hits=hits,
        primes=tuple(_prime(keyword, batch, hits) for keyword, batch in answers.histories),
        notes=tuple(answers.notes),
        requests=answers.requests,
        disagreements=disagreements,
    )
    recorded = await store.record(run, first_post=first_post)
    _report(run, recorded)
    return run, recorded


def _window(interests: Interests, now: datetime) -> tuple[datetime, bool]:
    """From which submission on to ask. A downtime widens it by as much; a clock that jumped back
    can't narrow it."""
    wide = False
    if interests.first_at is not None:
        wide = now - (interests.swept_at or interests.first_at) >= WIDE_EVERY
    begin = min(now, interests.complete_at or interests.first_at or now)
    return begin - (LOOK_BACK_WIDE if wide else LOOK_BACK), wide


async def _fetch(
    source: Source,
    store: CollectStore,
    keywords: Sequence[Keyword],
    since: datetime,
    answers: _Answers,
) -> None:
    expected = await store.expected([keyword.canonical for keyword in keywords], since)
    short: Note | None = None
    for _ in range(2):  # an answer with holes is asked for once more
        try:
            batch = await source.fetch(keywords, since)
        except SourceError as error:
            answers.fail(error)
            return
        answers.take(batch)
        short = _shortfall(expected, frozenset(answers.papers))
        if short is None or not batch.complete:
            break
    believed = short is not None and expected.short_runs >= SHORT_RUNS_BELIEVED
    if short is not None:
        answers.notes.append(short)
    answers.complete = batch.complete and (short is None or believed)


async def _probe(source: Source, opened: datetime, answers: _Answers) -> None:
    """Whether the announcement is there: asked of the content, because no date tells it.

    Costs a request only where the keywords themselves brought nothing that recent.
    """
    seen = tuple(answers.papers.values())
    if not answers.complete or answers.throttled or any(p.published > opened for p in seen):
        return
    try:
        batch = await source.latest(PROBE, 1)
    except SourceError as error:
        answers.fail(error)
        return
    answers.requests += batch.requests
    if batch.complete and not any(paper.published > opened for paper in batch.papers):
        text = f"nothing that was submitted after {opened:%Y-%m-%d %H:%M} UTC is there yet"
        answers.notes.append(Note(NoteKind.LATE, text))


def _shortfall(expected: Expected, got: frozenset[str]) -> Note | None:
    """Well-formed answers of a few rows happen (facts of arXiv, 9): yesterday's papers tell."""
    missing = expected.paper_ids - got
    if len(missing) <= max(MISSING_ALLOWED, MISSING_SHARE * len(expected.paper_ids)):
        return None
    return Note(
        NoteKind.SHORT,
        f"{len(missing)} of {len(expected.paper_ids)} papers that were there at the last complete "
        "run are missing from this answer",
    )


async def _fetch_histories(source: Source, keywords: Sequence[Keyword], answers: _Answers) -> None:
    for keyword in keywords:
        if answers.throttled:
            return
        try:
            batch = await source.latest(keyword, HISTORY)
        except SourceError as error:
            answers.fail(error, keyword.canonical)
            continue
        answers.take(batch)
        if batch.complete:
            answers.histories.append((keyword, batch))
        elif not any(note.kind is NoteKind.REFUSED for note in batch.notes):
            answers.complete = False


def _match(keywords: Sequence[Keyword], papers: Sequence[Paper]) -> tuple[Hit, ...]:
    matcher = Matcher(keywords)
    return tuple(hit for paper in papers for hit in matcher.match(paper))


def _prime(keyword: Keyword, batch: Batch, hits: Sequence[Hit]) -> Prime:
    matching = {hit.paper_id for hit in hits if hit.canonical == keyword.canonical}
    newest_first = sorted(batch.papers, key=lambda p: (p.published, p.serial), reverse=True)
    return Prime(
        canonical=keyword.canonical,
        paper_ids=tuple(paper.id for paper in newest_first if paper.id in matching),
        since=newest_first[-1].published if len(newest_first) >= HISTORY else None,
        baseline=max((paper.serial for paper in batch.papers), default=0),
    )


async def _ask_back(
    source: Source,
    store: CollectStore,
    keywords: Sequence[Keyword],
    papers: Sequence[Paper],
    hits: Sequence[Hit],
    answers: _Answers,
) -> tuple[tuple[str, str], ...]:
    """Ask the source about papers that it sent and that match nothing here, once per paper.

    What comes back is a remark for whoever keeps the matcher, never a reason to post.
    """
    matched = {hit.paper_id for hit in hits}
    strangers = [paper for paper in papers if paper.id not in matched]
    fresh = await store.unexplained([paper.id for paper in strangers])
    most = min(ASKED_BACK_PAPERS, ASKED_BACK_LOOKS // max(len(keywords), 1))
    asked = [paper for paper in strangers if paper.id in fresh][:most]
    if not asked or answers.throttled or not answers.complete:
        return ()
    near = {k.canonical: [p.id for p in asked if nearly(k, p)] for k in keywords}
    candidates = [keyword for keyword in keywords if near[keyword.canonical]]
    disagreements = [(paper.id, "") for paper in asked]
    for keyword in candidates[:ASKED_BACK_KEYWORDS]:
        try:
            confirmed = await source.confirm(keyword, near[keyword.canonical])
        except SourceError as error:
            log.info("ask-back keyword=%r failed why=%s", keyword.text, error)
            return ()
        answers.requests += 1
        for paper_id in sorted(confirmed):
            answers.notes.append(
                Note(
                    NoteKind.DISAGREES,
                    f"the source counts {paper_id} as matching {keyword.text!r}, we do not",
                    keyword.canonical,
                )
            )
            disagreements.append((paper_id, keyword.canonical))
    return tuple(disagreements)


def _report(run: Run, recorded: Recorded) -> None:
    log.info(
        "collect complete=%s wide=%s since=%s requests=%d fetched=%d matched=%d new=%d due=%d"
        " primed=%d",
        run.complete, run.wide, run.since.date(), run.requests, len(run.papers),
        len({hit.paper_id for hit in run.hits}), recorded.new_papers, recorded.due, recorded.primed,
    )  # fmt: skip
    for note in run.notes:
        log.warning("collect note=%s keyword=%r text=%s", note.kind, note.keyword, note.text)


async def publish(
    store: PublishStore,
    composers: Mapping[str, Composer],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
) -> int:
    """Put what is due into the outbox, channel by channel; how many posts that made.

    ``now`` publishes whatever the time of day. A channel whose platform is switched off keeps its
    papers due. Raises StoreError.
    """
    posts = 0
    for channel in await store.publishable():
        composer = composers.get(channel.platform)
        if composer is None:
            log.info("publish channel=%s skipped: its platform is switched off", channel.id)
            continue
        at = clock.now()
        posts += await store.publish(channel.id, _planner(composer, rules(channel), at, now), at)
    return posts


def _planner(
    composer: Composer, rules: Rules, at: datetime, now: bool
) -> Callable[[Agenda], Publication | None]:
    return lambda agenda: plan(agenda, composer, rules, at, now=now)
