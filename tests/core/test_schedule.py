"""The bell: what is to happen after a while does, whatever is done to the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.schedule import Bell

PATIENCE = 20.0  # seconds until a test fails that waits in vain
SOON = timedelta(seconds=0.02)


class Rung:
    """How often it rang."""

    def __init__(self) -> None:
        self.times = 0
        self.news = asyncio.Event()

    async def ring(self) -> None:
        self.times += 1
        self.news.set()

    async def until(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.times < times:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def bell() -> AsyncIterator[Bell]:
    made = Bell(lambda name, well: None)
    made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("step", [timedelta(days=-40), timedelta(days=40)])
async def test_an_interval_runs_out_whatever_the_clock_is_set_to(
    bell: Bell, step: timedelta
) -> None:
    rung = Rung()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        bell.after("watch", SOON, rung.ring)
        clock.shift(step)
        await rung.until(1)


async def test_an_appointment_that_a_step_of_the_clock_has_passed_is_kept_at_once(
    bell: Bell,
) -> None:
    rung = Rung()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        bell.at("look", datetime.now(UTC) + timedelta(hours=3), rung.ring)
        clock.shift(timedelta(hours=4))
        bell.clock_moved()
        await rung.until(1)


async def test_the_last_appointment_of_a_name_is_the_one_that_counts(bell: Bell) -> None:
    first, second, other = Rung(), Rung(), Rung()
    now = datetime.now(UTC)
    bell.after("a", SOON, first.ring)
    bell.at("a", now + timedelta(hours=1), first.ring)
    bell.after("a", SOON, second.ring)
    bell.at("b", now + timedelta(hours=1), first.ring)
    bell.after("b", SOON, second.ring)
    await second.until(2)
    bell.at("a", now, other.ring)
    await other.until(1)
    assert first.times == 0


async def test_after_a_stop_nothing_rings() -> None:
    rung, last = Rung(), Rung()
    bell = Bell(lambda name, well: None)
    bell.start()
    bell.after("a", SOON, rung.ring)
    await bell.stop()
    bell.after("b", SOON, rung.ring)
    asyncio.get_running_loop().call_later(0.05, last.news.set)
    await last.news.wait()
    assert rung.times == 0
