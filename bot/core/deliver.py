"""deliver(): claim a post, check whether it arrived before, send it, record the outcome.

Does not render, does not decide what is due, and never sends on a guess: a post whose last attempt
may have arrived is looked for first, and held for review where the platform can't say. Several
channels are served at once, so that a slow one delays no other, and each account (a workspace) has
places of its own, because its limits are its own. Within a channel the store keeps the order. The
oldest post goes first, but a channel with many makes way for the others after some of them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

from bot.errors import (
    BotError,
    CannotTell,
    ChannelGone,
    ChannelRefused,
    OutcomeUnknown,
    PlatformError,
    PostRefused,
    TryLater,
)
from bot.last_check import last_check
from bot.model import Channel, Post
from bot.ports import Clock, DeliveryStore, Sender

log = logging.getLogger(__name__)

OnRefused = Callable[[Channel, str], Awaitable[None]]

# Posts of a channel, and of a server, in a row while others wait: a digest of a hundred papers is
# not torn apart, and twenty channels with fifty messages each delay nobody for minutes (Slack takes
# one a second in a channel, five in a workspace).
POSTS_IN_A_ROW = 10

# Posts of all accounts together that are being sent: each may hold a connection, of the 1,024 open
# files that a process usually has, and some 100 kB. Accounts that never answer can hold all of them
# until their first attempts have timed out; from then on, places go to those that have the fewest.
MAX_IN_FLIGHT = 400

ACCOUNTS_INTERVAL = 1.0  # seconds between two looks at which accounts have posts to send

MIN_DELAY = 1.0  # seconds; a platform that says "again in 0 s" for ever must not make us spin


class DeliveryTimeouts(NamedTuple):
    """All durations in seconds.

    ``settling`` is how long a platform may take to store a message after the connection that
    brought it is gone. Looking for it earlier finds nothing, and sending it again would post it
    twice. Slack was seen to take two to four seconds; this leaves room for a minute.
    """

    send: float = 90.0  # an attempt that takes longer has an unknown outcome
    first_delay: float = 5.0  # before a second attempt; doubles with each one
    longest_delay: float = 3600.0
    settling: float = 75.0
    refused: float = 3600.0  # before a channel that refused us is tried again; doubles

    @property
    def lease(self) -> float:
        """Longer than settling, looking for a post and sending it take together: no two tasks ever
        work on the same post."""
        return self.settling + 2 * self.send + 30.0


def _may_send() -> None:
    """The check of a process that shares its platforms with no other: always passes."""


async def _notify_nobody(channel: Channel, reason: str) -> None:
    pass


class _Account:
    """An account with rate limits of its own: how many of its posts are in flight, and how many
    posts each of its channels and servers has sent in the current round."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.in_flight = 0
        self.has_none = False  # no post could be claimed at the last attempt
        self.by_channel: Counter[str] = Counter()
        self.by_server: Counter[str] = Counter()

    def count(self, post: Post | None) -> None:
        """Count a claimed post; ``None``: there was nothing to claim."""
        # If nobody else is ready, a new round begins.
        if post is None or post.server in _had_their_turn(self.by_server):
            self.by_server.clear()
        if post is None or post.channel.id in _had_their_turn(self.by_channel):
            self.by_channel.clear()
        if post is not None:
            self.by_channel[post.channel.id] += 1
            if post.server:
                self.by_server[post.server] += 1


class Deliverer:
    """Delivers one platform's posts, in order within a channel, ``workers`` channels of an account
    at once, and no more than ``max_in_flight`` of all.

    ``on_refused`` is awaited when a channel refuses us for the first time in a row, and ``on_gone``
    when there is no such channel any more. ``check`` is called right before a message is written to
    the network, and raises TryLater where another process may send it by now (``bot.last_check``).
    """

    def __init__(
        self,
        platform: str,
        sender: Sender,
        store: DeliveryStore,
        clock: Clock,
        rng: random.Random,
        timeouts: DeliveryTimeouts | None = None,
        *,
        workers: int = 1,
        max_in_flight: int = MAX_IN_FLIGHT,
        on_refused: OnRefused = _notify_nobody,
        on_gone: OnRefused = _notify_nobody,
        check: Callable[[], None] = _may_send,
    ) -> None:
        self.platform = platform
        self._sender = sender
        self._store = store
        self._clock = clock
        self._rng = rng
        self._timeouts = timeouts or DeliveryTimeouts()
        self._workers = workers
        self._max_in_flight = max_in_flight
        self._on_refused = on_refused
        self._on_gone = on_gone
        self._check = check
        self._wake = asyncio.Event()
        self._draining = False
        self._in_flight: set[str] = set()  # keys of the posts that a task of ours works on
        # When a post may be looked for at the earliest, on a clock that can't jump: what the
        # database says of it is a time of the wall clock.
        self._settled_at: OrderedDict[str, float] = OrderedDict()
        self._loaded_unsettled = False
        self._accounts: dict[str, _Account] = {}
        self._looked_at: float | None = None  # which accounts have posts, monotonic

    def wake(self) -> None:
        """Look for new posts to deliver, even while slow ones are in flight."""
        self._looked_at = None
        self._wake.set()

    def drain(self) -> None:
        """Claim nothing more: ``deliver`` returns when what is in flight is settled."""
        self._draining = True
        self._wake.set()

    def take_over(self) -> None:
        """Read again which posts have not settled: another process may have been delivering."""
        self._loaded_unsettled = False

    async def deliver(self, *, wait: float = 0.0) -> None:
        """Deliver until nothing can be claimed now, or within ``wait`` further seconds.

        Raises StoreError, and PlatformRefused when the platform does not let us in. A post that is
        in flight at that time is uncertain for the process that delivers next.
        """
        give_up_at = self._clock.monotonic() + wait
        self._looked_at = None
        await self._load_unsettled()
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                claimed = await self._claim() if len(tasks) < self._max_in_flight else None
                if claimed is not None:
                    tasks.add(asyncio.create_task(self._deliver_claimed(*claimed)))
                elif tasks:
                    await self._wait_for_any(tasks)
                elif self._draining or not await self._wait_for_next(give_up_at):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- which post is next ----------------------------------------------------------------------

    async def _load_unsettled(self) -> None:
        """From now on, time the posts that earlier processes have just sent by our own clock."""
        if self._loaded_unsettled:
            return
        unsettled = await self._store.unsettled(self.platform, self._clock.now())
        began = self._clock.monotonic()
        for key, seconds in unsettled.items():
            self._settled_at[key] = began + min(seconds, self._timeouts.settling)
        self._loaded_unsettled = True

    async def _claim(self) -> tuple[_Account, Post] | None:
        """Claim a post that no task is working on, from the account with the fewest in flight; of
        several, from the one whose last turn was longest ago."""
        await self._look_for_accounts()
        while not self._draining:
            free = [
                each
                for each in self._accounts.values()
                if each.in_flight < self._workers and not each.has_none
            ]
            if not free:
                return None
            account = min(free, key=lambda each: each.in_flight)
            post = await self._claim_for(account)
            if post is not None:
                self._in_flight.add(post.key)
                account.in_flight += 1
                self._accounts[account.name] = self._accounts.pop(account.name)  # to the end
                return account, post
            account.has_none = True
        return None

    async def _look_for_accounts(self) -> None:
        now = self._clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < ACCOUNTS_INTERVAL:
            return
        self._looked_at = now
        waiting = dict.fromkeys(await self._store.waiting_accounts(self.platform))
        self._accounts = {
            name: each for name, each in self._accounts.items() if each.in_flight or name in waiting
        }
        for name in waiting:
            if name not in self._accounts:
                self._accounts[name] = _Account(name)
        for account in self._accounts.values():
            account.has_none = False

    async def _claim_for(self, account: _Account) -> Post | None:
        """Claiming a post that one of our tasks already has extends its lease: it only seemed to
        have expired, because the wall clock jumped."""
        while not self._draining:
            now = self._clock.now()
            lease_until = now + timedelta(seconds=self._timeouts.lease)
            channels = _had_their_turn(account.by_channel)
            servers = _had_their_turn(account.by_server)
            post = await self._store.claim(account.name, now, lease_until, channels, servers)
            account.count(post)
            if post is None or post.key not in self._in_flight:
                return post
        return None

    async def _wait_for_any(self, tasks: set[asyncio.Task[None]]) -> None:
        """Until a task ends or ``wake``. Re-raises the error of a delivery task that failed."""
        woken = asyncio.create_task(self._wake.wait())
        try:
            ended, _ = await asyncio.wait({*tasks, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        for task in ended & tasks:
            tasks.discard(task)
            error = task.exception()
            if isinstance(error, BotError):
                raise error
            if error is not None:
                # Nobody knows what became of that post: it stays claimed until its lease ends, and
                # is searched for then. The others go on.
                log.error("delivering one post failed unexpectedly", exc_info=error)

    async def _wait_for_next(self, give_up_at: float) -> bool:
        """Wait until the next post can be claimed; false if that is too late, or never."""
        now = self._clock.now()
        next_claim = await self._store.next_claim(self.platform, now)
        if next_claim is None:
            return False
        delay = max(0.0, (next_claim - now).total_seconds())
        if self._clock.monotonic() + delay > give_up_at:
            return False
        await self._clock.sleep(delay)
        self._looked_at = None
        return True

    # -- one post --------------------------------------------------------------------------------

    async def _deliver_claimed(self, account: _Account, post: Post) -> None:
        try:
            if post.uncertain:
                await self._wait_until_settled(post)
            if not post.uncertain or await self._is_certainly_missing(post):
                await self._send(post)
        finally:
            self._in_flight.discard(post.key)
            account.in_flight -= 1
            account.has_none = False  # the channel's next post, perhaps

    async def _wait_until_settled(self, post: Post) -> None:
        """Returns at once unless the wall clock was set forward, or the post's lease ran out."""
        left = self._settled_at.get(post.key, 0.0) - self._clock.monotonic()
        if left > 0:
            await self._clock.sleep(left)

    async def _is_certainly_missing(self, post: Post) -> bool:
        """Look for a post whose earlier attempt may have arrived; true if none did. Where it did,
        or nobody can say now, the outcome is recorded."""
        try:
            async with asyncio.timeout(self._timeouts.send):
                receipt = await self._sender.find(post)
        except CannotTell as error:
            await self._hold_for_review(post, str(error))
            return False
        except ChannelRefused as error:
            await self._pause_channel(post, True, error)
            return False
        except (TryLater, OutcomeUnknown) as error:
            await self._mark_unknown(post, error.seconds, str(error))
            return False
        except TimeoutError:
            await self._mark_unknown(post, None, "asking whether it arrived took too long")
            return False
        except PlatformError as error:
            await self._mark_unknown(post, None, str(error))
            raise
        if receipt is None:
            return True
        await self._store.mark_sent(post.key, receipt, self._clock.now())
        log.info("found key=%s channel=%s attempt=%d", post.key, post.channel.id, post.attempt)
        return False

    async def _send(self, post: Post) -> None:
        try:
            self._check()
            with last_check(self._check):
                async with asyncio.timeout(self._timeouts.send):
                    receipt = await self._sender.send(post)
        except TryLater as error:
            await self._requeue(post, error.seconds, str(error))
        except OutcomeUnknown as error:
            await self._mark_unknown(post, error.seconds, str(error))
        except TimeoutError:
            await self._mark_unknown(post, None, "sending it took too long")
        except CannotTell as error:
            await self._hold_for_review(post, str(error))
        except ChannelRefused as error:
            await self._pause_channel(post, False, error)
        except PlatformError as error:
            await self._requeue(post, None, str(error))
            raise
        except PostRefused as error:
            await self._store.dead_letter(post.key, self._clock.now(), str(error))
            log.error("dead key=%s channel=%s why=%s", post.key, post.channel.id, error)
        else:
            await self._store.mark_sent(post.key, receipt, self._clock.now())
            log.info("sent key=%s channel=%s attempt=%d", post.key, post.channel.id, post.attempt)
        finally:
            self._start_settling(post)

    def _start_settling(self, post: Post) -> None:
        """An attempt has ended here, whatever its outcome; the platform may still work on it."""
        now = self._clock.monotonic()
        self._settled_at[post.key] = now + self._timeouts.settling
        self._settled_at.move_to_end(post.key)
        while self._settled_at and next(iter(self._settled_at.values())) <= now:
            self._settled_at.popitem(last=False)

    # -- outcomes --------------------------------------------------------------------------------

    async def _requeue(self, post: Post, seconds: float | None, error: str) -> None:
        """It did not arrive; it is sent again after ``seconds``, or after a growing delay."""
        delay = self._backoff(post.attempt) if seconds is None else max(seconds, MIN_DELAY)
        await self._store.requeue(post.key, self._clock.now(), delay, error)
        log.info(
            "requeued key=%s channel=%s in=%.0fs why=%s", post.key, post.channel.id, delay, error
        )

    async def _mark_unknown(self, post: Post, seconds: float | None, error: str) -> None:
        """It may have arrived; it is looked for after ``seconds``, or after a growing delay, but
        never before it has settled, however soon the platform would answer again."""
        wanted = self._backoff(post.attempt) if seconds is None else seconds
        delay = max(self._timeouts.settling, wanted, MIN_DELAY)
        await self._store.mark_unknown(post.key, self._clock.now(), delay, error)
        log.warning("unknown key=%s channel=%s why=%s", post.key, post.channel.id, error)

    async def _hold_for_review(self, post: Post, error: str) -> None:
        """Nobody can say whether it arrived; a person decides."""
        await self._store.hold_for_review(post.key, self._clock.now(), error)
        remedy = f"daily-papers resend {post.key}, if it did not arrive"
        log.warning(
            "held key=%s channel=%s why=%s remedy=%s", post.key, post.channel.id, error, remedy
        )

    async def _pause_channel(self, post: Post, uncertain: bool, error: ChannelRefused) -> None:
        """The channel refuses us; its posts wait. ``uncertain``: this one may have arrived."""
        first = await self._store.refuse(
            post.key, uncertain, self._clock.now(), str(error), self._timeouts.refused
        )
        level = logging.WARNING if first else logging.INFO
        log.log(level, "paused channel=%s why=%s", post.channel.id, error)
        if isinstance(error, ChannelGone):
            await self._on_gone(post.channel, str(error))
        elif first:
            await self._on_refused(post.channel, str(error))

    def _backoff(self, attempt: int) -> float:
        """Doubling delay with half of it jitter, so that many posts do not come back as one."""
        doubled = self._timeouts.first_delay * 2.0 ** min(attempt - 1, 30)
        return min(doubled, self._timeouts.longest_delay) * self._rng.uniform(0.5, 1.0)


def _had_their_turn(claimed: Counter[str]) -> list[str]:
    """The channels and servers that have sent so many posts in a row that others go first."""
    return [each for each, posts in claimed.items() if posts >= POSTS_IN_A_ROW]
