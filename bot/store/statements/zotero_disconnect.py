"""Deletes connections to libraries in Zotero, each with its key and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.zotero import ZOTERO_KEY
from bot.store.engines.base import Connection
from bot.store.statements.rows import LISTED, id_list
from bot.store.statements.secrets import delete_secret


def disconnect(db: Connection, owner: str) -> bool:
    """Delete the owner's connection, with its key and what waits; false if there is none. What has
    arrived in the library stays there."""
    db.execute("delete from zotero_outbox where owner = ?", (owner,))
    delete_secret(db, ZOTERO_KEY, owner)
    deleted = db.execute("delete from zotero_connections where owner = ?", (owner,))
    return deleted.rowcount == 1


def disconnect_person(db: Connection, person_id: str) -> int:
    """Delete all connections that use a key of this person, also those that they made for a
    channel. Returns how many there were."""
    found = db.execute(
        "select owner from zotero_connections where owner = :person or person_id = :person",
        {"person": person_id},
    ).fetchall()
    for (owner,) in found:
        disconnect(db, owner)
    return len(found)


def disconnect_expired(db: Connection, channel_ids: Sequence[str]) -> None:
    """Delete the connections of these channels, which the bot was removed from long ago, and those
    of people who connected their library there and save papers for no other channel."""
    found = db.execute(
        f"""
        select owner from zotero_connections z
        where channel_id in ({LISTED})
          and (is_channel or not exists (
            select 1 from saves s join channels c on c.id = s.channel_id
            where s.person_id = z.owner and c.archived_at is null))
        """,
        {"ids": id_list(channel_ids)},
    ).fetchall()
    for (owner,) in found:
        disconnect(db, owner)
