"""Whether the files under the database's names are still the ones that were opened.

An open file outlives its name: if the database is deleted, moved away or replaced while the bot
runs, the bot goes on working with the old file, and everything that it records from then on is
lost. A database that is overwritten in place keeps its name and inode, and SQLite would mix old
pages with new ones. That is noticed by its size: an older copy is shorter, and otherwise a database
never shrinks (the bot does not ``vacuum``).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

Identity: TypeAlias = tuple[int, int] | None  # device and inode; None: no such file


def identity_of(file: Path | int) -> Identity:
    """The identity of the file with this name or descriptor; ``None`` if there is no file of this
    name. Raises OSError for anything else that is wrong."""
    try:
        status = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


class OpenedDatabase:
    """Remembers which files were opened; to be made right after opening them. ``lock`` is the
    descriptor of the database's lock file, if the lock is held."""

    def __init__(self, path: Path, lock_path: Path, lock: int | None) -> None:
        self._path = path
        self._database = identity_of(path)
        self._size = path.stat().st_size  # the largest so far, in bytes
        self._log = identity_of(_beside(path, "-wal"))
        self._lock_path = lock_path
        self._lock = None if lock is None else identity_of(lock)

    def problem(self) -> str:
        """What happened to the files, in a sentence; empty if nothing did. Takes some microseconds.

        Raises OSError.
        """
        now = identity_of(self._path)
        if now != self._database:
            what = "was deleted or moved away" if now is None else "was replaced by another file"
            return (
                f"{self._path} {what} while it was in use, so nothing more can be recorded in it."
                " Put it back, or keep the new one, and start again. Next time stop the bot first;"
                " `daily-papers restore` puts a backup in its place."
            )
        size = self._path.stat().st_size
        if size < self._size:
            return (
                f"{self._path} was overwritten or truncated while it was in use: it had"
                f" {self._size:,} bytes, and has {size:,}. Start again, and put a backup in its"
                " place with `daily-papers restore`, which needs the bot to be stopped."
            )
        self._size = size
        if self._lock is not None and identity_of(self._lock_path) != self._lock:
            return (
                f"{self._lock_path} was deleted or replaced, so a second bot could serve the same"
                " database, and post everything twice. Start again, and leave that file alone."
            )
        return ""

    def set_log_aside(self) -> Path | None:
        """Rename the log of a database that is no longer there. Returns the new name; ``None`` if
        there was nothing to rename.

        SQLite leaves the log where it is, and would apply it to the database that has the name now,
        which destroys that one (sqlite.org/howtocorrupt.html, section 1.4, read 2026-11). A log of
        another database stays. Raises OSError.
        """
        log = _beside(self._path, "-wal")
        if identity_of(self._path) == self._database or self._log is None:
            return None
        if identity_of(log) != self._log:
            return None
        aside = _beside(self._path, ".replaced-wal")
        os.replace(log, aside)
        with suppress(FileNotFoundError):
            _beside(self._path, "-shm").unlink()
        return aside


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
