"""Everything that arXiv announced, number after number, at the query API alone.

Ids are given at the announcement and run on within a month, so the papers that were announced after
a known one are those with the next numbers, whenever they were submitted: also the ones that arXiv
held back for months, which no question for days of submission finds. Five hundred numbers are asked
for at once, so that a week of arXiv takes some fifteen requests, whatever the number of keywords.

For where OAI-PMH is not to be asked, and for a gap too long to be read there: its lists have no end
but today, and hold every old record that was touched. Does not ask whether a paper matches, and
does not see that an older paper was revised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from bot.arxiv.checkpoint import Checkpoint, given_up, highest
from bot.arxiv.client import Run
from bot.arxiv.harvest import IDS_AT_ONCE, NEWEST
from bot.arxiv.ids import following_ids, serial_of
from bot.arxiv.search import QueryAsker, prove_alive
from bot.arxiv.search_query import these
from bot.errors import SourceError, SourceGarbled
from bot.model import Note, NoteKind, Paper

MOST_REQUESTS: Final = 60
"""In one look: 30,000 numbers, which is the largest month so far, in three to five minutes."""


@dataclass(slots=True)
class Walked:
    """What a walk brought, and the place where it ended."""

    checkpoint: Checkpoint
    papers: dict[str, Paper] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


class Walk:
    """From the place of a mark towards today, as far as one look may go. Use it once."""

    def __init__(
        self, queries: QueryAsker, run: Run, checkpoint: Checkpoint, now: datetime
    ) -> None:
        self._queries = queries
        self._run = run
        self._mark = checkpoint
        self._today = now.date()
        self._now = now
        self._at = checkpoint.top or _before_the_first(checkpoint.day or self._today)
        self._top = checkpoint.top
        self._holes = checkpoint.open_holes(self._today)
        self._papers: dict[str, Paper] = {}
        self._left = MOST_REQUESTS

    async def collect(self) -> Walked:
        """Raises nothing: where arXiv fails, the place is as far as it answered, and a note says
        why. The day of the mark moves only when the newest paper was reached."""
        notes: list[Note] = []
        reached = False
        try:
            await self._ask_for_holes()
            reached = await self._go()
        except SourceError as error:
            notes.append(error.note())
        if not reached:
            place = f"{self._top} is reached" if self._top else "nothing is reached yet"
            text = f"from {self._mark.day} on, {place}; the next run goes on there"
            notes.append(Note(NoteKind.BEHIND, text))
        day = self._today if reached else self._mark.day
        after = replace(self._mark, day=day, top=self._top, holes=self._holes)
        self._papers.pop(self._mark.top, None)  # it was there before
        return Walked(after, self._papers, notes)

    async def _ask_for_holes(self) -> None:
        holes = sorted(self._holes, key=serial_of)
        for start in range(0, len(holes), IDS_AT_ONCE):
            asked = holes[start : start + IDS_AT_ONCE]
            found = await self._ask(asked)
            for each in asked:
                if each in found or given_up(self._holes[each], self._today):
                    del self._holes[each]

    async def _go(self) -> bool:
        """Whether the newest paper was reached."""
        newest = await prove_alive(self._queries, self._run, self._now, self._now, NEWEST)
        end = highest((paper.id for paper in newest), self._now)
        while serial_of(self._at) < serial_of(end):
            if self._left <= 0:
                return False
            await self._step(end)
        return True

    async def _step(self, end: str) -> None:
        """The next numbers of the month, or the turn to the next month.

        The last paper that came is asked for again: an answer without it is no answer. Raises
        SourceGarbled.
        """
        month, _, number = self._at.partition(".")
        last = int(number) + IDS_AT_ONCE
        if end.startswith(month):
            last = min(last, int(end[5:]) + 1)
        following = list(following_ids(self._at, f"{month}.{last:05d}"))
        known = [self._at] if int(number) else []
        found = await self._ask([*known, *following])
        got = [each for each in following if each in found]
        if got:
            self._at = self._top = got[-1]
            missing = following[: following.index(got[-1])]
            self._holes |= {each: self._today for each in missing if each not in found}
        elif known and self._at not in found:
            if self._at != self._mark.top:
                raise SourceGarbled(
                    f"arXiv does not know {self._at} any more, which it gave before."
                )
            self._at = f"{month}.00000"  # it was a mistake; the month is gone through anew
        elif end.startswith(month) or not known:
            raise SourceGarbled(f"arXiv has no paper from {following[0]} on, but {end} is there.")
        else:
            self._at = _before_the_first(_next_month(month))

    async def _ask(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of these papers that the query API has; they are kept."""
        self._left -= 1
        feed = await self._queries.ask(these(ids), self._run)
        if feed.error is not None:
            raise SourceGarbled(f"arXiv does not understand an id: {feed.error}")
        asked = frozenset(ids)
        found = {paper.id: paper for paper in feed.papers if paper.id in asked}
        self._papers |= found
        return frozenset(found)


def _before_the_first(day: date) -> str:
    """The number before the first of a month, which no paper has."""
    return f"{day:%y%m}.00000"


def _next_month(month: str) -> date:
    year, number = 2000 + int(month[:2]), int(month[2:])
    return date(year + number // 12, number % 12 + 1, 1)
