"""Keywords that a channel no longer follows, kept for a while as they were.

A keyword that a person removed is kept for a week, and runs go on matching it. Its papers are no
longer due at once; adding it again, or pressing Undo, makes them due again, along with what was
announced meanwhile. The keywords of an archived channel are kept for longer
(``statements.archive``), but are also matched for a week only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.model import VERSION_UNKNOWN, Why
from bot.store.engines.base import Connection
from bot.store.statements.rows import LISTED, SETTING_COLUMNS, id_list, to_text
from bot.store.statements.zotero_disconnect import disconnect_expired

RESTORABLE_FOR = timedelta(days=7)  # within this time a removed keyword continues where it ended
KEEP_ARCHIVED = timedelta(days=30)

EXPIRED = "the bot was removed from this channel more than 30 days before"

SUBSCRIPTION = (
    "channel_id, canonical, text, name, position, added_by, added_by_id, added_at, primed_at,"
    " since, baseline"
)


def drop_due(db: Connection, channel_id: str, at: datetime) -> None:
    """Drop what is due in the channel and matches nothing that it follows."""
    db.execute(
        """
        update ledger set state = 'dropped', at = ?
        where channel_id = ? and state = 'due' and not exists (
          select 1 from hits h join subscriptions s
            on s.canonical = h.canonical and s.channel_id = ledger.channel_id
          where h.paper_id = ledger.paper_id)
        """,
        (to_text(at), channel_id),
    )


def make_due_again(
    db: Connection, channel_id: str, canonical: str, removed_at: str, at: datetime
) -> int:
    """Make due again what the keyword's removal dropped, and make due what was announced since:
    runs go on matching a removed keyword as long as it can be restored. Returns how many papers."""
    given = {
        "channel": channel_id,
        "canonical": canonical,
        "removed_at": removed_at,
        "at": to_text(at),
        "new": Why.NEW,
        "unknown": VERSION_UNKNOWN,
    }
    # Papers that were dropped after the removal; or that were announced after the keyword was
    # primed: those can only have been dropped by its removal, even if a wrong clock says otherwise.
    left = """
      (ledger.at >= :removed_at or (select serial from papers where id = ledger.paper_id) > (
        select baseline from subscriptions
        where channel_id = :channel and canonical = :canonical))
    """
    dropped = db.execute(
        "update ledger set state = 'due', at = :at"
        f" where channel_id = :channel and state = 'dropped' and {left}"
        " and paper_id in (select paper_id from hits where canonical = :canonical)",
        given,
    )
    # The same test for new papers as in ``collect``. One may have become ``known`` meanwhile, when
    # another keyword was primed; but what this keyword's own priming made known has its time, and
    # stays known whatever the clock was set to since.
    new = db.execute(
        f"""
        insert into ledger (channel_id, paper_id, state, why, at)
        select s.channel_id, p.id, 'due', :new, :at
        from subscriptions s
        join hits h on h.canonical = s.canonical
        join papers p on p.id = h.paper_id
        where s.channel_id = :channel and s.canonical = :canonical
          and (p.serial > s.baseline
               or (p.version <> :unknown and p.published > coalesce(s.since, '')))
        on conflict (channel_id, paper_id) do update
        set state = 'due', why = excluded.why, at = excluded.at
        where ledger.state = 'known' and {left} and ledger.at <> (
          select coalesce(primed_at, '') from subscriptions
          where channel_id = :channel and canonical = :canonical)
        """,
        given,
    )
    return dropped.rowcount + new.rowcount


def forget_removed(db: Connection, now: datetime, channel_ids: Sequence[str] | None = None) -> None:
    """Delete what can't be restored any more, in these channels or (``None``) in all.

    Keywords of archived channels that can only start over are no longer matched. When a channel's
    time is over its keywords and settings are deleted, and its unsent posts are held.
    """
    given = {
        "week": to_text(now - RESTORABLE_FOR),
        "month": to_text(now - KEEP_ARCHIVED),
        "ids": id_list(channel_ids or ()),
    }

    def these(column: str) -> str:
        return "" if channel_ids is None else f" and {column} in ({LISTED})"

    db.execute(
        "delete from removed_subscriptions"
        f" where removed_at < case when archived then :month else :week end{these('channel_id')}",
        given,
    )
    db.execute(
        "update removed_subscriptions set primed_at = null, since = null, baseline = 0"
        f" where archived and removed_at < :week and primed_at is not null{these('channel_id')}",
        given,
    )
    expired = db.execute(
        f"select id from channels where archived_at < :month{these('id')} order by id",
        given,
    ).fetchall()
    disconnect_expired(db, [channel_id for (channel_id,) in expired])
    db.executemany(
        "update news_ledger set state = 'skipped', at = ? where channel_id = ? and state = 'due'",
        [(to_text(now), channel_id) for (channel_id,) in expired],
    )
    unset = ", ".join(f"{column} = null" for column in SETTING_COLUMNS)
    db.executemany(f"update channels set {unset} where id = ?", expired)
    db.executemany("delete from mutes where channel_id = ?", expired)
    db.executemany(
        "update outbox set state = 'held', settled_at = ?, lease_until = null, error = ?"
        " where channel_id = ? and state in ('queued', 'sending', 'unknown')",
        [(to_text(now), EXPIRED, channel_id) for (channel_id,) in expired],
    )
