"""The bell: what is to happen after a while does, whatever is done to the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.app.scheduler import Scheduler

PATIENCE = 20.0  # seconds until a test fails that waits in vain
SOON = timedelta(seconds=0.02)


class Rung:
    """How often it rang."""

    def __init__(self) -> None:
        self.times = 0
        self.news = asyncio.Event()

    async def schedule(self) -> None:
        self.times += 1
        self.news.set()

    async def until(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.times < times:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    made = Scheduler(lambda name, well: None)
    made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("step", [timedelta(days=-40), timedelta(days=40)])
async def test_an_interval_runs_out_whatever_the_clock_is_set_to(
    scheduler: Scheduler, step: timedelta
) -> None:
    rung = Rung()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        scheduler.after("watch", SOON, rung.schedule)
        clock.shift(step)
        await rung.until(1)


async def test_an_appointment_that_a_step_of_the_clock_has_passed_is_kept_at_once(
    scheduler: Scheduler,
) -> None:
    rung = Rung()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        scheduler.at("look", datetime.now(UTC) + timedelta(hours=3), rung.schedule)
        clock.shift(timedelta(hours=4))
        scheduler.clock_moved()
        await rung.until(1)


async def test_the_last_appointment_of_a_name_is_the_one_that_counts(scheduler: Scheduler) -> None:
    first, second, other = Rung(), Rung(), Rung()
    now = datetime.now(UTC)
    scheduler.after("a", SOON, first.schedule)
    scheduler.at("a", now + timedelta(hours=1), first.schedule)
    scheduler.after("a", SOON, second.schedule)
    scheduler.at("b", now + timedelta(hours=1), first.schedule)
    scheduler.after("b", SOON, second.schedule)
    await second.until(2)
    scheduler.at("a", now, other.schedule)
    await other.until(1)
    assert first.times == 0


async def test_after_a_stop_nothing_rings() -> None:
    rung, last = Rung(), Rung()
    scheduler = Scheduler(lambda name, well: None)
    scheduler.start()
    scheduler.after("a", SOON, rung.schedule)
    await scheduler.stop()
    scheduler.after("b", SOON, rung.schedule)
    asyncio.get_running_loop().call_later(0.05, last.news.set)
    await last.news.wait()
    assert rung.times == 0
