"""The database: keywords, papers, what is due where, and what became of each post.

It is a SQLite file in the bot's folder, or, with a ``url``, in a PostgreSQL server. psycopg is
imported for the latter alone.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from bot.ports import Store
from bot.private_files import make_folder
from bot.store.engines import sqlite_backup
from bot.store.engines.base import Engine
from bot.store.engines.sqlite import SqliteEngine
from bot.store.statements import deliver
from bot.store.store import SqlStore

FILE = "daily-papers.sqlite3"


def open_store(folder: Path, *, alone: bool, url: str = "") -> Store:
    """Open (or make) the database and bring its schema up to date.

    ``alone`` is for the process that collects and delivers: with a file only one may do so at a
    time, with a server each in its roles (``bot.ports.LeaseStore``). What a dead process was
    sending is still ``sending``; call ``release`` before you deliver. Other processes (``status``,
    ``keywords``) open the same database beside it with ``alone=False``.

    Raises StoreBusy if another process already serves this database, StoreUnavailable,
    SchemaTooNew, StoreBroken.
    """
    return SqlStore(_engine(folder, url, alone=alone))


def can_use_postgresql() -> bool:
    """Whether psycopg and the libpq that it needs are installed."""
    try:
        import psycopg  # noqa: F401 (all that counts is whether it can be imported)
    except ImportError:  # also where libpq is missing: psycopg without its binary part
        return False
    return True


def _engine(folder: Path, url: str, *, alone: bool) -> Engine:
    if not url:
        return SqliteEngine(folder / FILE, alone=alone)
    from bot.store.engines.postgres import PostgresEngine

    make_folder(folder)  # for what else the bot keeps there
    return PostgresEngine(url)


async def open_copy(folder: Path, elsewhere: Path, url: str = "") -> Store:
    """Open a copy of the database in another folder, for a dry run that changes nothing.

    Posts that wait in the outbox are held in the copy. A running service is not disturbed.
    Raises StoreError.
    """
    if url:
        from bot.store.engines import postgres_copy

        postgres_copy.copy(url, elsewhere / FILE)
    else:
        sqlite_backup.copy(folder / FILE, elsewhere / FILE)
    store = SqlStore(SqliteEngine(elsewhere / FILE, alone=True))
    await store.engine.write(deliver.hold_everything)
    return store


def back_up(folder: Path, target: Path, url: str = "") -> int:
    """Copy the database to a SQLite file, also while it is served. Returns the copy's size in
    bytes. Raises StoreError.
    """
    if not url:
        return sqlite_backup.back_up(folder / FILE, target)
    from bot.store.engines import postgres_copy

    return postgres_copy.back_up(url, target)


def restore(folder: Path, backup: Path, now: datetime, url: str = "") -> Path | None:
    """Put a backup in the place of the database. Returns where the old one is kept; ``None`` if
    there was none. On a server the database has to be empty. Raises StoreError."""
    if not url:
        return sqlite_backup.restore(folder / FILE, backup, now)
    from bot.store.engines import postgres_copy

    postgres_copy.restore(url, backup)
    return None
