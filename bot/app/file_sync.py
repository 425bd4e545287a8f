"""Keeps bot.toml and the database in sync while the bot runs.

What is compared, merged and written is decided by ``bot.sync``. This says when it happens, waits
while somebody is saving the file, and remembers what is wrong for ``status``.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.core.leases import Lease
from bot.errors import ConfigError, StoreError
from bot.keywords.notices import notices
from bot.model.snapshots import Change, Configure, Follow
from bot.ports import Clock, SyncDatabase, SyncStore
from bot.sync.deferred import DeferredWrites
from bot.sync.merge import GUEST, SyncState
from bot.sync.synchronizer import Synchronizer, SyncReport

log = logging.getLogger(__name__)

SAVE_TIMEOUT = timedelta(seconds=3)  # how long an editor may take to save bot.toml
LOCKED_POLL_INTERVAL = timedelta(seconds=0.03)
SAVING_POLL_INTERVAL = timedelta(seconds=0.3)


ELSEWHERE_INTERVAL = 30.0  # seconds until bot.toml shows what came through another process


class FileSync:
    """``platforms`` are those that can be posted to, where they are loaded. ``problem`` says why
    bot.toml and the database differ, if they do; ``notice`` what is worth knowing of it although
    nothing is wrong. ``held_back``: what bot.toml says waits for a person's confirmation.
    ``taken_over``: what the last call of ``synchronise`` took over from bot.toml; ``discarded``:
    what it removed from the database, in words. Where several processes share the database, the one
    that holds the ``lease`` compares its own bot.toml; without one, as a command does, it is
    compared in any case."""

    def __init__(
        self,
        path: Path,
        synchronizer: Synchronizer,
        store: SyncStore,
        clock: Clock,
        lease: Lease | None = None,
        platforms: Collection[str] = (),
    ) -> None:
        self._lease = lease
        self._compared_at = clock.monotonic()
        self._platforms = platforms
        self._path = path
        self._synchronizer = synchronizer
        self._store = store
        self._clock = clock
        self._deferred = DeferredWrites()
        self.problem = ""
        self.notice = ""
        self.held_back = False
        self.taken_over: tuple[Change, ...] = ()
        self.discarded: tuple[str, ...] = ()

    def defer_writes(self) -> None:
        """From now on ``is_due`` is called regularly, so that bot.toml may show the chat's changes
        a little later, and nobody in the chat waits for it."""
        self._deferred.enabled = True

    def is_due(self) -> bool:
        """Whether bot.toml was edited, or changes that were deferred are to be shown now."""
        now = self._clock.monotonic()
        shared = self._lease is not None and self._lease.is_shared
        elsewhere = shared and now - self._compared_at >= ELSEWHERE_INTERVAL
        deferred = self._deferred.is_due(now)
        return deferred or elsewhere or self._synchronizer.changed_since_last_sync()

    async def synchronise(
        self, *, accept: bool = False, discard: bool = False, write: bool = True
    ) -> None:
        """Synchronise bot.toml and the database, whichever of them was changed.

        With ``accept`` also takes over what would be held back; with ``discard`` also removes what
        the database holds and bot.toml can't; without ``write`` nothing is written into bot.toml.
        Raises ConfigError if bot.toml is wrong (the database stays as it was), StoreError.
        """
        self.taken_over = ()
        self.discarded = ()
        if self._lease is not None and not await self._lease.renew():
            return
        self._compared_at = self._clock.monotonic()
        if write:
            self._deferred.started(self._clock.monotonic())
        deadline = self._clock.monotonic() + SAVE_TIMEOUT.total_seconds()
        while True:
            report = await self._synchronise_once(accept=accept, discard=discard, write=write)
            self.taken_over += report.changes
            self.discarded += report.discarded
            if not report.retry or self._clock.monotonic() >= deadline:
                break
            # Somebody is saving it at this moment, or another process compares the two.
            interval = LOCKED_POLL_INTERVAL if report.locked else SAVING_POLL_INTERVAL
            await self._clock.sleep(interval.total_seconds())
        before, self.problem = self.problem, report.problem
        self.notice = GUEST if report.guest else ""
        self.held_back = report.held_back
        if report.locked:
            self.problem = (
                f"Another process has held {self._synchronizer.lock_path} for"
                f" {SAVE_TIMEOUT.total_seconds():.0f} seconds, so bot.toml and the database were"
                " not compared. That follows when it lets go"
            )
            if before != self.problem:
                log.warning("bot.toml: %s", self.problem)

    async def _synchronise_once(self, *, accept: bool, discard: bool, write: bool) -> SyncReport:
        work = partial(self._synchronizer.sync, accept=accept, discard=discard, write=write)
        report = await self._store.synchronise(work, self._clock.now())
        for warning in report.warnings:
            log.warning("bot.toml: %s", warning)
        for change in report.changes:
            log.info("taken over from bot.toml: %s", describe(change))
            platform = change.channel_id.partition(":")[0]
            if self._platforms and platform not in self._platforms:
                why = f"{platform} is off, because it has no token"
                log.warning("no posts channel=%s why=%s", change.channel_id, why)
            if isinstance(change, Follow):
                for notice in notices(change.keyword):
                    log.warning(
                        "keyword channel=%s keyword=%s notice=%s",
                        change.channel_id, change.keyword.text, notice,
                    )  # fmt: skip
        return report

    async def own_channels(self) -> tuple[str, ...]:
        """The channels that a person wrote into bot.toml, in the file's order; where there are
        several files, into the one that may remove keywords. Raises StoreError."""

        def read(database: SyncDatabase) -> tuple[str, ...]:
            with database.transaction() as transaction:
                owner = transaction.file_owner() or ""
                return SyncState.decode(transaction.state(owner)).own

        return await self._store.synchronise(read, self._clock.now())

    async def show_change(self) -> None:
        """Write a change from the chat to bot.toml. The change holds even if that fails: a wrong
        file gets it once it is right again, and after a database error it is tried again."""
        if self._deferred.defer(self._path):
            return
        try:
            await self.synchronise()
        except (ConfigError, StoreError) as error:
            log.warning("bot.toml does not show the change yet: %s", error)


def describe(change: Change) -> str:
    """The change in a few words, for a log and for the terminal."""
    if isinstance(change, Configure):
        return f"{change.channel_id} {change.setting} = {change.value!r}"
    keyword = change.keyword
    what = f"{change.channel_id} {type(change).__name__.lower()} {keyword.text!r}"
    return f"{what} as {keyword.name!r}" if keyword.name else what
