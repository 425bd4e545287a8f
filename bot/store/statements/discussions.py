"""Threads about papers: one for each paper in a channel.

A thread is two posts in the outbox: the message in the channel that begins it, and below that the
first message in it. Both are queued in the transaction that records the thread, so that the next
request finds it, and they are delivered with the same guarantees as every other post.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.model import Discussion, Draft, Receipt
from bot.store.engines.base import Connection
from bot.store.statements import publish
from bot.store.statements.subscriptions import ensure_channel

_STUCK = ("held", "dead")


def open_discussion(
    db: Connection,
    channel_id: str,
    paper_id: str,
    drafts: Sequence[tuple[str, Draft]],
    at: datetime,
    *,
    instead_of: str = "",
) -> bool:
    ensure_channel(db, channel_id)
    row = db.execute(
        "select post_key from discussions where channel_id = ? and paper_id = ?",
        (channel_id, paper_id),
    ).fetchone()
    if ("" if row is None else row[0]) != instead_of:
        return False
    publish.queue(db, channel_id, drafts, at)
    db.execute(
        "insert into discussions (channel_id, paper_id, post_key) values (?, ?, ?)"
        " on conflict (channel_id, paper_id) do update set post_key = excluded.post_key",
        (channel_id, paper_id, drafts[-1][0]),
    )
    return True


def discussion(db: Connection, channel_id: str, paper_id: str) -> Discussion | None:
    row = db.execute(
        "select o.key, o.state, o.message_id, o.message_url, o.error,"
        " p.key, p.state, p.message_id, p.message_url, p.error,"
        " case when c.paused = 'refused' then c.reason else '' end"
        " from discussions d join channels c on c.id = d.channel_id"
        " join outbox o on o.key = d.post_key join outbox p on p.key = o.parent_key"
        " where d.channel_id = ? and d.paper_id = ?",
        (channel_id, paper_id),
    ).fetchone()
    if row is None:
        return None
    first, opening, refusal = row[:5], row[5:10], row[10]
    stuck = [each for each in (opening, first) if each[1] in _STUCK]
    return Discussion(
        key=first[0],
        opening=_receipt(opening),
        first=_receipt(first),
        stuck=tuple(each[0] for each in stuck),
        dead=tuple(each[0] for each in stuck if each[1] == "dead"),
        error=next((each[4] for each in stuck), ""),
        refusal=refusal,
    )


def _receipt(post: Sequence[str]) -> Receipt | None:
    _, state, message_id, url, _ = post
    return Receipt(message_id, url) if state == "sent" else None
