"""All channels with their keywords and settings, in a file of their own: for a database of which
``bot.toml`` does not show all, and to take them from one bot to another.

Says nothing of papers and posts, which a backup does. What such a file holds is checked by
``bot.config``.
"""

from __future__ import annotations

from datetime import datetime

from bot.config.channels import writable
from bot.model.snapshots import Change, Snapshot, merge, takes_away
from bot.ports import SyncDatabase, SyncStore
from bot.sync.toml_editor import block_text


async def exported(store: SyncStore, at: datetime) -> tuple[str, int]:
    """The blocks of all channels that are not archived, as in ``bot.toml``; and how many they are.
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
    Removes nothing. Raises StoreError; then nothing was changed."""

    def add(database: SyncDatabase) -> tuple[Change, ...]:
        with database.transaction() as transaction:
            added = merge(transaction.current(), brought)
            changes = tuple(each for each in added if not takes_away(each))
            transaction.apply(changes, who)
            return changes

    return await store.synchronise(add, at)
