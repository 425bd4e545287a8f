"""A database connection that is only used on one thread of its own; each engine subclasses it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bot.errors import StoreBroken
from bot.store.engines.base import Begin, Connection

T = TypeVar("T")


class ConnectionThread(ABC):
    """Does one piece of work at a time, on its thread. Once closed, it can't be used again."""

    def __init__(self, name: str) -> None:
        self._closed = False
        self.pending = 0  # pieces of work that wait or are being done
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[Begin], T]) -> T:
        """Do ``work`` on the thread; it opens its own transactions. Raises StoreError, and whatever
        ``work`` raises."""
        if self._closed:
            raise StoreBroken("the database is closed")
        self.pending += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._run_now, work)
        finally:
            self.pending -= 1

    async def run_in_transaction(self, work: Callable[[Connection], T]) -> T:
        def in_transaction(begin: Begin) -> T:
            with begin() as db:
                return work(db)

        return await self.run(in_transaction)

    def close(self) -> None:
        """Wait for the work that is running, then disconnect."""
        self._closed = True
        self._thread.shutdown(wait=True)
        self._disconnect()

    @abstractmethod
    def _run_now(self, work: Callable[[Begin], T]) -> T:
        """Do ``work``; called on the thread. Raises StoreError for what a person can fix, or what
        passes by itself."""

    @abstractmethod
    def _disconnect(self) -> None: ...
