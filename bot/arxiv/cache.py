"""A source that remembers for some minutes what it was told of one keyword.

Who adds a keyword is told at once what it would bring, and a moment later the same history is what
the keyword is primed with: one request serves both. Priming with an answer of some minutes ago
loses nothing, because what was announced meanwhile is above that answer's newest paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.model import Batch, Finding, Keyword
from bot.ports import Clock, Source, Wanted

_KEPT_FOR: Final = 600.0  # seconds
_MOST: Final = 64  # keywords


class RecentSource:
    """Implements :class:`bot.ports.Source` over another one. Only whole answers are remembered."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._answers: dict[tuple[str, int], tuple[float, Batch]] = {}

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
    ) -> Batch:
        return await self._source.fetch(keywords, since, checkpoint, wanted)

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        asked = (keyword.canonical, limit)
        at, batch = self._answers.get(asked, (float("-inf"), None))
        if batch is not None and self._clock.monotonic() - at < _KEPT_FOR:
            return replace(batch, requests=0)
        batch = await self._source.latest(keyword, limit)
        self._answers.pop(asked, None)
        if batch.complete:
            self._answers[asked] = (self._clock.monotonic(), batch)
        while len(self._answers) > _MOST:
            del self._answers[next(iter(self._answers))]
        return batch

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        return await self._source.papers(paper_ids)

    async def examine(self) -> Sequence[Finding]:
        return await self._source.examine()
