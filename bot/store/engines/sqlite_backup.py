"""Backups: a copy of the database while it is in use, and putting one in its place.

A backup is a single SQLite file, complete in itself. Restoring never overwrites: the old database
is kept beside the new one. Neither touches ``bot.toml``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from bot.errors import StoreBroken
from bot.private_files import make_file, make_folder
from bot.store.engines.sqlite import lock
from bot.store.engines.sqlite_errors import translated
from bot.store.migrations import APPLICATION_ID, refuse_newer, version_of


def back_up(database: Path, target: Path) -> int:
    """Copy a snapshot of the database to ``target``, also while others write. Returns the size of
    the backup in bytes.

    ``target`` appears only once it is complete. It may replace an older backup but no other file,
    least of all one of the database's own, not even by a link. Only its owner may read it. Raises
    StoreError.
    """
    if not database.exists():
        raise StoreBroken(f"There is no database to copy: {database}")
    _refuse_own(database, target, "The backup needs another file.")

    def fill(copy: sqlite3.Connection) -> None:
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        ) as source:
            source.backup(copy)  # one step: in WAL mode it stops no writer, and copies one snapshot

    return write_backup(target, fill)


def write_backup(target: Path, fill: Callable[[sqlite3.Connection], None]) -> int:
    """Let ``fill`` write a backup, check it, and give it the name ``target``. Returns its size in
    bytes. Raises StoreError.
    """
    if target.is_dir():
        raise StoreBroken(f"{target} is a folder. Name a file in it: {target / 'backup.sqlite3'}")
    if not target.parent.is_dir():
        raise StoreBroken(f"There is no folder {target.parent}. Make it, or name another one.")
    if target.exists():
        with open_read_only(target) as old:
            _check_ours(old, target)
    with translated(target), _replacing(target) as made:
        with closing(sqlite3.connect(made)) as copy:
            fill(copy)
            copy.execute("pragma journal_mode = delete")
        with open_read_only(made) as copy:
            check(copy, made)
    return target.stat().st_size


def copy(database: Path, target: Path) -> None:
    """Copy the database, if there is one, to a new file; stops no writer. Raises StoreError."""
    if database.exists():
        with (
            translated(database),
            closing(sqlite3.connect(database)) as source,
            closing(sqlite3.connect(target)) as made,
        ):
            source.backup(made)


def restore(database: Path, backup: Path, now: datetime) -> Path | None:
    """Put a backup in the place of the database. Returns where the old one is kept, if there was
    one.

    Raises StoreBusy while a process serves the database, and StoreError for a backup that is not
    Daily Papers', is damaged or has a newer schema. Then nothing was changed.
    """
    if backup.is_dir():
        raise StoreBroken(f"{backup} is a folder. Name the backup that is to be restored.")
    if not backup.is_file():
        raise StoreBroken(f"There is no such file: {backup}")
    _refuse_own(database, backup, "Restoring needs a backup.")
    with translated(backup), open_read_only(backup) as source:
        check(source, backup)
    with translated(database):
        make_folder(database.parent)
        held = lock(database)
        try:
            with _replacing(database) as made:
                with open_read_only(backup) as source, closing(sqlite3.connect(made)) as copy:
                    source.backup(copy)
                    copy.execute("pragma journal_mode = delete")
                return _set_aside(database, now)
        finally:
            os.close(held)


# What SQLite keeps beside a database (its docs, "Temporary Files Used By SQLite", read 2026-11).
_OWN_ENDINGS = ("", "-wal", "-shm", "-journal")


def _refuse_own(database: Path, file: Path, remedy: str) -> None:
    """Raises StoreError if ``file`` is, or is linked to, a file that SQLite keeps for ``database``.

    Replaced under a running bot, or read without its log, the database would be damaged. Compared
    by inode and before anything is opened: closing a file drops this process's locks on it.
    """
    with translated(file):
        for ending in _OWN_ENDINGS:
            own = database.with_name(database.name + ending)
            if own.exists() and file.exists():
                same = own.samefile(file)
            else:  # one that SQLite has not made yet
                same = own.name == file.name and own.parent.resolve() == file.parent.resolve()
            if same:
                raise StoreBroken(f"{file} is a file of the database itself. {remedy}")


def _set_aside(database: Path, now: datetime) -> Path | None:
    """Give the old database a second name, which is returned, and move its log to where the new one
    does not read it. ``None`` if there is no old database.

    If the process dies after this, the old database is still in its place, intact.
    """
    if not database.exists():
        return None
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(database)) as old:
        # Empties the log. A damaged database keeps it, and takes it along below.
        old.execute("pragma wal_checkpoint(truncate)")
    aside = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
    os.link(database, aside)
    for ending in ("-wal", "-shm"):
        beside = database.with_name(database.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    return aside


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new file beside ``target``, which replaces it, synced to disk, if the block raises
    nothing."""
    made = target.with_name(f".{target.name}.new")
    try:
        made.unlink(missing_ok=True)
        make_file(made)
        yield made
        _sync(made)
        os.replace(made, target)
        _sync(target.parent)
    finally:
        made.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def open_read_only(path: Path) -> Iterator[sqlite3.Connection]:
    with (
        translated(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db,
    ):
        yield db


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError unless this is an intact database of Daily Papers with a schema that this
    version knows."""
    _check_ours(db, path)
    refuse_newer(version_of(db))
    found = [row[0] for row in db.execute("pragma integrity_check(5)")]
    if found != ["ok"] or db.execute("pragma foreign_key_check").fetchone():
        raise StoreBroken(f"{path} is damaged: {'; '.join(found)}")


def _check_ours(db: sqlite3.Connection, path: Path) -> None:
    try:
        application_id = db.execute("pragma application_id").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            raise
        application_id = None  # bot.toml, for example
    if application_id != APPLICATION_ID:
        raise StoreBroken(f"{path} is not a backup of Daily Papers, and is left unchanged.")
