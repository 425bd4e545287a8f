"""arXiv's query API, search by search: by keyword in a window of submission, the newest of one
keyword, and papers by their ids.

Checks each answer against what must be in it, and keeps what was answered when the rest was not.
Whether a paper really matches, is new or is due is not decided here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from bot.arxiv.atom_feed import AtomFeed
from bot.arxiv.client import ArxivClient, CallContext
from bot.arxiv.responses import ShortAnswer, is_old, order_note, stale_note, stray_note
from bot.arxiv.search_query import (
    MAX_ROW,
    PAGE_SIZE,
    SearchRequest,
    Window,
    batches,
    lookup_request,
    newest_request,
    probe_request,
    window_request,
)
from bot.errors import KeywordRefused, Note, NoteKind, SourceError, SourceGarbled
from bot.model import Batch, Keyword, Paper
from bot.model.papers import keep_latest_versions

SearchClient: TypeAlias = ArxivClient[AtomFeed, SearchRequest]

PROBE_WINDOW: Final = timedelta(days=14)
"""arXiv is never without a paper for so long: longer than every holiday, and every weekend."""

IDS_PER_REQUEST: Final = 500  # 700 by POST are known to work (arxiv.py PR #209, 2026-05)

_MAX_PAPERS: Final = 200_000  # all that arXiv gets in seven months
# Keywords are checked when they are added; more refused ones than this are arXiv's fault.
_MAX_REFUSED_KEYWORDS: Final = 10
# One of 500 ids is found by halving in 19.
_MAX_LOOKUP_REQUESTS: Final = 24
_MAX_FAILURES_IN_A_ROW: Final = 2  # then arXiv is down, and the rest need not be tried


@dataclass(slots=True)
class SearchResult:
    """What a call has found so far. ``answers`` counts those that can be relied on."""

    papers: dict[str, Paper] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    complete: bool = True
    answers: int = 0

    def add(self, papers: Iterable[Paper]) -> None:
        keep_latest_versions(self.papers, papers)

    def note(self, note: Note | None, *, incomplete: bool = True) -> None:
        """Keep a note, once per kind and keyword. ``incomplete``: papers may be missing."""
        if note is None:
            return
        self.complete = self.complete and not incomplete
        if (note.kind, note.keyword) not in {(each.kind, each.keyword) for each in self.notes}:
            self.notes.append(note)

    def batch(self, requests: int, limit: int | None = None) -> Batch:
        """Newest first, and only the newest ``limit`` of them."""
        papers = sorted(
            self.papers.values(), key=lambda paper: (paper.published, paper.serial), reverse=True
        )
        return Batch(tuple(papers[:limit]), self.complete, tuple(self.notes), requests)


@dataclass(slots=True)
class LookupResult:
    """The papers that were looked up, by id, and what is to be said of the others."""

    papers: dict[str, Paper] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


async def lookup(client: SearchClient, call: CallContext, paper_ids: Sequence[str]) -> LookupResult:
    """Those of these papers that the query API has. At most some ``IDS_PER_REQUEST``.

    One id that arXiv does not understand makes it refuse the whole request (facts of arXiv, 4.1):
    it is left out, with a note, and the others are looked up. Raises SourceGarbled where arXiv
    refuses more than single ids, and whatever ``send`` raises.
    """
    result = LookupResult()
    requested = frozenset(paper_ids)
    waiting = [list(paper_ids)]
    requests = 0
    while waiting:
        ids = waiting.pop()
        feed = await client.send(lookup_request(ids), call)
        requests += 1
        if feed.error is None:
            result.papers |= {paper.id: paper for paper in feed.papers if paper.id in requested}
            continue
        refused = [each for each in ids if _is_named(each, feed.error)]
        if requests == _MAX_LOOKUP_REQUESTS or (not refused and len(requested) == 1):
            raise SourceGarbled(f"arXiv refuses to look up papers by their ids: {feed.error}")
        if refused:
            others = [each for each in ids if each not in refused]
            waiting += [others] if others else []
        elif len(ids) > 1:  # it does not say which
            middle = len(ids) // 2
            waiting += [ids[middle:], ids[:middle]]
            continue
        text = f"arXiv does not understand the id {', '.join(refused or ids)}: {feed.error}"
        result.notes.append(Note(NoteKind.GARBLED, text))
    return result


def _is_named(paper_id: str, message: str) -> bool:
    return re.search(rf"(?<![\w./-]){re.escape(paper_id)}(?!\w)", message) is not None


def id_batches(paper_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in batches of the size that ``lookup`` takes."""
    for start in range(0, len(paper_ids), IDS_PER_REQUEST):
        yield paper_ids[start : start + IDS_PER_REQUEST]


async def fetch_newest(
    client: SearchClient, call: CallContext, since: datetime, now: datetime, limit: int = 1
) -> tuple[Paper, ...]:
    """The newest papers on any subject, at least one.

    This tells "nothing matches" from an index that has lost everything: raises SourceGarbled if
    arXiv knows of no paper at all since then (and within two weeks), and whatever ``send`` raises.
    """
    window = Window.of_days(min(since, now - PROBE_WINDOW), now)
    feed = await client.send(probe_request(window, limit), call)
    if feed.error is not None:
        raise SourceGarbled(f"arXiv refuses even the plainest request: {feed.error}")
    if feed.total == 0:
        raise SourceGarbled(
            f"arXiv says that nobody has submitted anything since {window.first:%Y-%m-%d}."
        )
    return feed.papers


async def fetch_latest(
    client: SearchClient, call: CallContext, keyword: Keyword, limit: int, now: datetime
) -> Batch:
    """The newest papers that may match one keyword; see ``Source.latest``."""
    max_results = min(limit, PAGE_SIZE)
    result = SearchResult()
    try:
        feed = await client.send(newest_request(keyword, max_results), call)
    except ShortAnswer as error:
        feed = error.feed
        result.note(error.note())
    if feed.error is not None:
        raise KeywordRefused(_refusal(keyword, feed.error))
    if feed.total == 0:
        await fetch_newest(client, call, now, now)
    result.add(feed.papers)
    result.note(stale_note(feed, now), incomplete=is_old(feed, now))
    # If these are all that there are, their order does not matter.
    result.note(order_note(feed.papers), incomplete=feed.total > max_results)
    if len(result.papers) < min(max_results, feed.total):
        result.note(Note(NoteKind.SHORT, "arXiv gave the same paper more than once."))
    return result.batch(call.requests, limit=max_results)


class KeywordSearch:
    """Everything that was submitted in a window and may match one of the keywords. Use it once."""

    def __init__(
        self, *, client: SearchClient, url: str, call: CallContext, since: datetime, now: datetime
    ) -> None:
        self._client = client
        self._url = url
        self._call = call
        self._since = since
        self._now = now
        self._window = Window.of_days(since, now)
        self._keywords = 0  # that are searched for
        self._refused = 0
        self._index_has_papers = False
        self._result = SearchResult()

    async def collect(self, keywords: Sequence[Keyword]) -> Batch:
        """See ``Source.fetch``."""
        self._keywords = len({keyword.canonical for keyword in keywords})
        # Ten thousand keywords take a second, in which nobody would be answered.
        unions = await asyncio.to_thread(list, batches(keywords, self._window, self._url))
        failures: list[SourceError] = []
        in_a_row = 0
        for union in unions:
            try:
                await self._search(union, self._window)
            except SourceError as error:
                failures.append(error)
                self._result.note(error.note())
                in_a_row += 1
                if error.kind.blocks_source or in_a_row == _MAX_FAILURES_IN_A_ROW:
                    break
            else:
                in_a_row = 0
        if failures and not self._result.answers:
            raise failures[-1]
        return self._result.batch(self._call.requests)

    async def _search(
        self, keywords: Sequence[Keyword], window: Window, max_papers: int = _MAX_PAPERS
    ) -> None:
        """All of a window, in as many answers as it takes. ``max_papers`` it can't have."""
        first = await self._page(keywords, window, 0)
        if first is None:
            return
        if first.error is not None:
            await self._find_refused(keywords, window, first.error)
        elif first.total == 0:
            await self._require_papers()
            self._result.answers += 1
        elif first.total > MAX_ROW:
            await self._halve(keywords, window, first.total, max_papers)
        elif not await self._read_on(keywords, window, first):
            # The index may have changed between two pages: once more from the start.
            again = await self._page(keywords, window, 0)
            if again is not None and not await self._read_on(keywords, window, again):
                self._result.note(
                    Note(NoteKind.SHORT, f"arXiv gave fewer papers than the {again.total} it has.")
                )

    async def _read_on(self, keywords: Sequence[Keyword], window: Window, first: AtomFeed) -> bool:
        """The pages after the first. True if every paper that must be there was, once."""
        seen = {paper.id for paper in first.papers}
        total = first.total
        for start in range(PAGE_SIZE, min(first.total, MAX_ROW), PAGE_SIZE):
            page = await self._page(keywords, window, start)
            if page is None:
                return True  # its gap is on record, and a retry has been tried
            seen.update(paper.id for paper in page.papers)
            total = page.total
        return len(seen) == total

    async def _page(
        self, keywords: Sequence[Keyword], window: Window, start: int
    ) -> AtomFeed | None:
        """One answer, added to the result. None if papers are missing even after a retry."""
        short: ShortAnswer | None = None
        try:
            feed = await self._client.send(window_request(keywords, window, start), self._call)
        except ShortAnswer as error:
            short, feed = error, error.feed
        if feed.error is not None:
            return feed
        result = self._result
        result.answers += bool(feed.papers)  # an empty one has to be proved
        result.add(paper for paper in feed.papers if window.holds(paper.published))
        result.note(stale_note(feed, self._now), incomplete=is_old(feed, self._now))
        result.note(stray_note(feed.papers, window))
        # Order matters only where it decides what is on which page.
        result.note(order_note(feed.papers), incomplete=feed.total > PAGE_SIZE)
        if short is None:
            return feed
        result.note(short.note())
        return None

    async def _halve(
        self, keywords: Sequence[Keyword], window: Window, total: int, max_papers: int
    ) -> None:
        if total >= max_papers or window.first == window.last:
            # Half of the days can't have as many papers as all of them.
            text = f"arXiv says that {total} papers match, which can't be or is too much to read."
            self._result.note(Note(NoteKind.SHORT, text))
            return
        for half in window.halves():
            await self._search(keywords, half, total)

    async def _find_refused(
        self, keywords: Sequence[Keyword], window: Window, message: str
    ) -> None:
        """arXiv refuses the whole for one of its parts: find it, and go on with the others."""
        if self._keywords > 1:
            await self._require_papers()
        if len(keywords) > 1:
            middle = len(keywords) // 2
            await self._search(keywords[:middle], window)
            await self._search(keywords[middle:], window)
            return
        [culprit] = keywords
        self._refused += 1
        if self._refused == min(self._keywords, _MAX_REFUSED_KEYWORDS):
            # Not one keyword among others: something else is wrong. Everybody may read this, so it
            # names none.
            raise SourceGarbled(f"arXiv does not understand what is followed: {message}")
        note = Note(NoteKind.REFUSED, _refusal(culprit, message), culprit.canonical)
        self._result.note(note, incomplete=False)

    async def _require_papers(self) -> None:
        """Once per search, that arXiv has any paper at all. Raises SourceError."""
        if not self._index_has_papers:
            await fetch_newest(self._client, self._call, self._since, self._now)
            self._index_has_papers = True


def _refusal(keyword: Keyword, message: str) -> str:
    return f"arXiv does not understand the keyword {keyword.text!r}: {message}"
