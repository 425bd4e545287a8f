"""Everything that arXiv announced since the last harvest, whatever it is about, over OAI-PMH.

Reads page after page, and counts only when the last one was read. Then the numbers are gone
through: ids run on within a month, so a number that no page held is asked for at the query API, and
again at the next looks, until it is clear that there is no such paper.

Bulk edits make arXiv list old papers again, a hundred thousand at worst: those of months ago are
passed over. Does not ask whether a paper matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final, TypeAlias
from urllib.parse import urlencode

from bot.errors import SourceError, SourceGarbled
from bot.model import Batch, Note, NoteKind, Paper, Survey
from bot.sources.asking import Asker, Run
from bot.sources.ids import first_serial_of
from bot.sources.mark import Mark, announced_since, given_out, highest, tails
from bot.sources.oai import OaiPage
from bot.sources.queries import these
from bot.sources.sweep import QueryAsker, note_of
from bot.sources.verdicts import Answer, Failed, Usable, Verdict

REVISED: Final = timedelta(days=60)
"""So far back a paper that is listed again is looked at again, as the weekly sweep does."""

IDS_AT_ONCE: Final = 500  # 700 by POST are known to work (arxiv.py PR #209, 2026-05)

_MOST_PAGES: Final = 200  # of 1,300 records and more: ten minutes, and a month of arXiv
_MOST_ASKED: Final = 2000  # numbers in one look; more can't be missing, but by a mistake
# Archives that are groups of OAI-PMH's sets by themselves; the others are in the group "physics".
_GROUPS: Final = frozenset({"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"})
_FEW: Final = 3  # missing papers that do not make an answer a bad one
_SHARE: Final = 0.01
_NAMED: Final = 5  # of missing papers, in a remark
_RESTARTS: Final = 2  # a token dies at midnight UTC, which comes once


@dataclass(frozen=True, slots=True)
class OaiRequest:
    """One request to OAI-PMH: the first page from a day on, of one archive or all; or a token's."""

    verb: str
    since: date
    token: str = ""
    archive: str = ""

    def encoded(self) -> str:
        if self.token:
            return urlencode({"verb": self.verb, "resumptionToken": self.token})
        fields = {"verb": self.verb, "metadataPrefix": "arXiv", "from": self.since.isoformat()}
        return urlencode(fields | ({"set": _set_of(self.archive)} if self.archive else {}))


OaiAsker: TypeAlias = Asker[OaiPage, OaiRequest]


def judge_page(
    page: OaiPage, answer: Answer[OaiPage], asked: OaiRequest
) -> Verdict[OaiPage] | None:
    """Errors of OAI-PMH come with status 200. Only those of no records and of a token are ours."""
    if page.error is not None and page.error[0] not in ("noRecordsMatch", "badResumptionToken"):
        said = f"{page.error[0]}, {page.error[1]}"[:300]
        refused = SourceGarbled(f"arXiv's OAI-PMH refuses: {said}", sample=answer.sample)
        return Failed(refused, again=False)
    if page.verb and page.verb != asked.verb:
        wrong = f"arXiv's OAI-PMH answered {page.verb} where {asked.verb} was asked."
        return Failed(SourceGarbled(wrong, sample=answer.sample))
    return Usable(page) if answer.status == 200 else None


class Pages:
    """Reads a whole list of OAI-PMH. Use it once.

    ``papers`` are those whose serial is not below ``floor``: bulk edits list a hundred thousand old
    ones again, which need not be held in memory.
    """

    def __init__(self, asker: OaiAsker, run: Run, floor: int = 0) -> None:
        self._asker = asker
        self._run = run
        self._floor = floor
        self.papers: dict[str, Paper] = {}
        self.ids: set[str] = set()
        self.damaged: list[tuple[str, str]] = []  # ids, and what is wrong with their records
        self.answered: datetime | None = None  # the server's time when it began

    async def read(self, verb: str, since: date, archive: str = "") -> None:
        """Every page from a day on (UTC, included). What came before an error is kept.

        Raises SourceError.
        """
        restarts = 0
        token = ""
        used: set[str] = set()
        for _ in range(_MOST_PAGES):
            page = await self._asker.ask(OaiRequest(verb, since, token, archive), self._run)
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
        self.papers |= {each.id: each for each in page.papers if each.serial >= self._floor}
        self.ids.update(page.ids)
        self.damaged += page.damaged


class Harvest:
    """Of everything, from the day ``since`` on (UTC, included). Use it once."""

    def __init__(
        self,
        *,
        oai: OaiAsker,
        queries: QueryAsker,
        run: Run,
        mark: Mark,
        since: date,
        now: datetime,
    ) -> None:
        self._queries = queries
        self._run = run
        self._mark = mark
        self._since = since
        self._now = now
        self._pages = Pages(oai, run, _floor(since, now))
        self._notes: list[Note] = []

    async def collect(self) -> Batch:
        """What was announced from ``since`` on. ``survey.plan`` is left to who planned.

        Raises SourceError if not a single page came.
        """
        pages = self._pages
        try:
            await pages.read("ListRecords", self._since)
        except SourceError as error:
            if not pages.ids:
                raise
            self._notes.append(note_of(error))
            unmoved = Survey(mark=self._mark.written())
            return self._batch(pages.papers.values(), complete=False, survey=unmoved)
        self._notes += _damages(pages)
        return await self._audited()

    async def _audited(self) -> Batch:
        """Go through the numbers, and ask for those that no page held."""
        pages, mark, today = self._pages, self._mark, self._now.date()
        readable = pages.ids - {paper_id for paper_id, _ in pages.damaged}
        announced = announced_since(mark.top, given_out(pages.ids, self._now))
        wanted = dict.fromkeys(sorted(announced), today) | mark.open_holes(today)
        missing = ((each, since) for each, since in wanted.items() if each not in readable)
        wanted = dict(islice(missing, _MOST_ASKED))
        got = await self._ask([*wanted, *tails(mark.top, announced)])
        holes = {each: since for each, since in wanted.items() if each not in got}
        if holes:
            some = ", ".join(sorted(holes)[:_NAMED])
            more = f" and {len(holes) - _NAMED} more" if len(holes) > _NAMED else ""
            self._notes.append(Note(NoteKind.HOLES, f"{some}{more}; asked for again next time"))
        top = highest([mark.top, *readable, *got], self._now)
        day = min(pages.answered or self._now, self._now).date()
        return self._batch(
            [*pages.papers.values(), *got.values()],
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
        for start in range(0, len(ids), IDS_AT_ONCE):
            try:
                feed = await self._queries.ask(these(ids[start : start + IDS_AT_ONCE]), self._run)
            except SourceError as error:
                self._notes.append(note_of(error))
                break
            if feed.error is not None:
                text = f"arXiv does not understand an id that it gave itself: {feed.error}"
                self._notes.append(Note(NoteKind.GARBLED, text))
            got |= {paper.id: paper for paper in feed.papers if paper.id in ids}
        return got

    def _batch(self, papers: Iterable[Paper], *, complete: bool, survey: Survey) -> Batch:
        return Batch(
            papers=tuple(papers),
            complete=complete,
            notes=tuple(self._notes),
            requests=self._run.requests,
            chosen=False,
            survey=survey,
        )


async def harvest_archives(
    oai: OaiAsker, run: Run, begins: Mapping[str, date], now: datetime
) -> tuple[Batch, dict[str, date]]:
    """What was announced in some archives, each from a day on; and from when on to ask next.

    The numbers can't be gone through: those between them belong to other archives. Raises
    SourceError.
    """
    papers: dict[str, Paper] = {}
    notes: list[Note] = []
    read: dict[str, date] = {}
    for archive, since in begins.items():
        pages = Pages(oai, run, _floor(since, now))
        await pages.read("ListRecords", since, archive)
        papers |= pages.papers
        notes += _damages(pages)
        read[archive] = min(pages.answered or now, now).date()
    complete = not notes  # what can't be read here has no second place to be asked for
    return Batch(tuple(papers.values()), complete, tuple(notes), run.requests, chosen=False), read


def _floor(since: date, now: datetime) -> int:
    """A paper below is so old that its being listed again is most likely a bulk edit."""
    return first_serial_of(min(since, (now - REVISED).date()))


def _damages(pages: Pages) -> list[Note]:
    if not pages.damaged:
        return []
    some = "; ".join(wrong for _, wrong in pages.damaged[:3])
    text = f"{len(pages.damaged)} records could not be read: {some}"
    return [Note(NoteKind.GARBLED, text)]


def _set_of(archive: str) -> str:
    """As ``ListSets`` names them (facts of arXiv, 8)."""
    return archive if archive in _GROUPS else f"physics:{archive}"


def _is_little(missing: int, announced: int) -> bool:
    """So few of a day's numbers may be missing in an answer that counts: some are never used."""
    return missing <= max(_FEW, _SHARE * announced)


async def count(oai: OaiAsker, run: Run, mark: Mark, now: datetime) -> tuple[int | None, Mark]:
    """How many papers were announced since the last count, in one request as a rule.

    ``None`` if there was no count before. Raises SourceError.
    """
    pages = Pages(oai, run)
    since = mark.counted_on or (now - timedelta(days=1)).date()
    await pages.read("ListIdentifiers", min(since, now.date()))
    seen = given_out(pages.ids, now)
    announced = len(announced_since(mark.counted, seen)) if mark.counted else None
    top = highest([mark.counted, *seen], now)
    counted_on = min(pages.answered or now, now).date()
    return announced, replace(mark, counted=top, counted_on=counted_on)
