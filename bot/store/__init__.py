"""The database: keywords, papers, what is due where, and what became of each post."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from bot.ports import Store
from bot.store.engines import sqlite_backup
from bot.store.engines.sqlite import SqliteEngine
from bot.store.statements import deliver
from bot.store.store import SqlStore

FILE = "daily-papers.sqlite3"


def open_store(folder: Path, *, alone: bool) -> Store:
    """Open (or make) the database in ``folder`` and bring its schema up to date.

    ``alone`` is for the process that collects and delivers: only one may do so at a time. What a
    dead one left half-sent is still ``sending``; call ``release`` before you deliver. Other
    processes (``status``, ``keywords``) open the same database beside it with ``alone=False``.

    Raises StoreBusy if another process already serves this database, SchemaTooNew, StoreBroken.
    """
    return SqlStore(SqliteEngine(folder / FILE, alone=alone))


async def open_copy(folder: Path, elsewhere: Path) -> Store:
    """Open a copy of the database in another folder, for a dry run that changes nothing.

    Posts that wait in the outbox are held in the copy. A running service is not disturbed.
    Raises StoreError.
    """
    sqlite_backup.copy(folder / FILE, elsewhere / FILE)
    store = SqlStore(SqliteEngine(elsewhere / FILE, alone=True))
    await store.engine.write(deliver.hold_everything)
    return store


def back_up(folder: Path, target: Path) -> int:
    """Copy the database to a file, also while it is served; the copy's size in bytes.

    Raises StoreError.
    """
    return sqlite_backup.back_up(folder / FILE, target)


def restore(folder: Path, backup: Path, now: datetime) -> Path | None:
    """Put a backup in the database's place; where the old one is kept. Raises StoreError."""
    return sqlite_backup.restore(folder / FILE, backup, now)
