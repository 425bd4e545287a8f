"""Carries out a plan, and falls back to the other way where arXiv gives no whole answer to one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.arxiv.checkpoint import Checkpoint, highest
from bot.arxiv.client import Run
from bot.arxiv.harvest import Harvest, OaiAsker, count
from bot.arxiv.number_scan import Walk
from bot.arxiv.plan import Plan, Task, Way, choose
from bot.arxiv.search import QueryAsker, Sweep, stops
from bot.errors import SourceError
from bot.model import AnnouncementStats, Batch, NoteKind, Paper
from bot.model.papers import keep_latest_versions

log = logging.getLogger(__name__)

# A first harvest follows a week after the first look, and reads what was announced from this long
# before it on: who began to follow something then has not seen it yet.
_BEFORE_THE_FIRST = timedelta(days=4)

_NAMES = {
    Way.UNION: "by keyword",
    Way.HARVEST: "for all that it announced",
}
_OTHERS = {Way.UNION: Way.HARVEST, Way.HARVEST: Way.UNION}


@dataclass(frozen=True, slots=True)
class FetchRun:
    """One call of ``Source.fetch``. ``oai`` is ``None`` where arXiv can't be harvested."""

    task: Task
    queries: QueryAsker
    oai: OaiAsker | None
    run: Run

    async def fetch(self, wanted: Way) -> Batch:
        """See ``Source.fetch``. Raises SourceError if neither way gave anything usable."""
        plan = choose(self.task, wanted=wanted, can_harvest=self.oai is not None)
        log.info("plan way=%s numbers=%s reason=%r", plan.way, plan.numbers, plan.reason)
        batch = await self._fetch(plan)
        if plan.numbers and batch.complete and not _stopped(batch):
            return await self._walk(batch)
        return batch

    async def _fetch(self, plan: Plan) -> Batch:
        first = await self._try(plan)
        if self.oai is None:
            return self._begun(_or_raise(first, ""))  # there was no choice
        said = f"{_NAMES[plan.way]} ({plan.reason})"
        if isinstance(first, Batch) and first.complete:
            return await self._counted(None if plan.way is Way.HARVEST else self.oai, first, said)
        if _stopped(first):
            return _or_raise(first, said)
        other = self.task.plan(_OTHERS[plan.way])
        log.info("plan way=%s gave no whole answer; trying %s", plan.way, other.way)
        second = await self._try(other)
        if isinstance(second, SourceError):
            return _or_raise(first, said)
        said = f"{_NAMES[other.way]}, because there was no whole answer when asked {said}"
        both = _together(first, second)
        # OAI-PMH is not asked again if it gave nothing a moment ago, nor if it was read whole.
        speaks = other.way is Way.UNION and isinstance(first, Batch)
        return await self._counted(self.oai if speaks else None, both, said)

    async def _try(self, plan: Plan) -> Batch | SourceError:
        try:
            if self.oai is None or plan.way is Way.UNION:
                return await self._union()
            return await self._harvest(self.oai, plan)
        except SourceError as error:
            return error

    async def _harvest(self, oai: OaiAsker, plan: Plan) -> Batch:
        checkpoint = self.task.checkpoint
        # It stands in, and leaves a gap behind the place, which is kept for those who fill it.
        leaves_gap = checkpoint.day is not None and checkpoint.day < plan.since
        harvest = Harvest(
            oai=oai,
            queries=self.queries,
            run=self.run,
            checkpoint=replace(checkpoint, top="", counted="", holes={})
            if leaves_gap
            else checkpoint,
            since=plan.since,
            now=self.task.now,
            wanted=self.task.wanted,
        )
        batch = await harvest.collect()
        if leaves_gap:
            return replace(
                batch,
                announcement_stats=AnnouncementStats(
                    missing=len(checkpoint.holes), checkpoint=checkpoint.written()
                ),
            )
        return batch

    async def _walk(self, batch: Batch) -> Batch:
        """Beside what was asked for by keyword, what was announced since the place of the mark."""
        checkpoint = (
            Checkpoint.read(batch.announcement_stats.checkpoint)
            if batch.announcement_stats.checkpoint
            else self.task.checkpoint
        )
        walked = await Walk(self.queries, self.run, checkpoint, self.task.now).collect()
        said = batch.announcement_stats.plan or _NAMES[Way.UNION]
        announcement_stats = replace(
            batch.announcement_stats,
            plan=f"{said}, and by the numbers of what it announced",
            missing=len(walked.checkpoint.holes),
            checkpoint=walked.checkpoint.written(),
        )
        return replace(
            batch,
            others=tuple(walked.papers.values()),
            notes=(*batch.notes, *walked.notes),
            requests=self.run.requests,
            announcement_stats=announcement_stats,
        )

    def _begun(self, batch: Batch) -> Batch:
        """Without OAI-PMH, the place from which on the numbers are gone through in a week."""
        checkpoint = self.task.checkpoint
        if checkpoint.day is None and batch.complete:
            top = highest((paper.id for paper in batch.papers), self.task.now)
            checkpoint = replace(checkpoint, day=self.task.today, top=top)
        if checkpoint == Checkpoint():
            return batch
        announcement_stats = AnnouncementStats(
            missing=len(checkpoint.holes), checkpoint=checkpoint.written()
        )
        return replace(batch, announcement_stats=announcement_stats)

    async def _union(self) -> Batch:
        task = self.task
        sweep = Sweep(
            asker=self.queries, url=task.url, run=self.run, since=task.since, now=task.now
        )
        return await sweep.collect(task.keywords)

    async def _counted(self, oai: OaiAsker | None, batch: Batch, said: str) -> Batch:
        """With the plan, and how many papers were announced, if ``oai`` is to be asked for that."""
        announcement_stats = batch.announcement_stats
        if announcement_stats.announced is None:
            checkpoint = (
                Checkpoint.read(announcement_stats.checkpoint)
                if announcement_stats.checkpoint
                else self.task.checkpoint
            )
            begins = checkpoint.day is None
            if begins:
                checkpoint = replace(checkpoint, day=(self.task.now - _BEFORE_THE_FIRST).date())
            try:
                if oai is not None:
                    brought = [paper.id for paper in batch.papers]
                    announced, checkpoint = await count(
                        oai, self.run, checkpoint, self.task.now, brought
                    )
                    announcement_stats = replace(announcement_stats, announced=announced)
                    if begins:
                        checkpoint = replace(checkpoint, top=checkpoint.counted)
            except SourceError as error:
                said += "; OAI-PMH did not tell what was announced"
                log.info("count failed why=%s", error)
            announcement_stats = replace(
                announcement_stats, missing=len(checkpoint.holes), checkpoint=checkpoint.written()
            )
        return replace(
            batch,
            requests=self.run.requests,
            announcement_stats=replace(announcement_stats, plan=said),
        )


def _together(first: Batch | SourceError, second: Batch) -> Batch:
    """What both ways brought. The second decides whether the whole is complete."""
    if isinstance(first, SourceError):
        return replace(second, notes=(*second.notes, first.note()))
    papers: dict[str, Paper] = {}
    keep_latest_versions(papers, (*first.papers, *second.papers))
    return Batch(
        papers=tuple(papers.values()),
        complete=second.complete,
        notes=(*second.notes, *first.notes),
        chosen=False,
        announcement_stats=first.announcement_stats
        if first.announcement_stats.checkpoint
        else second.announcement_stats,
        unmatched=first.unmatched + second.unmatched,
    )


def _stopped(outcome: Batch | SourceError) -> bool:
    """Nothing more is to be asked: what stands in the way is one for all of arXiv's services."""
    if isinstance(outcome, Batch):
        kinds = {note.kind for note in outcome.notes}
        return not kinds.isdisjoint({NoteKind.THROTTLED, NoteKind.LOCAL})
    return stops(outcome)


def _or_raise(outcome: Batch | SourceError, said: str) -> Batch:
    if isinstance(outcome, SourceError):
        raise outcome
    return replace(outcome, announcement_stats=replace(outcome.announcement_stats, plan=said))
