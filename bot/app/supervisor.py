"""Keeps a platform's listener alive: starts it again after a fault, and knows when to stop trying.

Decides nothing about what a listener does, and never touches another platform's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bot.errors import PlatformDown, PlatformRefused
from bot.ports import Clock, Commands, Listener

log = logging.getLogger(__name__)

FIRST_DELAY = 5.0  # seconds before a listener is started again; doubles
LONGEST_DELAY = 300.0
STEADY = 600.0  # seconds after which a listener counts as having worked
MOST_FAILURES = 10  # in a row, about half an hour


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
        error = await _outcome(listener, commands)
        if isinstance(error, PlatformRefused):
            raise error
        failures = 1 if clock.monotonic() - began > STEADY else failures + 1
        if failures >= MOST_FAILURES:
            give_up(f"{name} could not be reached {failures} times in a row: {error}")
            return
        delay = min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY)
        crashed = None if error is None or isinstance(error, PlatformDown) else error
        log.warning(
            "down platform=%s failures=%d again_in=%.0fs why=%s", name, failures, delay, error,
            exc_info=crashed,
        )  # fmt: skip
        await clock.sleep(delay)


async def _outcome(listener: Listener, commands: Commands) -> BaseException | None:
    """How listening ended; a crash of the adapter is an outcome like any other."""
    listening = asyncio.create_task(listener.listen(commands))
    try:
        await asyncio.wait({listening})
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return None if listening.cancelled() else listening.exception()
