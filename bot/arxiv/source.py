"""arXiv as a source of papers: its query API, and its OAI-PMH where that is cheaper or finds more.

Asks for as little as possible (``bot.arxiv.plan``): one union of all keywords over the days
that matter, split only where arXiv's limits demand it (``bot.arxiv.search_query``), or everything
that was announced (``bot.arxiv.harvest``); one request per interval for all processes of a host
(``bot.arxiv.rate_limit``), repeated within bounds (``bot.arxiv.client``). An answer that is not
whole is never passed off as one (``bot.arxiv.search``, ``bot.arxiv.responses``).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from bot.arxiv.atom_feed import AtomReader, Feed
from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.client import Asker, RateLimits, Run
from bot.arxiv.harvest import IDS_AT_ONCE, OaiAsker, OaiRequest, count, judge_page
from bot.arxiv.http import Timeouts, Wire
from bot.arxiv.oai_page import OaiPage, OaiReader
from bot.arxiv.plan import Task, Way
from bot.arxiv.rate_limit import QUESTION_LOCK_TIMEOUT, RateLimiter
from bot.arxiv.responses import ShortAnswer, is_old, judge_feed, stale, unsorted
from bot.arxiv.run_plan import FetchRun
from bot.arxiv.search import SearchResult, prove_alive
from bot.arxiv.search_query import PAGE, Request, newest, these
from bot.errors import (
    KeywordRefused,
    SourceError,
    SourceGarbled,
    SourceNotAsked,
    SourceThrottled,
)
from bot.model import Batch, Finding, Keyword, Note, NoteKind, Paper
from bot.network import Network
from bot.ports import Clock, Wanted

# The first paper with an id of today's form; it will be there as long as arXiv is.
_A_PAPER: Final = "0704.0001"
# Its edge gives up after 183 s ("first byte timeout", reported 2026).
OAI_TIMEOUTS: Final = Timeouts(read=200.0, total=300.0)


class ArxivSource:
    """Implements :class:`bot.ports.Source`. Close it with ``aclose``, or use it in ``async with``.

    ``url`` is the query API, ``oai_url`` OAI-PMH (empty: do without); ``way`` may fix the plan;
    ``contact`` goes into the User-Agent, as arXiv asks; ``interval`` is in seconds;
    ``pace_file`` is shared by all processes that ask for the same owner. ``progress`` hears a few
    words about each request and each longer wait.
    """

    def __init__(
        self,
        *,
        url: str,
        oai_url: str = "",
        way: Way = Way.AUTO,
        contact: str,
        interval: float,
        clock: Clock,
        pace_file: Path | None,
        rng: random.Random,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: Timeouts | None = None,
        network: Network | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._url = url
        self._way = way
        self._clock = clock
        rate_limiter = RateLimiter(interval=interval, clock=clock, path=pace_file, rng=rng)
        rate_limits = RateLimits(rate_limiter, interval, clock, rng, progress)
        network = network or Network()
        wire = Wire[Feed, Request](
            url=url,
            reader=lambda _: AtomReader(),
            contact=contact,
            timeouts=timeouts or Timeouts(),
            network=network,
            transport=transport,
        )
        self._asker = Asker(wire, judge_feed, rate_limits, key="[arxiv] url")
        self._oai: OaiAsker | None = None
        if oai_url:
            oai_wire = Wire[OaiPage, OaiRequest](
                url=oai_url,
                reader=lambda request: OaiReader(request.selection),
                contact=contact,
                timeouts=timeouts or OAI_TIMEOUTS,
                network=network,
                transport=transport,
            )
            key = "[arxiv] oai_url"
            self._oai = Asker(oai_wire, judge_page, rate_limits, key=key, silence=False)

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
    ) -> Batch:
        """Every paper submitted since the start of ``since``'s day (UTC) that may match; or
        everything that was announced since ``checkpoint``.

        A keyword that arXiv does not understand is noted as REFUSED, and the batch is whole for
        the others. Raises SourceError if nothing usable came at all; else what came is in the
        batch, and ``complete`` and the notes say what is missing.
        """
        run = Run()
        with _counted(run):
            task = Task(
                keywords=keywords,
                since=since,
                now=self._clock.now(),
                checkpoint=Checkpoint.read(checkpoint),
                url=self._url,
                wanted=wanted,
            )
            return await FetchRun(task, self._asker, self._oai, run).fetch(self._way)

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        """The newest papers that may match, at most ``limit`` and at most 2,000, newest first."""
        run = _question()
        rows = min(limit, PAGE)
        taken = SearchResult()
        with _counted(run):
            try:
                feed = await self._asker.ask(newest(keyword, rows), run)
            except ShortAnswer as error:
                feed = error.feed
                taken.remark(error.note())
            _refuse_error(feed, keyword)
            now = self._clock.now()
            if feed.total == 0:
                await prove_alive(self._asker, run, now, now)
            taken.add(feed.papers)
            taken.remark(stale(feed, now), hole=is_old(feed, now))
            # If these are all that there are, their order does not matter.
            taken.remark(unsorted(feed.papers), hole=feed.total > rows)
            if len(taken.papers) < min(rows, feed.total):
                taken.remark(Note(NoteKind.SHORT, "arXiv gave the same paper more than once."))
            return taken.batch(run.requests, most=rows)

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        """Papers by their identities, without those that arXiv does not know."""
        run = _question()
        found: dict[str, Paper] = {}
        with _counted(run):
            for start in range(0, len(paper_ids), IDS_AT_ONCE):
                ids = paper_ids[start : start + IDS_AT_ONCE]
                feed = await self._asker.ask(these(ids), run)
                if feed.error is not None:
                    raise SourceGarbled(f"arXiv does not understand an id: {feed.error}")
                found |= {paper.id: paper for paper in feed.papers if paper.id in ids}
        return Batch(tuple(found.values()), complete=True, requests=run.requests)

    async def examine(self) -> Sequence[Finding]:
        """One request to each of its services."""
        findings = [await _examined("arxiv", "[arxiv] url", self.papers([_A_PAPER]))]
        if self._oai is not None:
            counted = count(self._oai, _question(), Checkpoint(), self._clock.now())
            findings.append(await _examined("arxiv, harvest", "[arxiv] oai_url", counted))
        return findings

    async def aclose(self) -> None:
        """Close the connections."""
        await self._asker.aclose()
        if self._oai is not None:
            await self._oai.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


async def _examined(name: str, key: str, asking: Awaitable[object]) -> Finding:
    try:
        await asking
    except SourceThrottled as error:
        remedy = "Wait; it is asked again by itself. Is another program here asking arXiv?"
        return Finding(name, False, str(error), remedy)
    except SourceNotAsked as error:
        return Finding(
            name, False, str(error), "Fix that on this machine; it is not arXiv's fault."
        )
    except SourceError as error:
        remedy = f"Check the network and {key}. If it lasts: status.arxiv.org"
        return Finding(name, False, str(error), remedy)
    return Finding(name, True, "It answers.")


def _question() -> Run:
    """A run for whose answer a person waits, perhaps while another process asks arXiv."""
    return Run(lock_timeout=QUESTION_LOCK_TIMEOUT)


@contextmanager
def _counted(run: Run) -> Iterator[None]:
    """Errors say how many requests they cost."""
    try:
        yield
    except SourceError as error:
        error.requests = run.requests
        raise


def _refuse_error(feed: Feed, keyword: Keyword) -> None:
    if feed.error is not None:
        text = f"arXiv does not understand the keyword {keyword.text!r}: {feed.error}"
        raise KeywordRefused(text)
