"""A store for tests: opened, driven without a loop, looked into and changed behind its back.

Only what no use case does is here. Everything that knows SQL or the engine outside ``tests/store``
goes through this module.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import psycopg

from bot.model import Draft, Keyword, Publication
from bot.model.snapshots import Change, Follow
from bot.ports import Store
from bot.store.engines.base import Engine
from bot.store.engines.postgres import PostgresEngine
from bot.store.engines.postgres import connect as connect_to_postgres
from bot.store.engines.sqlite import SqliteEngine, connect
from bot.store.store import SqlStore

T = TypeVar("T")
Kind = TypeVar("Kind", bound=SqlStore)


def opened(
    path: Path,
    *,
    alone: bool = True,
    patient: bool = True,
    connect: Callable[[str], sqlite3.Connection] = connect,
    batch_size: int | None = None,
) -> SqlStore:
    """The store over that file; one that is not ``patient`` does not wait for other processes."""
    return opened_as(
        SqlStore, path, alone=alone, patient=patient, connect=connect, batch_size=batch_size
    )


def opened_as(
    kind: type[Kind],
    path: Path,
    *,
    alone: bool = True,
    patient: bool = True,
    connect: Callable[[str], sqlite3.Connection] = connect,
    batch_size: int | None = None,
) -> Kind:
    connecting = connect if patient else _impatient
    if not path.exists():
        path.write_bytes(empty_database())
    return kind(SqliteEngine(path, alone=alone, connect=connecting), batch_size=batch_size)


def opened_on_postgres(
    url: str,
    *,
    connect: Callable[..., psycopg.Connection[Any]] = connect_to_postgres,
    batch_size: int | None = None,
) -> SqlStore:
    """The store in that database of a server (``tests.store.postgres``)."""
    return opened_on_postgres_as(SqlStore, url, connect=connect, batch_size=batch_size)


def opened_on_postgres_as(
    kind: type[Kind],
    url: str,
    *,
    connect: Callable[..., psycopg.Connection[Any]] = connect_to_postgres,
    batch_size: int | None = None,
) -> Kind:
    return kind(PostgresEngine(url, connect), batch_size=batch_size)


@cache
def empty_database() -> bytes:
    """A file with the schema alone: to copy it takes a tenth of the time of a migration."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty"
        SqliteEngine(path, alone=False).close()
        return path.read_bytes()


def _impatient(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def wait(use_case: Coroutine[Any, Any, T]) -> T:
    """Its result, for code that is not asynchronous, whether a loop is running or not."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, use_case).result()


def engine_of(store: Store) -> Engine:
    assert isinstance(store, SqlStore)
    return store.engine


def select(store: Store, sql: str, *parameters: object) -> list[Any]:
    """Rows as the tables hold them, for what no use case shows."""
    return wait(engine_of(store).write(lambda db: db.execute(sql, parameters).fetchall()))


def change(store: Store, sql: str, *parameters: object) -> None:
    """What no use case brings about: time that has passed, a damaged row."""
    wait(engine_of(store).write(lambda db: db.execute(sql, parameters)))


def follow_all(store: Store, follows: Sequence[tuple[str, Keyword]], at: datetime) -> None:
    """Let each channel follow the keyword, all in one transaction, by nobody in particular."""
    changes: list[Change] = [Follow(channel_id, keyword) for channel_id, keyword in follows]

    def apply(database: Any) -> None:
        with database.transaction() as transaction:
            transaction.apply(changes, "")

    wait(store.synchronise(apply, at))


async def queue(
    store: Store, channel_id: str, drafts: Sequence[tuple[str, Draft]], at: datetime
) -> None:
    """Put these messages into the outbox of a channel, with their keys."""
    await store.change_settings(channel_id, {"layout": None})  # now the channel is known
    await store.publish([(channel_id, lambda _: Publication(drafts=tuple(drafts)))], at)


class OtherTransaction:
    """Another process's transaction: nobody else can write until it is rolled back."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("begin immediate")

    def roll_back(self) -> None:
        self._db.execute("rollback")
        self._db.close()
