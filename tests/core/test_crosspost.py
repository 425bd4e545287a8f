"""Handing messages on to other servers: done until it is done, whatever comes in between."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.crosspost import GIVE_UP_AFTER, LEASE_SECONDS, crosspost_pending
from bot.core.deliver import Deliverer
from bot.errors import (
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    TryLater,
)
from bot.model import Channel, Draft, Post, Receipt
from tests.fakes import START, FakeClock, FakePlatform
from tests.store.database import opened, queue, select

HERE = "fake:here"


class Announcing(FakePlatform):
    """Its messages are to be crossposted; ``answers`` are what the next attempts get."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answers: list[Exception | None] = []
        self.tried: list[str] = []

    async def send(self, post: Post) -> Receipt:
        return replace(await super().send(post), crosspost=True)

    async def find(self, post: Post) -> Receipt | None:
        found = await super().find(post)
        return found and replace(found, crosspost=True)

    async def crosspost(self, channel: Channel, message_id: str) -> None:
        self.tried.append(message_id)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = opened(folder / "db")
        self.platform = Announcing(folder / "platform.jsonl")

    async def post(self, *keys: str) -> None:
        drafts = tuple((key, Draft(f'{{"papers": ["{key}"]}}', ())) for key in keys)
        await queue(self.store, HERE, drafts, self.clock.now())

    async def deliver(self) -> None:
        deliverer = Deliverer("fake", self.platform, self.store, self.clock, random.Random(1))
        await deliverer.deliver(wait=600)

    async def crosspost(self) -> int:
        return await crosspost_pending("fake", self.platform, self.store, self.clock)

    async def waits(self) -> float | None:
        """Seconds until the next try."""
        soonest = await self.store.next_crosspost("fake", self.clock.now())
        return None if soonest is None else (soonest - self.clock.now()).total_seconds()

    def states(self) -> list[str]:
        return [row[0] for row in select(self.store, "select state from crossposts order by key")]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


async def test_every_message_is_handed_on_once(bench: Bench) -> None:
    await bench.post("a", "b")
    await bench.deliver()
    assert bench.states() == ["pending", "pending"]
    assert await bench.crosspost() == 2
    assert await bench.crosspost() == 0
    assert bench.platform.tried == ["m-a", "m-b"]
    assert bench.states() == ["done", "done"]
    assert await bench.waits() is None


async def test_a_message_that_was_only_found_in_the_history_is_handed_on_too(bench: Bench) -> None:
    await bench.post("a")
    bench.platform.faults = {0: (True, OutcomeUnknown("no answer"))}
    await bench.deliver()
    assert bench.platform.sends == 1
    assert await bench.crosspost() == 1


async def test_what_a_crash_kept_from_being_handed_on_is_so_by_the_next_process(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.post("a")
    await bench.deliver()
    bench.store.close()
    bench.store = opened(tmp_path / "db")
    assert await bench.crosspost() == 1


async def test_one_that_a_process_died_over_is_tried_again_when_its_lease_is_over(
    bench: Bench,
) -> None:
    await bench.post("a")
    await bench.deliver()
    now = bench.clock.now()
    assert await bench.store.claim_crosspost("fake", now, now + timedelta(seconds=LEASE_SECONDS))
    assert await bench.crosspost() == 0
    bench.clock.advance(LEASE_SECONDS)
    assert await bench.crosspost() == 1


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknown("status 503"),
        TryLater("the network"),
        ChannelRefused("I lack Send Messages."),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_fails_is_tried_again_later_and_later(
    bench: Bench, error: Exception
) -> None:
    await bench.post("a")
    await bench.deliver()
    bench.platform.answers = [error] * 3
    waits = []
    for _ in range(3):
        assert await bench.crosspost() == 0
        waits.append(await bench.waits())
        bench.clock.advance(waits[-1] or 0)
    assert waits == [5, 10, 20]
    assert await bench.crosspost() == 1


async def test_the_wait_that_the_platform_asks_for_is_kept_and_keeps_no_other_waiting(
    bench: Bench,
) -> None:
    await bench.post("a", "b")
    await bench.deliver()
    bench.platform.answers = [TryLater("ten in an hour", 2900.0)]
    assert await bench.crosspost() == 1
    assert await bench.waits() == 2900


async def test_after_a_day_it_is_given_up_and_status_says_why(bench: Bench) -> None:
    await bench.post("a")
    await bench.deliver()
    bench.platform.answers = [ChannelRefused("I lack Manage Messages.")] * 99
    while bench.states() == ["pending"]:
        await bench.crosspost()
        bench.clock.advance(await bench.waits() or 0)
    assert bench.states() == ["failed"]
    assert bench.clock.now() - START >= GIVE_UP_AFTER
    [view] = (await bench.store.state()).channels
    assert view.crosspost is not None
    assert (view.crosspost.error, view.crosspost.given_up) == ("I lack Manage Messages.", True)
    bench.platform.answers = []
    await bench.post("b")
    await bench.deliver()
    await bench.crosspost()
    [view] = (await bench.store.state()).channels
    assert view.crosspost is None
    assert view.posts == ()


async def test_what_can_never_be_handed_on_is_tried_once(bench: Bench) -> None:
    await bench.post("a")
    await bench.deliver()
    bench.platform.answers = [PostRefused("Somebody deleted the message.")]
    assert await bench.crosspost() == 0
    assert bench.states() == ["failed"]


async def test_a_platform_that_lets_nobody_in_keeps_it_waiting(bench: Bench) -> None:
    await bench.post("a")
    await bench.deliver()
    bench.platform.answers = [PlatformRefused("a wrong token")]
    with pytest.raises(PlatformRefused):
        await bench.crosspost()
    assert bench.states() == ["pending"]


@pytest.mark.parametrize("days", [0.9, 40])
async def test_a_clock_that_was_ahead_for_a_while_does_not_put_it_off_for_weeks_or_give_it_up(
    bench: Bench, days: float
) -> None:
    await bench.post("a")
    await bench.deliver()
    bench.clock.jump(START + timedelta(days=days))
    bench.platform.answers = [TryLater("later", 3600.0)]
    await bench.crosspost()
    bench.clock.jump(START)
    assert await bench.waits() == 0
    assert await bench.crosspost() == 1


async def test_messages_that_need_not_be_handed_on_are_not(bench: Bench) -> None:
    await bench.post("a")
    plain = FakePlatform(bench.platform._path)
    await Deliverer("fake", plain, bench.store, bench.clock, random.Random(1)).deliver(wait=600)
    assert bench.states() == []
