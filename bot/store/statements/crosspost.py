"""The states of a crosspost: ``pending`` from when its message was sent, then ``done``, or
``failed`` for good. After a claim it is not claimed again until the lease ends, and then tried
again, which is harmless."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.model import Crosspost
from bot.store.engines.base import Connection
from bot.store.statements.rows import (
    CHANNEL_COLUMNS,
    READY_AT,
    channel_from_row,
    qualified,
    ready_times,
    to_text,
    to_time,
    to_time_or_none,
)

MAX_WAIT = timedelta(hours=2)  # longer than any wait between two attempts

_WAITING = """
    from crossposts x join outbox o using (key) join channels c on c.id = o.channel_id
    where x.platform = :platform and x.state = 'pending' and c.archived_at is null
"""


def add(db: Connection, key: str, at: datetime) -> None:
    """Record that the post's message arrived in its channel and is to be crossposted."""
    db.execute(
        "insert into crossposts (key, platform, not_before)"
        " select key, platform, ? from outbox where key = ? on conflict do nothing",
        (to_text(at), key),
    )


def claim(db: Connection, platform: str, now: datetime, lease_until: datetime) -> Crosspost | None:
    """Claim the oldest crosspost that is ready, until ``lease_until``; ``None`` if there is
    none."""
    row = db.execute(
        f"""
        select x.key, o.message_id, x.attempt, o.settled_at, {qualified("c", CHANNEL_COLUMNS)}
        {_WAITING} and {READY_AT} <= :now
        order by o.seq limit 1
        """,
        _times(platform, now),
    ).fetchone()
    if row is None:
        return None
    key, message_id, attempt, sent_at, *channel = row
    db.execute(
        "update crossposts set attempt = attempt + 1, not_before = ? where key = ?",
        (to_text(lease_until), key),
    )
    return Crosspost(key, channel_from_row(channel), message_id, attempt + 1, to_time(sent_at))


def next_claim(db: Connection, platform: str, now: datetime) -> datetime | None:
    """When the next one can be claimed; ``None`` while there is none."""
    row = db.execute(f"select min({READY_AT}) {_WAITING}", _times(platform, now)).fetchone()
    return to_time_or_none(row[0])


def mark_done(db: Connection, key: str) -> None:
    db.execute("update crossposts set state = 'done', error = '' where key = ?", (key,))


def retry(db: Connection, key: str, not_before: datetime, error: str) -> None:
    db.execute(
        "update crossposts set not_before = ?, error = ? where key = ?",
        (to_text(not_before), error, key),
    )


def fail(db: Connection, key: str, error: str) -> None:
    """Give up this crosspost for good."""
    db.execute("update crossposts set state = 'failed', error = ? where key = ?", (error, key))


def _times(platform: str, now: datetime) -> dict[str, str]:
    return {"platform": platform, **ready_times(now, MAX_WAIT)}
