"""Figures for monitoring: sums over everything that was recorded. Reads only.

The sums only grow: posts are never deleted, and deleted runs stay in the sums of runs.
"""

from __future__ import annotations

from bot.model.views import DELAYS, Measures
from bot.store.engines.base import Connection
from bot.store.statements.archive import NOT_ARCHIVED

# Column of ``forgotten_runs`` → the sum over rows of ``runs`` that it holds.
RUN_SUMS = {
    "runs": "count(*)",
    "complete": "count(*) filter (where complete)",
    "requests": "coalesce(sum(requests), 0)",
    "fetched": "coalesce(sum(fetched), 0)",
    "matched": "coalesce(sum(matched), 0)",
    "due": "coalesce(sum(due), 0)",
    "announced": "coalesce(sum(announced), 0)",
}


def measures(db: Connection, database_bytes: int) -> Measures:
    kept = db.execute(f"select {', '.join(RUN_SUMS.values())} from runs").fetchone()
    gone = db.execute(f"select {', '.join(RUN_SUMS)} from forgotten_runs").fetchone()
    runs = [sum(both) for both in zip(kept, gone, strict=True)]
    buckets = ", ".join(f"count(*) filter (where seconds <= {bound})" for bound in DELAYS)
    delays = db.execute(
        f"select {buckets}, count(*), coalesce(sum(seconds), 0) from outbox where state = 'sent'"
    ).fetchone()
    return Measures(
        runs=runs[0],
        complete_runs=runs[1],
        requests=runs[2],
        fetched=runs[3],
        matched=runs[4],
        due=runs[5],
        announced=runs[6],
        papers=db.execute("select count(*) from papers").fetchone()[0],
        subscriptions=db.execute("select count(*) from subscriptions").fetchone()[0],
        ledger=dict(db.execute("select state, count(*) from ledger group by 1")),
        posts={
            (platform, state): count
            for platform, state, count in db.execute(
                "select platform, state, count(*) from outbox where state not in"
                " ('queued', 'sending', 'unknown', 'held') or channel_id in"
                f" {NOT_ARCHIVED} group by 1, 2"
            )
        },
        delays=tuple(delays[: len(DELAYS)]),
        delivered=delays[-2],
        delay_seconds=delays[-1],
        database_bytes=database_bytes,
    )
