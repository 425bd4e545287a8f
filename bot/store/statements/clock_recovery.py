"""Recomputes stored times that a clock which was ahead has put too far into the future.

If a machine's clock was days ahead for an hour, the times that it wrote then are days ahead, too,
and what waits for one of them would wait for days. So at each start, and when the clock is set
while the service runs, every stored time is compared with the latest that its rule can produce now.
A later one is replaced by that; an earlier one stays.

======================================  ====================================================
``outbox.not_before``                   now + the row's own ``delay``
``outbox.lease_until``                  now + a lease
``channels.probe_at``                   now + the pause after so many refusals
``channels.published_until``            now: a posting time is past when it is published to
``runs.started_at``, ``finished_at``    now: nothing is recorded before it happens. Likewise:
``papers.first_seen``, ``last_seen``, ``followed_at``
``subscriptions.added_at``, ``primed_at``
``removed_subscriptions``               the same two, and ``removed_at``
``ledger.at``, ``news.at``, ``news_ledger.at``
``outbox.created_at``, ``settled_at``
``channels.paused_at``, ``archived_at``, ``most_saved_until``
``handled_requests.at``
``session_starts.at``, ``session_accounts.held_at``
``refused_platforms.refused_at``
``samples.at``, ``secrets.saved_at``, ``saves.saved_at``
``zotero_connections.connected_at``, ``paused_at``
``zotero_outbox.created_at``, ``settled_at``
======================================  ====================================================

Not handled here: arXiv's pace file, ``crossposts.not_before`` and what waits for Zotero, which
``arxiv.rate_limit``, ``statements.crosspost`` and ``statements.zotero`` check at each use; the
days in a harvest's checkpoint (``arxiv.checkpoint``) and ``runs.followed_until`` (``core.news``),
which are checked there; ``file_states.at``, which only decides when a file is forgotten;
``leases.until``, which is the server's time (``statements.leases``); and the times of papers that
come from arXiv.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.store.engines.base import Connection
from bot.store.statements.deliver import pause_after
from bot.store.statements.rows import to_text, to_time

RECORDED_TIMES = (
    ("channels", "published_until"),
    ("channels", "most_saved_until"),
    ("channels", "paused_at"),
    ("channels", "archived_at"),
    ("runs", "started_at"),
    ("runs", "finished_at"),
    ("subscriptions", "added_at"),
    ("subscriptions", "primed_at"),
    ("removed_subscriptions", "added_at"),
    ("removed_subscriptions", "primed_at"),
    ("removed_subscriptions", "removed_at"),
    ("outbox", "created_at"),
    ("outbox", "settled_at"),
    ("ledger", "at"),
    ("news", "at"),
    ("news_ledger", "at"),
    ("saves", "saved_at"),
    ("papers", "first_seen"),
    ("papers", "last_seen"),
    ("papers", "followed_at"),
    ("handled_requests", "at"),
    ("session_starts", "at"),
    ("session_accounts", "held_at"),
    ("refused_platforms", "refused_at"),
    ("samples", "at"),
    ("secrets", "saved_at"),
    ("zotero_connections", "connected_at"),
    ("zotero_connections", "paused_at"),
    ("zotero_outbox", "created_at"),
    ("zotero_outbox", "settled_at"),
)

# Whether the clock was ahead at all. Asked first, because the rest reads whole tables.
_SHOWS = """
select exists (select 1 from channels where published_until > :now or paused_at > :now
               or archived_at > :now)
    or exists (select 1 from runs where started_at > :now or finished_at > :now)
    or exists (select 1 from subscriptions where added_at > :now or primed_at > :now)
    or exists (select 1 from outbox where state in ('queued', 'sending', 'unknown')
               and created_at > :now)
    or exists (select 1 from outbox where state = 'sent' and payload <> '' and settled_at > :now)
"""


def recompute_times(
    db: Connection, now: datetime, lease: float, first_pause: float
) -> dict[str, int]:
    """Shorten every stored time that is too late. Returns how many rows were changed, by
    ``table.column``, without zeros.

    ``lease`` is the longest lease of a post, ``first_pause`` the pause of a channel after its first
    refusal, both in seconds. Recorded times stay as they are if this clock is plainly behind: set
    to before papers that arXiv has published.
    """
    changed = {
        "outbox.not_before": _shorten_delays(db, now),
        "outbox.lease_until": _shorten_leases(db, now, lease),
        "channels.probe_at": _shorten_pauses(db, now, first_pause),
    }
    given = {"now": to_text(now)}
    if not _is_behind(db, now) and db.execute(_SHOWS, given).fetchone()[0]:
        for table, column in RECORDED_TIMES:
            update = f"update {table} set {column} = :now where {column} > :now"
            changed[f"{table}.{column}"] = db.execute(update, given).rowcount
        if changed["saves.saved_at"]:  # others may be the last thousand now
            db.execute("update profiles set revision = revision + 1")
    return {name: rows for name, rows in changed.items() if rows}


def _is_behind(db: Connection, now: datetime) -> bool:
    """Whether the clock is behind, as on a machine without a clock battery before the network has
    set it."""
    newest = db.execute("select max(published) from papers").fetchone()[0]
    return newest is not None and to_time(newest) > now


def _shorten_delays(db: Connection, now: datetime) -> int:
    rows = db.execute(
        "select key, not_before, delay from outbox"
        " where state in ('queued', 'unknown') and not_before > ?",
        (to_text(now),),
    ).fetchall()
    late = [
        (latest, key)
        for key, not_before, delay in rows
        if not_before > (latest := to_text(now + timedelta(seconds=delay)))
    ]
    db.executemany("update outbox set not_before = ? where key = ?", late)
    return len(late)


def _shorten_leases(db: Connection, now: datetime, lease: float) -> int:
    latest = to_text(now + timedelta(seconds=lease))
    return db.execute(
        "update outbox set lease_until = :latest where state = 'sending' and lease_until > :latest",
        {"latest": latest},
    ).rowcount


def _shorten_pauses(db: Connection, now: datetime, first_pause: float) -> int:
    rows = db.execute(
        "select id, probe_at, probes from channels where paused = 'refused' and probe_at > ?",
        (to_text(now),),
    ).fetchall()
    late = [
        (to_text(latest), channel_id)
        for channel_id, probe_at, probes in rows
        if to_time(probe_at) > (latest := now + pause_after(max(probes - 1, 0), first_pause))
    ]
    db.executemany("update channels set probe_at = ? where id = ?", late)
    return len(late)
