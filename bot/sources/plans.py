"""Carries out a plan, and falls back to the other way where arXiv gives no whole answer to one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import SourceError, SourceThrottled
from bot.model import Batch, Keyword, NoteKind
from bot.sources.asking import Run
from bot.sources.harvest import Harvest, OaiAsker, count
from bot.sources.mark import Mark
from bot.sources.planner import Plan, Way, choose
from bot.sources.sweep import QueryAsker, Sweep, note_of

log = logging.getLogger(__name__)

# A first harvest follows a week after the first look, and reads what was announced from this long
# before it on: who began to follow something then has not seen it yet.
_BEFORE_THE_FIRST = timedelta(days=4)

_NAMES = {Way.UNION: "by keyword", Way.HARVEST: "all that was announced"}


@dataclass(frozen=True, slots=True)
class Look:
    """One call of ``Source.fetch``. ``oai`` is ``None`` where arXiv can't be harvested."""

    keywords: Sequence[Keyword]
    since: datetime
    now: datetime
    mark: Mark
    url: str
    queries: QueryAsker
    oai: OaiAsker | None
    run: Run

    async def fetch(self, wanted: Way) -> Batch:
        """See ``Source.fetch``. Raises SourceError if neither way gave anything usable."""
        plan = choose(
            self.keywords,
            self.since,
            self.mark,
            self.now,
            url=self.url,
            wanted=wanted,
            can_harvest=self.oai is not None,
        )
        log.info("plan way=%s reason=%r", plan.way, plan.reason)
        first = await self._try(plan)
        if self.oai is None:
            return _or_raise(first, "")  # there was no choice
        said = f"{_NAMES[plan.way]}: {plan.reason}"
        if isinstance(first, Batch) and first.complete:
            return await self._counted(self.oai, first, said)
        if _throttled(first):
            return _or_raise(first, said)
        other = Plan(Way.UNION if plan.way is Way.HARVEST else Way.HARVEST, plan.since, "")
        log.info("plan way=%s gave no whole answer; trying %s", plan.way, other.way)
        second = await self._try(other)
        if isinstance(second, SourceError):
            return _or_raise(first, said)
        said = f"{_NAMES[other.way]}, because the other way gave no whole answer ({said})"
        return await self._counted(self.oai, _together(first, second), said)

    async def _try(self, plan: Plan) -> Batch | SourceError:
        try:
            if plan.way is Way.HARVEST and self.oai is not None:
                harvest = Harvest(
                    oai=self.oai, queries=self.queries, run=self.run, mark=self.mark, now=self.now
                )
                return await harvest.collect(plan.since)
            sweep = Sweep(
                asker=self.queries, url=self.url, run=self.run, since=self.since, now=self.now
            )
            return await sweep.collect(self.keywords)
        except SourceError as error:
            return error

    async def _counted(self, oai: OaiAsker, batch: Batch, said: str) -> Batch:
        """With how many papers were announced, which a union alone does not learn."""
        survey = replace(batch.survey, plan=said)
        if not survey.mark:
            mark = self.mark
            if mark.day is None:
                mark = replace(mark, day=(self.now - _BEFORE_THE_FIRST).date())
            announced = None
            try:
                announced, mark = await count(oai, self.run, mark, self.now)
            except SourceError as error:
                survey = replace(survey, plan=f"{said}; OAI-PMH did not tell what was announced")
                log.info("count failed why=%s", error)
            survey = replace(
                survey, announced=announced, missing=len(mark.holes), mark=mark.written()
            )
        return replace(batch, requests=self.run.requests, survey=survey)


def _together(first: Batch | SourceError, second: Batch) -> Batch:
    """What both ways brought. The second decides whether the whole is complete."""
    if isinstance(first, SourceError):
        return replace(second, notes=(*second.notes, note_of(first)))
    papers = {paper.id: paper for paper in (*first.papers, *second.papers)}
    papers |= {each.id: each for each in first.papers if each.version > papers[each.id].version}
    return Batch(
        papers=tuple(papers.values()),
        complete=second.complete,
        notes=(*second.notes, *first.notes),
        chosen=False,
        survey=first.survey if first.survey.mark else second.survey,
    )


def _throttled(outcome: Batch | SourceError) -> bool:
    """arXiv wants to be left alone, and that is one for all its services."""
    if isinstance(outcome, Batch):
        return any(note.kind is NoteKind.THROTTLED for note in outcome.notes)
    return isinstance(outcome, SourceThrottled)


def _or_raise(outcome: Batch | SourceError, said: str) -> Batch:
    if isinstance(outcome, SourceError):
        raise outcome
    return replace(outcome, survey=replace(outcome.survey, plan=said))
