"""What the running service knows of its own health, put together for ``/healthz`` and ``/metrics``.

Judges nothing: what is a problem is decided by ``bot.monitoring.health``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.app.file_sync import FileSync
from bot.arxiv.calendar import AnnouncementCalendar
from bot.monitoring.endpoint import MonitoringReport
from bot.monitoring.health import HealthReport
from bot.ports import Clock, Listener, MonitoringStore, Sharded

Connection = tuple[str, int | None]  # a platform's, or that of one of its shards


class HealthMonitor:
    """``damages`` is what the last check of the database found. The service keeps it up to date,
    and calls ``alive`` regularly."""

    def __init__(
        self,
        *,
        store: MonitoringStore,
        clock: Clock,
        calendar: AnnouncementCalendar,
        platforms: Mapping[str, Listener],
        file_sync: FileSync,
    ) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._platforms = platforms
        self._file_sync = file_sync
        self._started_at = self._alive_at = clock.monotonic()
        # Since when each connection is lost: the platform's own answer, and the monotonic clock's.
        self._disconnected: dict[Connection, tuple[datetime, float]] = {}
        self.damages: tuple[str, ...] = ()

    def alive(self) -> None:
        """Record that the service is not stuck."""
        self._alive_at = self._clock.monotonic()
        self._connections()

    async def report(self) -> MonitoringReport:
        """How things are now. Raises StoreError."""
        now = self._clock.now()
        connections = self._connections()
        health = HealthReport(
            state=await self._store.state(),
            now=now,
            calendar=self._calendar,
            started=now - self._elapsed(self._started_at),
            stuck_for=self._elapsed(self._alive_at),
            disconnected={
                name: since for (name, shard), since in connections.items() if shard is None
            },
            shards={
                name: {
                    shard: since
                    for (platform, shard), since in connections.items()
                    if platform == name and shard is not None
                }
                for name, platform in self._platforms.items()
                if isinstance(platform, Sharded)
            },
            degraded={
                **{name: platform.degraded for name, platform in self._platforms.items()},
                "bot.toml": self._file_sync.problem if self._file_sync.held_back else "",
            },
            damages=self.damages,
        )
        return MonitoringReport(health, await self._store.measures())

    def _elapsed(self, since: float) -> timedelta:
        """Since a time of the monotonic clock."""
        return timedelta(seconds=self._clock.monotonic() - since)

    def _connections(self) -> dict[Connection, datetime | None]:
        """Since when each is not connected, by the wall clock as it is set now."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        reported: dict[Connection, datetime | None] = {}
        for name, platform in self._platforms.items():
            reported[name, None] = platform.disconnected_since
            if isinstance(platform, Sharded):
                reported |= {(name, shard): since for shard, since in platform.shards.items()}
        found = dict.fromkeys(reported)
        for connection, since in reported.items():
            if since is None:
                self._disconnected.pop(connection, None)
                continue
            if self._disconnected.get(connection, (None,))[0] != since:
                self._disconnected[connection] = (since, monotonic)
            found[connection] = now - self._elapsed(self._disconnected[connection][1])
        return found
