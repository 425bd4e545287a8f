"""Runs named jobs at a time of the wall clock or after a delay, and retries those that fail.

APScheduler keeps the appointments. Delays run on the event loop's monotonic clock, so that no
change of the wall clock affects them.

Keeps nothing that a restart needs: what is due is in the database. A job that was missed because
the machine slept runs as soon as it can; one that is lost is found in the database at the next
start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from bot.errors import StoreUnavailable

log = logging.getLogger(__name__)

UNAVAILABLE_RETRY_DELAY = timedelta(seconds=5)  # while the database server does not answer

Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a job that failed runs again. ``max_failures`` in a row, in some twenty minutes, are
    too many."""

    first_delay: timedelta = timedelta(seconds=5)  # doubles with each failure in a row
    longest_delay: timedelta = timedelta(minutes=5)
    max_failures: int = 10

    def delay(self, failures: int) -> timedelta:
        """Before the next attempt, after so many failures in a row (at least one)."""
        doubled: timedelta = self.first_delay * 2 ** min(failures - 1, 30)
        return min(doubled, self.longest_delay)


class Scheduler:
    """Jobs of one name never run twice at once, and no appointment is lost.

    A job that fails is retried as ``retry`` says, never at its next appointment, which was made for
    something else. After too many failures in a row ``give_up`` is called with a sentence; but
    never for ``optional`` jobs (the first word of a name counts), nor while a database server does
    not answer.
    """

    def __init__(
        self,
        retry: RetryPolicy,
        give_up: Callable[[str], None],
        *,
        optional: Collection[str] = (),
    ) -> None:
        self._retry = retry
        self._give_up = give_up
        self._optional = optional
        # A late job still runs (the library's own grace is one second, then it is dropped).
        defaults = {"misfire_grace_time": None, "coalesce": True}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, Job] = {}  # to run when the running one of that name has ended
        self._failures: Counter[str] = Counter()  # of each job, in a row

    def start(self) -> None:
        self._scheduler.start()

    async def stop(
        self, *, finishing: Collection[str] = (), grace: timedelta = timedelta()
    ) -> None:
        """Start no more jobs, and cancel those that run; those named ``finishing`` get ``grace``
        to end by themselves first."""
        self._stopped = True
        self._scheduler.shutdown(wait=False)
        for timer in self._timers.values():
            timer.cancel()
        self._again.clear()
        finish = [task for name, task in self._running.items() if name in finishing]
        if finish:
            await asyncio.wait(finish, timeout=grace.total_seconds())
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def at(self, name: str, time: datetime, job: Job) -> None:
        """Run the job at that time of the wall clock, in place of what was scheduled under the same
        name. Call ``clock_moved`` when the clock was set."""
        self._cancel(name)
        self._scheduler.add_job(
            self._due, DateTrigger(time), [name, job], id=name, name=name, replace_existing=True
        )

    def after(self, name: str, delay: timedelta, job: Job) -> None:
        """Run the job after a delay, in place of what was scheduled under the same name."""
        self._cancel(name)
        if not self._stopped:
            loop = asyncio.get_running_loop()
            seconds = max(delay.total_seconds(), 0.0)
            self._timers[name] = loop.call_later(seconds, self._start, name, job)

    def soon(self, name: str, job: Job) -> None:
        """Run the job now; but one that has just failed waits for its own retry."""
        if not self.is_failing(name):
            self.after(name, timedelta(), job)

    def cancel(self, name: str) -> None:
        """Neither continue the job nor run it later."""
        self._cancel(name)
        self._again.pop(name, None)
        self._failures.pop(name, None)
        if (task := self._running.get(name)) is not None:
            task.cancel()

    def is_failing(self, name: str) -> bool:
        """Whether the last run of the job failed, so that its retry is scheduled."""
        return self._failures[name] > 0

    def clock_moved(self) -> None:
        """The wall clock was set: what was scheduled for a time that is over runs now."""
        if not self._stopped:
            self._scheduler.wakeup()

    def _cancel(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    async def _due(self, name: str, job: Job) -> None:
        self._start(name, job)

    def _start(self, name: str, job: Job) -> None:
        """As a task of our own, so that the library's limits and logs do not apply to it."""
        self._timers.pop(name, None)
        if name in self._running:
            self._again[name] = job
            return
        task = asyncio.create_task(self._run(name, job), name=name)
        self._running[name] = task
        task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: str) -> None:
        del self._running[name]
        if (job := self._again.pop(name, None)) is not None:
            self.soon(name, job)

    async def _run(self, name: str, job: Job) -> None:
        """One of the two places that catch everything: a job that fails must not end the others."""
        try:
            await job()
        except StoreUnavailable as error:
            # A server that is gone for hours ends nothing here: all continues when it is back.
            log.warning("waits job=%s why=%s", name, error)
            self._failures[name] = 1
            self.after(name, UNAVAILABLE_RETRY_DELAY, job)
        except Exception:
            log.exception("failed job=%s; the service goes on", name)
            self._failed(name, job)
        else:
            del self._failures[name]

    def _failed(self, name: str, job: Job) -> None:
        self._failures[name] += 1
        failures = self._failures[name]
        if failures >= self._retry.max_failures and name.partition(" ")[0] not in self._optional:
            self._give_up(f"{name} failed {failures} times in a row; the log says why")
            return
        delay = self._retry.delay(failures)
        log.warning("retry job=%s in=%.1fs", name, delay.total_seconds())
        self.after(name, delay, job)
