"""Jobs run when they are due, whatever is done to the wall clock, and again if they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.app.scheduler import RetryPolicy, Scheduler

TIMEOUT_SECONDS = 20.0  # until a test that waits for nothing fails
SOON = timedelta(seconds=0.02)


class Counted:
    """A job that counts its runs; the first ``failing`` of them fail."""

    def __init__(self, *, failing: int = 0) -> None:
        self.runs = 0
        self._failing = failing
        self._changed = asyncio.Event()

    async def job(self) -> None:
        self.runs += 1
        self._changed.set()
        if self.runs <= self._failing:
            raise RuntimeError("not yet")

    async def until(self, runs: int) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.runs < runs:
                self._changed.clear()
                await self._changed.wait()


class Scheduled:
    """A scheduler with quick retries, and the sentences with which it gave up."""

    def __init__(self) -> None:
        self.gave_up: list[str] = []
        self._ended = asyncio.Event()
        retry = RetryPolicy(SOON, SOON, max_failures=3)
        self.scheduler = Scheduler(retry, self._give_up, optional={"page"})

    def _give_up(self, why: str) -> None:
        self.gave_up.append(why)
        self._ended.set()

    async def until_given_up(self) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._ended.wait()


@pytest.fixture
async def scheduled() -> AsyncIterator[Scheduled]:
    made = Scheduled()
    made.scheduler.start()
    yield made
    await made.scheduler.stop()


@pytest.fixture
def scheduler(scheduled: Scheduled) -> Scheduler:
    return scheduled.scheduler


@pytest.mark.parametrize("step", [timedelta(days=-40), timedelta(days=40)])
async def test_a_delay_passes_whatever_the_clock_is_set_to(
    scheduler: Scheduler, step: timedelta
) -> None:
    counted = Counted()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        scheduler.after("watch", SOON, counted.job)
        clock.shift(step)
        await counted.until(1)


async def test_an_appointment_that_a_step_of_the_clock_has_passed_is_kept_at_once(
    scheduler: Scheduler,
) -> None:
    counted = Counted()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        scheduler.at("collect", datetime.now(UTC) + timedelta(hours=3), counted.job)
        clock.shift(timedelta(hours=4))
        scheduler.clock_moved()
        await counted.until(1)


async def test_the_last_appointment_of_a_name_is_the_one_that_counts(scheduler: Scheduler) -> None:
    first, second, other = Counted(), Counted(), Counted()
    now = datetime.now(UTC)
    scheduler.after("a", SOON, first.job)
    scheduler.at("a", now + timedelta(hours=1), first.job)
    scheduler.after("a", SOON, second.job)
    scheduler.at("b", now + timedelta(hours=1), first.job)
    scheduler.after("b", SOON, second.job)
    await second.until(2)
    scheduler.at("a", now, other.job)
    await other.until(1)
    assert first.runs == 0


async def test_after_a_stop_no_job_runs() -> None:
    counted, last = Counted(), asyncio.Event()
    scheduler = Scheduled().scheduler
    scheduler.start()
    scheduler.after("a", SOON, counted.job)
    await scheduler.stop()
    scheduler.after("b", SOON, counted.job)
    asyncio.get_running_loop().call_later(0.05, last.set)
    await last.wait()
    assert counted.runs == 0


async def test_a_job_that_failed_runs_again_before_its_next_appointment(
    scheduled: Scheduled,
) -> None:
    counted = Counted(failing=2)

    async def job() -> None:
        scheduled.scheduler.at("collect", datetime.now(UTC) + timedelta(days=1), job)
        await counted.job()

    scheduled.scheduler.soon("collect", job)
    await counted.until(3)
    assert scheduled.gave_up == []


async def test_a_request_for_a_job_that_has_just_failed_leaves_it_to_its_retry(
    scheduled: Scheduled,
) -> None:
    """Also one that was made while the job was still running."""
    scheduler, failed, asked = scheduled.scheduler, asyncio.Event(), Counted()

    async def fail() -> None:
        scheduler.after("collect", timedelta(), asked.job)
        for _ in range(5):  # turns of the loop, in which the request arrives
            await asyncio.sleep(0)
        failed.set()
        raise RuntimeError("no luck")

    scheduler.soon("collect", fail)
    await failed.wait()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not scheduler.is_failing("collect"):  # noqa: ASYNC110 - some turns of the loop
            await asyncio.sleep(0)
    scheduler.soon("collect", asked.job)
    await scheduled.until_given_up()
    assert asked.runs == 0


async def test_a_job_that_fails_again_and_again_is_given_up_with_a_sentence(
    scheduled: Scheduled,
) -> None:
    counted = Counted(failing=99)
    scheduled.scheduler.soon("deliver slack", counted.job)
    await scheduled.until_given_up()
    assert scheduled.gave_up == ["deliver slack failed 3 times in a row; the log says why"]


async def test_an_optional_job_is_never_given_up(scheduled: Scheduled) -> None:
    counted = Counted(failing=5)
    scheduled.scheduler.soon("page of today", counted.job)
    await counted.until(6)
    assert scheduled.gave_up == []


def test_a_job_that_keeps_failing_is_given_some_twenty_minutes() -> None:
    retry = RetryPolicy()
    waits = [retry.delay(failures).total_seconds() for failures in range(1, retry.max_failures)]
    assert waits[:3] == [5, 10, 20]
    assert 15 * 60 < sum(waits) < 30 * 60
