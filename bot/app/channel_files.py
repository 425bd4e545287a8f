"""All channels with their keywords and settings, in a file of their own: for a database of which
``bot.toml`` does not show all, and to take them from one bot to another.

Papers and posts are not in it; a backup has them. What such a file holds is checked by
``bot.config``.
"""

from __future__ import annotations

from datetime import datetime

from bot.config.channels import writable
from bot.errors import UserError
from bot.model.snapshots import Change, Snapshot, merge, takes_away
from bot.ports import SyncDatabase, SyncStore
from bot.sync.toml_editor import block_text


async def exported(store: SyncStore, at: datetime) -> tuple[str, int]:
    """The blocks of all channels that are not archived, as in ``bot.toml``; and how many there are.
    Raises StoreError."""

    def read(database: SyncDatabase) -> Snapshot:
        with database.transaction() as transaction:
            held, _ = writable(transaction.current())
            return held

    snapshot = await store.synchronise(read, at)
    listings = [each for each in snapshot.listings if not each.bare]
    return "\n".join(map(block_text, listings)), len(listings)


async def imported(
    store: SyncStore, brought: Snapshot, who: str, at: datetime
) -> tuple[Change, ...]:
    """Let the channels follow these keywords too, and have these settings; what that changed.
    Removes nothing. Raises StoreError, and UserError where a channel is somebody's private
    conversation; then nothing was changed."""

    def add(database: SyncDatabase) -> tuple[Change, ...]:
        with database.transaction() as transaction:
            added = merge(transaction.current(), brought)
            changes = tuple(each for each in added if not takes_away(each))
            done = transaction.apply(changes, who)
            private = {each.channel_id for each in changes} - {each.channel_id for each in done}
            if private:
                raise UserError(
                    f"{', '.join(sorted(private))}: a private conversation, which only its"
                    " owner can change. Remove it from the file; nothing was added."
                )
            return tuple(done)

    return await store.synchronise(add, at)
