"""``daily-papers run`` around the service: it begins as soon as the database server answers, and
again with ``bot.toml`` as it is after SIGHUP.

A server that does not answer ends nothing: whatever watches the bot would only start it again and
again, and nobody could ask it why. Decides nothing about what the service does.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from bot.app.bot import Bot
from bot.app.reloads import Reloads
from bot.app.scheduler import UNAVAILABLE_RETRY_DELAY
from bot.app.wiring import build_service, open_bot
from bot.clock import SystemClock
from bot.config import Config
from bot.errors import StoreUnavailable
from bot.monitoring.endpoint import MonitoringReport
from bot.monitoring.endpoint import serving as serving_health
from bot.ports import Clock

log = logging.getLogger(__name__)

LOG_INTERVAL = timedelta(minutes=1)  # while the server does not answer


async def serve(config: Config, reloads: Reloads) -> None:
    """Serve until stopped. Raises ConfigError, GaveUp and StoreError, but waits while the database
    server does not answer."""
    following: Config | None = config
    resuming = False
    with reloads.in_loop():
        while following is not None:
            opening = open_when_available(following, reloads, SystemClock(), resuming=resuming)
            async with opening as bot:
                following = await build_service(bot, reloads).run()
            resuming = True


@asynccontextmanager
async def open_when_available(
    config: Config, reloads: Reloads, clock: Clock, *, resuming: bool = False
) -> AsyncIterator[Bot]:
    """``open_bot`` to serve, once the database server answers; until then ``/healthz`` says that
    it does not, and SIGHUP makes this reread ``bot.toml``. Raises as ``open_bot``, and GaveUp."""
    async with AsyncExitStack() as opened:
        async with AsyncExitStack() as waiting:
            wait: _Wait | None = None
            while True:
                try:
                    bot = await opened.enter_async_context(
                        open_bot(config, serving=True, clock=clock, resuming=resuming)
                    )
                except StoreUnavailable as error:
                    if wait is None:
                        wait = _Wait(clock)
                        await waiting.enter_async_context(wait.answering(config))
                    wait.failed(error)
                    resuming = True
                    await clock.sleep(UNAVAILABLE_RETRY_DELAY.total_seconds())
                    if reloads.take():
                        config = reloads.config() or config
                else:
                    break
        if wait is not None:
            log.info("the database answers")
        yield bot


class _Wait:
    """What is logged and reported while a database server does not answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._why = StoreUnavailable()
        self._logged_at: float | None = None

    def failed(self, why: StoreUnavailable) -> None:
        """Record that it still does not answer; this is logged now and then."""
        self._why = why
        now = self._clock.monotonic()
        if self._logged_at is None or now - self._logged_at >= LOG_INTERVAL.total_seconds():
            log.warning("waits for=database why=%s", why)
            self._logged_at = now

    @asynccontextmanager
    async def answering(self, config: Config) -> AsyncIterator[None]:
        """Meanwhile ``/healthz`` says why."""
        health = config.health
        async with serving_health(health.listen if health else None, self._report):
            yield

    async def _report(self) -> MonitoringReport:
        """Raises why it waits."""
        raise self._why
