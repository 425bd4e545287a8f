"""Channels that the bot was removed from, together with the server or workspace they are in.

An archived channel follows nothing: its keywords are kept with those that people removed, so that
nothing fetches, counts, shows or mirrors them, and whatever reads the outbox skips the channel
(``NOT_ARCHIVED``). Its ledger stays, as always: it says what was posted there.

If the bot is back within a week, nothing is lost. Later the channel's keywords start over as new
ones, and after ``KEEP_ARCHIVED`` they and its settings are deleted.
"""

from __future__ import annotations

from datetime import datetime

from bot.model import ChannelGroup
from bot.store.engines.base import Connection
from bot.store.statements.removal import SUBSCRIPTION, drop_due, forget_removed, make_due_again
from bot.store.statements.rows import LISTED, id_list, to_text

NOT_ARCHIVED = "(select id from channels where archived_at is null)"


def archive_channels(
    db: Connection, group: ChannelGroup, reason: str, at: datetime
) -> tuple[str, ...]:
    """Archive channels. Returns the ids of those that were not archived before; the others keep
    their reason."""
    found = _ids(db, group, "archived_at is null")
    given = {"ids": id_list(found), "at": to_text(at), "reason": reason}
    db.execute(
        f"insert into removed_subscriptions ({SUBSCRIPTION}, removed_at, archived)"
        f" select {SUBSCRIPTION}, :at, true from subscriptions where channel_id in ({LISTED})",
        given,
    )
    db.execute(f"delete from subscriptions where channel_id in ({LISTED})", given)
    for channel_id in found:
        drop_due(db, channel_id, at)
    db.execute(
        f"update channels set archived_at = :at, archive_reason = :reason where id in ({LISTED})",
        given,
    )
    return found


def restore_channels(db: Connection, group: ChannelGroup, at: datetime) -> tuple[str, ...]:
    """Restore channels. Returns the ids of those that were archived. Ends a pause because the
    channel had refused posts, but not one that a person asked for."""
    found = _ids(db, group, "archived_at is not null")
    if not found:
        return ()
    forget_removed(db, at, found)  # only in these: others may be locked
    given = {"ids": id_list(found)}
    here = f"from removed_subscriptions where archived and channel_id in ({LISTED})"
    kept = db.execute(
        f"select channel_id, canonical, removed_at {here} and primed_at is not null", given
    ).fetchall()
    db.execute(f"insert into subscriptions ({SUBSCRIPTION}) select {SUBSCRIPTION} {here}", given)
    db.execute(f"delete {here}", given)
    for channel_id, canonical, removed_at in kept:
        make_due_again(db, channel_id, canonical, removed_at, at)
    db.execute(
        "update channels set archived_at = null, archive_reason = '', recheck = true"
        f" where id in ({LISTED})",
        given,
    )
    db.execute(
        "update channels set paused = null, reason = '', paused_at = null, probe_at = null,"
        f" probes = 0 where paused = 'refused' and id in ({LISTED})",
        given,
    )
    return found


def _ids(db: Connection, group: ChannelGroup, where: str) -> tuple[str, ...]:
    """In one statement for all three ways to name them, each channel would be looked at whenever a
    single one is named."""
    named = (
        (group.ids, f"id in ({LISTED})"),
        (group.prefix, "substr(id, 1, length(cast(:prefix as text))) = :prefix"),
        (group.server, ":server in (server, posted_in)"),
    )
    ways = [condition for value, condition in named if value]
    if not ways:
        return ()
    rows = db.execute(
        f"select id from channels where {where} and ({' or '.join(ways)}) order by id",
        {"ids": id_list(group.ids), "prefix": group.prefix, "server": group.server},
    )
    return tuple(channel_id for (channel_id,) in rows)
