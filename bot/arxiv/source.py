"""arXiv as a source of papers: its query API, and its OAI-PMH where that is cheaper or finds more.

Sends as few requests as possible (``bot.arxiv.plan``): one union of all keywords over the days that
matter, split only where arXiv's limits demand it (``bot.arxiv.search_query``), or everything that
was announced (``bot.arxiv.harvest``); one request per interval for all processes of a host
(``bot.arxiv.rate_limit``), retried within bounds (``bot.arxiv.client``). An answer that is not
whole is never passed off as one (``bot.arxiv.search``, ``bot.arxiv.responses``).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from bot.arxiv.atom_feed import AtomFeed, AtomReader
from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.client import ArxivClient, CallContext
from bot.arxiv.harvest import OaiClient, OaiRequest, check_page, count_announced
from bot.arxiv.http import HttpConnection, Timeouts
from bot.arxiv.oai_page import OaiPage, OaiReader
from bot.arxiv.plan import FetchTask, Strategy
from bot.arxiv.rate_limit import INTERACTIVE_LOCK_TIMEOUT_SECONDS, RateLimiter
from bot.arxiv.responses import check_feed
from bot.arxiv.run_plan import FetchRun
from bot.arxiv.search import SearchClient, fetch_latest, fetch_newest, id_batches, lookup
from bot.arxiv.search_query import SearchRequest
from bot.errors import Note, SourceError, SourceNotAsked, SourceThrottled
from bot.model import Batch, Finding, Keyword, Paper
from bot.network import Network
from bot.ports import Clock, PaceStore, Wanted

# The first paper with an id of today's form; it will be there as long as arXiv is.
_FIRST_PAPER_ID: Final = "0704.0001"
# Its edge gives up after 183 s ("first byte timeout", reported 2026).
OAI_TIMEOUTS: Final = Timeouts(read=200.0, total=300.0)


class ArxivSource:
    """Implements :class:`bot.ports.Source`. Close it with ``aclose``, or use it in ``async with``.

    ``url`` is the query API, ``oai_url`` OAI-PMH (empty: do without); ``strategy`` may fix the
    plan; ``contact`` goes into the User-Agent, as arXiv asks; ``interval`` is in seconds;
    ``pace_file`` is shared by all processes of the same owner; or ``shared_pace``, which takes its
    place where they share a database. ``progress`` is told in a few words
    of each request and each longer wait.
    """

    def __init__(
        self,
        *,
        url: str,
        oai_url: str = "",
        strategy: Strategy = Strategy.AUTO,
        contact: str,
        interval: float,
        clock: Clock,
        pace_file: Path | None,
        shared_pace: PaceStore | None = None,
        rng: random.Random,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: Timeouts | None = None,
        network: Network | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._url = url
        self._strategy = strategy
        self._clock = clock
        rate_limiter = RateLimiter(
            interval=interval, clock=clock, path=pace_file, rng=rng, shared=shared_pace
        )

        network = network or Network()
        request_numbers = count(1)
        self._search: SearchClient = ArxivClient(
            HttpConnection[AtomFeed, SearchRequest](
                url=url,
                reader=lambda _: AtomReader(),
                contact=contact,
                timeouts=timeouts or Timeouts(),
                network=network,
                transport=transport,
            ),
            check_feed,
            rate_limiter,
            config_key="[arxiv] url",
            progress=progress,
            request_numbers=request_numbers,
        )
        self._oai: OaiClient | None = None
        if oai_url:
            self._oai = ArxivClient(
                HttpConnection[OaiPage, OaiRequest](
                    url=oai_url,
                    reader=lambda request: OaiReader(request.selection),
                    contact=contact,
                    timeouts=timeouts or OAI_TIMEOUTS,
                    network=network,
                    transport=transport,
                ),
                check_page,
                rate_limiter,
                config_key="[arxiv] oai_url",
                timeout_is_refusal=False,
                progress=progress,
                request_numbers=request_numbers,
            )

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> Batch:
        """Every paper submitted since the start of ``since``'s day (UTC) that may match; or
        everything that was announced since ``checkpoint``.

        A keyword that arXiv does not understand is noted as REFUSED, and the batch is whole for
        the others. Raises SourceError if nothing usable was answered at all; else what was is in
        the batch, and ``complete`` and the notes say what is missing.
        """
        task = FetchTask(
            keywords=keywords,
            since=since,
            now=self._clock.now(),
            checkpoint=Checkpoint.read(checkpoint),
            url=self._url,
            wanted=wanted,
            posted=posted,
        )
        with _counting(CallContext()) as call:
            return await FetchRun(task, self._search, self._oai, call).fetch(self._strategy)

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        """The newest papers that may match, at most ``limit`` and at most 2,000, newest first."""
        with _counting(_interactive()) as call:
            return await fetch_latest(self._search, call, keyword, limit, self._clock.now())

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        """Papers by their identities, without those that arXiv does not know.

        An answer without any of them is believed only if arXiv knows other papers. Raises
        SourceError.
        """
        papers: dict[str, Paper] = {}
        notes: list[Note] = []
        with _counting(_interactive()) as call:
            for ids in id_batches(paper_ids):
                found = await lookup(self._search, call, ids)
                papers |= found.papers
                notes += found.notes
            if paper_ids and not papers:
                now = self._clock.now()
                await fetch_newest(self._search, call, now, now)
        return Batch(tuple(papers.values()), True, tuple(notes), call.requests)

    async def examine(self) -> Sequence[Finding]:
        """One request to each of its services."""
        findings = [await _examined("arxiv", "[arxiv] url", self.papers([_FIRST_PAPER_ID]))]
        if self._oai is not None:
            count = count_announced(self._oai, _interactive(), Checkpoint(), self._clock.now())
            findings.append(await _examined("arxiv, harvest", "[arxiv] oai_url", count))
        return findings

    async def aclose(self) -> None:
        """Close the connections."""
        await self._search.aclose()
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


async def _examined(name: str, key: str, request: Awaitable[object]) -> Finding:
    try:
        await request
    except SourceThrottled as error:
        remedy = "Wait; the bot retries automatically. Is another program here querying arXiv?"
        return Finding(name, False, str(error), remedy)
    except SourceNotAsked as error:
        return Finding(
            name, False, str(error), "Fix that on this machine; it is not arXiv's fault."
        )
    except SourceError as error:
        remedy = f"Check the network and {key}. If it lasts: status.arxiv.org"
        return Finding(name, False, str(error), remedy)
    return Finding(name, True, "It answers.")


def _interactive() -> CallContext:
    """A call for whose answer a person waits, perhaps while another process uses arXiv."""
    return CallContext(lock_timeout=INTERACTIVE_LOCK_TIMEOUT_SECONDS)


@contextmanager
def _counting(call: CallContext) -> Iterator[CallContext]:
    """Adds to a SourceError how many requests the call has cost."""
    try:
        yield call
    except SourceError as error:
        error.requests = call.requests
        raise
