"""SQLite's errors, and what a person can do about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import StoreBroken, StoreBusy, StoreError
from bot.private_files import permission_problem, reason

_NOT_OURS = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full. Make room; nothing was lost.",
    sqlite3.SQLITE_READONLY: "it can't be written to. Check the folder's owner and mount.",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened. Check that the folder exists, and its owner.",
    sqlite3.SQLITE_PERM: "it can't be opened. Check the file's owner.",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write. Check the disk, and its free space.",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Restore a backup, or move it away to start over.",
    sqlite3.SQLITE_NOTADB: "it is not a database. Restore a backup, or move it away.",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate an error that a person can fix into a StoreError. An error in our own SQL stays
    what it is."""
    try:
        yield
    except StoreError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            raise StoreBusy(f"{path}: another process keeps the database busy") from error
        if code in _NOT_OURS and (problem := _permission_problem(path)):
            raise StoreBroken(f"{path}: {problem}") from error
        if code in _REMEDIES:
            raise StoreBroken(f"{path}: {_REMEDIES[code]}") from error
        raise
    except OSError as error:
        raise StoreBroken(f"{path}: {reason(error, path)}") from error


def _permission_problem(path: Path) -> str:
    """What is wrong with the permissions of the database or of its log: SQLite's error does not say
    which of the two it is about. Empty if nothing is."""
    files = (path.with_name(path.name + ending) for ending in ("", "-wal", "-shm"))
    return next(filter(None, map(permission_problem, files)), "")
