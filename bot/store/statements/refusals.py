"""Platforms that do not let the bot in, recorded so that ``status``, which is another process than
the service, can say so."""

from __future__ import annotations

from datetime import datetime

from bot.store.engines.base import Connection
from bot.store.statements.rows import to_text


def record(db: Connection, platform: str, reason: str, at: datetime) -> None:
    """Keep the newest reason, and the time of the first refusal."""
    db.execute(
        "insert into refused_platforms (platform, reason, refused_at) values (?, ?, ?)"
        " on conflict (platform) do update set reason = excluded.reason",
        (platform, reason, to_text(at)),
    )


def clear(db: Connection, platform: str) -> None:
    """Record that the platform lets the bot in; changes nothing if it always did."""
    db.execute("delete from refused_platforms where platform = ?", (platform,))
