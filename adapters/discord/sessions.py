"""When a session of Discord's gateway may begin, over all restarts and processes.

Discord counts identifications: 1,000 a day, then it ends all sessions and resets the bot's token;
and of the shards whose numbers are the same modulo ``max_concurrency`` one may identify every 5
seconds (docs, topics/gateway, "Session Start Limit Object", 2026-08-06). A program that is started
again and again spends them in hours. So each is recorded in the database before it is made, some
are never used, and what Discord has refused for good is left alone for an hour.
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

# Discord counts from one arrival to the next and wants five seconds: half a second is for what the
# way there takes at one time longer than at another.
IDENTIFY_INTERVAL: Final = timedelta(seconds=5.5)
RESERVED_SESSIONS: Final = 50  # of a day's: for other users of the token, and for failures
# How long a connection that is open already may wait for its turn: the library gives up after 60.
MAX_WAIT: Final = timedelta(seconds=45)
HOLD: Final = timedelta(hours=1)  # after a refusal that only a person can lift
MAX_UNANSWERED: Final = 4  # sessions of a shard in a row that end before they have begun

USED_UP: Final = (
    "The bot has begun as many sessions at Discord as are safe: of {total} a day {left} are left,"
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
    """What Discord says of connecting (docs, Get Gateway Bot): how many shards it recommends, and
    how many sessions may still begin until ``reset_after``."""

    shards: int
    total: int
    remaining: int
    reset_after: timedelta
    max_concurrency: int

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> GatewayInfo:
        """Raises what ``errors.UNREADABLE`` names for what is no such answer."""
        limit = answer["session_start_limit"]
        return cls(
            shards=max(1, int(answer["shards"])),
            total=int(limit["total"]),
            remaining=int(limit["remaining"]),
            reset_after=timedelta(milliseconds=int(limit["reset_after"])),
            max_concurrency=max(1, int(limit["max_concurrency"])),
        )


class SessionBudget:
    """Of one token. Every method that takes a turn raises PlatformRefused and StoreError."""

    def __init__(self, store: SessionStore, token: str, clock: Clock) -> None:
        self._store = store
        self.account = f"discord:{hashlib.sha256(token.encode()).hexdigest()[:16]}"
        self._clock = clock
        self._info = GatewayInfo(1, 1000, 1000, timedelta(days=1), 1)
        self._unanswered: Counter[int] = Counter()  # by shard, sessions that did not begin yet

    async def check_hold(self) -> None:
        """Whether an earlier refusal is over. Makes no request."""
        held = await self._store.sessions_held(self.account, self._clock.now())
        if held is not None:
            reason, until = held
            raise PlatformRefused(reason, self._seconds_until(until))

    def check_remaining(self, info: GatewayInfo, shards: Sequence[int]) -> None:
        """Whether so many shards may begin a session now, as Discord counts."""
        self._info = info
        if info.remaining - len(shards) < RESERVED_SESSIONS:
            at = self._clock.now() + info.reset_after
            text = USED_UP.format(total=info.total, left=info.remaining, at=at)
            raise PlatformRefused(text, info.reset_after.total_seconds())

    async def wait_for_turn(self, shard: int) -> None:
        """Record that the shard begins a session, as soon as one may."""
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
