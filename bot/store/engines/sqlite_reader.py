"""Questions to the database: each from one consistent look, on a connection and a thread apart.

Waits for no writer and keeps none waiting (WAL). Changes nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bot.errors import StoreBroken
from bot.store.engines.sqlite_errors import translated

T = TypeVar("T")


class Reader:
    """One after the other: what must not wait for a long question has a reader of its own."""

    def __init__(self, path: Path, db: sqlite3.Connection, name: str) -> None:
        db.execute("pragma query_only = on")
        self._path = path
        self._db: sqlite3.Connection | None = db
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Raises StoreError."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._ask_now, question
        )

    def _ask_now(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if self._db is None:
            raise StoreBroken("the database is closed")
        with translated(self._path), transaction(self._db, "begin"):
            return question(self._db)

    def close(self) -> None:
        """Wait for the question in hand."""
        self._thread.shutdown(wait=True)
        if self._db is not None:
            self._db.close()
            self._db = None


@contextmanager
def transaction(db: sqlite3.Connection, begin: str = "begin immediate") -> Iterator[None]:
    db.execute(begin)
    try:
        yield
        db.execute("commit")
    except BaseException:
        # SQLite has already rolled back by itself after some errors (a full disk, for one).
        if db.in_transaction:
            db.execute("rollback")
        raise
