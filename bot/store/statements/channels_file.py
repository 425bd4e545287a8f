"""Who follows what, as the synchronisation with ``bot.toml`` reads and changes it.

``bot.sync`` decides what a change means and which side wins; this only reads and writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from bot.model import ChannelGroup, Person
from bot.model.snapshots import (
    AddMute,
    Change,
    Configure,
    Follow,
    Listing,
    RemoveMute,
    Rename,
    Snapshot,
)
from bot.store.engines.base import Begin, Connection
from bot.store.statements.archive import restore_channels
from bot.store.statements.mutes import mute, mutes, unmute
from bot.store.statements.rows import grouped, to_text
from bot.store.statements.subscriptions import (
    arrange,
    change_settings,
    channels,
    follow,
    owner_of,
    rename,
    subscriptions,
    unfollow,
)

REVISIONS_KEPT = 500
STATES_KEPT = timedelta(days=365)  # of files that may not remove anything


class SqlSyncTransaction:
    """Who follows what, and what is kept about the file, within one transaction."""

    def __init__(self, db: Connection, at: datetime) -> None:
        self._db = db
        self._at = at

    def current(self) -> Snapshot:
        """Every channel that follows or mutes something or has a setting of its own, and is not
        archived. No private conversations."""
        following = grouped((each.channel_id, each.keyword) for each in subscriptions(self._db))
        muting = grouped((each.channel_id, each.keyword) for each in mutes(self._db))
        return Snapshot(
            tuple(
                Listing(channel, following.get(channel.id, ()), muting.get(channel.id, ()))
                for channel in channels(self._db)
            )
        )

    def apply(self, changes: Sequence[Change], who: str) -> Sequence[Change]:
        """Carry out the changes, and return them without those about private conversations, which
        only their person may change. A channel that a change names is restored if it was archived.
        Names are set last, so that a name can move from one keyword to another."""
        changes = [each for each in changes if not owner_of(self._db, each.channel_id)]
        for change in changes:
            match change:
                case Follow(channel_id, keyword):
                    unnamed = replace(keyword, name="")
                    follow(self._db, channel_id, unnamed, Person(who), self._at)
                case Rename(channel_id, keyword):
                    rename(self._db, channel_id, keyword.canonical, "")
                case Configure(channel_id, setting, value):
                    restore_channels(self._db, ChannelGroup(ids=(channel_id,)), self._at)
                    change_settings(self._db, channel_id, {setting: value})
                case AddMute(channel_id, keyword):
                    mute(self._db, channel_id, keyword, Person(who), self._at)
                case RemoveMute(channel_id, keyword):
                    unmute(self._db, channel_id, keyword.canonical)
                case _:
                    unfollow(self._db, change.channel_id, [change.keyword.canonical], self._at)
        for change in changes:
            if isinstance(change, Follow | Rename) and change.keyword.name:
                keyword = change.keyword
                rename(self._db, change.channel_id, keyword.canonical, keyword.name)
        return changes

    def arrange(self, channel_id: str, canonicals: Sequence[str]) -> None:
        """Put the channel's keywords into this order; does nothing in a private conversation."""
        if owner_of(self._db, channel_id):
            return
        arrange(self._db, channel_id, canonicals)

    def last_revision(self) -> int:
        row = self._db.execute("select coalesce(max(number), 0) from file_revisions").fetchone()
        return int(row[0])

    def revision(self, number: int) -> bytes | None:
        row = self._db.execute(
            "select snapshot from file_revisions where number = ?", (number,)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def record_revision(self, number: int, snapshot: bytes) -> None:
        self._db.execute(
            "insert into file_revisions (number, snapshot) values (?, ?)"
            " on conflict (number) do update set snapshot = excluded.snapshot",
            (number, snapshot),
        )
        self._db.execute("delete from file_revisions where number <= ?", (number - REVISIONS_KEPT,))

    def state(self, file: str) -> bytes | None:
        row = self._db.execute("select state from file_states where file = ?", (file,)).fetchone()
        return None if row is None or row[0] is None else bytes(row[0])

    def set_state(self, file: str, state: bytes) -> None:
        self._db.execute(
            "insert into file_states (file, state, is_owner, at) values (?, ?, false, ?)"
            " on conflict (file) do update set state = excluded.state, at = excluded.at",
            (file, state, to_text(self._at)),
        )
        self._db.execute(
            "delete from file_states where not is_owner and at < ?",
            (to_text(self._at - STATES_KEPT),),
        )

    def file_owner(self) -> str | None:
        row = self._db.execute("select file from file_states where is_owner").fetchone()
        return None if row is None else str(row[0])

    def set_file_owner(self, file: str) -> None:
        self._db.execute("update file_states set is_owner = false where is_owner")
        self._db.execute(
            "insert into file_states (file, is_owner, at) values (?, true, ?)"
            " on conflict (file) do update set is_owner = true",
            (file, to_text(self._at)),
        )

    def rename_file(self, old: str, new: str) -> None:
        self._db.execute("delete from file_states where file = ?", (new,))
        self._db.execute("update file_states set file = ? where file = ?", (new, old))


class SqlSyncDatabase:
    """Opens transactions, one at a time; ``at`` is the time that is recorded for their changes."""

    def __init__(self, begin: Begin, at: datetime) -> None:
        self._begin = begin
        self._at = at

    @contextmanager
    def transaction(self) -> Iterator[SqlSyncTransaction]:
        with self._begin() as db:
            yield SqlSyncTransaction(db, self._at)
