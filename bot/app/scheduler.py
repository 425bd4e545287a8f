"""A bell that rings at a moment of the wall clock, or after a while, and keeps no state of worth.

APScheduler keeps the appointments. What is to happen after a while runs on the event loop's
monotonic clock, so that no change of the wall clock delays it.

What is due is in the database. A bell that did not ring because the machine slept or the bot was
down rings as soon as it can; if it is lost, the next start looks at the database and finds the
same work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]
Ended = Callable[[str, bool], None]  # the work's name, and whether it went well


class Scheduler:
    """Rings for named work. Work of one name never runs twice at once, and no ring is lost."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        # A late bell is still rung (the library's own grace is one second, then it is dropped).
        defaults = {"misfire_grace_time": None, "coalesce": True}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, Work] = {}

    def start(self) -> None:
        self._scheduler.start()

    async def stop(self, *, finishing: Collection[str] = (), within: float = 0.0) -> None:
        """Ring no more, and end what is running; work of these names gets so many seconds first."""
        self._stopped = True
        self._scheduler.shutdown(wait=False)
        for timer in self._timers.values():
            timer.cancel()
        self._again.clear()
        finish = [task for name, task in self._running.items() if name in finishing]
        if finish:
            await asyncio.wait(finish, timeout=within)
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def at(self, name: str, moment: datetime, work: Work) -> None:
        """Do the work at that moment of the wall clock, in place of what was appointed under the
        same name. Tell it of a clock that was set by ``clock_moved``."""
        self._forget(name)
        self._scheduler.add_job(
            self._ring, DateTrigger(moment), [name, work], id=name, name=name, replace_existing=True
        )

    def after(self, name: str, delay: timedelta, work: Work) -> None:
        """Do the work when so much time has passed, in place of what was appointed under the same
        name."""
        self._forget(name)
        if not self._stopped:
            loop = asyncio.get_running_loop()
            seconds = max(delay.total_seconds(), 0.0)
            self._timers[name] = loop.call_later(seconds, self._begin, name, work)

    def clock_moved(self) -> None:
        """The wall clock was set: what is appointed for a moment that is over rings now."""
        if not self._stopped:
            self._scheduler.wakeup()

    def _forget(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    async def _ring(self, name: str, work: Work) -> None:
        self._begin(name, work)

    def _begin(self, name: str, work: Work) -> None:
        """Start a task of our own, so that the library's limits and logs have no say in it."""
        self._timers.pop(name, None)
        if name in self._running:
            self._again[name] = work
            return
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._running[name] = task
        task.add_done_callback(lambda _: self._end(name))

    def _end(self, name: str) -> None:
        del self._running[name]
        if (work := self._again.pop(name, None)) is not None:
            self.after(name, timedelta(), work)

    async def _guarded(self, name: str, work: Work) -> None:
        """One of the two places that catch everything: a job that fails must not end the others."""
        try:
            await work()
        except Exception:
            log.exception("failed job=%s; the service goes on", name)
            self._ended(name, False)
        else:
            self._ended(name, True)
