"""Everything that arXiv announced, number after number, at the query API alone.

Ids are given at the announcement and run on within a month, so the papers that were announced after
a known one are those with the next numbers, whenever they were submitted: also the ones that arXiv
held back for months, which no search by submission finds. Five hundred numbers are looked up at
once, so that a week of arXiv takes some fifteen requests, whatever the number of keywords.

For where OAI-PMH is not to be used, and for a gap too long to be read there: its lists have no end
but today, and hold every old record that was touched. Does not ask whether a paper matches, and
does not see that an older paper was revised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from bot.arxiv.checkpoint import Checkpoint, is_given_up, latest_id
from bot.arxiv.client import CallContext
from bot.arxiv.harvest import NEWEST_PAPERS
from bot.arxiv.ids import following_ids, serial_of
from bot.arxiv.search import IDS_PER_REQUEST, SearchClient, fetch_newest, id_batches, lookup
from bot.errors import Note, NoteKind, SourceError, SourceGarbled
from bot.model import Paper

MAX_REQUESTS: Final = 60
"""In one run: 30,000 numbers, which is the largest month so far, in three to five minutes."""


@dataclass(slots=True)
class ScannedPapers:
    """What a scan found, and the checkpoint where it ended."""

    checkpoint: Checkpoint
    papers: dict[str, Paper] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


class NumberScan:
    """From a checkpoint towards today, as far as one run may go. Use it once."""

    def __init__(
        self, search: SearchClient, call: CallContext, checkpoint: Checkpoint, now: datetime
    ) -> None:
        self._search = search
        self._call = call
        self._checkpoint = checkpoint
        self._today = now.date()
        self._now = now
        # The number from which on is to be scanned, and the last of a paper that was found.
        self._position = checkpoint.highest_id or _before_the_first(
            checkpoint.resume_from or self._today
        )
        self._highest_id = checkpoint.highest_id
        self._missing = checkpoint.open_missing(self._today)
        self._papers: dict[str, Paper] = {}
        self._notes: list[Note] = []
        self._requests_left = MAX_REQUESTS

    async def collect(self) -> ScannedPapers:
        """Raises nothing: where arXiv fails, the checkpoint is as far as it answered, and a note
        says why. The day of the checkpoint moves only when the newest paper was reached."""
        is_done = False
        try:
            await self._look_up_missing()
            is_done = await self._scan()
        except SourceError as error:
            self._notes.append(error.note())
        if not is_done:
            highest = self._highest_id
            place = f"{highest} is reached" if highest else "nothing is reached yet"
            text = f"from {self._checkpoint.resume_from} on, {place}; the next run goes on there"
            self._notes.append(Note(NoteKind.BEHIND, text))
        after = replace(
            self._checkpoint,
            resume_from=self._today if is_done else self._checkpoint.resume_from,
            highest_id=self._highest_id,
            missing=self._missing,
        )
        self._papers.pop(self._checkpoint.highest_id, None)  # it was there before
        return ScannedPapers(after, self._papers, self._notes)

    async def _look_up_missing(self) -> None:
        for ids in id_batches(sorted(self._missing, key=serial_of)):
            found = await self._look_up(ids)
            for each in ids:
                if each in found or is_given_up(self._missing[each], self._today):
                    del self._missing[each]

    async def _scan(self) -> bool:
        """Whether the newest paper was reached."""
        newest = await fetch_newest(self._search, self._call, self._now, self._now, NEWEST_PAPERS)
        end = latest_id((paper.id for paper in newest), self._now)
        while serial_of(self._position) < serial_of(end):
            if self._requests_left <= 0:
                return False
            await self._step(end)
        return True

    async def _step(self, end: str) -> None:
        """The next numbers of the month, or the turn to the next month.

        The last paper that was found is looked up again: an answer without it is no answer. Raises
        SourceGarbled.
        """
        month, _, number = self._position.partition(".")
        last = int(number) + IDS_PER_REQUEST
        if end.startswith(month):
            last = min(last, int(end[5:]) + 1)
        following = list(following_ids(self._position, f"{month}.{last:05d}"))
        known = [self._position] if int(number) else []
        answered = await self._look_up([*known, *following])
        found = [each for each in following if each in answered]
        if found:
            self._position = self._highest_id = found[-1]
            passed = following[: following.index(found[-1])]
            self._missing |= {each: self._today for each in passed if each not in answered}
        elif known and self._position not in answered:
            if self._position != self._checkpoint.highest_id:
                raise SourceGarbled(
                    f"arXiv does not know {self._position} any more, which it gave before."
                )
            self._position = f"{month}.00000"  # it was a mistake; the month is scanned again
        elif end.startswith(month) or not known:
            raise SourceGarbled(f"arXiv has no paper from {following[0]} on, but {end} is there.")
        else:
            self._position = _before_the_first(_next_month(month))

    async def _look_up(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Those of these papers that the query API has; they are kept."""
        self._requests_left -= 1
        found = await lookup(self._search, self._call, ids)
        self._papers |= found.papers
        self._notes += found.notes
        return found.papers


def _before_the_first(day: date) -> str:
    """The number before the first of a month, which no paper has."""
    return f"{day:%y%m}.00000"


def _next_month(month: str) -> date:
    year, number = 2000 + int(month[:2]), int(month[2:])
    return date(year + number // 12, number % 12 + 1, 1)
