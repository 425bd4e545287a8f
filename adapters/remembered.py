"""An answer of a platform that many messages need, and that is asked for once in a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bot.ports import Clock

T = TypeVar("T")


class Remembered(Generic[T]):
    """What ``ask`` returned, for ``seconds``. Whoever needs it meanwhile, or while it is being
    asked for, gets the same; what ``ask`` raises is raised to one caller, and not remembered."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float, clock: Clock) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._known: tuple[T, float] | None = None  # and until when
        self._asking = asyncio.Lock()

    async def get(self) -> T:
        async with self._asking:
            if self._known is None or self._clock.monotonic() >= self._known[1]:
                answer = await self._ask()
                self._known = answer, self._clock.monotonic() + self._seconds
            return self._known[0]
