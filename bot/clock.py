"""The only place that reads the system's clocks or sleeps."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock. Implements :class:`bot.ports.Clock`."""

    def now(self) -> datetime:
        """The wall clock's time, in UTC. May jump either way; never measure a duration with it."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow, for durations within this process."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; can be cancelled."""
        await asyncio.sleep(seconds)
