"""Everything that arXiv announced since the last harvest, whatever it is about, over OAI-PMH.

Reads page after page, and counts only when the last one was read. Then the numbers are gone
through, up to that of the newest paper that the query API has: ids run on within a month, so a
number that no page held is asked for there, and again at the next looks, until it is clear that
there is no such paper. An empty list is believed only where the query API has nothing new either.

Bulk edits make arXiv list old papers again, a hundred thousand at worst: those of months ago are
passed over. Does not ask whether a paper matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlencode

from bot.arxiv.checkpoint import (
    PATIENCE,
    Checkpoint,
    announced_since,
    given_out,
    given_up,
    highest,
    tails,
)
from bot.arxiv.client import Asker, Run
from bot.arxiv.ids import first_serial_of, serial_of
from bot.arxiv.oai_page import EVERYTHING, OaiPage, Selection
from bot.arxiv.responses import Answer, Failed, Usable, Verdict
from bot.arxiv.search import QueryAsker, prove_alive
from bot.arxiv.search_query import these
from bot.errors import SourceError, SourceGarbled
from bot.model import AnnouncementStats, Batch, Note, NoteKind, Paper, Unmatched
from bot.ports import Wanted

REVISED: Final = timedelta(days=60)
"""So far back a paper that is listed again is looked at again, as the weekly sweep does."""

IDS_AT_ONCE: Final = 500  # 700 by POST are known to work (arxiv.py PR #209, 2026-05)

_MOST_PAGES: Final = 200  # of 1,300 records and more: ten minutes, and a month of arXiv
_MOST_ASKED: Final = 2000  # numbers in one look, which are four requests
_FEW: Final = 3  # missing papers that do not make an answer a bad one
_SHARE: Final = 0.01
# The highest id is among those submitted last: within a day numbers follow the submission, 96.9 %
# of neighbours are in its order (measured on 31,144 of 2026).
NEWEST: Final = 50
_NAMED: Final = 5  # of missing papers, in a remark
_RESTARTS: Final = 2  # a token dies at midnight UTC, which comes once


@dataclass(frozen=True, slots=True)
class OaiRequest:
    """One request to OAI-PMH: the first page from a day on, or a token's."""

    verb: str
    since: date
    token: str = ""
    selection: Selection = field(default=EVERYTHING, compare=False)

    def encoded(self) -> str:
        if self.token:
            return urlencode({"verb": self.verb, "resumptionToken": self.token})
        return urlencode(
            {"verb": self.verb, "metadataPrefix": "arXiv", "from": self.since.isoformat()}
        )


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

    ``papers`` are the selected ones: bulk edits list a hundred thousand old ones again, which need
    not be held in memory. In ``unmatched`` one that was listed twice counts twice.
    """

    def __init__(self, asker: OaiAsker, run: Run, selection: Selection = EVERYTHING) -> None:
        self._asker = asker
        self._run = run
        self._selection = selection
        self.papers: dict[str, Paper] = {}
        self.unmatched = Unmatched()
        self.ids: set[str] = set()
        self.damaged: list[tuple[str, str]] = []  # ids, and what is wrong with their records
        self.answered: datetime | None = None  # the server's time when it began

    async def read(self, verb: str, since: date) -> None:
        """Every page from a day on (UTC, included). What came before an error is kept.

        Raises SourceError.
        """
        restarts = 0
        token = ""
        used: set[str] = set()
        for _ in range(_MOST_PAGES):
            request = OaiRequest(verb, since, token, self._selection)
            page = await self._asker.ask(request, self._run)
            self.answered = self.answered or page.answered
            if token and page.error is not None and page.error[0] == "noRecordsMatch":
                raise SourceGarbled("arXiv's OAI-PMH promised another page, and has none.")
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
        self.papers |= {each.id: each for each in page.papers}
        self.unmatched += page.unmatched
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
        checkpoint: Checkpoint,
        since: date,
        now: datetime,
        wanted: Wanted | None = None,
    ) -> None:
        self._queries = queries
        self._run = run
        self._mark = checkpoint
        self._since = since
        self._now = now
        self._pages = Pages(oai, run, Selection(_floor(since, now), wanted))
        self._newest: dict[str, Paper] = {}  # papers that the query API has, of the new ones
        self._notes: list[Note] = []

    async def collect(self) -> Batch:
        """What was announced from ``since`` on. ``announcement_stats.plan`` is left to who planned.

        Raises SourceError if not a single page came, or none that can be believed.
        """
        pages = self._pages
        try:
            await pages.read("ListRecords", self._since)
        except SourceError as error:
            if not pages.ids:
                raise
            self._notes.append(error.note())
            unmoved = AnnouncementStats(checkpoint=self._mark.written())
            return self._batch(pages.papers.values(), complete=False, announcement_stats=unmoved)
        self._notes += _damages(pages)
        await self._prove_whole()
        return await self._audited()

    async def _prove_whole(self) -> None:
        """Learn how far the list must reach at least: to the newest papers of the query API.

        Raises SourceGarbled for an empty list where something was announced, and whatever the
        question raises where only its answer could tell. Where the list holds news it is a remark.
        """
        top, pages = self._mark.top, self._pages
        news = not top or announced_since(top, given_out(pages.ids, self._now))
        try:
            newest = await prove_alive(self._queries, self._run, self._now, self._now, NEWEST)
        except SourceError as error:
            if not pages.ids or not news:
                raise
            self._notes.append(error.note())
            return
        new = announced_since(top, given_out((paper.id for paper in newest), self._now))
        self._newest = {paper.id: paper for paper in newest if paper.id in new}
        if not top:  # a paper is never announced before the day of its submission
            new = {paper.id for paper in newest if paper.published.date() >= self._since}
        if not pages.ids and new:
            raise SourceGarbled(
                f"arXiv's OAI-PMH lists nothing since {self._since}, though {max(new)} is new."
            )

    async def _audited(self) -> Batch:
        """Go through the numbers, and ask for those that no page held.

        In one look only so many. Where more are missing the place stays, and ``top`` moves up to
        where they were asked for: the next look goes on from there.
        """
        pages, checkpoint, today = self._pages, self._mark, self._now.date()
        readable = pages.ids - {paper_id for paper_id, _ in pages.damaged}
        held = {each: paper for each, paper in self._newest.items() if each not in readable}
        listed = given_out({*pages.ids, *held}, self._now)
        announced = announced_since(checkpoint.top, listed)
        since = {
            each: day for each, day in checkpoint.open_holes(today).items() if each not in readable
        }
        fresh = sorted(announced - readable - since.keys() - held.keys(), key=serial_of)
        room = max(0, _MOST_ASKED - len(since))
        asked, left = fresh[:room], fresh[room:]
        end = serial_of(left[0]) if left else 0
        behind = tails(checkpoint.top, [e for e in announced if not left or serial_of(e) < end])
        got, unreached = await self._ask([*since, *asked, *behind])

        found = (each for each in {*readable, *held, *got} if not left or serial_of(each) < end)
        top = highest([checkpoint.top, *found], self._now)
        since |= dict.fromkeys(asked, today)
        # Nobody knows whether these are numbers at all, so they are asked for once.
        since |= {each: today - PATIENCE for each in behind if each in unreached}
        holes = {
            each: day
            for each, day in since.items()
            if each not in got
            and (each in unreached or not given_up(day, today))
            and (not left or serial_of(each) < serial_of(top))
        }
        # So many numbers in a row that nobody has are none: what stood behind them was a mistake.
        stays = bool(left) and (not room or bool(unreached) or any(e in got for e in asked))
        self._tell_of(holes, left, stays=stays)
        day = min(pages.answered or self._now, self._now).date()
        counts = checkpoint.counted and not left  # a union counts, too, and between two harvests
        after = Checkpoint(day, top, counted=top, counted_on=day, holes=holes)
        if stays:
            after = replace(checkpoint, day=self._since, top=top, holes=holes)
        return self._batch(
            (pages.papers | held | got).values(),
            complete=not left
            and _is_little(sum(day == today for day in holes.values()), len(announced)),
            announcement_stats=AnnouncementStats(
                announced=len(announced_since(checkpoint.counted, listed)) if counts else None,
                missing=len(holes) + (len(left) if stays else 0),
                checkpoint=after.written(),
            ),
        )

    def _tell_of(self, holes: Iterable[str], left: Sequence[str], *, stays: bool) -> None:
        missing = sorted(holes)
        if missing:
            some = ", ".join(missing[:_NAMED])
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            self._notes.append(Note(NoteKind.HOLES, f"{some}{more}; asked for again next time"))
        if stays:
            text = f"{len(left)} more are missing, from {left[0]} on; the next run goes on there"
            self._notes.append(Note(NoteKind.HOLES, text))
        elif left:
            text = f"arXiv has no paper from {left[0]} on, though a higher id was listed"
            self._notes.append(Note(NoteKind.GARBLED, text))

    async def _ask(self, ids: Sequence[str]) -> tuple[dict[str, Paper], set[str]]:
        """Those of these papers that the query API has, without one that is unknown to it; and
        those that could not be asked for."""
        got: dict[str, Paper] = {}
        for start in range(0, len(ids), IDS_AT_ONCE):
            try:
                feed = await self._queries.ask(these(ids[start : start + IDS_AT_ONCE]), self._run)
            except SourceError as error:
                self._notes.append(error.note())
                return got, set(ids[start:])
            if feed.error is not None:
                text = f"arXiv does not understand an id that it gave itself: {feed.error}"
                self._notes.append(Note(NoteKind.GARBLED, text))
            got |= {paper.id: paper for paper in feed.papers if paper.id in ids}
        return got, set()

    def _batch(
        self, papers: Iterable[Paper], *, complete: bool, announcement_stats: AnnouncementStats
    ) -> Batch:
        return Batch(
            papers=tuple(papers),
            complete=complete,
            notes=tuple(self._notes),
            requests=self._run.requests,
            chosen=False,
            announcement_stats=announcement_stats,
            unmatched=self._pages.unmatched,
        )


def _floor(since: date, now: datetime) -> int:
    """A paper below is so old that its being listed again is most likely a bulk edit."""
    return first_serial_of(min(since, (now - REVISED).date()))


def _damages(pages: Pages) -> list[Note]:
    if not pages.damaged:
        return []
    some = "; ".join(wrong for _, wrong in pages.damaged[:3])
    text = f"{len(pages.damaged)} records could not be read: {some}"
    return [Note(NoteKind.GARBLED, text)]


def _is_little(missing: int, announced: int) -> bool:
    """So few of a day's numbers may be missing in an answer that counts: some are never used."""
    return missing <= max(_FEW, _SHARE * announced)


async def count(
    oai: OaiAsker, run: Run, checkpoint: Checkpoint, now: datetime, brought: Iterable[str] = ()
) -> tuple[int | None, Checkpoint]:
    """How many papers were announced since the last count, in one request as a rule.

    ``None`` if there was no count before. ``brought`` are ids that are known to be there. Raises
    SourceError, also for an empty list where one of these is new.
    """
    pages = Pages(oai, run)
    since = checkpoint.counted_on or (now - timedelta(days=1)).date()
    await pages.read("ListIdentifiers", min(since, now.date()))
    others = given_out(brought, now)
    if not pages.ids and announced_since(checkpoint.counted, others):
        raise SourceGarbled(
            f"arXiv's OAI-PMH lists nothing since {since}, but {others[-1]} is new."
        )
    seen = given_out({*pages.ids, *others}, now)
    announced = len(announced_since(checkpoint.counted, seen)) if checkpoint.counted else None
    top = highest([checkpoint.counted, *seen], now)
    counted_on = min(pages.answered or now, now).date()
    return announced, replace(checkpoint, counted=top, counted_on=counted_on)
