"""What every clock keeps to: the machine's, the demo's, and the fake that other tests rely on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.clock import SystemClock
from bot.demo.clock import DemoClock
from bot.ports import Clock
from tests.fakes import START, FakeClock

CLOCKS: dict[str, Callable[[], Clock]] = {
    "system": SystemClock,
    "demo": lambda: DemoClock(START),
    "fake": FakeClock,
}


@pytest.fixture(params=list(CLOCKS))
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]()


def test_the_time_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


async def test_the_monotonic_clock_grows_by_what_was_slept_and_never_falls(clock: Clock) -> None:
    before = clock.monotonic()
    for seconds in (0.0, 0.001, 0.003):
        await clock.sleep(seconds)
    assert clock.monotonic() - before >= 0.003  # of 0.004


async def test_a_sleep_that_is_over_already_returns(clock: Clock) -> None:
    await clock.sleep(0.0)


async def test_a_sleep_can_be_cancelled(clock: Clock) -> None:
    """One that returns at once has nothing to cancel, and must not swallow it either."""
    sleeping = asyncio.ensure_future(clock.sleep(86_400.0))
    await asyncio.sleep(0)
    assert sleeping.cancel() is not sleeping.done()
    await asyncio.wait([sleeping])
