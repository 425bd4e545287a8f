"""An upgrade takes a database along that an older version left behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from bot.store.migrations import migrate

OLDER = ("create table posts (key text primary key) strict;\ninsert into posts values ('k1');\n",)
NEWER = (*OLDER, "alter table posts add column state text not null default 'sent';\n")


def test_an_upgrade_keeps_what_was_posted() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, OLDER)
        migrate(db, NEWER)
        assert db.execute("select key, state from posts").fetchall() == [("k1", "sent")]
        assert db.execute("pragma user_version").fetchone() == (2,)


def test_what_was_migrated_is_not_migrated_again() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, NEWER)
        migrate(db, NEWER)
        assert db.execute("select key, state from posts").fetchall() == [("k1", "sent")]


class StoppedAfter(sqlite3.Connection):
    """The program is told to stop right after the statement ``last``."""

    last = ""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        found = super().execute(sql, *parameters)
        if sql == self.last:
            raise SystemExit(0)
        return found


@pytest.mark.parametrize("last", ["begin immediate", "commit"])
def test_a_stop_at_either_end_of_a_migration_is_a_stop(last: str) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None, factory=StoppedAfter)) as db:
        db.last = last
        with pytest.raises(SystemExit):
            migrate(db)
        assert not db.in_transaction
