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
from bot.ports import Clock, Listener, MonitoringStore


class HealthMonitor:
    """``damages`` is what the last check of the database found; ``refused`` why a platform does not
    let us in, by its name. The service keeps both up to date, and calls ``alive`` regularly."""

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
        # Since when each platform is not connected: its own answer, and the monotonic clock's.
        self._disconnected: dict[str, tuple[datetime, float]] = {}
        self.damages: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}

    def alive(self) -> None:
        """The service is not stuck."""
        self._alive_at = self._clock.monotonic()
        self._disconnected_since()

    async def report(self) -> MonitoringReport:
        """How things are now. Raises StoreError."""
        now = self._clock.now()
        health = HealthReport(
            state=await self._store.state(),
            now=now,
            calendar=self._calendar,
            started=now - self._elapsed(self._started_at),
            stuck_for=self._elapsed(self._alive_at),
            disconnected=self._disconnected_since(),
            degraded={
                **{name: platform.degraded for name, platform in self._platforms.items()},
                "bot.toml": self._file_sync.problem if self._file_sync.held_back else "",
            },
            refused=dict(self.refused),
            damages=self.damages,
        )
        return MonitoringReport(health, await self._store.measures())

    def _elapsed(self, since: float) -> timedelta:
        """Since a time of the monotonic clock."""
        return timedelta(seconds=self._clock.monotonic() - since)

    def _disconnected_since(self) -> dict[str, datetime | None]:
        """Since when each platform is not connected, by the wall clock as it is set now."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        found: dict[str, datetime | None] = {}
        for name, platform in self._platforms.items():
            since = platform.disconnected_since
            if since is None:
                self._disconnected.pop(name, None)
                found[name] = None
                continue
            if self._disconnected.get(name, (None,))[0] != since:
                self._disconnected[name] = (since, monotonic)
            found[name] = now - self._elapsed(self._disconnected[name][1])
        return found
