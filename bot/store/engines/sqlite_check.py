"""Looks for damage in the database file, table by table, without keeping anybody waiting.

It has a connection of its own, so that it reads what is on the disk and not what another
connection has cached. In WAL mode a reader stops no writer; it checks one table at a time, so that
the log can be checkpointed in between. Repairs nothing.

SQLite does not notice if the end of a long text was overwritten with zeros. No text of ours
contains a NUL, so that is found here. Other changes within a text can't be detected.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot.errors import StoreBroken
from bot.store.engines.sqlite_errors import translated

T = TypeVar("T")

MAX_PROBLEMS = 10  # listed for a table
# Columns whose texts may be longer than a page, and so continue on overflow pages.
_LONG_TEXTS = {"papers": ("title", "abstract", "authors", "comment"), "outbox": ("payload",)}


class IntegrityCheck:
    """One check of the file at ``path``. Use it once and close it, which also interrupts a check
    that is running."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-check")
        self._db: sqlite3.Connection | None = None

    async def problems(self) -> tuple[str, ...]:
        """What SQLite finds wrong, in its own words; empty if all is well.

        Raises StoreBusy, and StoreBroken for anything but damage.
        """
        found: list[str] = []
        try:
            for table in await self._on_thread(self._tables):
                found += await self._on_thread(partial(self._check, table))
        except StoreBroken as error:
            if not _is_damage(error):
                raise
            found.append(str(error))
        return tuple(found)

    def close(self) -> None:
        """Does not wait for a check that is running, but interrupts it."""
        if self._db is not None:
            self._db.interrupt()
        self._thread.shutdown(wait=True)
        if self._db is not None:
            self._db.close()
            self._db = None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _tables(self) -> list[str]:
        with translated(self._path):
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            self._db = sqlite3.connect(address, uri=True, check_same_thread=False)
            tables = self._db.execute("select name from sqlite_master where type = 'table'")
            return ["sqlite_schema", *(str(row[0]) for row in tables)]

    def _check(self, table: str) -> list[str]:
        if self._db is None:
            raise StoreBroken("the database is closed")
        with translated(self._path):
            rows = self._db.execute(f"pragma quick_check({table})").fetchmany(MAX_PROBLEMS)
            if rows != [("ok",)]:
                return [f"{table}: {row[0]}" for row in rows]
            if not (columns := _LONG_TEXTS.get(table)):
                return []
            zeroed = " or ".join(f"instr({column}, char(0))" for column in columns)
            [count] = self._db.execute(f"select count(*) from {table} where {zeroed}").fetchone()
        return [f"{table}: texts that hold zeros in {count} rows"] if count else []


def _is_damage(error: StoreBroken) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
