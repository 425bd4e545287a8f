"""One sweep of a window: everything that was submitted in it and may match one of the keywords.

Holds each answer against what must be in it, and keeps what came when the rest did not. Whether a
paper really matches, is new or is due is not decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from bot.arxiv.atom_feed import Feed
from bot.arxiv.client import Asker, Run
from bot.arxiv.responses import ShortAnswer, astray, is_old, stale, unsorted
from bot.arxiv.search_query import (
    DEEPEST_ROW,
    PAGE,
    Request,
    Window,
    anything_in,
    groups,
    in_window,
)
from bot.errors import SourceError, SourceGarbled, SourceNotAsked, SourceThrottled
from bot.model import Batch, Keyword, Note, NoteKind, Paper
from bot.model.papers import keep_latest_versions

QueryAsker: TypeAlias = Asker[Feed, Request]

PROOF_DAYS: Final = timedelta(days=14)
"""arXiv is never without a paper for so long: longer than every holiday, and every weekend."""

_MOST_PAPERS: Final = 200_000  # all that arXiv gets in seven months
_MOST_REFUSED: Final = (
    10  # keywords are checked when they are added; more than this is arXiv's fault
)
_MOST_FAILURES: Final = 2  # groups in a row; then arXiv is down, and the rest need not be tried


@dataclass(slots=True)
class SearchResult:
    """What a call has brought so far. ``answers`` counts those that can be relied on."""

    papers: dict[str, Paper] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    complete: bool = True
    answers: int = 0

    def add(self, papers: Iterable[Paper]) -> None:
        keep_latest_versions(self.papers, papers)

    def remark(self, note: Note | None, *, hole: bool = True) -> None:
        """Keep a remark, once per kind and keyword; ``hole`` means that papers may be missing."""
        if note is None:
            return
        self.complete = self.complete and not hole
        if (note.kind, note.keyword) not in {(each.kind, each.keyword) for each in self.notes}:
            self.notes.append(note)

    def batch(self, requests: int, most: int | None = None) -> Batch:
        """Newest first, and only the newest ``most`` of them."""
        papers = sorted(
            self.papers.values(), key=lambda paper: (paper.published, paper.serial), reverse=True
        )
        return Batch(tuple(papers[:most]), self.complete, tuple(self.notes), requests)


async def prove_alive(
    asker: QueryAsker, run: Run, since: datetime, now: datetime, rows: int = 1
) -> tuple[Paper, ...]:
    """Tell "nothing matches" from an index that has lost everything: the newest papers of all.

    Raises SourceGarbled if arXiv knows of no paper at all since then (and within two weeks), and
    whatever else an answer may raise.
    """
    window = Window.of_days(min(since, now - PROOF_DAYS), now)
    feed = await asker.ask(anything_in(window, rows), run)
    if feed.error is not None:
        raise SourceGarbled(f"arXiv refuses even the plainest request: {feed.error}")
    if feed.total == 0:
        raise SourceGarbled(
            f"arXiv says that nobody has submitted anything since {window.first:%Y-%m-%d}."
        )
    return feed.papers


def stops(error: SourceError) -> bool:
    """Whether no other request would fare better: arXiv wants to be left alone, or we can't ask."""
    return isinstance(error, SourceThrottled | SourceNotAsked)


class Sweep:
    """Use it once."""

    def __init__(
        self, *, asker: QueryAsker, url: str, run: Run, since: datetime, now: datetime
    ) -> None:
        self._asker = asker
        self._url = url
        self._run = run
        self._since = since
        self._now = now
        self._window = Window.of_days(since, now)
        self._asked = 0
        self._refused = 0
        self._alive = False
        self._yield = SearchResult()

    async def collect(self, keywords: Sequence[Keyword]) -> Batch:
        """See ``Source.fetch``."""
        self._asked = len({keyword.canonical for keyword in keywords})
        failures: list[SourceError] = []
        in_a_row = 0
        # Ten thousand keywords take a second, in which nobody would be answered.
        parts = await asyncio.to_thread(list, groups(keywords, self._window, self._url))
        for group in parts:
            try:
                await self._cover(group, self._window)
            except SourceError as error:
                failures.append(error)
                self._yield.remark(error.note())
                in_a_row += 1
                if stops(error) or in_a_row == _MOST_FAILURES:
                    break
            else:
                in_a_row = 0
        if failures and not self._yield.answers:
            raise failures[-1]
        return self._yield.batch(self._run.requests)

    async def _cover(
        self, keywords: Sequence[Keyword], window: Window, most: int = _MOST_PAPERS
    ) -> None:
        """All of a window, in as many answers as it takes. ``most`` papers it can't have."""
        first = await self._page(keywords, window, 0)
        if first is None:
            return
        if first.error is not None:
            await self._find_refused(keywords, window, first.error)
        elif first.total == 0:
            await self._prove_alive()
            self._yield.answers += 1
        elif first.total > DEEPEST_ROW:
            await self._halve(keywords, window, first.total, most)
        elif not await self._all_pages(keywords, window, first):
            # The index may have changed between two pages: once more from the start.
            again = await self._page(keywords, window, 0)
            if again is not None and not await self._all_pages(keywords, window, again):
                self._yield.remark(
                    Note(NoteKind.SHORT, f"arXiv gave fewer papers than the {again.total} it has.")
                )

    async def _all_pages(self, keywords: Sequence[Keyword], window: Window, first: Feed) -> bool:
        """Read on after the first page. True if every paper that must be there came, once."""
        seen = {paper.id for paper in first.papers}
        total = first.total
        for start in range(PAGE, min(first.total, DEEPEST_ROW), PAGE):
            page = await self._page(keywords, window, start)
            if page is None:
                return True  # its hole is on record, and asking again has been tried
            seen.update(paper.id for paper in page.papers)
            total = page.total
        return len(seen) == total

    async def _page(self, keywords: Sequence[Keyword], window: Window, start: int) -> Feed | None:
        """One answer, taken in. None if it came with a hole that asking again did not close."""
        short: ShortAnswer | None = None
        try:
            feed = await self._asker.ask(in_window(keywords, window, start), self._run)
        except ShortAnswer as error:
            short, feed = error, error.feed
        if feed.error is not None:
            return feed
        taken = self._yield
        taken.answers += bool(feed.papers)  # an empty one has to prove itself
        taken.add(paper for paper in feed.papers if window.holds(paper.published))
        taken.remark(stale(feed, self._now), hole=is_old(feed, self._now))
        taken.remark(astray(feed.papers, window))
        # Order matters only where it decides what is on which page.
        taken.remark(unsorted(feed.papers), hole=feed.total > PAGE)
        if short is None:
            return feed
        taken.remark(short.note())
        return None

    async def _halve(
        self, keywords: Sequence[Keyword], window: Window, total: int, most: int
    ) -> None:
        if total >= most or window.first == window.last:
            # Half of the days can't have as many papers as all of them.
            text = f"arXiv says that {total} papers match, which can't be or is too much to read."
            self._yield.remark(Note(NoteKind.SHORT, text))
            return
        for half in window.halves():
            await self._cover(keywords, half, total)

    async def _find_refused(
        self, keywords: Sequence[Keyword], window: Window, message: str
    ) -> None:
        """arXiv refuses the whole for one of its parts: find it, and go on with the others."""
        if self._asked > 1:
            await self._prove_alive()
        if len(keywords) > 1:
            middle = len(keywords) // 2
            await self._cover(keywords[:middle], window)
            await self._cover(keywords[middle:], window)
            return
        [culprit] = keywords
        self._refused += 1
        reason = f"arXiv does not understand the keyword {culprit.text!r}: {message}"
        if self._refused == min(self._asked, _MOST_REFUSED):
            raise SourceGarbled(reason)  # not one keyword among others: something else is wrong
        self._yield.remark(Note(NoteKind.REFUSED, reason, culprit.canonical), hole=False)

    async def _prove_alive(self) -> None:
        if not self._alive:
            await prove_alive(self._asker, self._run, self._since, self._now)
            self._alive = True
