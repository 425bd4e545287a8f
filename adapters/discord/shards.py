"""Which of Discord's shards belong to this process, where several share a database.

Discord sends each event to every connection of a shard, so that two processes would both answer.
So a process leases its shards, as it does roles (``bot.core.leases``); a lease that could not be
renewed counts as ended here before it does in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from bot.errors import StoreError
from bot.model.roles import ShardShare
from bot.ports import Clock, SessionStore

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=15)  # how long at most nobody serves a dead process's shards
RENEW_INTERVAL: Final = LEASE / 4
SAFE: Final = LEASE * 0.85  # until it counts as ended here
NOTHING: Final = ShardShare(0, frozenset(), frozenset())


class ShardLeases:
    """The shards of one token; ``account`` is what the database knows the token by."""

    def __init__(self, store: SessionStore, account: str, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._share = NOTHING
        self._until = 0.0  # by the monotonic clock
        self._until_at: datetime | None = None  # by the wall clock, which goes on in a sleep

    @property
    def is_shared(self) -> bool:
        return self._store.is_shared

    async def renew(self, count: int) -> ShardShare:
        """Renew the lease, and return what this process has now. ``count`` is how many shards there
        are, if no other process has decided that. A database that does not answer changes nothing
        until the lease ends; then the process has no shards."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        try:
            share = await self._store.share_shards(self._account, count, LEASE.total_seconds())
        except StoreError as error:
            if self._until_at is None:
                raise
            log.warning("shards not renewed why=%s", error)
            if self._clock.monotonic() < self._until and self._clock.now() < self._until_at:
                return self._share
            return NOTHING
        self._until = monotonic + SAFE.total_seconds()
        self._until_at = now + SAFE
        if share.held != self._share.held and self.is_shared:
            log.info("shards held=%s of=%d", sorted(share.held), share.total)
        self._share = share
        return share

    async def release(self, shards: Collection[int] | None = None) -> None:
        """Let other processes have these shards, or all, at once. If the database does not answer,
        they get them when the lease ends."""
        if shards is None:
            self._until_at, self._share = None, NOTHING
        try:
            await self._store.release_shards(self._account, shards)
        except StoreError as error:
            log.warning("shards not released why=%s", error)
