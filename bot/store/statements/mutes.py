"""Mutes: expressions like keywords; a paper that matches one is not posted in the channel.

A paper that matches one when it would be posted gets the ledger's state ``muted``, and keeps it for
ever (``statements.publish``): ending a mute brings nothing back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.model import ChannelGroup, Keyword, Mute, Person
from bot.store.engines.base import Connection
from bot.store.statements.archive import restore_channels
from bot.store.statements.rows import to_text, to_time
from bot.store.statements.subscriptions import (
    ensure_channel,
    ensure_keyword,
    in_channels,
    lock_channel,
    owner_of,
)


def mute(
    db: Connection,
    channel_id: str,
    keyword: Keyword,
    person: Person,
    at: datetime,
    *,
    check_room: Callable[[int], None] | None = None,
) -> bool:
    """Mute the expression in the channel; false if it is muted already, in these or other words. A
    channel that was archived is restored first, as when a keyword is added. ``check_room`` is
    called with the number of the channel's mutes before one is added, and may raise."""
    ensure_channel(db, channel_id)
    restore_channels(db, ChannelGroup(ids=(channel_id,)), at)
    ensure_keyword(db, keyword, shared=not owner_of(db, channel_id))
    muted = [
        row[0]
        for row in db.execute("select canonical from mutes where channel_id = ?", (channel_id,))
    ]
    if keyword.canonical in muted:
        return False
    if check_room is not None:
        check_room(len(muted))
    db.execute(
        "insert into mutes (channel_id, canonical, text, added_by, added_by_id, added_at)"
        " values (?, ?, ?, ?, ?, ?)",
        (channel_id, keyword.canonical, keyword.text, person.name, person.id, to_text(at)),
    )
    return True


def unmute(db: Connection, channel_id: str, canonical: str) -> bool:
    """End a mute; false if there was none."""
    lock_channel(db, channel_id)
    removed = db.execute(
        "delete from mutes where channel_id = ? and canonical = ?", (channel_id, canonical)
    )
    return removed.rowcount == 1


def mutes(db: Connection, *channel_ids: str, private: bool = False) -> tuple[Mute, ...]:
    """The mutes of these channels, in the order in which they were added. If no channel is named,
    those of all channels; ``private``: of private conversations, too."""
    these, given = in_channels("m.channel_id", channel_ids, private=private)
    rows = db.execute(
        f"""
        select m.channel_id, m.text, m.canonical, k.query, k.clauses, m.added_by, m.added_by_id,
               m.added_at
        from mutes m join keywords k using (canonical)
        where {these} order by m.channel_id, m.added_at, m.canonical
        """,
        given,
    )
    return tuple(
        Mute(row[0], Keyword(*row[1:5]), Person(row[5], row[6]), to_time(row[7])) for row in rows
    )
