"""The database: truth about keywords, papers, what is due where, and what became of each post."""

from __future__ import annotations

from pathlib import Path

from bot.store.sqlite import SqliteStore


def open_store(folder: Path, *, alone: bool) -> SqliteStore:
    """Open (or make) the database in ``folder`` and bring its schema up to date.

    ``alone`` is for the process that collects and delivers: only one may do so at a time, and what
    a dead one left half-sent is marked uncertain. Other processes (``status``, ``keywords``) open
    the same database beside it with ``alone=False``.

    Raises StoreBusy if another process already serves this database, SchemaTooNew, StoreBroken.
    """
    return SqliteStore(folder / "daily-papers.sqlite3", alone=alone)
