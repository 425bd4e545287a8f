"""A source of papers that costs nothing, for benchmarks of what comes after it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model import Batch, Finding, Paper


class Answer:
    """Implements :class:`bot.ports.Source`: answers at once, and always the same."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._batch = Batch(tuple(papers), complete=True, requests=1)

    async def fetch(self, *_: object, **__: object) -> Batch:
        return self._batch

    async def latest(self, *_: object) -> Batch:
        return Batch((), complete=True, requests=1)

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        found = tuple(paper for paper in self._batch.papers if paper.id in paper_ids)
        return Batch(found, complete=True, requests=1)

    async def examine(self) -> Sequence[Finding]:
        return ()
