"""collect(): from what a source answers to what is due in the ledger.

::

    interests ─▶ source.fetch, source.latest ─▶ match ─▶ record (ledger "due", prime, news)

Each access to the database is one transaction, or several short ones where it takes long. Does not
send anything, does not decide when to run, keeps no state of its own. What an incomplete answer
holds is recorded, but it never counts as complete.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core import fetch, news
from bot.core.fetch import LOOK_BACK, LOOK_BACK_WIDE, FetchResult, History
from bot.matching import Matcher
from bot.model import Hit, Interests, Paper, Prime, Recorded, Run
from bot.model.news import FOLLOWED_FOR
from bot.model.papers import keep_latest_versions
from bot.ports import Clock, CollectStore, Source

log = logging.getLogger(__name__)

WIDE_EVERY = timedelta(days=7)


async def collect(
    source: Source,
    store: CollectStore,
    clock: Clock,
    *,
    first_post: int,
    submissions_expected_after: datetime | None = None,
) -> tuple[Run, Recorded]:
    """Fetch from the source, match, and record what is due in which channel.

    ``submissions_expected_after`` is given when an announcement is expected: it should contain
    papers submitted after that time. A complete answer without any is ``late``: it counts, but
    does not yet cover the day.

    Raises StoreError; then the run does not count, and what it had recorded is what an incomplete
    run would have left. A source that fails is not an error here: the run that is returned is then
    not ``complete``, and its notes say why.
    """
    started = clock.now()
    interests = await store.interests()
    posted = await store.posted(started - FOLLOWED_FOR)
    since, wide = _window(interests, started)
    keywords = {keyword.canonical: keyword for keyword in (*interests.primed, *interests.fresh)}
    matcher = await asyncio.to_thread(Matcher, tuple(keywords.values()))

    def wanted(paper: Paper) -> bool:
        return bool(matcher.match(paper))

    result = FetchResult()
    if interests.primed:
        await fetch.fetch(
            source, store, interests.primed, since, interests.checkpoint, result, wanted, posted
        )
        # Before the histories: one of them may end this run's requests.
        if submissions_expected_after is not None:
            await fetch.probe(source, submissions_expected_after, result)
    await fetch.fetch_histories(source, interests.fresh, started, result, wanted)
    fetched = len(result.papers) + result.unmatched.count
    papers, hits = await _match_fetched(source, store, matcher, interests, result)
    followed = await news.follow_up(source, store, interests, posted, started, result)
    papers, beside = _with_followed(papers, followed)
    run = Run(
        started_at=started,
        finished_at=clock.now(),
        since=since,
        wide=wide,
        complete=result.complete and (bool(interests.primed) or _brought(interests, result)),
        papers=papers,
        hits=hits,
        primes=_primes(result.histories, papers, hits),
        notes=tuple(result.notes),
        requests=result.requests,
        fetched=fetched,
        announcement_stats=result.announcement_stats,
        followed=beside,
        news=followed.news,
        followed_until=followed.until,
    )
    recorded = await store.record(run, first_post=first_post)
    _report(run, recorded)
    _report_notes(
        run, {each: keywords[each].handle for each in interests.personal & keywords.keys()}
    )
    return run, recorded


async def _match_fetched(
    source: Source,
    store: CollectStore,
    matcher: Matcher,
    interests: Interests,
    result: FetchResult,
) -> tuple[tuple[Paper, ...], tuple[Hit, ...]]:
    """The papers to record, and which keywords they match, once papers with incomplete metadata
    have been completed."""
    hits = await asyncio.to_thread(_match, matcher, tuple(result.papers.values()))
    matched = {hit.paper_id for hit in hits}
    completed = await fetch.complete(source, store, matched, interests.metadata_incomplete, result)
    more = await asyncio.to_thread(_match, matcher, completed)
    recorded = result.chosen | matched
    papers = tuple(paper for paper in result.papers.values() if paper.id in recorded)
    return papers, tuple(dict.fromkeys((*hits, *more)))


def _with_followed(
    papers: Sequence[Paper], followed: news.FollowUp
) -> tuple[tuple[Paper, ...], tuple[Paper, ...]]:
    """The papers that may match, with what is known of them by now, and the posted papers that
    are followed up."""
    kept = {paper.id: paper for paper in papers}
    beside = [paper for paper in followed.papers if paper.id not in kept]
    keep_latest_versions(kept, (paper for paper in followed.papers if paper.id in kept))
    return tuple(kept.values()), tuple(beside)


def _brought(interests: Interests, result: FetchResult) -> bool:
    """Whether any keyword got its history, if all keywords are new."""
    return bool(result.histories) or not interests.fresh


def _window(interests: Interests, now: datetime) -> tuple[datetime, bool]:
    """The earliest submission time to fetch. Downtime widens the window accordingly; a clock that
    was set back does not narrow it."""
    wide = False
    if interests.first_at is not None:
        wide = now - (interests.swept_at or interests.first_at) >= WIDE_EVERY
    begin = min(now, interests.complete_at or interests.first_at or now)
    return begin - (LOOK_BACK_WIDE if wide else LOOK_BACK), wide


def _match(matcher: Matcher, papers: Sequence[Paper]) -> tuple[Hit, ...]:
    return tuple(hit for paper in papers for hit in matcher.match(paper))


def _primes(
    histories: Sequence[History], papers: Sequence[Paper], hits: Sequence[Hit]
) -> tuple[Prime, ...]:
    by_id = {paper.id: paper for paper in papers}
    matching: dict[str, set[str]] = {history.keyword.canonical: set() for history in histories}
    for hit in hits:
        if hit.canonical in matching:
            matching[hit.canonical].add(hit.paper_id)

    def newest_first(ids: Iterable[str]) -> tuple[str, ...]:
        found = sorted(map(by_id.__getitem__, ids), key=lambda p: (p.published, p.serial))
        return tuple(paper.id for paper in reversed(found))

    return tuple(
        Prime(
            canonical=history.keyword.canonical,
            paper_ids=newest_first(matching[history.keyword.canonical] & history.among),
            since=history.since,
            baseline=history.baseline,
        )
        for history in histories
    )


def _report(run: Run, recorded: Recorded) -> None:
    log.info(
        "collect complete=%s wide=%s since=%s requests=%d announced=%s fetched=%d matched=%d new=%d"
        " due=%d primed=%d news=%d missing=%d plan=%s",
        run.complete, run.wide, run.since.date(), run.requests,
        "unknown" if run.announcement_stats.announced is None else run.announcement_stats.announced,
        run.fetched,
        len({hit.paper_id for hit in run.hits}), recorded.new_papers, recorded.due, recorded.primed,
        len(run.news),
        run.announcement_stats.missing, run.announcement_stats.plan,
    )  # fmt: skip


def _report_notes(run: Run, handles: Mapping[str, str]) -> None:
    """``handles`` are those of keywords that people follow for themselves: what these say is not
    for whoever reads the log."""
    for note in run.notes:
        if note.keyword in handles:
            log.warning("collect note=%s keyword=%s", note.kind, handles[note.keyword])
        else:
            log.warning("collect note=%s keyword=%s text=%s", note.kind, note.keyword, note.text)
