"""The ids of requests that were handled, kept for a day, so that a request that the platform
repeats is not handled twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.store.engines.base import Connection
from bot.store.statements.rows import to_text

KEEP_REQUESTS = timedelta(days=1)


def claim(db: Connection, request_ids: Sequence[str], at: datetime) -> bool:
    """Whether none of these ids was claimed within the last day; they all are from now on."""
    db.execute("delete from handled_requests where at < ?", (to_text(at - KEEP_REQUESTS),))
    claimed = [
        db.execute(
            "insert into handled_requests (id, at) values (?, ?) on conflict (id) do nothing",
            (request_id, to_text(at)),
        ).rowcount
        for request_id in request_ids
    ]
    return all(claimed)
