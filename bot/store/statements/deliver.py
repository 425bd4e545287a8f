"""The states of a post (design, "States of a post"): claim with a lease, then settle.

A claimed post is ``sending`` until it is settled. Once its lease has run out, all that is known is
that it may have arrived, so it is claimed again as uncertain.

A platform may store a message seconds after the connection that carried it is gone. So a post of
unknown outcome has to settle first (``[delivery] settling``): it is not searched for until so much
time has passed since its last attempt ended, or since the start if the process that sent it died.

Each delay is stored with its length in seconds and not only as a time, so that a time that a wrong
clock put too far into the future can be recomputed (``statements.clock_recovery``).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from bot.model import Channel, Post, Receipt
from bot.store.engines.base import Connection
from bot.store.statements import crosspost
from bot.store.statements.archive import NOT_ARCHIVED
from bot.store.statements.rows import (
    CHANNEL_COLUMNS,
    LISTED,
    channel_from_row,
    id_list,
    qualified,
    to_text,
    to_time,
    to_time_or_none,
)

OPEN = "('queued', 'sending', 'unknown')"
MAX_PAUSE = timedelta(days=1)  # of a channel that refuses us

# Only the first post of each channel's queue, so that a digest's messages arrive in order. A post
# that belongs under another message waits while that one is on its way. If that one is held or
# dead, the post is sent without it, because papers must not wait for a heading. A channel that
# refuses posts is tried with one post at a time; a private conversation that does is not tried
# until its person resumes.
_CLAIMABLE = f"""
    from outbox o join channels c on c.id = o.channel_id
    where o.platform = :platform and o.state in {OPEN}
      and (c.paused is null or (c.paused = 'refused' and c.owner = '')) and c.archived_at is null
      and not exists (select 1 from outbox e where e.channel_id = o.channel_id
                      and e.seq < o.seq and e.state in {OPEN})
"""
_SERVER = "case when c.server <> '' then c.server else c.posted_in end"
_DUE_AT = "case when o.state = 'sending' then o.lease_until else o.not_before end"
_READY_AT = f"""
    case when c.paused = 'refused' and c.probe_at > {_DUE_AT} then c.probe_at else {_DUE_AT} end
"""


def release(db: Connection, now: datetime, settling: float, platform: str = "") -> None:
    """Mark what was being sent as ``unknown``. Only for when no other process delivers (on this
    platform).

    The sender is gone, so the request left before ``now``. The platform may still be storing the
    message, so it is not searched for before ``settling`` more seconds have passed. They count from
    now and not from the claim, because the request may have left long after that, and because the
    clock may have been set since. Posts that were ``unknown`` before settle again for the same
    reason: by the wall clock their time may be over although only a second has passed.
    """
    settled = to_text(now + timedelta(seconds=settling))
    db.execute(
        "update outbox set state = 'unknown', lease_until = null, not_before = ?, delay = ?,"
        " error = 'the bot stopped while sending it' where state = 'sending'"
        " and ? in ('', platform)",
        (settled, settling, platform),
    )
    db.execute(
        "update outbox set not_before = ?, delay = ? where state = 'unknown' and not_before < ?"
        " and ? in ('', platform)",
        (settled, settling, settled, platform),
    )


def unsettled(db: Connection, platform: str, now: datetime) -> dict[str, float]:
    """Posts of unknown outcome that nobody may look for yet, and for how many seconds."""
    rows = db.execute(
        "select key, not_before from outbox"
        " where platform = ? and state = 'unknown' and not_before > ?"
        f" and channel_id in {NOT_ARCHIVED}",
        (platform, to_text(now)),
    )
    return {key: (to_time(not_before) - now).total_seconds() for key, not_before in rows}


def hold_everything(db: Connection) -> None:
    """Hold every post that waits in the outbox, so that none is sent."""
    db.execute(f"update outbox set state = 'held' where state in {OPEN}")


def waiting_accounts(db: Connection, platform: str) -> tuple[str, ...]:
    """The accounts of all waiting posts, whether one can be claimed now or not. From one account to
    the next by the index, so that it does not matter how many wait."""
    following = (
        "select min(account) from outbox where platform = :platform and state in"
        f" {OPEN} and account >"
    )
    rows = db.execute(
        f"""
        with recursive found (account) as (
          select ({following} '')
          union all select ({following} found.account) from found where found.account is not null)
        select account from found where account is not null
        """,
        {"platform": platform},
    )
    return tuple(account for (account,) in rows)


def claim(
    db: Connection,
    process: str,
    account: str,
    now: datetime,
    lease_until: datetime,
    deprioritised_channels: Collection[str] = (),
    deprioritised_servers: Collection[str] = (),
) -> Post | None:
    """Claim the account's oldest post that is ready; ``None`` if there is none. One of the servers
    ``deprioritised_servers`` only if no other server has any, and one of the channels
    ``deprioritised_channels`` only if no other channel has any."""
    passed_over = [(deprioritised_channels, deprioritised_servers)]
    passed_over += [(deprioritised_channels, ())] if deprioritised_servers else []
    passed_over += [((), ())] if deprioritised_channels else []
    platform = Channel(account).platform
    found = (_oldest(db, platform, account, now, *without) for without in passed_over)
    row = next(filter(None, found), None)
    if row is None:
        return None
    key, payload, attempt, state, parent_key, after_id, server, *channel = row
    if attempt == 0:
        after_id = _newest_message(db, platform)
    db.execute(
        "update outbox set state = 'sending', attempt = attempt + 1, lease_until = ?, after_id = ?,"
        " claimed_by = ? where key = ?",
        (to_text(lease_until), after_id, process, key),
    )
    return Post(
        key=key,
        channel=channel_from_row(channel),
        payload=payload,
        attempt=attempt + 1,
        uncertain=state != "queued",
        after_id=after_id,
        parent=_receipt(db, parent_key),
        root=_receipt(db, _parent_of(db, parent_key)),
        server=server,
    )


def _oldest(
    db: Connection,
    platform: str,
    account: str,
    now: datetime,
    without_channels: Collection[str],
    without_servers: Collection[str],
) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = db.execute(
        f"""
        select o.key, o.payload, o.attempt, o.state, o.parent_key, o.after_id,
               {_SERVER}, {qualified("c", CHANNEL_COLUMNS)}
        {_CLAIMABLE} and o.account = :account and {_READY_AT} <= :now
          and o.channel_id not in ({LISTED})
          and {_SERVER} not in (select value from json_each(cast(:servers as text)))
        order by o.seq limit 1 /*! for update of o skip locked */
        """,
        {
            "platform": platform,
            "account": account,
            "now": to_text(now),
            "ids": id_list(without_channels),
            "servers": id_list(without_servers),
        },
    ).fetchone()
    return row


def next_claim(db: Connection, platform: str, now: datetime) -> datetime | None:
    """When the next post can be claimed: ``now`` if one can be; ``None`` while none waits for time
    alone."""
    # While a large queue is being sent one is usually ready, and the first found will do.
    given = {"platform": platform, "now": to_text(now)}
    ready = f"select 1 {_CLAIMABLE} and {_READY_AT} <= :now order by o.account, o.seq limit 1"
    if db.execute(ready, given).fetchone():
        return now
    row = db.execute(f"select min({_READY_AT}) {_CLAIMABLE}", {"platform": platform}).fetchone()
    return to_time_or_none(row[0])


def mark_sent(db: Connection, key: str, receipt: Receipt, at: datetime) -> None:
    """Settle the post. If the channel had been paused because it refused us, resume it: it takes
    posts again, and what became due there meanwhile is rechecked."""
    row = db.execute("select created_at from outbox where key = ?", (key,)).fetchone()
    if row is None:
        return
    db.execute(
        "update outbox set state = 'sent', settled_at = ?, seconds = ?, lease_until = null,"
        " error = '', message_id = ?, message_url = ? where key = ?",
        (to_text(at), (at - to_time(row[0])).total_seconds(), receipt.message_id, receipt.url, key),
    )
    if receipt.crosspost:
        crosspost.add(db, key, at)
    if receipt.mention_gone is not None:
        db.execute(
            "update channels set mention_gone = ?"
            " where id = (select channel_id from outbox where key = ?)",
            (receipt.mention_gone, key),
        )
    if receipt.server:
        db.execute(
            "update channels set posted_in = ? where posted_in <> ?"
            " and id = (select channel_id from outbox where key = ?)",
            (receipt.server, receipt.server, key),
        )
    db.execute(
        "update channels set paused = null, reason = '', paused_at = null, probe_at = null,"
        " probes = 0, recheck = true where paused = 'refused'"
        " and id = (select channel_id from outbox where key = ?)",
        (key,),
    )


# That a post arrived counts whichever process reports it. Any other outcome counts only while the
# claim is still this process's own: after a takeover the outcome of its attempt is not known, and
# the post is ``unknown``.


def requeue(db: Connection, process: str, key: str, at: datetime, delay: float, error: str) -> None:
    _reopen(db, process, key, "queued", at, delay, error)


def mark_unknown(
    db: Connection, process: str, key: str, at: datetime, delay: float, error: str
) -> None:
    _reopen(db, process, key, "unknown", at, delay, error)


def hold_for_review(db: Connection, process: str, key: str, at: datetime, error: str) -> None:
    _settle(db, process, key, "held", at, error)


def dead_letter(db: Connection, process: str, key: str, at: datetime, error: str) -> None:
    _settle(db, process, key, "dead", at, error)


def _settle(db: Connection, process: str, key: str, state: str, at: datetime, error: str) -> None:
    """Put the post into a state in which nothing more happens to it by itself."""
    db.execute(
        "update outbox set state = ?, settled_at = ?, lease_until = null, error = ?"
        " where key = ? and claimed_by = ? and state = 'sending'",
        (state, to_text(at), error, key, process),
    )


def refuse(
    db: Connection,
    process: str,
    key: str,
    uncertain: bool,
    at: datetime,
    error: str,
    delay: float,
) -> bool:
    """Pause the channel and keep the post. Returns whether this is the first refusal in a row.

    ``delay`` is the first pause in seconds; it doubles with each refusal, up to a day. A private
    conversation stays paused until its person resumes.
    """
    channel_id, probes, owner = db.execute(
        "select c.id, c.probes, c.owner from channels c join outbox o on o.channel_id = c.id"
        " where o.key = ?",
        (key,),
    ).fetchone()
    _reopen(db, process, key, "unknown" if uncertain else "queued", at, 0.0, error)
    again = None if owner else to_text(at + pause_after(probes, delay))
    db.execute(
        "update channels set paused = 'refused', reason = ?, probe_at = ?, probes = probes + 1,"
        " paused_at = coalesce(paused_at, ?) where id = ? and coalesce(paused, '') <> 'person'",
        (error, again, to_text(at), channel_id),
    )
    return bool(probes == 0)


def pause_after(probes: int, first: float) -> timedelta:
    """For how long a channel that has refused us ``probes`` times is not tried again."""
    return min(timedelta(seconds=first * 2.0 ** min(probes, 16)), MAX_PAUSE)


def resend(db: Connection, key: str, at: datetime) -> bool:
    """Queue a held or dead post again, as a person decided. False if there is no such post.

    If its channel refuses posts, it is tried with this one at once.
    """
    changed = db.execute(
        "update outbox set state = 'queued', not_before = ?, delay = 0, settled_at = null,"
        " error = ''"
        " where key = ? and state in ('held', 'dead')",
        (to_text(at), key),
    )
    if changed.rowcount != 1:
        return False
    db.execute(
        "update channels set probe_at = ? where paused = 'refused'"
        " and id = (select channel_id from outbox where key = ?)",
        (to_text(at), key),
    )
    return True


def _reopen(
    db: Connection, process: str, key: str, state: str, at: datetime, delay: float, error: str
) -> None:
    """Let the post be claimed again ``delay`` seconds after ``at``."""
    db.execute(
        "update outbox set state = ?, not_before = ?, delay = ?, lease_until = null, error = ?"
        " where key = ? and claimed_by = ? and state = 'sending'",
        (state, to_text(at + timedelta(seconds=delay)), delay, error, key, process),
    )


def _newest_message(db: Connection, platform: str) -> str:
    """The platform's id of the last message that it took from us; empty if there is none.

    Ids of messages grow with the platform's own time (Discord's snowflakes, Slack's ``ts``), so
    whatever is sent from now on has a higher one, whatever our clock says.
    """
    row = db.execute(
        "select message_id from outbox where platform = ? and state = 'sent' and message_id <> ''"
        " order by seq desc limit 1",
        (platform,),
    ).fetchone()
    return "" if row is None else str(row[0])


def _parent_of(db: Connection, key: str | None) -> str | None:
    row = db.execute("select parent_key from outbox where key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def _receipt(db: Connection, key: str | None) -> Receipt | None:
    if key is None:
        return None
    row = db.execute(
        "select message_id, message_url from outbox where key = ? and state = 'sent'", (key,)
    ).fetchone()
    return None if row is None else Receipt(row[0], row[1])
