"""When arXiv may be asked: one request at a time, some seconds apart, whoever asks.

arXiv's terms of use (info.arxiv.org/help/api/tou, November 2026) allow one request every three
seconds over one connection, for everything under one's control together. So the turn is taken by
locking a file that all processes of a host share, and the file says when the last request ended,
and until when arXiv wants to be left alone.

Decides nothing about answers: ``bot.arxiv.client`` says whether a turn went well.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import math
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bot.errors import SourceNotAsked, SourceThrottled
from bot.ports import Clock
from bot.private_files import make_folder, open_file

log = logging.getLogger(__name__)

POLITE_INTERVAL: Final = 3.0
"""Seconds between requests that arXiv asks for. Longer waits are stated for it, and scale."""

_OWN_DELAYS: Final = (300.0, 900.0, 3600.0, 10800.0)
"""Seconds to leave arXiv alone after so many refusals in a row. Its blocks can last for hours."""

_JITTER: Final = 0.25
LONGEST_COOL_DOWN: Final = 24 * 3600.0

_POLL: Final = 0.25
LOCK_TIMEOUT: Final = 900.0
"""Seconds to wait for other processes to end their turns: several, each at its longest."""

QUESTION_LOCK_TIMEOUT: Final = 60.0
"""The same where a person waits for the answer."""

_LOCK_WARNING: Final = 10.0  # seconds until the log says what is waited for
_SKEW: Final = 60.0  # a clock that was set back by less than this was only corrected


@dataclass(slots=True)
class PaceState:
    """What the pace file holds. Times are seconds since 1970; ``refusals`` are those in a row."""

    ended: float = 0.0
    until: float = 0.0
    refusals: int = 0
    reason: str = ""

    def is_plausible(self, now: float) -> bool:
        """Not from the future, and not cooling for longer than we ever do."""
        longest = LONGEST_COOL_DOWN + _SKEW
        return (
            0 <= self.ended <= now + _SKEW
            and 0 <= self.until <= self.ended + longest
            and 0 <= self.refusals < 10_000
        )

    def forget(self) -> None:
        """As if arXiv had never been asked."""
        self.ended = self.until = 0.0
        self.refusals = 0
        self.reason = ""


class Permit:
    """The right to send one request now. Say how it went, or nothing if it just failed."""

    def __init__(self, state: PaceState, clock: Clock, interval: float, rng: random.Random) -> None:
        self._state = state
        self._clock = clock
        self._scale = interval / POLITE_INTERVAL
        self._rng = rng

    @property
    def refusals(self) -> int:
        """How often in a row arXiv refused us before this turn."""
        return self._state.refusals

    def record_success(self) -> None:
        """arXiv answered as it should; what it refused before is forgotten."""
        self._state.until = 0.0
        self._state.refusals = 0
        self._state.reason = ""

    def hold(self, seconds: float, reason: str) -> None:
        """Let nobody ask for so many seconds, because one trial follows then."""
        self._leave_alone(seconds, reason)

    def record_refusal(self, reason: str, retry_after: float = 0.0) -> datetime:
        """arXiv refused us, or kept silent: leave it alone, longer each time in a row.

        ``retry_after`` is what it asked for, in seconds. Returns until when.
        """
        own = _OWN_DELAYS[min(self._state.refusals, len(_OWN_DELAYS) - 1)]
        own *= self._scale * self._rng.uniform(1, 1 + _JITTER)
        self._state.refusals += 1
        return self._leave_alone(max(own, retry_after), reason)

    def _leave_alone(self, seconds: float, reason: str) -> datetime:
        until = self._clock.now() + timedelta(seconds=min(seconds, LONGEST_COOL_DOWN))
        self._state.until = until.timestamp()
        self._state.reason = reason
        return until


class RateLimiter:
    """Hands out turns. All that ask arXiv for one host share a gate, or at least its file.

    Without a file only those who share this object are kept apart.
    """

    def __init__(
        self, *, interval: float, clock: Clock, path: Path | None, rng: random.Random
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._path = path
        self._rng = rng
        self._lock = asyncio.Lock()
        self._unfiled = PaceState()
        self._ended: float | None = None  # of our own last request, on a clock that can't jump

    @asynccontextmanager
    async def permit(self, lock_timeout: float = LOCK_TIMEOUT) -> AsyncIterator[Permit]:
        """Wait until a request may start; nobody else sends one before the block ends.

        Waits at most ``interval`` seconds after the request before, whatever the wall clock does,
        and beside that only for requests under way. Raises SourceThrottled at once while arXiv is
        left alone, and SourceNotAsked if the pace file can't be used, or another process holds it
        for ``lock_timeout`` seconds.
        """
        async with self._lock, self._state(lock_timeout) as state:
            now = self._clock.now().timestamp()
            if not state.is_plausible(now):
                log.warning("The record of arXiv's pacing is damaged or of the future; forgotten.")
                state.forget()
            if state.until > now:
                raise _left_alone(state)
            await self._keep_apart(state, now)
            try:
                yield Permit(state, self._clock, self._interval, self._rng)
            finally:
                state.ended = self._clock.now().timestamp()
                self._ended = self._clock.monotonic()

    async def _keep_apart(self, state: PaceState, now: float) -> None:
        wait = min(state.ended + self._interval - now, self._interval)
        if self._ended is not None:
            wait = max(wait, self._ended + self._interval - self._clock.monotonic())
        if wait > 0:
            await self._clock.sleep(wait)

    @asynccontextmanager
    async def _state(self, lock_timeout: float) -> AsyncIterator[PaceState]:
        if self._path is None:
            yield self._unfiled
            return
        try:
            make_folder(self._path.parent)
            file = open_file(self._path)
        except OSError as error:
            raise _unusable(self._path, error) from error
        try:
            await self._lock_file(self._path, file, lock_timeout)
            try:
                state = _read(file)
            except OSError as error:
                raise _unusable(self._path, error) from error
            try:
                yield state
            finally:
                _write(file, state)
        finally:
            os.close(file)  # and with it the lock

    async def _lock_file(self, path: Path, file: int, lock_timeout: float) -> None:
        # Asked again and again instead of waited for, so that it stays cancellable.
        began, warned = self._clock.monotonic(), False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                waited = self._clock.monotonic() - began
                if waited > lock_timeout:
                    raise SourceNotAsked(
                        f"arXiv was not asked: another process has held {path} for"
                        f" {lock_timeout:.0f} seconds. Only one may ask at a time; fuser names it."
                    ) from error
                if waited > _LOCK_WARNING and not warned:
                    log.warning("waiting for another process, which holds %s", path)
                    warned = True
                await self._clock.sleep(_POLL)
            except OSError as error:
                raise _unusable(path, error) from error
            else:
                return


def _read(file: int) -> PaceState:
    raw = os.pread(file, 4096, 0)
    if not raw:
        return PaceState()
    try:
        held = json.loads(raw)
        return PaceState(
            ended=float(held["ended"]),
            until=float(held["until"]),
            refusals=int(held["refusals"]),
            reason=str(held["reason"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return PaceState(ended=math.inf)


def _write(file: int, state: PaceState) -> None:
    data = json.dumps(asdict(state)).encode()
    try:
        os.pwrite(file, data, 0)
        os.ftruncate(file, len(data))
    except OSError as error:
        # The answer is worth more than the record, and this process keeps its distance anyway.
        log.warning("Can't record when arXiv was asked: %s", error.strerror)


def _left_alone(state: PaceState) -> SourceThrottled:
    until = datetime.fromtimestamp(state.until, UTC)
    return SourceThrottled(
        f"arXiv is left alone until {until:%Y-%m-%d %H:%M} UTC. {state.reason}".rstrip(),
        until=until,
    )


def _unusable(path: Path, error: OSError) -> SourceNotAsked:
    return SourceNotAsked(
        f"arXiv was not asked, because {path} can't be used: {error.strerror}."
        " The data folder must be writable."
    )
