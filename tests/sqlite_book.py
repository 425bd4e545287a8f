"""A real book for the two doors: the keywords and the file's past in an SQLite file.

Only what ``bot.sync.synchronizer`` asks for; no papers, no ledger. What it does by hand in a test
(``follow``, ``unfollow``) is what a slash command does: one transaction of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from bot.keywords import parse
from bot.model import Channel
from bot.model.snapshots import Change, Configure, Follow, Listing, Snapshot, Unfollow

KEPT = 200

SCHEMA = """
create table if not exists truth (
  channel text not null, kind text not null, name text not null, value text not null,
  primary key (channel, kind, name)
);
create table if not exists past (
  number integer primary key, snapshot blob not null
);
create table if not exists note (one integer primary key check (one = 1), note blob not null);
"""


class SqlitePages:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def current(self) -> Snapshot:
        rows = self._db.execute("select channel, kind, name, value from truth order by rowid")
        settings: dict[str, dict[str, str]] = {}
        keywords: dict[str, list[str]] = {}
        for channel, kind, name, value in rows:
            settings.setdefault(channel, {})
            keywords.setdefault(channel, [])
            if kind == "setting":
                settings[channel][name] = value
            else:
                keywords[channel].append(value)
        return Snapshot(
            tuple(
                Listing(Channel(channel, **settings[channel]), tuple(map(parse, texts)))
                for channel, texts in keywords.items()
            )
        )

    def apply(self, changes: Sequence[Change], who: str) -> None:
        assert who
        for change in changes:
            match change:
                case Follow(channel, keyword):
                    row = (channel, "keyword", keyword.canonical, keyword.text)
                    self._db.execute("insert or ignore into truth values (?, ?, ?, ?)", row)
                case Unfollow(channel, keyword):
                    self._delete(channel, "keyword", keyword.canonical)
                case Configure(channel, setting, None):
                    self._delete(channel, "setting", setting)
                case Configure(channel, setting, value):
                    row = (channel, "setting", setting, str(value))
                    self._db.execute("insert or replace into truth values (?, ?, ?, ?)", row)

    def _delete(self, *key: str) -> None:
        self._db.execute("delete from truth where channel = ? and kind = ? and name = ?", key)

    def last_revision(self) -> int:
        return int(self._db.execute("select coalesce(max(number), 0) from past").fetchone()[0])

    def revision(self, number: int) -> bytes | None:
        found = self._db.execute("select snapshot from past where number = ?", (number,)).fetchone()
        return found and bytes(found[0])

    def record_revision(self, number: int, snapshot: bytes) -> None:
        self._db.execute("insert into past values (?, ?)", (number, snapshot))
        self._db.execute("delete from past where number <= ?", (number - KEPT,))

    def state(self) -> bytes | None:
        found = self._db.execute("select note from note").fetchone()
        return found and bytes(found[0])

    def set_state(self, state: bytes) -> None:
        self._db.execute("insert or replace into note values (1, ?)", (state,))


class SqliteSyncDatabase:
    """Opens the database anew for each transaction, as another process would."""

    def __init__(self, path: Path, moment: Callable[[str], None] = lambda name: None) -> None:
        self._path = path
        self._moment = moment
        with closing(sqlite3.connect(path)) as db:
            db.execute("pragma journal_mode = wal")
            db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[SqlitePages]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as db:
            db.execute("pragma synchronous = off")  # no test takes the power away
            self._moment("begin")
            db.execute("begin immediate")
            try:
                yield SqlitePages(db)
                self._moment("commit")
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            self._moment("committed")

    def follow(self, channel: str, *keywords: str) -> None:
        with self.transaction() as pages:
            pages.apply([Follow(channel, parse(keyword)) for keyword in keywords], "a person")

    def unfollow(self, channel: str, *keywords: str) -> None:
        with self.transaction() as pages:
            pages.apply([Unfollow(channel, parse(keyword)) for keyword in keywords], "a person")

    def configure(self, channel: str, setting: str, value: str | None) -> None:
        with self.transaction() as pages:
            pages.apply([Configure(channel, setting, value)], "a person")

    def says(self) -> dict[str, set[str]]:
        """Channel → texts of its keywords and, as ``name=value``, its settings."""
        with self.transaction() as pages:
            return says(pages.current())


def says(snapshot: Snapshot) -> dict[str, set[str]]:
    return {
        listing.channel.id: {keyword.text for keyword in listing.keywords}
        | {f"{k}={v}" for k, v in asdict(listing.channel).items() if v is not None and k != "id"}
        for listing in snapshot.listings
        if not listing.bare
    }
