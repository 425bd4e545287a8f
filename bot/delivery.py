"""deliver(): claim a post, look whether it arrived before, send it, settle what became of it.

Does not render, does not decide what is due, and never sends on a guess: a post whose last attempt
may have arrived is looked for first, and held where the platform can't say.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import CannotTell, ChannelRefused, OutcomeUnknown, PostRefused, TryLater
from bot.model import Post
from bot.ports import Clock, DeliveryStore, Sender

log = logging.getLogger(__name__)

SHORTEST_DELAY = 1.0  # seconds; a platform that says "again in 0 s" for ever must not spin us


@dataclass(frozen=True, slots=True)
class Patience:
    """All durations in seconds. ``lease`` must be longer than ``send``: a post is never in two
    hands at once."""

    send: float = 90.0  # an attempt that takes longer has an unknown outcome
    lease: float = 180.0
    first_delay: float = 5.0  # doubles with each attempt
    longest_delay: float = 3600.0
    settling: float = 30.0  # before asking whether an uncertain post arrived
    refused: float = 3600.0  # before a channel that refused us is tried again; doubles


@dataclass
class Delivered:
    """What became of the posts that were taken in hand."""

    sent: int = 0
    put_back: int = 0
    held: int = 0
    dead: int = 0
    refused: int = 0


class Deliverer:
    """Delivers one platform's posts, in order within a channel."""

    def __init__(
        self,
        platform: str,
        sender: Sender,
        store: DeliveryStore,
        clock: Clock,
        rng: random.Random,
        patience: Patience | None = None,
    ) -> None:
        self.platform = platform
        self._sender = sender
        self._store = store
        self._clock = clock
        self._rng = rng
        self._patience = patience or Patience()

    async def deliver(self, *, wait: float = 0.0) -> Delivered:
        """Deliver until nothing can be claimed now, or within ``wait`` further seconds.

        Raises StoreError; a post in hand is then found as uncertain by the next one who delivers.
        """
        done = Delivered()
        give_up = self._clock.monotonic() + wait
        while True:
            if await self._deliver_next(done):
                continue
            soonest = await self._store.next_claim(self.platform)
            if soonest is None:
                return done
            delay = max(0.0, (soonest - self._clock.now()).total_seconds())
            if self._clock.monotonic() + delay > give_up:
                return done
            await self._clock.sleep(delay)

    async def _deliver_next(self, done: Delivered) -> bool:
        now = self._clock.now()
        lease_until = now + timedelta(seconds=self._patience.lease)
        post = await self._store.claim(self.platform, now, lease_until)
        if post is None:
            return False
        if not post.uncertain or await self._is_certainly_missing(post, done):
            await self._send(post, done)
        return True

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
            await self._ask_later(post, error.seconds, str(error), done)
            return False
        except TimeoutError:
            await self._ask_later(post, None, "asking whether it arrived took too long", done)
            return False
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
            await self._put_back(post, error.seconds, str(error), done)
        except OutcomeUnknown as error:
            await self._ask_later(post, error.seconds, str(error), done)
        except TimeoutError:
            await self._ask_later(post, None, "sending it took too long", done)
        except CannotTell as error:
            await self._hold(post, str(error), done)
        except ChannelRefused as error:
            await self._refuse(post, False, str(error), done)
        except PostRefused as error:
            await self._store.bury(post.key, self._clock.now(), str(error))
            log.error("dead key=%s channel=%s why=%s", post.key, post.channel.id, error)
            done.dead += 1
        else:
            await self._store.mark_sent(post.key, receipt, self._clock.now())
            log.info("sent key=%s channel=%s attempt=%d", post.key, post.channel.id, post.attempt)
            done.sent += 1

    async def _put_back(
        self, post: Post, seconds: float | None, error: str, done: Delivered
    ) -> None:
        delay = self._backoff(post.attempt) if seconds is None else max(seconds, SHORTEST_DELAY)
        not_before = self._clock.now() + timedelta(seconds=delay)
        await self._store.put_back(post.key, not_before, error)
        log.info("later key=%s channel=%s in=%.0fs why=%s", post.key, post.channel.id, delay, error)
        done.put_back += 1

    async def _ask_later(
        self, post: Post, seconds: float | None, error: str, done: Delivered
    ) -> None:
        settling = max(self._patience.settling, self._backoff(post.attempt))
        delay = settling if seconds is None else max(seconds, SHORTEST_DELAY)
        not_before = self._clock.now() + timedelta(seconds=delay)
        await self._store.mark_unknown(post.key, not_before, error)
        log.warning("unknown key=%s channel=%s why=%s", post.key, post.channel.id, error)
        done.put_back += 1

    async def _hold(self, post: Post, error: str, done: Delivered) -> None:
        await self._store.hold(post.key, self._clock.now(), error)
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

    def _backoff(self, attempt: int) -> float:
        """Doubling delay with half of it jitter, so that many posts do not come back as one."""
        doubled = self._patience.first_delay * 2.0 ** min(attempt - 1, 30)
        return min(doubled, self._patience.longest_delay) * self._rng.uniform(0.5, 1.0)
