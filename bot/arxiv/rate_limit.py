"""The rate limit for arXiv: one request at a time, some seconds apart, for all senders together.

arXiv's terms of use (info.arxiv.org/help/api/tou, November 2026) allow one request every three
seconds over one connection, for everything under one's control together. So a permit to send is a
lock on a file that all processes of a host share, or a lease in the database where processes of
several hosts share one; the file, or a row, says when the last request ended, and until when arXiv
wants to be left alone.

Decides nothing about responses: ``bot.arxiv.client`` records how a request went.
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
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bot.errors import SourceNotAsked, SourceThrottled, StoreError
from bot.model.roles import ARXIV
from bot.ports import Clock, PaceStore
from bot.private_files import make_folder, open_file, reason

log = logging.getLogger(__name__)

ARXIV_INTERVAL_SECONDS: Final = 3.0
"""Seconds between requests that arXiv asks for. Longer waits are stated for it, and scale."""

_PAUSES_SECONDS: Final = (300.0, 900.0, 3600.0, 10800.0)
"""Seconds to leave arXiv alone after so many refusals in a row. Its blocks can last for hours."""

_JITTER: Final = 0.25
MAX_PAUSE_SECONDS: Final = 24 * 3600.0

_LOCK_POLL_SECONDS: Final = 0.25
LOCK_TIMEOUT_SECONDS: Final = 900.0
"""How long to wait for other processes to end their requests: several, each at its longest."""

INTERACTIVE_LOCK_TIMEOUT_SECONDS: Final = 60.0
"""The same where a person waits for the answer."""

_LEASE_SECONDS: Final = 15.0  # of the permit in a database, renewed while a request lasts
_LOCK_WARNING_SECONDS: Final = 10.0  # until the log says what is waited for
_SKEW_SECONDS: Final = 60.0  # a clock that was set back by less than this was only corrected


@dataclass(slots=True)
class RateState:
    """What the pace file, or the row, holds: when the last request ended, and until when to send
    none.

    Times are seconds since 1970; ``refusals`` are those in a row.
    """

    last_request_at: float = 0.0
    paused_until: float = 0.0
    refusals: int = 0
    reason: str = ""

    def is_plausible(self, now: float) -> bool:
        """Not from the future, and not paused for longer than we ever are."""
        longest = MAX_PAUSE_SECONDS + _SKEW_SECONDS
        return (
            0 <= self.last_request_at <= now + _SKEW_SECONDS
            and 0 <= self.paused_until <= self.last_request_at + longest
            and 0 <= self.refusals < 10_000
        )

    def recompute(self, now: float) -> None:
        """Where the clock was ahead when this was written: the request was sent now, and arXiv is
        left alone for as long as it was to be."""
        ahead = self.last_request_at - now
        if math.isfinite(ahead) and ahead > _SKEW_SECONDS:
            self.last_request_at = now
            self.paused_until = max(0.0, self.paused_until - ahead)

    def reset(self) -> None:
        """Forget everything, as if nothing had ever been sent."""
        self.last_request_at = self.paused_until = 0.0
        self.refusals = 0
        self.reason = ""


class Permit:
    """The right to send one request now. Record how it went, or nothing if it just failed."""

    def __init__(self, state: RateState, clock: Clock, interval: float, rng: random.Random) -> None:
        self._state = state
        self._clock = clock
        self._scale = interval / ARXIV_INTERVAL_SECONDS
        self._rng = rng

    @property
    def refusals(self) -> int:
        """How often in a row arXiv refused us before this request."""
        return self._state.refusals

    def record_success(self) -> None:
        """arXiv answered as it should: earlier refusals no longer count."""
        self._state.paused_until = 0.0
        self._state.refusals = 0
        self._state.reason = ""

    def pause(self, seconds: float, reason: str) -> datetime:
        """Block all requests for so many seconds. Returns the end of the pause."""
        until = self._clock.now() + timedelta(seconds=min(seconds, MAX_PAUSE_SECONDS))
        self._state.paused_until = until.timestamp()
        self._state.reason = reason
        return until

    def record_refusal(self, reason: str, retry_after: float = 0.0) -> datetime:
        """arXiv refused us, or did not answer: pause, longer each time in a row.

        ``retry_after`` is what it asked for, in seconds. Returns until when.
        """
        own = _PAUSES_SECONDS[min(self._state.refusals, len(_PAUSES_SECONDS) - 1)]
        own *= self._scale * self._rng.uniform(1, 1 + _JITTER)
        self._state.refusals += 1
        return self.pause(max(own, retry_after), reason)


class RateLimiter:
    """Grants permits. All who send requests to arXiv from one host share a limiter, or at least
    its file.

    With ``shared`` it is the database in place of the file. Without either only those who share
    this object are kept apart. ``interval`` is in seconds;
    those who wait between their requests do so by the limiter's ``clock`` and ``rng``.
    """

    def __init__(
        self,
        *,
        interval: float,
        clock: Clock,
        path: Path | None,
        rng: random.Random,
        shared: PaceStore | None = None,
    ) -> None:
        self._shared = shared
        self._fence: int | None = None  # of our last lease: another one sent nothing since
        self.interval = interval
        self.clock = clock
        self._path = path
        self.rng = rng
        self._lock = asyncio.Lock()
        self._state_without_file = RateState()
        self._last_request: float | None = None  # of our own, on a clock that can't jump

    @asynccontextmanager
    async def permit(self, lock_timeout: float = LOCK_TIMEOUT_SECONDS) -> AsyncIterator[Permit]:
        """Wait until a request may start; nobody else sends one before the block ends.

        Waits at most ``interval`` seconds after the request before, whatever the wall clock does,
        and beside that only for requests under way. Raises SourceThrottled at once while arXiv is
        left alone, and SourceNotAsked if the pace file can't be used, or another process holds it
        for ``lock_timeout`` seconds.
        """
        async with self._lock, self._state(lock_timeout) as state:
            now = self.clock.now().timestamp()
            state.recompute(now)
            if not state.is_plausible(now):
                log.warning("arXiv's pace file is damaged; it is rewritten")
                state.reset()
            if state.paused_until > now:
                raise _paused(state)
            await self._wait_interval(state, now)
            try:
                yield Permit(state, self.clock, self.interval, self.rng)
            finally:
                state.last_request_at = self.clock.now().timestamp()
                self._last_request = self.clock.monotonic()

    async def _wait_interval(self, state: RateState, now: float) -> None:
        wait = min(state.last_request_at + self.interval - now, self.interval)
        if self._last_request is not None:
            wait = max(wait, self._last_request + self.interval - self.clock.monotonic())
        if wait > 0:
            await self.clock.sleep(wait)

    @asynccontextmanager
    async def _state(self, lock_timeout: float) -> AsyncIterator[RateState]:
        if self._shared is not None:
            async with self._shared_state(self._shared, lock_timeout) as state:
                yield state
            return
        if self._path is None:
            yield self._state_without_file
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

    @asynccontextmanager
    async def _shared_state(
        self, store: PaceStore, lock_timeout: float
    ) -> AsyncIterator[RateState]:
        try:
            fence = await self._acquire(store, lock_timeout)
            state = _parsed((await store.pace()).encode())
        except StoreError as error:
            raise SourceNotAsked(f"arXiv was not asked: {error}") from error
        renewing = asyncio.create_task(self._renew(store))
        try:
            if fence != self._fence:
                # Another process sent the last request, by a clock that may differ from ours.
                await self.clock.sleep(self.interval)
                self._fence = fence
            yield state
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            try:
                await store.save_pace(json.dumps(asdict(state)))
                await store.release_lease(ARXIV)
            except StoreError as error:
                # The answer is worth more than the record; the lease ends by itself.
                log.warning("arXiv's pace can't be recorded: %s", error)

    async def _acquire(self, store: PaceStore, lock_timeout: float) -> int:
        began = self.clock.monotonic()
        while (fence := await store.acquire_lease(ARXIV, _LEASE_SECONDS)) is None:
            if self.clock.monotonic() - began > lock_timeout:
                raise SourceNotAsked(
                    "arXiv was not asked: another process has asked it for"
                    f" {lock_timeout:.0f} seconds. Only one may ask at a time."
                )
            await self.clock.sleep(_LOCK_POLL_SECONDS)
        return fence

    async def _renew(self, store: PaceStore) -> None:
        while True:
            await self.clock.sleep(_LEASE_SECONDS / 3)
            with suppress(StoreError):  # the next one may succeed, and the request is under way
                await store.acquire_lease(ARXIV, _LEASE_SECONDS)

    async def _lock_file(self, path: Path, file: int, lock_timeout: float) -> None:
        # Polled instead of waited for, so that it stays cancellable.
        began, warned = self.clock.monotonic(), False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                waited = self.clock.monotonic() - began
                if waited > lock_timeout:
                    raise SourceNotAsked(
                        f"arXiv was not asked: another process has held {path} for"
                        f" {lock_timeout:.0f} seconds. Only one may ask at a time; fuser names it."
                    ) from error
                if waited > _LOCK_WARNING_SECONDS and not warned:
                    log.warning("waiting for another process, which holds %s", path)
                    warned = True
                await self.clock.sleep(_LOCK_POLL_SECONDS)
            except OSError as error:
                raise _unusable(path, error) from error
            else:
                return


def _read(file: int) -> RateState:
    return _parsed(os.pread(file, 4096, 0))


def _parsed(raw: bytes) -> RateState:
    if not raw:
        return RateState()
    try:
        held = json.loads(raw)
        return RateState(
            last_request_at=float(held["last_request_at"]),
            paused_until=float(held["paused_until"]),
            refusals=int(held["refusals"]),
            reason=str(held["reason"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return RateState(last_request_at=math.inf)


def _write(file: int, state: RateState) -> None:
    data = json.dumps(asdict(state)).encode()
    try:
        os.pwrite(file, data, 0)
        os.ftruncate(file, len(data))
    except OSError as error:
        # The answer is worth more than the record, and this process keeps its distance anyway.
        log.warning("the pace file can't be written: %s", error.strerror)


def _paused(state: RateState) -> SourceThrottled:
    until = datetime.fromtimestamp(state.paused_until, UTC)
    return SourceThrottled(
        f"arXiv is left alone until {until:%Y-%m-%d %H:%M} UTC. {state.reason}".rstrip(),
        until=until,
    )


def _unusable(path: Path, error: OSError) -> SourceNotAsked:
    return SourceNotAsked(
        f"arXiv was not asked, because {path} can't be used: {reason(error, path)}."
        " The data folder must be writable."
    )
