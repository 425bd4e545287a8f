"""SQLite: connections on threads of their own, transactions, pragmas, the lock.

WAL with ``synchronous=FULL``: with NORMAL a power cut may undo the last commits, and a message that
was sent but is no longer on record would be posted twice.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bot.errors import StoreBroken, StoreBusy
from bot.private_files import make_file, make_folder, open_file
from bot.store.engines.base import Begin, Connection
from bot.store.engines.connection_thread import ConnectionThread
from bot.store.engines.sqlite_check import IntegrityCheck
from bot.store.engines.sqlite_errors import translated
from bot.store.engines.sqlite_identity import OpenedDatabase
from bot.store.migrations import APPLICATION_ID, migrate

log = logging.getLogger(__name__)

T = TypeVar("T")
Connect = Callable[[str], sqlite3.Connection]

BUSY_TIMEOUT = 10.0  # seconds to wait for another process's transaction
CACHE_KB = 16_000
CHECKPOINT_PAGES = 4_000  # of 4 KiB
BATCH_SIZE = 2_000  # see ``base.Engine``


def connect(path: str) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions begin and end where this package says so."""
    return sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


class SqliteEngine:
    """One database file; see ``base.Engine``. A closed engine can't be used again.

    With ``alone`` it also holds the lock file's lock, which only one process can hold at a time.
    """

    def __init__(self, path: Path, *, alone: bool, connect: Connect = connect) -> None:
        self._path = path
        self._lock_file: int | None = None
        self._writer: Worker | None = None
        # Two connections for queries, so that no query waits for a long transaction, and no short
        # query for one over whole tables, which takes over a second with 10,000 channels.
        self._readers: list[Worker] = []
        self._opened: OpenedDatabase | None = None
        try:
            with translated(path):
                make_folder(path.parent)
                if alone:
                    self._lock_file = lock(path)
                make_file(path)  # SQLite gives its log the same mode
                db = connect(str(path))
                self._writer = Worker(path, db, "store", "begin immediate", self._refuse)
                _prepare(db, path)
                for name in ("store-reader", "store-reader-all"):
                    reader = connect(str(path))
                    self._readers.append(Worker(path, reader, name, "begin", lambda: None))
                    reader.execute("pragma query_only = on")
                # A first query makes SQLite open the log, whose identity is then known.
                db.execute("select 1 from sqlite_master").fetchone()
                self._opened = OpenedDatabase(path, lock_path(path), self._lock_file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for worker in filter(None, [self._writer, *self._readers]):
            worker.close()
        if self._opened is not None:
            try:
                aside = self._opened.set_log_aside()
            except OSError as error:
                log.warning("%s: its log can't be set aside: %s", self._path, error.strerror)
            else:
                if aside is not None:
                    log.warning("the log of the database that was replaced is kept as %s", aside)
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    async def run(self, work: Callable[[Begin], T]) -> T:
        return await self._serving().run(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._serving().run_in_transaction(work)

    async def write_shared(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    async def write_step(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    @property
    def batch_size(self) -> int:
        return BATCH_SIZE

    @property
    def shared_batch_size(self) -> int:
        return BATCH_SIZE

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self._readers[0].run_in_transaction(query)

    async def read_all(self, query: Callable[[Connection], T]) -> T:
        return await self._readers[1].run_in_transaction(query)

    @property
    def name(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @property
    def is_shared(self) -> bool:
        return False

    async def write_lease(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    def size(self, db: Connection) -> int:
        pages, page_size = (
            db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
        return int(pages * page_size)

    def problem(self) -> str:
        with translated(self._path):
            return "" if self._opened is None else self._opened.problem()

    async def integrity_problems(self) -> tuple[str, ...]:
        check = IntegrityCheck(self._path)
        try:
            return await check.problems()
        finally:
            check.close()

    def _serving(self) -> Worker:
        if self._writer is None:
            raise StoreBroken("the database is closed")
        return self._writer

    def _refuse(self) -> None:
        """Raises StoreBroken if what is written would be lost."""
        if problem := self.problem():
            raise StoreBroken(problem)


class Worker(ConnectionThread):
    """One connection to the file, on its thread. ``begin`` is the SQL that begins its transactions;
    ``refuse`` is called before each, and may raise."""

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        name: str,
        begin: str,
        refuse: Callable[[], None],
    ) -> None:
        super().__init__(name)
        self._path = path
        self._db = db
        self._begin = begin
        self._refuse = refuse

    def _run_now(self, work: Callable[[Begin], T]) -> T:
        with translated(self._path):
            return work(self._transaction)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        db = self._db
        self._refuse()
        db.execute(self._begin)
        try:
            yield db
            db.execute("commit")
        except BaseException:
            # SQLite has already rolled back by itself after some errors (a full disk, for one).
            if db.in_transaction:
                db.execute("rollback")
            raise

    def _disconnect(self) -> None:
        self._db.close()


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("pragma application_id").fetchone()[0]
    tables = db.execute("select count(*) from sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and tables:
        raise StoreBroken(f"{path} is a database, but not one of Daily Papers")
    db.execute("pragma foreign_keys = off")
    migrate(db)
    db.execute("pragma foreign_keys = on")
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    # With thousands of channels each step of a collect touches thousands of pages. For some 16 MB
    # of memory and of WAL, fewer of them are read again or written twice.
    db.execute(f"pragma cache_size = -{CACHE_KB}")
    db.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")


def lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def lock(path: Path) -> int:
    """Take the lock that only one serving process may hold. Returns the file's descriptor; the
    kernel frees the lock when the process dies. Raises StoreBusy."""
    handle = open_file(lock_path(path))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreBusy(
            f"another Daily Papers already serves {path.parent}. Stop it first, or point this one "
            "at another folder ([bot] data)."
        ) from error
    return handle
