"""When the next session of a platform that counts them may begin, over all restarts and processes.

A bot that begins too many sessions in a day loses its token, so each start is recorded before it is
made. Claims of an account are serialized by its row: writing it makes all others wait for the
commit.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.store.engines.base import Connection
from bot.store.statements.rows import to_text, to_time

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def claim(
    db: Connection,
    account: str,
    bucket: int,
    at: datetime,
    *,
    interval: timedelta,
    hourly: int,
    daily: int,
) -> datetime | None:
    """Record that a session of the account begins at ``at``, and return ``None``; or return when
    one may begin, and record nothing."""
    _ensure_account(db, account)
    db.execute("delete from session_starts where at < ?", (to_text(at - DAY),))
    in_bucket = "select max(at) from session_starts where account = ? and bucket = ?"
    nth = "select at from session_starts where account = ? order by at desc limit 1 offset ?"
    limits = (
        (in_bucket, (account, bucket), interval),
        (nth, (account, hourly - 1), HOUR),
        (nth, (account, daily - 1), DAY),
    )
    found = [(db.execute(query, given).fetchone(), length) for query, given, length in limits]
    # A start in the future was recorded by a clock that was ahead of this one.
    free_at = [min(to_time(row[0]), at) + length for row, length in found if row and row[0]]
    if (latest := max(free_at, default=at)) > at:
        return latest
    db.execute(
        "insert into session_starts (account, bucket, at) values (?, ?, ?)",
        (account, bucket, to_text(at)),
    )
    return None


def hold(db: Connection, account: str, at: datetime, seconds: float, reason: str) -> None:
    """Record that no session of the account may begin for so many seconds, and the reason."""
    _ensure_account(db, account)
    db.execute(
        "update session_accounts set held_at = ?, seconds = ?, reason = ? where account = ?",
        (to_text(at), seconds, reason, account),
    )


def held(db: Connection, account: str, now: datetime) -> tuple[str, datetime] | None:
    """Why no session of the account is to begin now, and when one may; ``None`` if one may."""
    row = db.execute(
        "select reason, held_at, seconds from session_accounts"
        " where account = ? and held_at is not null",
        (account,),
    ).fetchone()
    if row is None:
        return None
    until = min(to_time(row[1]), now) + timedelta(seconds=row[2])
    return (row[0], until) if until > now else None


def _ensure_account(db: Connection, account: str) -> None:
    db.execute(
        "insert into session_accounts (account) values (?)"
        " on conflict (account) do update set account = excluded.account",
        (account,),
    )
