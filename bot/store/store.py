"""SQLite on a thread of its own: the connection, its transactions, its lock, its errors.

Every public method is one transaction: all of it happened, or none. Only ``record``, ``publish``
and what a ``visit`` does are several. What the transactions do is in the modules beside this one,
one per step of the flow; this one decides nothing.

WAL with ``synchronous=FULL``: with NORMAL a power cut may take back the last commits, and a
message sent but forgotten would be posted twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bot.errors import StoreBroken, StoreBusy
from bot.model import (
    Channel,
    ChannelAgenda,
    Crosspost,
    Expected,
    Interests,
    Keyword,
    Person,
    Post,
    Receipt,
    Recorded,
    Run,
    Subscription,
)
from bot.model.views import KeywordPapers, Measures, PaperView, StateView
from bot.private_files import make_file, make_folder, open_file
from bot.store.engines.sqlite_check import IntegrityCheck
from bot.store.engines.sqlite_errors import translated
from bot.store.engines.sqlite_identity import OpenedDatabase
from bot.store.engines.sqlite_reader import Reader, transaction
from bot.store.migrations import APPLICATION_ID, migrate
from bot.store.statements import (
    clock_recovery,
    collect,
    crosspost,
    deliver,
    metrics,
    publish,
    reports,
    retention,
    subscriptions,
)
from bot.store.statements.channels_file import SqliteSyncDatabase
from bot.store.statements.publish import Plan
from bot.store.statements.retention import Outdated
from bot.store.statements.subscriptions import CheckRoom

log = logging.getLogger(__name__)

T = TypeVar("T")
Connect = Callable[[str], sqlite3.Connection]

WAIT_FOR_OTHERS = 10.0  # seconds to wait for another process's transaction

# Rows that a step of long work writes before it makes way for others: some tens of milliseconds, of
# which the commit is a small part.
ROWS_AT_ONCE = 2_000
CACHE_KB = 16_000
CHECKPOINT_PAGES = 4_000  # of 4 KiB


def connect(path: str) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions begin and end where this package says so."""
    return sqlite3.connect(
        path, timeout=WAIT_FOR_OTHERS, isolation_level=None, check_same_thread=False
    )


class SqliteStore:
    """The database of one bot. Close it; a closed one can't be used again.

    ``rows_at_once`` is about how many rows a transaction of ``record`` and ``publish`` writes.
    """

    def __init__(
        self,
        path: Path,
        *,
        alone: bool,
        connect: Connect = connect,
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> None:
        self._path = path
        self._rows_at_once = rows_at_once
        self._recording = asyncio.Lock()
        self._lock_file: int | None = None
        self._db: sqlite3.Connection | None = None
        self._opened: OpenedDatabase | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        # Questions have connections of their own, so that none waits for a long transaction, and
        # nobody's for one about everything, which takes more than a second with 10,000 channels.
        self._readers: list[Reader] = []
        try:
            with translated(path):
                make_folder(path.parent)
                if alone:
                    self._lock_file = lock(path)
                make_file(path)  # SQLite gives its log the same mode
                self._db = connect(str(path))
                _prepare(self._db, path)
                for name in ("store-reader", "store-surveyor"):
                    self._readers.append(Reader(path, connect(str(path)), name))
                # A first look makes SQLite open the log, which can then be told from another one.
                self._db.execute("select 1 from sqlite_master").fetchone()
                self._opened = OpenedDatabase(path, lock_path(path), self._lock_file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Wait for the transaction in hand, then let go of the file and the lock."""
        self._thread.shutdown(wait=True)
        for reader in self._readers:
            reader.close()
        if self._db is not None:
            self._db.close()
            self._db = None
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

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` in one transaction on the store's thread. Raises StoreError.

        A caller that is cancelled meanwhile does not stop it: it still commits or rolls back whole.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.run_now, work)

    def run_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same on the calling thread, for code that is not asynchronous and alone."""
        with translated(self._path), transaction(self._connection()):
            return work(self._connection())

    def _connection(self) -> sqlite3.Connection:
        """For writing. Raises StoreBroken where what is written would be lost."""
        if self._db is None:
            raise StoreBroken("the database is closed")
        if problem := self.problem():
            raise StoreBroken(problem)
        return self._db

    def problem(self) -> str:
        """What was done to the file under its name while it was open, in a sentence; or nothing.

        Raises StoreBroken.
        """
        with translated(self._path):
            return "" if self._opened is None else self._opened.problem()

    @contextmanager
    def integrity_check(self) -> Iterator[IntegrityCheck]:
        check = IntegrityCheck(self._path)
        try:
            yield check
        finally:
            check.close()

    async def run_in_steps(
        self, work: Callable[[sqlite3.Connection], Generator[None, None, T]]
    ) -> T:
        """Do ``work`` on the store's thread, each of its steps in a transaction of its own.

        Who waits for the thread gets a turn between two steps. Raises StoreError, and then the
        steps before have happened, and none after.
        """
        steps: list[Generator[None, None, T]] = []
        results: list[T] = []

        def step(db: sqlite3.Connection) -> None:
            if not steps:
                steps.append(work(db))
            try:
                next(steps[0])
            except StopIteration as end:
                results.append(end.value)

        while not results:
            await self.run(step)
        return results[0]

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Answer from one consistent look at what is committed; changes nothing, waits for no
        writer. Raises StoreError."""
        return await self._readers[0].ask(question)

    async def ask_about_all(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The same for a question that looks at everything: no short one waits for it."""
        return await self._readers[1].ask(question)

    async def visit(self, work: Callable[[SqliteSyncDatabase], T], at: datetime) -> T:
        """Do ``work``, which opens its own transactions, on the store's thread.

        Raises StoreError and whatever ``work`` raises.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._visit_now, work, at
        )

    def _visit_now(self, work: Callable[[SqliteSyncDatabase], T], at: datetime) -> T:
        with translated(self._path):
            return work(SqliteSyncDatabase(self._connection(), transaction, at))

    # -- collect ------------------------------------------------------------------------------

    async def interests(self) -> Interests:
        return await self.run(collect.interests)

    async def expected(self, canonicals: Sequence[str], since: datetime) -> Expected:
        return await self.run(lambda db: collect.expected(db, canonicals, since))

    async def metadata_incomplete(self, paper_ids: Sequence[str]) -> frozenset[str]:
        return await self.run(lambda db: collect.metadata_incomplete(db, paper_ids))

    async def record(self, run: Run, *, first_post: int) -> Recorded:
        rows = self._rows_at_once
        async with self._recording:
            return await self.run_in_steps(lambda db: collect.record(db, run, first_post, rows))

    # -- publish ------------------------------------------------------------------------------

    async def publishable(self) -> tuple[Channel, ...]:
        return await self.run(publish.publishable)

    async def to_recheck(self) -> tuple[Channel, ...]:
        return await self.ask(publish.to_recheck)

    async def agendas(self, channel_ids: Sequence[str]) -> tuple[ChannelAgenda, ...]:
        return await self.ask(lambda db: publish.agendas(db, channel_ids))

    async def publish(self, plans: Iterable[tuple[str, Plan]], at: datetime) -> int:
        rows = self._rows_at_once
        return await self.run_in_steps(lambda db: publish.publish_all(db, plans, at, rows))

    # -- deliver ------------------------------------------------------------------------------

    async def claim(
        self,
        platform: str,
        now: datetime,
        lease_until: datetime,
        deprioritised_channels: Collection[str] = (),
    ) -> Post | None:
        return await self.run(
            lambda db: deliver.claim(db, platform, now, lease_until, deprioritised_channels)
        )

    async def release(self, now: datetime, settling: float) -> None:
        """For the one process that serves, once and before it delivers."""
        await self.run(lambda db: deliver.release(db, now, settling))

    async def recompute_times(
        self, now: datetime, lease: float, first_pause: float
    ) -> dict[str, int]:
        """Where the clock was set, or may have been; see ``clock_recovery``."""
        return await self.run(lambda db: clock_recovery.recompute(db, now, lease, first_pause))

    async def unsettled(self, platform: str, now: datetime) -> dict[str, float]:
        return await self.ask(lambda db: deliver.unsettled(db, platform, now))

    async def next_claim(self, platform: str) -> datetime | None:
        return await self.ask(lambda db: deliver.next_claim(db, platform))

    async def mark_sent(self, key: str, receipt: Receipt, at: datetime) -> None:
        await self.run(lambda db: deliver.mark_sent(db, key, receipt, at))

    async def requeue(self, key: str, at: datetime, delay: float, error: str) -> None:
        await self.run(lambda db: deliver.requeue(db, key, at, delay, error))

    async def mark_unknown(self, key: str, at: datetime, delay: float, error: str) -> None:
        await self.run(lambda db: deliver.mark_unknown(db, key, at, delay, error))

    async def hold_for_review(self, key: str, at: datetime, error: str) -> None:
        await self.run(lambda db: deliver.settle(db, key, "held", at, error))

    async def dead_letter(self, key: str, at: datetime, error: str) -> None:
        await self.run(lambda db: deliver.settle(db, key, "dead", at, error))

    async def refuse(
        self, key: str, uncertain: bool, at: datetime, error: str, delay: float
    ) -> bool:
        return await self.run(lambda db: deliver.refuse(db, key, uncertain, at, error, delay))

    async def resend(self, key: str, at: datetime) -> bool:
        return await self.run(lambda db: deliver.resend(db, key, at))

    # -- crosspost ----------------------------------------------------------------------------

    async def claim_crosspost(
        self, platform: str, now: datetime, lease_until: datetime
    ) -> Crosspost | None:
        return await self.run(lambda db: crosspost.claim(db, platform, now, lease_until))

    async def next_crosspost(self, platform: str, now: datetime) -> datetime | None:
        return await self.ask(lambda db: crosspost.next_claim(db, platform, now))

    async def mark_crossposted(self, key: str) -> None:
        await self.run(lambda db: crosspost.mark_done(db, key))

    async def retry_crosspost(self, key: str, not_before: datetime, error: str) -> None:
        await self.run(lambda db: crosspost.retry(db, key, not_before, error))

    async def fail_crosspost(self, key: str, error: str) -> None:
        await self.run(lambda db: crosspost.fail(db, key, error))

    # -- what people ask ----------------------------------------------------------------------

    async def follow(
        self,
        channel_id: str,
        keyword: Keyword,
        person: Person,
        at: datetime,
        *,
        check_room: CheckRoom | None = None,
        undo: bool = False,
    ) -> bool:
        return await self.run(
            lambda db: subscriptions.follow(
                db, channel_id, keyword, person, at, check_room=check_room, undo=undo
            )
        )

    async def unfollow(self, channel_id: str, canonical: str, at: datetime) -> bool:
        return await self.run(lambda db: subscriptions.unfollow(db, channel_id, canonical, at))

    async def subscriptions(self, channel_id: str = "") -> tuple[Subscription, ...]:
        return await self.ask(lambda db: subscriptions.subscriptions(db, channel_id))

    async def unprimed(self) -> frozenset[tuple[str, str]]:
        return await self.ask(subscriptions.unprimed)

    async def known_keywords(self) -> tuple[Keyword, ...]:
        return await self.ask(subscriptions.known_keywords)

    async def change_setting(self, channel_id: str, name: str, value: str | None) -> None:
        await self.run(lambda db: subscriptions.change_setting(db, channel_id, name, value))

    async def pause(self, channel_id: str, reason: str, at: datetime) -> bool:
        return await self.run(lambda db: subscriptions.pause(db, channel_id, reason, at))

    async def resume(self, channel_id: str) -> bool:
        return await self.run(lambda db: subscriptions.resume(db, channel_id))

    async def state(self, channel_id: str = "") -> StateView:
        how = self.ask if channel_id else self.ask_about_all
        return await how(lambda db: reports.state(db, channel_id))

    async def measures(self) -> Measures:
        return await self.ask_about_all(metrics.measures)

    async def outdated(self, now: datetime) -> Outdated:
        return await self.ask_about_all(lambda db: retention.outdated(db, now))

    async def forget(self, what: Outdated, now: datetime) -> None:
        await self.run(lambda db: retention.forget(db, what, now))

    async def paper(self, paper_id: str) -> PaperView:
        return await self.ask(lambda db: reports.paper(db, paper_id))

    async def page(self, limit: int) -> Sequence[KeywordPapers]:
        return await self.ask_about_all(lambda db: reports.page(db, limit))


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
    # With thousands of channels each step of a collect touches thousands of pages: fewer are read
    # again, and fewer written twice, for some 16 MB of memory and of WAL.
    db.execute(f"pragma cache_size = -{CACHE_KB}")
    db.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")


def lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def lock(path: Path) -> int:
    """Take the lock that only one serving process may hold; the kernel frees it when we die."""
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
