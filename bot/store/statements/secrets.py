"""Secrets that others entrusted to the bot, encrypted before they get here (``bot.vault``)."""

from __future__ import annotations

from datetime import datetime

from bot.store.engines.base import Connection
from bot.store.statements.rows import to_text


def save_secret(db: Connection, kind: str, owner: str, sealed: str, at: datetime) -> None:
    """Store the owner's secret of this kind, in place of an earlier one."""
    db.execute(
        "insert into secrets (kind, owner, sealed, saved_at) values (?, ?, ?, ?)"
        " on conflict (kind, owner) do update"
        " set sealed = excluded.sealed, saved_at = excluded.saved_at",
        (kind, owner, sealed, to_text(at)),
    )


def renew_secret(
    db: Connection, kind: str, owner: str, before: str, sealed: str, at: datetime
) -> None:
    """Replace the secret if it is still ``before``; if it was replaced or deleted since it was
    read, do nothing."""
    db.execute(
        "update secrets set sealed = ?, saved_at = ? where kind = ? and owner = ? and sealed = ?",
        (sealed, to_text(at), kind, owner, before),
    )


def secret(db: Connection, kind: str, owner: str) -> str | None:
    row = db.execute(
        "select sealed from secrets where kind = ? and owner = ?", (kind, owner)
    ).fetchone()
    return None if row is None else str(row[0])


def secret_owners(db: Connection, kind: str) -> tuple[str, ...]:
    """The owners of a secret of this kind, sorted."""
    rows = db.execute("select owner from secrets where kind = ? order by owner", (kind,))
    return tuple(owner for (owner,) in rows)


def delete_secret(db: Connection, kind: str, owner: str) -> bool:
    """Delete a secret; false if there was none."""
    deleted = db.execute("delete from secrets where kind = ? and owner = ?", (kind, owner))
    return deleted.rowcount == 1
