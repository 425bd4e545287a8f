"""The real database for the synchronisation with ``bot.toml``, reopened for each transaction.

What it does by hand in a test (``follow``, ``unfollow``, ``configure``) is what a slash command
does: one transaction of its own.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from bot.keywords import parse
from bot.model.snapshots import SETTINGS, AddMute, Configure, Follow, Snapshot, Unfollow
from bot.store.statements.channels_file import REVISIONS_KEPT, SqlSyncTransaction
from tests.fakes import START
from tests.store.database import opened

__all__ = ["REVISIONS_KEPT", "SyncDatabaseFile", "says"]


class SyncDatabaseFile:
    """Reopens the database for each transaction, as another process would."""

    def __init__(self, path: Path, step: Callable[[str], None] = lambda name: None) -> None:
        self._path = path
        self._step = step
        self._times = itertools.count()
        opened(path, alone=False).close()

    @contextmanager
    def transaction(self) -> Iterator[SqlSyncTransaction]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as db:
            db.execute("pragma synchronous = off")  # no test takes the power away
            self._step("begin")
            db.execute("begin immediate")
            try:
                yield SqlSyncTransaction(db, START + timedelta(seconds=next(self._times)))
                self._step("commit")
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            self._step("committed")

    def follow(self, channel: str, *keywords: str) -> None:
        with self.transaction() as transaction:
            transaction.apply([Follow(channel, parse(keyword)) for keyword in keywords], "a person")

    def unfollow(self, channel: str, *keywords: str) -> None:
        with self.transaction() as transaction:
            transaction.apply(
                [Unfollow(channel, parse(keyword)) for keyword in keywords], "a person"
            )

    def mute(self, channel: str, *texts: str) -> None:
        with self.transaction() as transaction:
            transaction.apply([AddMute(channel, parse(text)) for text in texts], "a person")

    def configure(self, channel: str, setting: str, value: str | None) -> None:
        with self.transaction() as transaction:
            transaction.apply([Configure(channel, setting, value)], "a person")

    def says(self) -> dict[str, set[str]]:
        """Channel → texts of its keywords; as ``not text`` its mutes, as ``name=value`` its
        settings."""
        with self.transaction() as transaction:
            return says(transaction.current())


def says(snapshot: Snapshot) -> dict[str, set[str]]:
    return {
        listing.channel.id: {keyword.text for keyword in listing.keywords}
        | {f"not {mute.text}" for mute in listing.mutes}
        | {
            f"{name}={value}"
            for name in SETTINGS
            if (value := getattr(listing.channel, name)) is not None
        }
        for listing in snapshot.listings
        if not listing.bare
    }
