"""How much people may ask of the bot in the chat, and the kind sentences that say so.

Holds nothing but the moments of the last minute; who hosts the bot sets the figures
(``[limits]``), and is not limited by them in ``bot.toml`` or at the command line.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from bot.errors import UserError
from bot.model import refer_to
from bot.ports import Clock

MINUTE = 60.0
MOST_REMEMBERED = 10_000  # people; who asks in the same minute as so many others is let through


@dataclass(frozen=True, slots=True)
class Limits:
    """``keyword_length`` in characters; ``commands_per_minute`` are those of one person."""

    keywords_per_channel: int = 100
    keywords_per_server: int = 500
    keyword_length: int = 200
    commands_per_minute: int = 20

    def check_keyword(self, text: str) -> None:
        """Raises UserError for a keyword that is too long."""
        if len(text) > self.keyword_length:
            raise UserError(
                f"This keyword has {len(text)} characters, and {self.keyword_length} are the most."
                " Could you say it shorter? Two keywords often do better than a long one."
            )

    def check_room(self, in_channel: int, in_server: int) -> None:
        """Raises UserError where one more keyword is too many; a server counts as 0 if unknown."""
        if in_channel >= self.keywords_per_channel:
            raise UserError(
                f"This channel follows {in_channel} keywords already, which is as many as it may."
                f" Remove one that brings little, and try again: {refer_to('list')}"
            )
        if in_server >= self.keywords_per_server:
            raise UserError(
                f"The channels here follow {in_server} keywords together, which is as many as they"
                " may. Remove one that brings little, or ask whoever hosts the bot for more."
            )


class Pace:
    """Counts what each person asked in the last minute."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._asked: dict[str, deque[float]] = {}

    def count(self, person_id: str) -> None:
        """Raises UserError for one command too many; that one does not count."""
        now = self._clock.monotonic()
        if len(self._asked) >= MOST_REMEMBERED:
            recent = {who: at for who, at in self._asked.items() if at[-1] > now - MINUTE}
            self._asked = recent if len(recent) < MOST_REMEMBERED else {}
        asked = self._asked.setdefault(person_id, deque())
        while asked and asked[0] <= now - MINUTE:
            asked.popleft()
        if len(asked) >= self._most:
            wait = math.ceil(asked[0] + MINUTE - now)
            seconds = "a second" if wait <= 1 else f"{wait} seconds"
            raise UserError(f"That was a lot in one minute. Please give me {seconds}, then go on.")
        asked.append(now)
