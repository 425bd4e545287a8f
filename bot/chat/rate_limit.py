"""How many commands one person may give in a minute. Remembers no more than the last one."""

from __future__ import annotations

import math
from collections import deque

from bot.errors import UserError
from bot.ports import Clock

WINDOW = 60.0  # seconds
PEOPLE_REMEMBERED = 10_000  # whoever asks in the same minute as so many others is let through


class CommandRateLimiter:
    """Counts each person's commands over the last minute, on the monotonic clock. Each process
    counts those that it receives: the limit is there to keep it from being flooded."""

    def __init__(self, commands_per_minute: int, clock: Clock) -> None:
        self._commands_per_minute = commands_per_minute
        self._clock = clock
        self._commands: dict[str, deque[float]] = {}  # by person, when each was given

    def count(self, person_id: str) -> None:
        """Raises UserError for one command too many; that one does not count."""
        now = self._clock.monotonic()
        if len(self._commands) >= PEOPLE_REMEMBERED:
            recent = {who: at for who, at in self._commands.items() if at[-1] > now - WINDOW}
            self._commands = recent if len(recent) < PEOPLE_REMEMBERED else {}
        given = self._commands.setdefault(person_id, deque())
        while given and given[0] <= now - WINDOW:
            given.popleft()
        if len(given) >= self._commands_per_minute:
            wait = math.ceil(given[0] + WINDOW - now)
            seconds = "a second" if wait <= 1 else f"{wait} seconds"
            raise UserError(f"That was a lot in one minute. Please give me {seconds}, then go on.")
        given.append(now)
