"""Sends saved papers to the libraries that people connected in Zotero.

Like deliver, from an outbox, so that nothing is lost however long Zotero is down. Simpler, because
nothing needs to be searched for: an item has its key before it is sent, and Zotero takes a key
once, so that what may have arrived is just sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Final

from bot.errors import (
    MAX_RETRY_SECONDS,
    LibraryRefused,
    SecretUnreadable,
    ServiceBusy,
    TryLater,
)
from bot.model.zotero import ZOTERO_KEY, ZoteroBatch, ZoteroConnection
from bot.ports import Clock, Vault, Zotero, ZoteroStore

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 600.0  # longer than the two requests of a batch take at most
FIRST_DELAY: Final = 30.0  # seconds; doubles with each attempt
MAX_DELAY: Final = 3600.0
UNREADABLE: Final = (
    "The bot can't read your key any more, because its host has another SECRET_KEY now."
)

OnPaused = Callable[[ZoteroConnection, str], Awaitable[None]]


class ZoteroSender:
    """Only one process at a time may send. ``check`` raises TryLater if another one may be sending
    by now; ``on_paused`` is awaited once when a library takes no papers any more, with the
    reason."""

    def __init__(
        self,
        zotero: Zotero,
        store: ZoteroStore,
        vault: Vault,
        clock: Clock,
        *,
        on_paused: OnPaused,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._zotero = zotero
        self._store = store
        self._vault = vault
        self._clock = clock
        self._on_paused = on_paused
        self._check = check
        self._busy = 0  # how many requests in a row raised ServiceBusy

    async def take_over(self) -> None:
        """Send again what a process that died was sending. Only for when no other process sends.

        Reads every key once, so that all are encrypted with the newest ``SECRET_KEY``, and people
        whose key can't be read are told now that they have to connect again. Raises StoreError.
        """
        await self._store.release_zotero(self._clock.now())
        for connection in await self._store.zotero_connections():
            if not connection.paused:
                await self._key_of(connection)

    async def send_waiting(self) -> int:
        """Send what is ready, one batch after the other. Returns how many papers have arrived.
        Raises StoreError."""
        arrived = 0
        while True:
            now = self._clock.now()
            lease_until = now + timedelta(seconds=LEASE_SECONDS)
            batch = await self._store.claim_zotero(now, lease_until)
            if batch is None:
                return arrived
            arrived += await self._send(batch)

    async def _send(self, batch: ZoteroBatch) -> int:
        connection, keys = batch.connection, [item.key for item in batch.items]
        key = await self._key_of(connection)
        if key is None:
            return 0
        try:
            self._check()
            result = await self._zotero.add(key, connection.library.id, batch.items)
        except LibraryRefused as error:
            self._busy = 0
            await self._pause(connection, str(error))
            if error.wait:
                await self._hold(error.wait)
            return 0
        except TryLater as error:
            # The hold for everybody grows with failures in a row. If one library alone fails again
            # and again, others succeed in between, and are delayed by the first delay only.
            self._busy = self._busy + 1 if isinstance(error, ServiceBusy) else 0
            if self._busy:
                await self._hold(_delay(self._busy, error.seconds))
            await self._requeue(batch, keys, _delay(batch.attempt, error.seconds), str(error))
            return 0
        self._busy = 0
        now, owner = self._clock.now(), connection.owner
        await self._store.mark_zotero_sent(owner, result.added, now)
        for item, why in result.rejected.items():
            log.warning("zotero rejected item=%s library=%s why=%s", item, _shown(connection), why)
            await self._store.reject_zotero(owner, item, now, why)
        if result.taken:
            # At once the first time only: so many foreign items with our keys are no accident.
            wait = 0.0 if batch.attempt == 1 else _delay(batch.attempt)
            not_before = now + timedelta(seconds=wait)
            await self._store.rename_zotero(owner, result.taken, not_before)
        if result.later:
            why = next(iter(result.later.values()))
            await self._requeue(batch, result.later.keys(), _delay(batch.attempt), why)
        if result.wait:
            await self._hold(_delay(1, result.wait))
        if result.added:
            log.info("zotero sent papers=%d library=%s", len(result.added), _shown(connection))
        return len(result.added)

    async def _key_of(self, connection: ZoteroConnection) -> str | None:
        """The key; ``None`` if it can't be decrypted, and then the connection is paused."""
        try:
            key = await self._vault.kept(ZOTERO_KEY, connection.owner)
        except SecretUnreadable:
            key = None
        if key is None:
            await self._pause(connection, UNREADABLE)
        return key

    async def _pause(self, connection: ZoteroConnection, reason: str) -> None:
        first = await self._store.pause_zotero(
            connection.owner, connection.connected_at, self._clock.now(), reason
        )
        if first:
            log.warning("zotero paused library=%s why=%s", _shown(connection), reason)
            await self._on_paused(connection, reason)

    async def _hold(self, seconds: float) -> None:
        await self._store.hold_zotero(self._clock.now() + timedelta(seconds=seconds))
        log.info("zotero held for=%.0fs", seconds)

    async def _requeue(
        self, batch: ZoteroBatch, keys: Collection[str], delay: float, why: str
    ) -> None:
        not_before = self._clock.now() + timedelta(seconds=delay)
        await self._store.requeue_zotero(batch.connection.owner, keys, not_before, why)
        log.info(
            "zotero requeued papers=%d library=%s in=%.0fs why=%s",
            len(keys), _shown(batch.connection), delay, why,
        )  # fmt: skip


def _delay(attempt: int, seconds: float | None = None) -> float:
    """The seconds that Zotero asked for, at most a day, or else our own for this attempt."""
    if seconds is None:
        return min(FIRST_DELAY * 2.0 ** min(attempt - 1, 30), MAX_DELAY)
    return min(max(seconds, 1.0), MAX_RETRY_SECONDS)


def _shown(connection: ZoteroConnection) -> str:
    """For the log: a channel's library is named by its channel, a person's not at all."""
    return connection.owner if connection.is_channel else "of a person"
