"""When a session of Discord's gateway may begin, over all restarts and processes.

Discord limits identifications: after 1,000 in a day it ends all sessions and resets the bot's
token; and among the shards whose numbers are equal modulo ``max_concurrency``, only one may
identify every 5 seconds (docs, topics/gateway, "Session Start Limit Object", 2026-08-06). A program
that restarts again and again uses them up within hours. So each is recorded in the database before
it is made, some are kept in reserve, and after a permanent refusal none is made for an hour.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot.errors import PlatformRefused
from bot.ports import Clock, SessionStore

log = logging.getLogger(__name__)

# Discord wants five seconds between the arrivals of two requests: the extra half second allows for
# varying delays on the network.
IDENTIFY_INTERVAL: Final = timedelta(seconds=5.5)
RESERVED_SESSIONS: Final = 50  # a day, for other users of the token and for failures
# How long a connection that is open already may wait for its turn: the library gives up after 60.
MAX_WAIT: Final = timedelta(seconds=45)
HOLD: Final = timedelta(hours=1)  # after a refusal that only a person can lift
MAX_UNANSWERED: Final = 4  # consecutive sessions of a shard that Discord ends before they begin

USED_UP: Final = (
    "The bot has begun as many sessions at Discord as is safe: {left} of {total} a day are left,"
    " and with the last one Discord resets the token. It connects again at {at:%H:%M} UTC. Does"
    " something start it again and again, or does another program use its token?"
)
TOO_OFTEN: Final = (
    "The bot has begun so many sessions at Discord in a short time that it waits until {at:%H:%M}"
    " UTC: with too many in a day Discord resets the token. Does something start it again and"
    " again?"
)
UNANSWERED: Final = (
    "Discord ends each new session at once (invalid session). See discordstatus.com."
)


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """What Discord says about connecting (docs, Get Gateway Bot): how many shards it recommends,
    and how many sessions may still begin until ``reset_after``."""

    shards: int
    total: int
    remaining: int
    reset_after: timedelta
    max_concurrency: int

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> GatewayInfo:
        """Raises one of ``errors.UNREADABLE`` if the answer has another shape."""
        limit = answer["session_start_limit"]
        return cls(
            shards=max(1, int(answer["shards"])),
            total=int(limit["total"]),
            remaining=int(limit["remaining"]),
            reset_after=timedelta(milliseconds=int(limit["reset_after"])),
            max_concurrency=max(1, int(limit["max_concurrency"])),
        )


class SessionBudget:
    """The sessions that may begin with one token. What checks or waits raises PlatformRefused;
    what needs the database, StoreError."""

    def __init__(self, store: SessionStore, token: str, clock: Clock) -> None:
        self._store = store
        self.account = f"discord:{hashlib.sha256(token.encode()).hexdigest()[:16]}"
        self._clock = clock
        self._info = GatewayInfo(1, 1000, 1000, timedelta(days=1), 1)
        self._unanswered: Counter[int] = Counter()  # by shard, sessions that did not begin yet

    async def check_hold(self) -> None:
        """Raises PlatformRefused while an earlier refusal holds. Makes no request."""
        held = await self._store.sessions_held(self.account, self._clock.now())
        if held is not None:
            reason, until = held
            raise PlatformRefused(reason, self._seconds_until(until))

    def check_remaining(self, info: GatewayInfo, shards: Sequence[int]) -> None:
        """Raises PlatformRefused if, by Discord's count, the shards may not begin sessions now."""
        self._info = info
        if info.remaining - len(shards) < RESERVED_SESSIONS:
            at = self._clock.now() + info.reset_after
            text = USED_UP.format(total=info.total, left=info.remaining, at=at)
            raise PlatformRefused(text, info.reset_after.total_seconds())

    async def wait_for_turn(self, shard: int) -> None:
        """Wait until the shard may begin a session, and record that it does."""
        if self._unanswered[shard] >= MAX_UNANSWERED:
            self._unanswered[shard] = MAX_UNANSWERED - 1  # after the hold it is tried once
            raise await self.hold(UNANSWERED)
        info = self._info
        give_up_at = self._clock.monotonic() + MAX_WAIT.total_seconds()
        while (
            at := await self._store.claim_session(
                self.account,
                shard % info.max_concurrency,
                self._clock.now(),
                interval=IDENTIFY_INTERVAL,
                hourly=max(info.total // 24, 2 * info.shards),
                daily=max(1, info.total - RESERVED_SESSIONS),
            )
        ) is not None:
            wait = self._seconds_until(at)
            if self._clock.monotonic() + wait > give_up_at:
                raise PlatformRefused(TOO_OFTEN.format(at=at), wait)
            await self._clock.sleep(wait)
        self._unanswered[shard] += 1

    def begun(self, shard: int) -> None:
        """Discord has begun the session that was claimed last."""
        self._unanswered[shard] = 0

    async def hold(self, reason: str) -> PlatformRefused:
        """Discord refuses every session: begin none for an hour. Returns the error to raise."""
        seconds = HOLD.total_seconds()
        await self._store.hold_sessions(self.account, self._clock.now(), seconds, reason)
        return PlatformRefused(reason, seconds)

    def _seconds_until(self, at: datetime) -> float:
        return max(0.0, (at - self._clock.now()).total_seconds())
