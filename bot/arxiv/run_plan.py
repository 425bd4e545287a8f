"""Carries out a plan, and falls back to the other strategy where arXiv gives no complete answer."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

from bot.arxiv.checkpoint import Checkpoint, latest_id
from bot.arxiv.client import CallContext
from bot.arxiv.harvest import Harvest, OaiClient, count_announced
from bot.arxiv.number_scan import NumberScan
from bot.arxiv.plan import FetchTask, Plan, Strategy, choose
from bot.arxiv.search import KeywordSearch, SearchClient
from bot.errors import SourceError
from bot.model import AnnouncementStats, Batch, Paper
from bot.model.papers import keep_latest_versions

log = logging.getLogger(__name__)

# A first harvest follows a week after the first fetch, and reads what was announced from this long
# before it on: a person who began to follow something then has not seen it yet.
_BEFORE_THE_FIRST = timedelta(days=4)

_DESCRIPTIONS = {
    Strategy.UNION: "by keyword",
    Strategy.HARVEST: "for all that it announced",
}
_FALLBACKS = {Strategy.UNION: Strategy.HARVEST, Strategy.HARVEST: Strategy.UNION}


class FetchRun(NamedTuple):
    """One call of ``Source.fetch``. ``oai`` is ``None`` where arXiv can't be harvested."""

    task: FetchTask
    search: SearchClient
    oai: OaiClient | None
    call: CallContext

    async def fetch(self, wanted: Strategy) -> Batch:
        """See ``Source.fetch``. Raises SourceError if neither strategy gave anything usable."""
        plan = choose(self.task, wanted=wanted, can_harvest=self.oai is not None)
        log.info(
            "plan strategy=%s numbers=%s reason=%s", plan.strategy, plan.scans_numbers, plan.reason
        )
        batch = await self._fetch(plan)
        if plan.scans_numbers and batch.complete and not _is_blocked(batch):
            return await self._with_numbers(batch)
        return batch

    async def _fetch(self, plan: Plan) -> Batch:
        first = await self._try(plan.strategy)
        if self.oai is None:  # there was no choice, and there is no other strategy
            return self._with_starting_point(_or_raise(first))
        description = f"{_DESCRIPTIONS[plan.strategy]} ({plan.reason})"
        if isinstance(first, Batch) and first.complete:
            # A harvest has read what was announced; so there is nothing to count any more.
            oai = None if plan.strategy is Strategy.HARVEST else self.oai
            return await self._with_count(first, description, oai)
        if _is_blocked(first):
            return _described(_or_raise(first), description)
        return await self._fall_back(plan.strategy, first, description)

    async def _fall_back(
        self, strategy: Strategy, first: Batch | SourceError, description: str
    ) -> Batch:
        """What the other strategy adds to ``first``, which was not complete."""
        fallback = _FALLBACKS[strategy]
        log.info("plan incomplete strategy=%s next=%s", strategy, fallback)
        second = await self._try(fallback)
        if isinstance(second, SourceError):
            return _described(_or_raise(first), description)
        description = (
            f"{_DESCRIPTIONS[fallback]}, because it gave no complete answer when queried"
            f" {description}"
        )
        # OAI-PMH is not queried again if it just failed, nor if it was just read completely.
        is_oai_up = fallback is Strategy.UNION and isinstance(first, Batch)
        return await self._with_count(
            _merged(first, second), description, self.oai if is_oai_up else None
        )

    async def _try(self, strategy: Strategy) -> Batch | SourceError:
        try:
            if self.oai is None or strategy is Strategy.UNION:
                return await self._union()
            return await self._harvest(self.oai)
        except SourceError as error:
            return error

    async def _union(self) -> Batch:
        task = self.task
        search = KeywordSearch(
            client=self.search, url=task.url, call=self.call, since=task.since, now=task.now
        )
        return await search.collect(task.keywords)

    async def _harvest(self, oai: OaiClient) -> Batch:
        checkpoint, since = self.task.checkpoint, self.task.harvest_from
        leaves_gap = checkpoint.resume_from is not None and checkpoint.resume_from < since
        if not leaves_gap:
            return await self._harvest_from(oai, since, checkpoint)
        # The search replaces it; the gap after the checkpoint is left to the scan of the numbers.
        without_ids = replace(checkpoint, highest_id="", counted_id="", missing={})
        batch = await self._harvest_from(oai, since, without_ids)
        stats = AnnouncementStats(missing=len(checkpoint.missing), checkpoint=checkpoint.to_json())
        return replace(batch, announcement_stats=stats)

    async def _harvest_from(self, oai: OaiClient, since: date, checkpoint: Checkpoint) -> Batch:
        harvest = Harvest(
            oai=oai,
            search=self.search,
            call=self.call,
            checkpoint=checkpoint,
            since=since,
            now=self.task.now,
            wanted=self.task.wanted,
            posted=self.task.posted,
        )
        return await harvest.collect()

    def _checkpoint_of(self, batch: Batch) -> Checkpoint:
        """The checkpoint that a batch leaves, or the earlier one if it leaves none."""
        text = batch.announcement_stats.checkpoint
        return Checkpoint.read(text) if text else self.task.checkpoint

    def _with_starting_point(self, batch: Batch) -> Batch:
        """Without OAI-PMH: with the number from which the scan a week later starts."""
        checkpoint = self.task.checkpoint
        if checkpoint.resume_from is None and batch.complete:
            highest = latest_id((paper.id for paper in batch.papers), self.task.now)
            checkpoint = replace(checkpoint, resume_from=self.task.today, highest_id=highest)
        if checkpoint == Checkpoint():
            return batch
        stats = AnnouncementStats(missing=len(checkpoint.missing), checkpoint=checkpoint.to_json())
        return replace(batch, announcement_stats=stats)

    async def _with_numbers(self, batch: Batch) -> Batch:
        """The batch with what was announced since the checkpoint, found by its numbers."""
        scan = NumberScan(self.search, self.call, self._checkpoint_of(batch), self.task.now)
        found = await scan.collect()
        description = batch.announcement_stats.plan or _DESCRIPTIONS[Strategy.UNION]
        return replace(
            batch,
            others=tuple(found.papers.values()),
            notes=(*batch.notes, *found.notes),
            requests=self.call.requests,
            announcement_stats=replace(
                batch.announcement_stats,
                plan=f"{description}, and by the numbers of what it announced",
                missing=len(found.checkpoint.missing),
                checkpoint=found.checkpoint.to_json(),
            ),
        )

    async def _with_count(self, batch: Batch, description: str, oai: OaiClient | None) -> Batch:
        """With the plan, and with how many papers were announced, if ``oai`` is to be queried."""
        stats = batch.announcement_stats
        if stats.announced is None:
            announced: int | None = None
            checkpoint = self._counting_from(batch)
            if oai is not None:
                try:
                    announced, checkpoint = await self._count(oai, batch)
                except SourceError as error:
                    description += "; OAI-PMH did not say what was announced"
                    log.info("count failed why=%s", error)
            stats = replace(
                stats,
                announced=announced,
                missing=len(checkpoint.missing),
                checkpoint=checkpoint.to_json(),
            )
        batch = replace(batch, requests=self.call.requests, announcement_stats=stats)
        return _described(batch, description)

    def _counting_from(self, batch: Batch) -> Checkpoint:
        """The checkpoint from which to count. The first one starts some days before its fetch."""
        checkpoint = self._checkpoint_of(batch)
        if checkpoint.resume_from is not None:
            return checkpoint
        return replace(checkpoint, resume_from=(self.task.now - _BEFORE_THE_FIRST).date())

    async def _count(self, oai: OaiClient, batch: Batch) -> tuple[int | None, Checkpoint]:
        """See ``count_announced``. Raises SourceError."""
        announced, checkpoint = await count_announced(
            oai,
            self.call,
            self._counting_from(batch),
            self.task.now,
            [paper.id for paper in batch.papers],
        )
        if self._checkpoint_of(batch).resume_from is None:
            checkpoint = replace(checkpoint, highest_id=checkpoint.counted_id)
        return announced, checkpoint


def _merged(first: Batch | SourceError, second: Batch) -> Batch:
    """What both strategies found. The second decides whether the whole is complete."""
    if isinstance(first, SourceError):
        return replace(second, notes=(*second.notes, first.note()))
    papers: dict[str, Paper] = {}
    keep_latest_versions(papers, (*first.papers, *second.papers))
    stats = first.announcement_stats
    return Batch(
        papers=tuple(papers.values()),
        complete=second.complete,
        notes=(*second.notes, *first.notes),
        chosen=False,
        revised=(*first.revised, *second.revised),
        listed=first.listed or second.listed,
        announcement_stats=stats if stats.checkpoint else second.announcement_stats,
        unmatched=first.unmatched + second.unmatched,
    )


def _is_blocked(outcome: Batch | SourceError) -> bool:
    """Whether the failure affects all of arXiv's services."""
    if isinstance(outcome, Batch):
        return any(note.kind.blocks_source for note in outcome.notes)
    return outcome.kind.blocks_source


def _or_raise(outcome: Batch | SourceError) -> Batch:
    if isinstance(outcome, SourceError):
        raise outcome
    return outcome


def _described(batch: Batch, description: str) -> Batch:
    """The batch with a description of the plan, for people."""
    stats = replace(batch.announcement_stats, plan=description)
    return replace(batch, announcement_stats=stats)
