"""An upgrade takes every database along that any version left behind."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.store import FILE, open_store
from bot.store.following import subscriptions
from bot.store.schema import MIGRATIONS, migrate

COPIES = sorted((Path(__file__).parent / "schemas").glob("*.sql"), key=lambda file: int(file.stem))


def tables_of(db: sqlite3.Connection) -> dict[str, list[str]]:
    """What the schema says, without what SQLite's dump and `alter table` do to its spaces."""
    rows = db.execute(
        "select name, sql from sqlite_master where sql is not null and name not like 'sqlite%'"
    )
    return {
        name: re.sub(r"--[^\n]*", "", sql).lower().replace('"', "").split() for name, sql in rows
    }


def test_every_schema_has_its_copy() -> None:
    assert [int(copy.stem) for copy in COPIES] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.stem)
def test_a_released_migration_was_not_edited(copy: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as old, closing(sqlite3.connect(":memory:")) as now:
        now.isolation_level = None
        old.executescript(copy.read_text(encoding="utf-8"))
        migrate(now, MIGRATIONS[: int(copy.stem)])
        assert tables_of(old) == tables_of(now)


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.stem)
def test_an_upgrade_from_every_version_keeps_what_was_posted(tmp_path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript(copy.read_text(encoding="utf-8"))
    store = open_store(tmp_path, alone=True)
    try:
        [view] = store.run_now(
            lambda db: db.execute("select state, post_key from ledger").fetchall()
        )
        assert view == ("posted", "k1")
        assert [s.keyword.text for s in store.run_now(subscriptions)] == ["reward model"]
        assert store.run_now(lambda db: db.execute("pragma user_version").fetchone()) == (
            len(MIGRATIONS),
        )
        upgraded = store.run_now(tables_of)
    finally:
        store.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("pragma foreign_key_check").fetchall() == []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        assert upgraded == tables_of(fresh)
