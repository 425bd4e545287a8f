"""A PostgreSQL database as one SQLite file, and back: backups, and moving from one to the other.

The file is a database of the other engine, with the same tables and rows. What belongs to running
processes (``NOT_COPIED``) is not copied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from bot.errors import StoreBroken, StoreBusy
from bot.private_files import make_file
from bot.store.engines import postgres_schema
from bot.store.engines.postgres import PostgresEngine, Server
from bot.store.engines.postgres_errors import translated
from bot.store.engines.sqlite_backup import check, open_read_only, write_backup
from bot.store.migrations import MIGRATIONS, migrate, version_of

NOT_COPIED: Final = frozenset(
    {"leases", "pace", "shared_settings", "shard_leases", "shard_members"}
)
_SERVED: Final = "select 1 from leases where until > extract(epoch from clock_timestamp())"
BATCH_SIZE: Final = 2_000  # rows in memory


def back_up(url: str, target: Path) -> int:
    """Copy a snapshot of the database to ``target``, also while others write. Returns the size of
    the backup in bytes.

    ``target`` is treated as in ``sqlite_backup.back_up``. Raises StoreError.
    """
    return write_backup(target, lambda file: _read_into(url, file))


def copy(url: str, target: Path) -> None:
    """Copy the database to a new SQLite file. Raises StoreError."""
    make_file(target)
    with closing(sqlite3.connect(target)) as made:
        _read_into(url, made)


def restore(url: str, backup: Path) -> None:
    """Put a backup into an empty database.

    Raises StoreBusy while a process serves the database, and StoreError if it is not empty, or if
    the backup is not Daily Papers', is damaged or has a newer schema. Then nothing was changed.
    """
    if not backup.is_file():
        raise StoreBroken(f"There is no such file: {backup}")
    with open_read_only(backup) as source:
        check(source, backup)
        if version_of(source) == len(MIGRATIONS):
            _write_from(source, url)
            return
        with TemporaryDirectory() as folder, closing(_connect(Path(folder, "newer"))) as newer:
            source.backup(newer)
            migrate(newer)
            _write_from(newer, url)


def _connect(path: Path) -> sqlite3.Connection:
    make_file(path)
    return sqlite3.connect(path, isolation_level=None)


def _tables(file: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """The tables to copy, each with its quoted columns, in the order in which they were created: so
    a table comes after those that it refers to."""
    names = file.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    ).fetchall()
    return {
        name: tuple(f'"{row[1]}"' for row in file.execute(f"pragma table_info({name})"))
        for (name,) in names
        if name not in NOT_COPIED
    }


def _read_into(url: str, file: sqlite3.Connection) -> None:
    server = Server(url)
    file.isolation_level = None
    migrate(file)
    file.execute("begin")
    with translated(server.name), closing(server.open()) as db:
        if postgres_schema.version(db) != len(MIGRATIONS):
            raise StoreBroken(
                f"{server.name} holds no tables of this version. Start the bot with it first."
            )
        db.execute("begin isolation level repeatable read, read only")
        db.execute("set local statement_timeout = 0")
        for table, columns in _tables(file).items():
            file.execute(f"delete from {table}")
            with db.cursor(name="copying") as rows:
                rows.execute(f"select {', '.join(columns)} from {table}".encode())
                while some := rows.fetchmany(BATCH_SIZE):
                    file.executemany(
                        f"insert into {table} values ({', '.join('?' * len(columns))})", some
                    )
        db.execute("commit")
    file.execute("commit")


def _write_from(file: sqlite3.Connection, url: str) -> None:
    PostgresEngine(url).close()  # makes the tables
    server = Server(url)
    with translated(server.name), closing(server.open()) as db:
        db.execute("begin")
        db.execute("set local statement_timeout = 0")
        tables = _tables(file)
        # Keeps processes from starting to use it meanwhile; one that already does holds a lease.
        db.execute(f"lock table {', '.join((*tables, *NOT_COPIED))}".encode())
        if db.execute(_SERVED).fetchone():
            raise StoreBusy(f"another Daily Papers serves {server.name}. Stop it first.")
        for table in tables:
            if table != "forgotten_runs" and db.execute(_any(table)).fetchone():
                raise StoreBroken(
                    f"{server.name} is not empty, and stays as it is. Restoring needs an empty one."
                )
        for table, columns in tables.items():
            db.execute(f"delete from {table}".encode())
            _write_table(file, db, table, columns)
        db.execute("commit")
        db.execute("analyze")


def _any(table: str) -> bytes:
    return f"select 1 from {table} limit 1".encode()


def _write_table(
    file: sqlite3.Connection, db: psycopg.Connection[Any], table: str, columns: Sequence[str]
) -> None:
    listed = ", ".join(columns)
    rows = file.execute(f"select {listed} from {table} order by 1")
    with db.cursor().copy(f"copy {table} ({listed}) from stdin".encode()) as into:
        for row in rows:
            into.write_row(row)
    # Identity columns continue after the highest number that was copied.
    counted = db.execute(
        "select column_name from information_schema.columns where table_schema = current_schema()"
        " and table_name = %s and is_identity = 'YES'",
        (table,),
    ).fetchall()
    for (column,) in counted:
        db.execute(
            f"select setval(pg_get_serial_sequence('{table}', '{column}'),"
            f" (select max({column}) from {table}))".encode()
        )
