"""Ends connections to libraries in Zotero, each with its key and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.zotero import ZOTERO_KEY
from bot.store.engines.base import Connection
from bot.store.statements.rows import LISTED, id_list
from bot.store.statements.secrets import delete_secret


def disconnect(db: Connection, owner: str) -> bool:
    """False if there is none. What has arrived in the library stays there."""
    db.execute("delete from zotero_outbox where owner = ?", (owner,))
    delete_secret(db, ZOTERO_KEY, owner)
    deleted = db.execute("delete from zotero_connections where owner = ?", (owner,))
    return deleted.rowcount == 1


def disconnect_person(db: Connection, person_id: str) -> int:
    """Everything that has a key of this person: also what they connected for a channel. How many
    libraries that were."""
    found = db.execute(
        "select owner from zotero_connections where owner = :person or person_id = :person",
        {"person": person_id},
    ).fetchall()
    for (owner,) in found:
        disconnect(db, owner)
    return len(found)


def disconnect_expired(db: Connection, channel_ids: Sequence[str]) -> None:
    """The libraries of channels that the bot was removed from long ago, and those of people who
    connected theirs there and keep papers for no other channel."""
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
