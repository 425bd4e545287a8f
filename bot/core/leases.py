"""Roles that this process holds by a lease, and renews while it lives.

Check ``is_held`` before acting in a role: a lease that could not be renewed (the database does not
answer, the process was stopped) counts as expired here before it does in the database, so that two
processes never act in the same role. Does not start or stop the work of a role.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.errors import StoreError, TryLater
from bot.ports import Clock, LeaseStore

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)  # how long a dead process's roles stay without anybody, at most
RENEW_INTERVAL = LEASE / 4
MARGIN = 0.15  # the part of a lease by which it ends here earlier than in the database


class Lease:
    """One role. Where one process alone uses the database, it holds every role for good."""

    def __init__(
        self, role: str, store: LeaseStore, clock: Clock, *, length: timedelta = LEASE
    ) -> None:
        self.role = role
        self._length = length
        self._store = store
        self._clock = clock
        self._until = 0.0  # by the monotonic clock
        # By the wall clock too: the other one may stand still while a machine sleeps.
        self._until_at: datetime | None = None
        self._for_good = False

    @property
    def is_shared(self) -> bool:
        """Whether another process may hold the role at another time."""
        return self._store.is_shared

    @property
    def is_held(self) -> bool:
        """Whether this process may act in the role now."""
        if self._for_good or self._until_at is None:
            return self._for_good
        return self._clock.monotonic() < self._until and self._clock.now() < self._until_at

    def check(self) -> None:
        """Raises TryLater if another process may hold the role by now. To be called right before a
        request is written to the network, so that nothing was sent then."""
        if not self.is_held:
            raise TryLater(f"This process is no longer the one that may act ({self.role}).")

    async def renew(self) -> bool:
        """Take the role if it is free, or renew its lease. Returns whether it is held afterwards.
        If the database does not answer, the lease stays as it was."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        try:
            fence = await self._store.acquire_lease(self.role, self._length.total_seconds())
        except StoreError as error:
            log.warning("lease role=%s not renewed why=%s", self.role, error)
            return self.is_held
        if fence is None:
            self._until_at = None
        else:
            self._for_good = not self._store.is_shared
            safe = self._length * (1 - MARGIN)
            self._until = monotonic + safe.total_seconds()
            self._until_at = now + safe
        return self.is_held

    async def release(self) -> None:
        """Give up the role, so that another process may take it at once."""
        self._until_at, self._for_good = None, False
        try:
            await self._store.release_lease(self.role)
        except StoreError as error:
            log.warning("lease role=%s not released why=%s", self.role, error)


class Leases:
    """All roles that this process wants."""

    def __init__(
        self,
        roles: Iterable[str],
        store: LeaseStore,
        clock: Clock,
        *,
        length: timedelta = LEASE,
    ) -> None:
        self._length = length
        self._clock = clock
        self._leases = {role: Lease(role, store, clock, length=length) for role in roles}
        self._held: set[str] = set()  # after the last renewal

    def __getitem__(self, role: str) -> Lease:
        return self._leases[role]

    def holds(self, role: str) -> bool:
        """Whether this process may act in the role now."""
        return self._leases[role].is_held

    async def renew(self) -> tuple[set[str], set[str]]:
        """Renew the roles that are held, and take those that are free. Returns which were gained,
        and which were lost, since the last call."""
        for lease in self._leases.values():
            await lease.renew()
        held = {role for role, lease in self._leases.items() if lease.is_held}
        gained, lost = held - self._held, self._held - held
        self._held = held
        return gained, lost

    @property
    def missing(self) -> list[str]:
        """The roles that this process does not hold now, sorted."""
        return sorted(role for role, lease in self._leases.items() if not lease.is_held)

    async def keep(self) -> None:
        """Renew the roles until cancelled, for a caller that need not know when one is lost.
        Returns at once if no other process can hold them."""
        while any(lease.is_shared for lease in self._leases.values()):
            await self._clock.sleep(self._length.total_seconds() / 4)
            await self.renew()

    async def release(self) -> None:
        """Give up all roles that are still held, so that other processes may take them at once."""
        for lease in self._leases.values():
            if lease.is_held:
                await lease.release()
        self._held = set()
