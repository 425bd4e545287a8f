"""Everything that arXiv announced since the last harvest, whatever it is about, over OAI-PMH.

Reads page after page, and counts only when the last one was read. Then the numbers are gone
through: ids run on within a month, so a number that no page held is asked for at the query API, and
again at the next looks, until it is clear that there is no such paper.

Bulk edits make arXiv list old papers again, a hundred thousand at worst: those of months ago are
passed over. Does not ask whether a paper matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlencode

from bot.errors import SourceError, SourceGarbled
from bot.model import Batch, Note, NoteKind, Paper, Survey
from bot.sources.asking import Asker, Run
from bot.sources.ids import first_serial_of, serial_of
from bot.sources.mark import Mark, announced_since, highest, tails
from bot.sources.oai import OaiPage
from bot.sources.queries import these
from bot.sources.sweep import QueryAsker, note_of
from bot.sources.verdicts import Answer, Failed, Usable, Verdict

REVISED: Final = timedelta(days=60)
"""So far back a paper that is listed again is looked at again, as the weekly sweep does."""

IDS_AT_ONCE: Final = 500  # 700 by POST are known to work (arxiv.py PR #209, 2026-05)

_MOST_PAGES: Final = 200  # of 1,300 records and more: ten minutes, and a month of arXiv
_MOST_ASKED: Final = 2000  # numbers in one look
_FEW: Final = 3  # missing papers that do not make an answer a bad one
_SHARE: Final = 0.01
_RESTARTS: Final = 2  # a token dies at midnight UTC, which comes once


@dataclass(frozen=True, slots=True)
class OaiRequest:
    """One request to OAI-PMH: the first page from a day on, or the page of a token."""

    verb: str
    since: date | None = None
    token: str = ""

    def encoded(self) -> str:
        if self.token:
            return urlencode({"verb": self.verb, "resumptionToken": self.token})
        fields = {"verb": self.verb, "metadataPrefix": "arXiv"}
        return urlencode(fields | ({"from": self.since.isoformat()} if self.since else {}))


OaiAsker: TypeAlias = Asker[OaiPage, OaiRequest]


def judge_page(page: OaiPage, answer: Answer[OaiPage], _: OaiRequest) -> Verdict[OaiPage] | None:
    """Errors of OAI-PMH come with status 200. Only those of no records and of a token are ours."""
    if page.error is not None and page.error[0] not in ("noRecordsMatch", "badResumptionToken"):
        said = f"{page.error[0]}, {page.error[1]}"[:300]
        refused = SourceGarbled(f"arXiv's OAI-PMH refuses: {said}", sample=answer.sample)
        return Failed(refused, again=False)
    return Usable(page) if answer.status == 200 else None


class Pages:
    """Reads a whole list of OAI-PMH. Use it once."""

    def __init__(self, asker: OaiAsker, run: Run) -> None:
        self._asker = asker
        self._run = run
        self.papers: dict[str, Paper] = {}
        self.ids: set[str] = set()
        self.damaged: dict[str, str] = {}
        self.answered: datetime | None = None  # the server's time when it began

    async def read(self, verb: str, since: date) -> None:
        """Every page from a day on (UTC, included). What came before an error is kept.

        Raises SourceError.
        """
        restarts = 0
        token = ""
        used: set[str] = set()
        for _ in range(_MOST_PAGES):
            page = await self._asker.ask(OaiRequest(verb, since, token), self._run)
            self.answered = self.answered or page.answered
            if page.error is not None and page.error[0] == "badResumptionToken":
                restarts += 1
                if not token or restarts > _RESTARTS:
                    raise SourceGarbled(f"arXiv's OAI-PMH lost its place: {page.error[1][:200]}")
                token = ""
                continue
            self._take(page)
            token = page.token
            if not token:
                return
            if token in used and not restarts:
                raise SourceGarbled("arXiv's OAI-PMH gives the same page again and again.")
            used.add(token)
        raise SourceGarbled(f"arXiv's OAI-PMH lists more than {_MOST_PAGES} pages.")

    def _take(self, page: OaiPage) -> None:
        for paper in page.papers:
            self.papers[paper.id] = paper
        self.ids.update(page.ids)
        self.damaged.update(page.damaged)


class Harvest:
    """Use it once."""

    def __init__(
        self, *, oai: OaiAsker, queries: QueryAsker, run: Run, mark: Mark, now: datetime
    ) -> None:
        self._queries = queries
        self._run = run
        self._mark = mark
        self._now = now
        self._pages = Pages(oai, run)
        self._notes: list[Note] = []

    async def collect(self, since: date) -> Batch:
        """What was announced from that day on (UTC). ``survey.plan`` is left to who planned.

        Raises SourceError if not a single page came.
        """
        pages = self._pages
        try:
            await pages.read("ListRecords", since)
        except SourceError as error:
            if not pages.ids:
                raise
            self._notes.append(note_of(error))
            unmoved = Survey(mark=self._mark.written())
            return self._batch(pages.papers.values(), complete=False, survey=unmoved)
        if pages.damaged:
            text = f"{len(pages.damaged)} records could not be read: "
            text += "; ".join(list(pages.damaged.values())[:3])
            self._notes.append(Note(NoteKind.GARBLED, text))
        return await self._audited()

    async def _audited(self) -> Batch:
        """Go through the numbers, and ask for those that no page held."""
        pages, mark, today = self._pages, self._mark, self._now.date()
        readable = pages.ids - pages.damaged.keys()
        announced = announced_since(mark.top, pages.ids)
        wanted = dict.fromkeys(sorted(announced), today) | mark.open_holes(today)
        wanted = {each: since for each, since in wanted.items() if each not in readable}
        got = await self._ask([*wanted, *tails(mark.top, announced)])
        holes = {each: since for each, since in wanted.items() if each not in got}
        if holes:
            some = ", ".join(sorted(holes)[:5])
            text = f"{len(holes)} numbers are missing, and are asked for again: {some}"
            self._notes.append(Note(NoteKind.HOLES, text))
        top = highest([*filter(None, [mark.top]), *readable, *got], self._now)
        day = min(pages.answered or self._now, self._now).date()
        return self._batch(
            [*(each for each in pages.papers.values() if self._is_recent(each)), *got.values()],
            complete=_is_little(sum(since == today for since in holes.values()), len(announced)),
            survey=Survey(
                announced=len(announced) if mark.top else None,
                missing=len(holes),
                mark=Mark(day, top, counted=top, counted_on=day, holes=holes).written(),
            ),
        )

    async def _ask(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Those of these papers that the query API has. One that is unknown to it is left out."""
        got: dict[str, Paper] = {}
        for start in range(0, min(len(ids), _MOST_ASKED), IDS_AT_ONCE):
            try:
                feed = await self._queries.ask(these(ids[start : start + IDS_AT_ONCE]), self._run)
            except SourceError as error:
                self._notes.append(note_of(error))
                break
            got |= {paper.id: paper for paper in feed.papers if paper.id in ids}
        return got

    def _is_recent(self, paper: Paper) -> bool:
        """New, or not so old that being listed again is most likely a bulk edit."""
        if self._mark.top and paper.serial > serial_of(self._mark.top):
            return True
        recent = paper.serial >= first_serial_of((self._now - REVISED).date())
        return recent or paper.id in self._mark.holes

    def _batch(self, papers: Iterable[Paper], *, complete: bool, survey: Survey) -> Batch:
        return Batch(
            papers=tuple(papers),
            complete=complete,
            notes=tuple(self._notes),
            requests=self._run.requests,
            chosen=False,
            survey=survey,
        )


def _is_little(missing: int, announced: int) -> bool:
    """So few of a day's numbers may be missing in an answer that counts: some are never used."""
    return missing <= max(_FEW, _SHARE * announced)


async def count(oai: OaiAsker, run: Run, mark: Mark, now: datetime) -> tuple[int | None, Mark]:
    """How many papers were announced since the last count, in one request as a rule.

    ``None`` if there was no count before. Raises SourceError.
    """
    pages = Pages(oai, run)
    await pages.read("ListIdentifiers", mark.counted_on or (now - timedelta(days=1)).date())
    announced = len(announced_since(mark.counted, pages.ids)) if mark.counted else None
    top = highest([*filter(None, [mark.counted]), *pages.ids], now)
    counted_on = min(pages.answered or now, now).date()
    return announced, replace(mark, counted=top, counted_on=counted_on)
