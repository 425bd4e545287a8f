"""SQLite on a thread of its own: the connection, its transactions, its lock, its errors.

Every public method is one transaction: all of it happened, or none. What the transactions do is
in the modules beside this one, one per step of the flow; this one decides nothing.

WAL with ``synchronous=FULL``: with NORMAL a power cut may take back the last commits, and a
message sent but forgotten would be posted twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bot.errors import StoreBroken, StoreBusy, StoreError
from bot.model import (
    Agenda,
    Channel,
    Expected,
    Interests,
    Keyword,
    Person,
    Post,
    Publication,
    Receipt,
    Recorded,
    Run,
    Subscription,
)
from bot.store import collecting, delivering, following, forgetting, measuring, publishing, viewing
from bot.store.book import SqliteBook
from bot.store.forgetting import Outdated
from bot.store.schema import APPLICATION_ID, migrate
from bot.views import KeywordPapers, Measures, PaperView, StateView

T = TypeVar("T")
Connect = Callable[[str], sqlite3.Connection]

WAIT_FOR_OTHERS = 10.0  # seconds to wait for another process's transaction


def connect(path: str) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions begin and end where this package says so."""
    return sqlite3.connect(
        path, timeout=WAIT_FOR_OTHERS, isolation_level=None, check_same_thread=False
    )


class SqliteStore:
    """The database of one bot. Close it; a closed one can't be used again."""

    def __init__(self, path: Path, *, alone: bool, connect: Connect = connect) -> None:
        self._path = path
        self._lock_file: int | None = None
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        # Questions have a connection of their own, so that none waits for a long transaction.
        self._reader: sqlite3.Connection | None = None
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")
        try:
            with translated(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                if alone:
                    self._lock_file = lock(path)
                self._db = connect(str(path))
                _prepare(self._db, path)
                if alone:
                    with _transaction(self._db):
                        delivering.release(self._db)
                self._reader = connect(str(path))
                self._reader.execute("pragma query_only = on")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Wait for the transaction in hand, then let go of the file and the lock."""
        self._thread.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        for db in filter(None, (self._reader, self._db)):
            db.close()
        self._reader = self._db = None
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` in one transaction on the store's thread. Raises StoreError.

        A caller that is cancelled meanwhile does not stop it: it still commits or rolls back whole.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.run_now, work)

    def run_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same on the calling thread, for code that is not asynchronous and alone."""
        if self._db is None:
            raise StoreBroken("the database is closed")
        with translated(self._path), _transaction(self._db):
            return work(self._db)

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Answer from one consistent look at what is committed; changes nothing, waits for no
        writer. Raises StoreError."""
        return await asyncio.get_running_loop().run_in_executor(
            self._reading, self._ask_now, question
        )

    def _ask_now(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if self._reader is None:
            raise StoreBroken("the database is closed")
        with translated(self._path), _transaction(self._reader, "begin"):
            return question(self._reader)

    async def visit(self, work: Callable[[SqliteBook], T], at: datetime) -> T:
        """Do ``work``, which opens its own transactions, on the store's thread.

        Raises StoreError and whatever ``work`` raises.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._visit_now, work, at
        )

    def _visit_now(self, work: Callable[[SqliteBook], T], at: datetime) -> T:
        if self._db is None:
            raise StoreBroken("the database is closed")
        with translated(self._path):
            return work(SqliteBook(self._db, _transaction, at))

    # -- collect ------------------------------------------------------------------------------

    async def interests(self) -> Interests:
        return await self.run(collecting.interests)

    async def expected(self, canonicals: Sequence[str], since: datetime) -> Expected:
        return await self.run(lambda db: collecting.expected(db, canonicals, since))

    async def untold(self, paper_ids: Sequence[str]) -> frozenset[str]:
        return await self.run(lambda db: collecting.untold(db, paper_ids))

    async def unexplained(self, paper_ids: Sequence[str]) -> frozenset[str]:
        return await self.run(lambda db: collecting.unexplained(db, paper_ids))

    async def record(self, run: Run, *, first_post: int) -> Recorded:
        return await self.run(lambda db: collecting.record(db, run, first_post))

    # -- publish ------------------------------------------------------------------------------

    async def publishable(self) -> tuple[Channel, ...]:
        return await self.run(publishing.publishable)

    async def publish(
        self, channel_id: str, plan: Callable[[Agenda], Publication | None], at: datetime
    ) -> int:
        return await self.run(lambda db: publishing.publish(db, channel_id, plan, at))

    # -- deliver ------------------------------------------------------------------------------

    async def claim(self, platform: str, now: datetime, lease_until: datetime) -> Post | None:
        return await self.run(lambda db: delivering.claim(db, platform, now, lease_until))

    async def next_claim(self, platform: str) -> datetime | None:
        return await self.run(lambda db: delivering.next_claim(db, platform))

    async def mark_sent(self, key: str, receipt: Receipt, at: datetime) -> None:
        await self.run(lambda db: delivering.mark_sent(db, key, receipt, at))

    async def put_back(self, key: str, not_before: datetime, error: str) -> None:
        await self.run(lambda db: delivering.put_back(db, key, not_before, error))

    async def mark_unknown(self, key: str, not_before: datetime, error: str) -> None:
        await self.run(lambda db: delivering.mark_unknown(db, key, not_before, error))

    async def hold(self, key: str, at: datetime, error: str) -> None:
        await self.run(lambda db: delivering.settle(db, key, "held", at, error))

    async def bury(self, key: str, at: datetime, error: str) -> None:
        await self.run(lambda db: delivering.settle(db, key, "dead", at, error))

    async def refuse(
        self, key: str, uncertain: bool, at: datetime, error: str, delay: float
    ) -> bool:
        return await self.run(lambda db: delivering.refuse(db, key, uncertain, at, error, delay))

    async def resend(self, key: str, at: datetime) -> bool:
        return await self.run(lambda db: delivering.resend(db, key, at))

    # -- what people ask ----------------------------------------------------------------------

    async def follow(self, channel_id: str, keyword: Keyword, person: Person, at: datetime) -> bool:
        return await self.run(lambda db: following.follow(db, channel_id, keyword, person, at))

    async def count_in_server(self, server: str) -> int:
        return await self.ask(lambda db: following.count_in_server(db, server))

    async def unfollow(self, channel_id: str, canonical: str) -> bool:
        return await self.run(lambda db: following.unfollow(db, channel_id, canonical))

    async def subscriptions(self, channel_id: str = "") -> tuple[Subscription, ...]:
        return await self.ask(lambda db: following.subscriptions(db, channel_id))

    async def unprimed(self) -> frozenset[tuple[str, str]]:
        return await self.ask(following.unprimed)

    async def known_keywords(self) -> tuple[Keyword, ...]:
        return await self.ask(following.known_keywords)

    async def change_setting(self, channel_id: str, name: str, value: str | None) -> None:
        await self.run(lambda db: following.change_setting(db, channel_id, name, value))

    async def pause(self, channel_id: str, reason: str, at: datetime) -> bool:
        return await self.run(lambda db: following.pause(db, channel_id, reason, at))

    async def resume(self, channel_id: str) -> bool:
        return await self.run(lambda db: following.resume(db, channel_id))

    async def state(self, channel_id: str = "") -> StateView:
        return await self.ask(lambda db: viewing.state(db, channel_id))

    async def damages(self) -> tuple[str, ...]:
        return await self.ask(viewing.damages)

    async def measures(self) -> Measures:
        return await self.ask(measuring.measures)

    async def outdated(self, now: datetime) -> Outdated:
        return await self.ask(lambda db: forgetting.outdated(db, now))

    async def forget(self, what: Outdated, now: datetime) -> None:
        await self.run(lambda db: forgetting.forget(db, what, now))

    async def paper(self, paper_id: str) -> PaperView:
        return await self.ask(lambda db: viewing.paper(db, paper_id))

    async def page(self, limit: int) -> Sequence[KeywordPapers]:
        return await self.ask(lambda db: viewing.page(db, limit))


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


def lock(path: Path) -> int:
    """Take the lock that only one serving process may hold; the kernel frees it when we die."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreBusy(
            f"another Daily Papers already serves {path.parent}. Stop it first, or point this one "
            "at another folder ([bot] data)."
        ) from error
    return handle


@contextmanager
def _transaction(db: sqlite3.Connection, begin: str = "begin immediate") -> Iterator[None]:
    db.execute(begin)
    try:
        yield
        db.execute("commit")
    except BaseException:
        # SQLite has already rolled back by itself after some errors (a full disk, for one).
        if db.in_transaction:
            db.execute("rollback")
        raise


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full. Make room; nothing was lost.",
    sqlite3.SQLITE_READONLY: "it can't be written to. Check the folder's owner and mount.",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened. Check that the folder exists and is ours.",
    sqlite3.SQLITE_PERM: "it can't be opened. Check the file's owner.",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write. Check the disk, and its free space.",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Restore a backup, or move it away to start afresh.",
    sqlite3.SQLITE_NOTADB: "it is not a database. Restore a backup, or move it away.",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what a person can mend into a StoreError; an error of ours in SQL stays what it is."""
    try:
        yield
    except StoreError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            raise StoreBusy(f"{path}: another process keeps the database busy") from error
        if code in _REMEDIES:
            raise StoreBroken(f"{path}: {_REMEDIES[code]}") from error
        raise
    except OSError as error:
        raise StoreBroken(f"{path}: {error.strerror or error}") from error
