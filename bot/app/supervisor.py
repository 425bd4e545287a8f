"""Keeps a platform's listener alive: restarts it after a fault, and knows when to stop trying.

Decides nothing about what a listener does, and never touches another platform's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from bot.errors import PlatformDown, PlatformRefused
from bot.ports import Clock, Commands, Listener

log = logging.getLogger(__name__)

FIRST_RESTART_DELAY = timedelta(seconds=5)  # doubles with each failure in a row
MAX_RESTART_DELAY = timedelta(minutes=5)
STABLE_AFTER = timedelta(minutes=10)  # a listener that lasted so long has worked
MAX_FAILURES = 10  # in a row, about half an hour


async def keep_listening(
    name: str, listener: Listener, commands: Commands, clock: Clock, give_up: Callable[[str], None]
) -> None:
    """Until cancelled, or until the platform does not let us in.

    Raises PlatformRefused. After too many failures in a row it calls ``give_up`` with a sentence,
    and returns.
    """
    failures = 0
    while True:
        began = clock.monotonic()
        error = await _listen(listener, commands)
        if isinstance(error, PlatformRefused):
            raise error
        worked = clock.monotonic() - began > STABLE_AFTER.total_seconds()
        failures = 1 if worked else failures + 1
        if failures >= MAX_FAILURES:
            give_up(f"{name} could not be reached {failures} times in a row: {error}")
            return
        delay = min(FIRST_RESTART_DELAY * 2 ** (failures - 1), MAX_RESTART_DELAY).total_seconds()
        crashed = None if error is None or isinstance(error, PlatformDown) else error
        log.warning(
            "down platform=%s failures=%d again_in=%.0fs why=%s", name, failures, delay, error,
            exc_info=crashed,
        )  # fmt: skip
        await clock.sleep(delay)


async def _listen(listener: Listener, commands: Commands) -> BaseException | None:
    """Until it ends; returns the error that ended it, also where that is a crash of the adapter."""
    listening = asyncio.create_task(listener.listen(commands))
    try:
        await asyncio.wait({listening})
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return None if listening.cancelled() else listening.exception()
