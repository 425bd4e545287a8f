"""Checks a PostgreSQL server and database before the bot uses them, and creates the tables.

Raises StoreBroken, with a sentence, for a server or a database that the bot can't work with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from bot.errors import StoreBroken
from bot.store.migrations import APPLICATION_ID, MIGRATIONS, for_postgres, refuse_newer

OLDEST = 150_000  # PostgreSQL 15, in the server's form: the oldest still supported in 2027

# SQLite has a built-in function of this name, which our statements use for lists (``rows.LISTED``).
# By way of an array, because the planner expects ten elements of one, and a hundred of a JSON list:
# to find a single channel, and nearly every list holds one, it would scan the whole table instead
# of using the index.
_JSON_EACH = """
create function json_each(listed text) returns table (key bigint, value text)
language sql stable rows 10 as $$
  select ordinality - 1, element
  from unnest(array(select json_array_elements_text(listed::json)))
    with ordinality as listed_in(element, ordinality)
$$
"""
_VERSION_TABLE = "daily_papers_schema"
_FOREIGN_TABLES = """
select count(*) from pg_class c
where c.relnamespace = to_regnamespace(quote_ident(current_schema()))
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e')
"""


def refuse_old(version: int) -> None:
    """Raises StoreBroken for a server older than PostgreSQL 15."""
    if version < OLDEST:
        raise StoreBroken(
            f"the server of DATABASE_URL is PostgreSQL {version // 10_000}; the bot needs"
            f" {OLDEST // 10_000} or newer."
        )


def prepare(db: psycopg.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Check the server, and bring the database to this version's schema, in one transaction.

    Raises SchemaTooNew and StoreBroken, and leaves the database untouched.
    """
    refuse_old(db.info.server_version)
    encoding = _value(db, "show server_encoding")
    if encoding != "UTF8":
        raise StoreBroken(
            f"the database of DATABASE_URL is encoded in {encoding}, and can't hold every text."
            " Make one in UTF8: createdb -E UTF8 -T template0."
        )
    if _value(db, "select current_schema()") is None:
        raise StoreBroken(
            "the user of DATABASE_URL has no schema in this database: its search_path names none"
            " that exists."
        )
    if version(db) == len(migrations):
        return
    db.execute("begin isolation level read committed")
    try:
        # If several processes start at once, one migrates; the others wait, and find it done.
        db.execute(f"select pg_advisory_xact_lock({APPLICATION_ID})".encode())
        _migrate(db, migrations)
        db.execute("commit")
    except BaseException:
        if not db.closed:
            db.execute("rollback")
        raise


def _migrate(db: psycopg.Connection, migrations: Sequence[str]) -> None:
    present = version(db)
    refuse_newer(present, len(migrations))
    if not present:
        if _value(db, _FOREIGN_TABLES):
            raise StoreBroken(
                "the database of DATABASE_URL holds tables, but not those of Daily Papers. Give the"
                " bot a database, or a schema, of its own."
            )
        db.execute(f"create table {_VERSION_TABLE} (version bigint not null)".encode())
        db.execute(f"insert into {_VERSION_TABLE} values (0)".encode())
        db.execute(_JSON_EACH)
    for script in migrations[present:]:
        for statement in for_postgres(script):
            db.execute(statement.encode())
    db.execute(f"update {_VERSION_TABLE} set version = {len(migrations)}".encode())


def version(db: psycopg.Connection) -> int:
    """The version of the schema; 0 if the bot's tables are not there."""
    known = _value(
        db,
        "select to_regclass(quote_ident(current_schema()) || '.' ||"
        f" '{_VERSION_TABLE}') is not null",
    )
    return int(_value(db, f"select version from {_VERSION_TABLE}")) if known else 0


def _value(db: psycopg.Connection, query: str) -> Any:
    row = db.execute(query.encode()).fetchone()
    return None if row is None else row[0]
