"""However many posts wait, claiming one reads few of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.store.engines.base import Connection
from bot.store.statements import deliver
from bot.store.store import SqlStore
from tests.fakes import START
from tests.store import postgres
from tests.store.database import change, opened, opened_on_postgres

# Three posts in each of a thousand channels. The first thirty posts have arrived.
FILL = (
    "insert into channels (id, platform) {numbers} select 'fake:' || n, 'fake' from numbers"
    " where n <= 1000",
    "insert into outbox (key, channel_id, platform, account, payload, papers, state, message_id,"
    "   not_before, created_at) {numbers}"
    " select 'k' || n, 'fake:' || ((n + 2) / 3), 'fake', 'fake', '{{}}', 1,"
    "   case when n <= 30 then 'sent' else 'queued' end,"
    "   case when n <= 30 then 'm' || n else '' end,"
    "   '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' from numbers",
    "/*! analyze */",
)
NUMBERS = (
    "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 3000)"
)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        made = opened(tmp_path / "db")
    else:
        made = opened_on_postgres(request.getfixturevalue("url"))
    with closing(made):
        for statement in FILL:
            change(made, statement.format(numbers=NUMBERS))
        yield made


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as made:
        yield made


def work_of(store: SqlStore, query: Callable[[Connection], Any]) -> tuple[Any, int]:
    """What it finds, and how much it reads for that: rows of the outbox in PostgreSQL, and in
    SQLite hundreds of its virtual machine's instructions, of which a row takes several."""

    def measured(db: Connection) -> tuple[Any, int]:
        if isinstance(db, sqlite3.Connection):
            hundreds: list[None] = []
            db.set_progress_handler(lambda: hundreds.append(None), 100)
            found = query(db)
            db.set_progress_handler(None, 0)
            return found, len(hundreds)
        found = query(db)
        [rows] = db.execute(
            "select seq_tup_read + idx_tup_fetch from pg_stat_xact_all_tables"
            " where relname = 'outbox'"
        ).fetchone()
        return found, rows

    return asyncio.run(store.engine.write(measured))


def test_to_claim_a_post_reads_a_few_of_those_that_wait(store: SqlStore) -> None:
    until = START + timedelta(minutes=2)
    post, work = work_of(store, lambda db: deliver.claim(db, "me", "fake", START, until))
    assert (post.key, post.after_id) == ("k31", "m30")
    assert work < 100


def test_to_see_that_a_post_can_be_claimed_reads_a_few_of_those_that_wait(store: SqlStore) -> None:
    at, work = work_of(store, lambda db: deliver.next_claim(db, "fake", START))
    assert at == START
    assert work < 100
