"""Figures for machines: sums over everything that was recorded. Reads only.

Rows are never deleted from the tables that are summed, so that the sums only grow.
"""

from __future__ import annotations

import sqlite3

from bot.views import DELAYS, Measures

_DELAY = "(julianday(settled_at) - julianday(created_at)) * 86400"


def measures(db: sqlite3.Connection) -> Measures:
    runs = db.execute(
        "select count(*), coalesce(sum(complete), 0), coalesce(sum(requests), 0),"
        " coalesce(sum(fetched), 0), coalesce(sum(matched), 0), coalesce(sum(due), 0),"
        " coalesce(sum(announced), 0) from runs"
    ).fetchone()
    buckets = ", ".join(f"coalesce(sum(delay <= {bound}), 0)" for bound in DELAYS)
    delays = db.execute(
        f"select {buckets}, count(*), coalesce(sum(delay), 0) from (select {_DELAY} as delay"
        " from outbox where state = 'sent')"
    ).fetchone()
    pages, size = (db.execute(f"pragma {n}").fetchone()[0] for n in ("page_count", "page_size"))
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
                "select platform, state, count(*) from outbox group by 1, 2"
            )
        },
        delays=tuple(delays[: len(DELAYS)]),
        delivered=delays[-2],
        delay_seconds=delays[-1],
        database_bytes=pages * size,
    )
