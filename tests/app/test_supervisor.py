"""A platform's listener that fails: started again, later and later, until somebody has to look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import pytest

from bot.app.supervisor import MAX_FAILURES, STABLE_AFTER, keep_listening
from bot.errors import PlatformDown, PlatformRefused
from bot.ports import Commands
from tests.fakes import FakeClock

NOBODY = cast(Commands, None)  # these listeners hear no one


class Listener:
    """Ends each time as told; after that it listens for ever."""

    disconnected_since: datetime | None = None
    degraded = ""

    def __init__(
        self, clock: FakeClock, outcomes: Sequence[Exception | None], lasts: float = 0.0
    ) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.lasts = lasts
        self.starts = 0
        self.steady = asyncio.Event()

    async def listen(self, commands: Commands) -> None:
        self.starts += 1
        self.clock.advance(self.lasts)
        if not self.outcomes:
            self.steady.set()
            await asyncio.Event().wait()
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome

    async def tell(self, person_id: str, text: str) -> str:
        raise AssertionError("nobody is written to")

    async def knows(self, person_id: str) -> bool:
        raise AssertionError("nobody is asked for")


def fail(why: str) -> None:
    raise AssertionError(why)


async def test_a_listener_that_loses_its_connection_is_started_again_later_and_later() -> None:
    clock = FakeClock()
    listener = Listener(clock, [PlatformDown("no connection")] * 4)
    task = asyncio.create_task(keep_listening("fake", listener, NOBODY, clock, fail))
    await listener.steady.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert listener.starts == 5
    assert clock.slept == [5.0, 10.0, 20.0, 40.0]


async def test_a_crash_of_an_adapter_is_reported_with_its_trace_and_outlived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    listener = Listener(clock, [ZeroDivisionError("a bug"), None])
    task = asyncio.create_task(keep_listening("fake", listener, NOBODY, clock, fail))
    with caplog.at_level(logging.WARNING):
        await listener.steady.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert listener.starts == 3
    assert "ZeroDivisionError" in caplog.text


async def test_a_wrong_token_is_not_tried_again() -> None:
    clock = FakeClock()
    listener = Listener(clock, [PlatformRefused("the token is wrong")])
    with pytest.raises(PlatformRefused, match="token is wrong"):
        await keep_listening("fake", listener, NOBODY, clock, fail)
    assert listener.starts == 1


async def test_a_platform_out_of_reach_for_half_an_hour_ends_the_service() -> None:
    clock = FakeClock()
    listener = Listener(clock, [PlatformDown("no connection")] * 99)
    said: list[str] = []
    await keep_listening("fake", listener, NOBODY, clock, said.append)
    assert listener.starts == MAX_FAILURES
    assert "no connection" in said[0]
    assert 1200 < sum(clock.slept) < 2400


async def test_faults_that_are_hours_apart_are_not_counted_together() -> None:
    clock = FakeClock()
    lasts = STABLE_AFTER.total_seconds() + 1
    listener = Listener(clock, [PlatformDown("dropped")] * 30, lasts=lasts)
    task = asyncio.create_task(keep_listening("fake", listener, NOBODY, clock, fail))
    await listener.steady.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(clock.slept) == {5.0}


async def test_a_stop_ends_the_listener_with_its_supervisor() -> None:
    clock = FakeClock()
    listener = Listener(clock, [])
    task = asyncio.create_task(keep_listening("fake", listener, NOBODY, clock, fail))
    await listener.steady.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
