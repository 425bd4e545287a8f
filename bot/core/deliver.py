"""deliver(): claim a post, look whether it arrived before, send it, settle what became of it.

Does not render, does not decide what is due, and never sends on a guess: a post whose last attempt
may have arrived is looked for first, and held where the platform can't say. Several channels are
served at once, so that a slow one delays no other; within a channel the store keeps the order. The
oldest goes first, but a channel with many messages makes way for the others after some of them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import (
    CannotTell,
    ChannelRefused,
    OutcomeUnknown,
    PlatformError,
    PostRefused,
    TryLater,
)
from bot.model import Channel, Post
from bot.ports import Clock, DeliveryStore, Sender

log = logging.getLogger(__name__)

Refused = Callable[[Channel, str], Awaitable[None]]

# Messages of a channel in a row while others wait: a digest of a hundred papers is not torn apart,
# and twenty channels with fifty messages each hold nobody up for minutes (Slack takes one a second
# in a channel, five in a workspace).
TURN = 10

SHORTEST_DELAY = 1.0  # seconds; a platform that says "again in 0 s" for ever must not spin us


@dataclass(frozen=True, slots=True)
class DeliveryTimeouts:
    """All durations in seconds.

    ``settling`` is how long a platform may take to store a message after we have lost sight of it.
    Looking for it earlier finds nothing, and sending it again would post it twice. Slack was seen
    to take two to four seconds; this leaves room for a minute.
    """

    send: float = 90.0  # an attempt that takes longer has an unknown outcome
    first_delay: float = 5.0  # doubles with each attempt
    longest_delay: float = 3600.0
    settling: float = 75.0
    refused: float = 3600.0  # before a channel that refused us is tried again; doubles

    @property
    def lease(self) -> float:
        """More than settling, looking for a post and sending it take together: a post is never in
        two hands at once."""
        return self.settling + 2 * self.send + 30.0


@dataclass
class Delivered:
    """What became of the posts that were taken in hand."""

    sent: int = 0
    requeue: int = 0
    held: int = 0
    dead: int = 0
    refused: int = 0


async def _tell_nobody(channel: Channel, reason: str) -> None:
    pass


class Deliverer:
    """Delivers one platform's posts, in order within a channel, ``workers`` channels at once.

    ``refused`` is awaited when a channel refuses us for the first time in a row.
    """

    def __init__(
        self,
        platform: str,
        sender: Sender,
        store: DeliveryStore,
        clock: Clock,
        rng: random.Random,
        patience: DeliveryTimeouts | None = None,
        *,
        workers: int = 1,
        refused: Refused = _tell_nobody,
    ) -> None:
        self.platform = platform
        self._sender = sender
        self._store = store
        self._clock = clock
        self._rng = rng
        self._patience = patience or DeliveryTimeouts()
        self._workers = workers
        self._refused = refused
        self._called = asyncio.Event()
        self._finishing = False
        self._in_hand: set[str] = set()
        # When a post may be looked for at the earliest, on a clock that can't jump: what the
        # database says of it is a time of the wall clock.
        self._settled_at: OrderedDict[str, float] = OrderedDict()
        self._recalled = False
        self._turns: Counter[str] = Counter()  # posts of each channel claimed in this round

    def call(self) -> None:
        """There may be something new to deliver; heard also while slow posts are in hand."""
        self._called.set()

    def finish(self) -> None:
        """Take nothing new in hand: ``deliver`` returns when what is in hand is settled."""
        self._finishing = True
        self._called.set()

    async def deliver(self, *, wait: float = 0.0) -> Delivered:
        """Deliver until nothing can be claimed now, or within ``wait`` further seconds.

        Raises StoreError, and PlatformRefused when the platform does not let us in. A post that is
        in hand then is found as uncertain by the next one who delivers.
        """
        done = Delivered()
        give_up = self._clock.monotonic() + wait
        await self._recall_unsettled()
        hands: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._called.clear()
                post = await self._claim() if len(hands) < self._workers else None
                if post is not None:
                    self._in_hand.add(post.key)
                    hands.add(asyncio.create_task(self._handle(post, done)))
                elif hands:
                    await self._next_event(hands)
                elif self._finishing or not await self._wait(give_up):
                    return done
        finally:
            for task in hands:
                task.cancel()
            await asyncio.gather(*hands, return_exceptions=True)

    async def _claim(self) -> Post | None:
        """A post that nobody has in hand. One that we still have is leased for longer: its lease
        only seemed to run out, because the wall clock jumped."""
        while not self._finishing:
            now = self._clock.now()
            lease_until = now + timedelta(seconds=self._patience.lease)
            deprioritised_channels = [
                channel for channel, posts in self._turns.items() if posts >= TURN
            ]
            post = await self._store.claim(self.platform, now, lease_until, deprioritised_channels)
            if post is None or post.channel.id in deprioritised_channels:
                self._turns.clear()  # nobody else is ready: all have had their turn
            if post is None:
                return None
            self._turns[post.channel.id] += 1
            if post.key not in self._in_hand:
                return post
        return None

    async def _next_event(self, hands: set[asyncio.Task[None]]) -> None:
        """Until a post in hand is settled, or somebody calls. Raises what ended a hand."""
        call = asyncio.create_task(self._called.wait())
        try:
            settled, _ = await asyncio.wait({*hands, call}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.cancel()
        for task in settled & hands:
            hands.discard(task)
            task.result()

    async def _wait(self, give_up: float) -> bool:
        """Until the next post can be claimed; false where that is too late or never."""
        soonest = await self._store.next_claim(self.platform)
        if soonest is None:
            return False
        delay = max(0.0, (soonest - self._clock.now()).total_seconds())
        if self._clock.monotonic() + delay > give_up:
            return False
        await self._clock.sleep(delay)
        return True

    async def _handle(self, post: Post, done: Delivered) -> None:
        try:
            if post.uncertain:
                await self._let_it_settle(post)
            if not post.uncertain or await self._is_certainly_missing(post, done):
                await self._send(post, done)
        finally:
            self._in_hand.discard(post.key)

    async def _recall_unsettled(self) -> None:
        """What earlier processes lost sight of a moment ago settles by our own clock from now."""
        if self._recalled:
            return
        unsettled = await self._store.unsettled(self.platform, self._clock.now())
        began = self._clock.monotonic()
        for key, seconds in unsettled.items():
            self._settled_at[key] = began + min(seconds, self._patience.settling)
        self._recalled = True

    def _lose_sight_of(self, post: Post) -> None:
        """An attempt has ended here, however it did; the platform may still be at it."""
        now = self._clock.monotonic()
        self._settled_at[post.key] = now + self._patience.settling
        self._settled_at.move_to_end(post.key)
        while self._settled_at and next(iter(self._settled_at.values())) <= now:
            self._settled_at.popitem(last=False)

    async def _let_it_settle(self, post: Post) -> None:
        """Not needed unless the wall clock was set forward, or the post's lease ran out."""
        left = self._settled_at.get(post.key, 0.0) - self._clock.monotonic()
        if left > 0:
            await self._clock.sleep(left)

    async def _is_certainly_missing(self, post: Post, done: Delivered) -> bool:
        """Settle a post that an earlier attempt brought through; true if none did."""
        try:
            async with asyncio.timeout(self._patience.send):
                receipt = await self._sender.find(post)
        except CannotTell as error:
            await self._hold(post, str(error), done)
            return False
        except ChannelRefused as error:
            await self._refuse(post, True, str(error), done)
            return False
        except (TryLater, OutcomeUnknown) as error:
            await self._look_later(post, error.seconds, str(error), done)
            return False
        except TimeoutError:
            await self._look_later(post, None, "asking whether it arrived took too long", done)
            return False
        except PlatformError as error:
            await self._look_later(post, None, str(error), done)
            raise
        if receipt is None:
            return True
        await self._store.mark_sent(post.key, receipt, self._clock.now())
        log.info("found key=%s channel=%s attempt=%d", post.key, post.channel.id, post.attempt)
        done.sent += 1
        return False

    async def _send(self, post: Post, done: Delivered) -> None:
        try:
            async with asyncio.timeout(self._patience.send):
                receipt = await self._sender.send(post)
        except TryLater as error:
            await self._requeue(post, error.seconds, str(error), done)
        except OutcomeUnknown as error:
            await self._look_later(post, error.seconds, str(error), done)
        except TimeoutError:
            await self._look_later(post, None, "sending it took too long", done)
        except CannotTell as error:
            await self._hold(post, str(error), done)
        except ChannelRefused as error:
            await self._refuse(post, False, str(error), done)
        except PlatformError as error:
            await self._requeue(post, None, str(error), done)
            raise
        except PostRefused as error:
            await self._store.dead_letter(post.key, self._clock.now(), str(error))
            log.error("dead key=%s channel=%s why=%s", post.key, post.channel.id, error)
            done.dead += 1
        else:
            await self._store.mark_sent(post.key, receipt, self._clock.now())
            log.info("sent key=%s channel=%s attempt=%d", post.key, post.channel.id, post.attempt)
            done.sent += 1
        finally:
            self._lose_sight_of(post)

    async def _requeue(
        self, post: Post, seconds: float | None, error: str, done: Delivered
    ) -> None:
        delay = self._backoff(post.attempt) if seconds is None else max(seconds, SHORTEST_DELAY)
        await self._store.requeue(post.key, self._clock.now(), delay, error)
        log.info("later key=%s channel=%s in=%.0fs why=%s", post.key, post.channel.id, delay, error)
        done.requeue += 1

    async def _look_later(
        self, post: Post, seconds: float | None, error: str, done: Delivered
    ) -> None:
        """Never before it has settled, however soon the platform would answer again."""
        wanted = self._backoff(post.attempt) if seconds is None else seconds
        delay = max(self._patience.settling, wanted, SHORTEST_DELAY)
        await self._store.mark_unknown(post.key, self._clock.now(), delay, error)
        log.warning("unknown key=%s channel=%s why=%s", post.key, post.channel.id, error)
        done.requeue += 1

    async def _hold(self, post: Post, error: str, done: Delivered) -> None:
        await self._store.hold_for_review(post.key, self._clock.now(), error)
        log.warning(
            "held key=%s channel=%s why=%s remedy='daily-papers resend %s' if it did not arrive",
            post.key, post.channel.id, error, post.key,
        )  # fmt: skip
        done.held += 1

    async def _refuse(self, post: Post, uncertain: bool, error: str, done: Delivered) -> None:
        first = await self._store.refuse(
            post.key, uncertain, self._clock.now(), error, self._patience.refused
        )
        log.log(
            logging.WARNING if first else logging.INFO,
            "paused channel=%s why=%s", post.channel.id, error,
        )  # fmt: skip
        done.refused += 1
        if first:
            await self._refused(post.channel, error)

    def _backoff(self, attempt: int) -> float:
        """Doubling delay with half of it jitter, so that many posts do not come back as one."""
        doubled = self._patience.first_delay * 2.0 ** min(attempt - 1, 30)
        return min(doubled, self._patience.longest_delay) * self._rng.uniform(0.5, 1.0)
