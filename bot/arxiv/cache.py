"""A source that is built when first needed, and caches for some minutes the newest papers of a
keyword.

Most commands request nothing of arXiv, and need not wait until its client is loaded.

Who adds a keyword is shown at once what it would have found, and a moment later the keyword is
primed with the same history: one request serves both. Priming with an answer of some minutes ago
loses nothing, because what was announced meanwhile is above that answer's newest paper.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final

from bot.model import Batch, Finding, Keyword
from bot.ports import Clock, Source, Wanted

_MAX_AGE_SECONDS: Final = 600.0
_MAX_ENTRIES: Final = 64


class CachedSource:
    """Implements :class:`bot.ports.Source` over another one, which ``build_source`` builds at the
    first request. Only complete answers are cached."""

    def __init__(self, build_source: Callable[[], Source], clock: Clock) -> None:
        self._build_source = build_source
        self._clock = clock
        # By canonical keyword and limit: when it was fetched (monotonic seconds), and the answer.
        self._latest: dict[tuple[str, int], tuple[float, Batch]] = {}

    @cached_property
    def _source(self) -> Source:
        return self._build_source()

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> Batch:
        return await self._source.fetch(keywords, since, checkpoint, wanted, posted)

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        key = (keyword.canonical, limit)
        fetched_at, batch = self._latest.get(key, (float("-inf"), None))
        if batch is not None and self._clock.monotonic() - fetched_at < _MAX_AGE_SECONDS:
            return replace(batch, requests=0)
        batch = await self._source.latest(keyword, limit)
        self._latest.pop(key, None)
        if batch.complete:
            self._latest[key] = (self._clock.monotonic(), batch)
        while len(self._latest) > _MAX_ENTRIES:
            del self._latest[next(iter(self._latest))]
        return batch

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        return await self._source.papers(paper_ids)

    async def examine(self) -> Sequence[Finding]:
        return await self._source.examine()
