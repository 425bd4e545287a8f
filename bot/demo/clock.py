"""The demo's time: days pass when the story says so, and a wait is over at once."""

from __future__ import annotations

from datetime import datetime, timedelta


class DemoClock:
    """Implements :class:`bot.ports.Clock`. Stands still until somebody sleeps or moves it on.

    May be read on several threads; is moved on one.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._passed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        """Seconds since the story began."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass without waiting for them."""
        self.move_to(self._now + timedelta(seconds=max(seconds, 0.0)))

    def move_to(self, time: datetime) -> None:
        """Let time pass until then. Raises ValueError for a time in the past."""
        passed = (time - self._now).total_seconds()
        if passed < 0:
            raise ValueError("time in the demo only goes forward")
        self._now = time
        self._passed += passed
