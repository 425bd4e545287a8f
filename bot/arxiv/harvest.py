"""Everything that arXiv announced since the last harvest, whatever it is about, over OAI-PMH.

Reads page after page, and counts only when the last one was read. Then the numbers are gone
through, up to that of the newest paper that the query API has: ids run on within a month, so a
number that no page held is looked up there, and again in the next runs, until it is clear that
there is no such paper. An empty list is believed only where the query API has nothing new either.

OAI-PMH's format ``arXiv`` has neither the version nor the first submission. Such a paper has
version ``VERSION_UNKNOWN``; where it matches, the query API is asked for the rest before it is
recorded. If that does not answer, the paper is posted with ``by`` before its date, and completed in
a later run.

Bulk edits make arXiv list old papers again, a hundred thousand at worst: those of months ago are
passed over, but for the ones that were posted, of which any change may be news. Does not ask
whether a paper matches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlencode

from bot.arxiv.checkpoint import (
    GIVE_UP_AFTER,
    Checkpoint,
    announced_since,
    assigned_ids,
    is_given_up,
    latest_id,
    month_end_probes,
)
from bot.arxiv.client import ArxivClient, CallContext
from bot.arxiv.ids import first_serial_of, serial_of
from bot.arxiv.oai_page import EVERYTHING, OaiPage, Selection
from bot.arxiv.responses import Failure, Response
from bot.arxiv.search import SearchClient, fetch_newest, id_batches, lookup
from bot.errors import Note, NoteKind, SourceError, SourceGarbled
from bot.model import AnnouncementStats, Batch, Paper, Unmatched
from bot.ports import Wanted

REVISED_WITHIN: Final = timedelta(days=60)
"""So far back a paper that is listed again counts again, as in the weekly wide search."""

# The highest id is among those submitted last: within a day numbers follow the submission, 96.9 %
# of neighbours are in its order (measured on 31,144 of 2026).
NEWEST_PAPERS: Final = 50

_MAX_PAGES: Final = 200  # of 1,300 records and more: ten minutes, and a month of arXiv
_MAX_LOOKUPS: Final = 2000  # numbers in one run, which are four requests
# So few missing papers, or such a share, do not make an answer incomplete.
_FEW_MISSING: Final = 3
_SHARE_MISSING: Final = 0.01
_NAMED: Final = 5  # of missing papers, in a note
_MAX_RESTARTS: Final = 2  # a token dies at midnight UTC, which comes once


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


OaiClient: TypeAlias = ArxivClient[OaiPage, OaiRequest]


def check_page(
    page: OaiPage, response: Response[OaiPage], request: OaiRequest
) -> OaiPage | Failure | None:
    """Errors of OAI-PMH come with status 200. Only those of no records and of a token are ours."""
    if page.error is not None and page.error[0] not in ("noRecordsMatch", "badResumptionToken"):
        error = f"{page.error[0]}, {page.error[1]}"[:300]
        refused = SourceGarbled(f"arXiv's OAI-PMH refuses: {error}", sample=response.sample)
        return Failure(refused, is_retryable=False)
    if page.verb and page.verb != request.verb:
        wrong = f"arXiv's OAI-PMH answered {page.verb} where {request.verb} was asked."
        return Failure(SourceGarbled(wrong, sample=response.sample))
    return page if response.status == 200 else None


class RecordList:
    """A whole list of OAI-PMH, read page by page. Use it once.

    ``papers`` are the selected ones, ``revised`` the posted ones beside them: bulk edits list a
    hundred thousand old ones again, which need not be held in memory. In ``unmatched`` one that was
    listed twice counts twice.
    """

    def __init__(
        self, client: OaiClient, call: CallContext, selection: Selection = EVERYTHING
    ) -> None:
        self._client = client
        self._call = call
        self._selection = selection
        self.papers: dict[str, Paper] = {}
        self.revised: dict[str, Paper] = {}
        self.unmatched = Unmatched()
        self.ids: set[str] = set()
        self.damaged: list[tuple[str, str]] = []  # ids, and what is wrong with their records
        self.answered: datetime | None = None  # the server's time when it began

    async def read(self, verb: str, since: date) -> None:
        """Every page from a day on (UTC, included). What was read before an error is kept.

        Raises SourceError.
        """
        restarts = 0
        token = ""
        used_tokens: set[str] = set()
        for _ in range(_MAX_PAGES):
            request = OaiRequest(verb, since, token, self._selection)
            page = await self._client.send(request, self._call)
            self.answered = self.answered or page.answered
            code, text = page.error or ("", "")
            if token and code == "noRecordsMatch":
                raise SourceGarbled("arXiv's OAI-PMH promised another page, and has none.")
            if code == "badResumptionToken":
                restarts += 1
                if not token or restarts > _MAX_RESTARTS:
                    raise SourceGarbled(f"arXiv's OAI-PMH lost its place: {text[:200]}")
                token = ""
                continue
            self._add(page)
            token = page.token
            if not token:
                return
            if token in used_tokens and not restarts:
                raise SourceGarbled("arXiv's OAI-PMH gives the same page again and again.")
            used_tokens.add(token)
        raise SourceGarbled(f"arXiv's OAI-PMH lists more than {_MAX_PAGES} pages.")

    def _add(self, page: OaiPage) -> None:
        self.papers |= {each.id: each for each in page.papers}
        self.revised |= {each.id: each for each in page.revised}
        self.unmatched += page.unmatched
        self.ids.update(page.ids)
        self.damaged += page.damaged


class Harvest:
    """Of everything, from the day ``since`` on (UTC, included). Use it once."""

    def __init__(
        self,
        *,
        oai: OaiClient,
        search: SearchClient,
        call: CallContext,
        checkpoint: Checkpoint,
        since: date,
        now: datetime,
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> None:
        self._search = search
        self._posted = posted
        self._call = call
        self._checkpoint = checkpoint
        self._since = since
        self._now = now
        self._records = RecordList(oai, call, Selection(_lowest_serial(since, now), wanted, posted))
        self._notes: list[Note] = []

    async def collect(self) -> Batch:
        """What was announced from ``since`` on. ``announcement_stats.plan`` is left to the caller.

        Raises SourceError if not a single page was read, or none that can be believed.
        """
        records = self._records
        try:
            await records.read("ListRecords", self._since)
        except SourceError as error:
            if not records.ids:
                raise
            self._notes.append(error.note())
            unmoved = AnnouncementStats(checkpoint=self._checkpoint.to_json())
            return self._batch(records.papers.values(), complete=False, stats=unmoved)
        if records.damaged:
            some = "; ".join(wrong for _, wrong in records.damaged[:3])
            text = f"{len(records.damaged)} records could not be read: {some}"
            self._notes.append(Note(NoteKind.GARBLED, text))
        return await self._check_numbers(await self._newest_announced())

    async def _newest_announced(self) -> dict[str, Paper]:
        """The newest papers of the query API that were announced since: the list must reach at
        least that far.

        Raises SourceGarbled for an empty list where something was announced, and whatever a request
        raises where only its answer could tell. Where the list holds news it is a note.
        """
        known_id, ids = self._checkpoint.highest_id, self._records.ids
        has_news = not known_id or announced_since(known_id, assigned_ids(ids, self._now))
        try:
            papers = await fetch_newest(
                self._search, self._call, self._now, self._now, NEWEST_PAPERS
            )
        except SourceError as error:
            if not ids or not has_news:
                raise
            self._notes.append(error.note())
            return {}
        new = announced_since(known_id, assigned_ids((paper.id for paper in papers), self._now))
        newest = {paper.id: paper for paper in papers if paper.id in new}
        if not known_id:  # a paper is never announced before the day of its submission
            new = {paper.id for paper in papers if paper.published.date() >= self._since}
        if not ids and new:
            raise SourceGarbled(
                f"arXiv's OAI-PMH lists nothing since {self._since}, though {max(new)} is new."
            )
        return newest

    async def _check_numbers(self, newest: dict[str, Paper]) -> Batch:
        """Go through the numbers, and look up those that no page held.

        In one run only so many. Where more are missing the place stays, and ``highest_id`` moves up
        to where they were looked up: the next run goes on from there.
        """
        records, checkpoint, today = self._records, self._checkpoint, self._now.date()
        known_id = checkpoint.highest_id
        readable = records.ids - {paper_id for paper_id, _ in records.damaged}
        newest = {each: paper for each, paper in newest.items() if each not in readable}
        listed = assigned_ids({*records.ids, *newest}, self._now)
        announced = announced_since(known_id, listed)
        missing = {
            each: since
            for each, since in checkpoint.open_missing(today).items()
            if each not in readable
        }
        unlisted = sorted(announced - readable - missing.keys() - newest.keys(), key=serial_of)
        room = max(0, _MAX_LOOKUPS - len(missing))
        now_looked_up, left = unlisted[:room], unlisted[room:]
        end = serial_of(left[0]) if left else 0

        def is_reached(paper_id: str) -> bool:
            return not left or serial_of(paper_id) < end

        probes = month_end_probes(known_id, filter(is_reached, announced))
        found, unreached = await self._look_up([*missing, *now_looked_up, *probes])

        highest_id = latest_id(
            [known_id, *filter(is_reached, {*readable, *newest, *found})], self._now
        )
        missing |= dict.fromkeys(now_looked_up, today)
        # Nobody knows whether these are numbers at all, so they are looked up once.
        missing |= {each: today - GIVE_UP_AFTER for each in probes if each in unreached}
        missing = {
            each: since
            for each, since in missing.items()
            if each not in found
            and (each in unreached or not is_given_up(since, today))
            and (not left or serial_of(each) < serial_of(highest_id))
        }
        # So many numbers in a row that nobody has are none: what stood behind them was a mistake.
        is_unfinished = bool(left) and (
            not room or bool(unreached) or any(each in found for each in now_looked_up)
        )
        self._note_missing(missing, left, is_unfinished=is_unfinished)
        day = min(records.answered or self._now, self._now).date()
        if is_unfinished:
            after = replace(
                checkpoint, resume_from=self._since, highest_id=highest_id, missing=missing
            )
        else:
            after = Checkpoint(
                day, highest_id, counted_id=highest_id, counted_on=day, missing=missing
            )
        # A union counts, too, and between two harvests.
        is_counted = checkpoint.counted_id and not left
        fresh = sum(since == today for since in missing.values())
        stats = AnnouncementStats(
            announced=len(announced_since(checkpoint.counted_id, listed)) if is_counted else None,
            missing=len(missing) + (len(left) if is_unfinished else 0),
            checkpoint=after.to_json(),
        )
        papers = records.papers | newest | found
        is_whole = not left and _are_few(fresh, len(announced))
        batch = self._batch(papers.values(), complete=is_whole, stats=stats)
        unread = any(not each or each in self._posted for each, _ in records.damaged)
        return replace(batch, listed=None if unread else (self._since, day))

    def _note_missing(
        self, missing: Iterable[str], left: Sequence[str], *, is_unfinished: bool
    ) -> None:
        in_order = sorted(missing)
        if in_order:
            some = ", ".join(in_order[:_NAMED])
            more = f" and {len(in_order) - _NAMED} more" if len(in_order) > _NAMED else ""
            self._notes.append(
                Note(NoteKind.HOLES, f"{some}{more}; asked for again in the next run")
            )
        if is_unfinished:
            text = f"{len(left)} more are missing, from {left[0]} on; the next run goes on there"
            self._notes.append(Note(NoteKind.HOLES, text))
        elif left:
            text = f"arXiv has no paper from {left[0]} on, though a higher id was listed"
            self._notes.append(Note(NoteKind.GARBLED, text))

    async def _look_up(self, ids: Sequence[str]) -> tuple[dict[str, Paper], frozenset[str]]:
        """Those of these papers that the query API has; and the ids that could not be looked up.
        One that arXiv does not understand counts as not found.

        An answer without any of them is believed only where the paper known before is in it.
        """
        known_id = self._checkpoint.highest_id
        found: dict[str, Paper] = {}
        for number, batch in enumerate(batches := list(id_batches(ids))):
            try:
                known = [known_id] if known_id and known_id not in batch else []
                result = await lookup(self._search, self._call, [*batch, *known])
                self._notes += result.notes
                answered = result.papers
                if known and not answered:
                    raise SourceGarbled(
                        f"arXiv does not know {known_id} any more, which it gave before."
                    )
                found |= {each: answered[each] for each in batch if each in answered}
            except SourceError as error:
                self._notes.append(error.note())
                return found, frozenset(each for left in batches[number:] for each in left)
        return found, frozenset()

    def _batch(self, papers: Iterable[Paper], *, complete: bool, stats: AnnouncementStats) -> Batch:
        return Batch(
            papers=tuple(papers),
            complete=complete,
            notes=tuple(self._notes),
            requests=self._call.requests,
            chosen=False,
            announcement_stats=stats,
            revised=tuple(self._records.revised.values()),
            unmatched=self._records.unmatched,
        )


def _lowest_serial(since: date, now: datetime) -> int:
    """A paper below is so old that its being listed again is most likely a bulk edit."""
    return first_serial_of(min(since, (now - REVISED_WITHIN).date()))


def _are_few(missing: int, announced: int) -> bool:
    """Whether so few of a day's numbers are missing that the answer counts: some are never used."""
    return missing <= max(_FEW_MISSING, _SHARE_MISSING * announced)


async def count_announced(
    oai: OaiClient,
    call: CallContext,
    checkpoint: Checkpoint,
    now: datetime,
    known_ids: Iterable[str] = (),
) -> tuple[int | None, Checkpoint]:
    """How many papers were announced since the last count, in one request as a rule.

    ``None`` if there was no count before. ``known_ids`` are known to be there. Raises SourceError,
    also for an empty list where one of these is new.
    """
    records = RecordList(oai, call)
    since = checkpoint.counted_on or (now - timedelta(days=1)).date()
    await records.read("ListIdentifiers", min(since, now.date()))
    known = assigned_ids(known_ids, now)
    if not records.ids and announced_since(checkpoint.counted_id, known):
        raise SourceGarbled(f"arXiv's OAI-PMH lists nothing since {since}, but {known[-1]} is new.")
    seen = assigned_ids({*records.ids, *known}, now)
    announced = announced_since(checkpoint.counted_id, seen)
    after = replace(
        checkpoint,
        counted_id=latest_id([checkpoint.counted_id, *seen], now),
        counted_on=min(records.answered or now, now).date(),
    )
    return (len(announced) if checkpoint.counted_id else None), after
