"""``daily-papers run``: look at the channels' times, deliver, and follow bot.toml, until stopped.

Keeps nothing that a restart needs: what is due, what is being sent and what was changed are in the
database. A look that was missed while the bot was down is made up at the start.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from datetime import datetime, timedelta
from functools import partial

from bot.app import Bot
from bot.delivery import Deliverer
from bot.errors import ConfigError
from bot.schedule import Bell

log = logging.getLogger(__name__)

WATCH_EVERY = timedelta(seconds=2)  # how soon an edit of bot.toml is noticed
# Before arXiv is asked again after an answer with holes; the last one repeats.
AGAIN_AFTER = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3))


class Service:
    """Use it once."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._bell = Bell()
        self._looking = asyncio.Lock()
        self._holes = 0  # looks in a row that brought no whole answer
        self._told = ""  # the mistake in bot.toml that was reported last
        self._tried: frozenset[str] = frozenset()  # new keywords that the last look asked about
        self._deliverers = bot.deliverers()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. What was being sent then is looked for at the next start."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopped.set)
        self._bell.start()
        now = self._bot.clock.now()
        self._bell.ring("look", now, self._look)
        self._bell.ring("watch", now + WATCH_EVERY, self._watch)
        log.info("running; stop with Ctrl-C or SIGTERM")
        try:
            await stopped.wait()
        finally:
            await self._bell.stop()
            log.info("stopped")

    async def _look(self) -> None:
        async with self._looking:
            soonest = self._bot.clock.now() + AGAIN_AFTER[-1]
            try:
                self._tried = await self._fresh()
                complete = await self._bot.look()
                self._holes = 0 if complete else self._holes + 1
                soonest = await self._next_look()
            finally:
                self._bell.ring("look", soonest, self._look)
        for deliverer in self._deliverers:
            self._deliver_at(self._bot.clock.now(), deliverer)

    async def _next_look(self) -> datetime:
        now = self._bot.clock.now()
        channels = await self._bot.store.publishable()
        times = [self._bot.timetable(channel).following(now) for channel in channels]
        if self._holes:
            times.append(now + AGAIN_AFTER[min(self._holes, len(AGAIN_AFTER)) - 1])
        return min(times, default=now + timedelta(days=1))

    async def _deliver(self, deliverer: Deliverer) -> None:
        await deliverer.deliver()
        soonest = await self._bot.store.next_claim(deliverer.platform)
        if soonest is not None:
            self._deliver_at(soonest, deliverer)

    def _deliver_at(self, at: datetime, deliverer: Deliverer) -> None:
        self._bell.ring(f"deliver {deliverer.platform}", at, partial(self._deliver, deliverer))

    async def _watch(self) -> None:
        try:
            if self._bot.file.changed_since_last_look():
                await self._take_over()
            # Also those that another process added (daily-papers keywords add). What a look could
            # not prime waits for the next one.
            if not await self._fresh() <= self._tried:
                self._bell.ring("look", self._bot.clock.now(), self._look)
        finally:
            self._bell.ring("watch", self._bot.clock.now() + WATCH_EVERY, self._watch)

    async def _fresh(self) -> frozenset[str]:
        interests = await self._bot.store.interests()
        return frozenset(keyword.canonical for keyword in interests.fresh)

    async def _take_over(self) -> None:
        """A wrong edit changes nothing, and is reported once."""
        try:
            await self._bot.synchronise()
        except ConfigError as error:
            if str(error) != self._told:
                log.warning("an edit was not taken over, nothing has changed: %s", error)
            self._told = str(error)
        else:
            self._told = ""
