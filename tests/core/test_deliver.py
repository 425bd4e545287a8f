"""What becomes of a post: sent, sent later, looked for, held, dead, or waiting for its channel."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.deliver import ACCOUNTS_INTERVAL, POSTS_IN_A_ROW, Deliverer, DeliveryTimeouts
from bot.errors import (
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    StoreBroken,
    TryLater,
)
from bot.model import Channel, Draft, Post, Receipt
from bot.model.views import ChannelView
from bot.store.store import SqlStore
from tests.fakes import FakeClock, FakePlatform
from tests.store.database import change, opened, opened_as, queue, wait

Faults = dict[int, tuple[bool, Exception]]


class Bench:
    """A store with posts in its outbox, a platform that fails on command, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.database = folder / "db"
        self.store = opened(self.database)
        self.platform = FakePlatform(folder / "messages")

    def queue(self, channel: str, *payloads: str, threaded: bool = False, key: str = "") -> None:
        wait(self._queue(channel, payloads, threaded=threaded, key=key))

    async def queue_meanwhile(self, channel: str, *payloads: str, key: str = "") -> None:
        await self._queue(channel, payloads, key=key)

    async def _queue(
        self, channel: str, payloads: Sequence[str], *, threaded: bool = False, key: str = ""
    ) -> None:
        drafts = tuple(
            (
                f"{channel}-{key}{n}",
                Draft(f'{{"papers": ["{p}"]}}', (), 0 if threaded and n else None),
            )
            for n, p in enumerate(payloads)
        )
        await queue(self.store, channel, drafts, self.clock.now())

    def deliverer(
        self,
        faults: Faults | None = None,
        *,
        can_tell: bool = True,
        late: float = 0.0,
        timeouts: DeliveryTimeouts | None = None,
    ) -> Deliverer:
        path = self.platform._path
        self.platform = FakePlatform(
            path, faults=faults, can_tell=can_tell, clock=self.clock, late=late
        )
        return Deliverer("fake", self.platform, self.store, self.clock, random.Random(7), timeouts)

    def channels(self) -> Sequence[ChannelView]:
        return wait(self.store.state()).channels

    def channel(self, channel: str) -> ChannelView:
        return next(view for view in self.channels() if view.channel.id == channel)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


async def test_messages_of_a_channel_arrive_in_their_order(bench: Bench) -> None:
    bench.queue("fake:a", "1", "2", "3")
    await bench.deliverer().deliver()
    assert bench.channel("fake:a").sent == 3
    assert bench.platform.papers("fake:a") == ["1", "2", "3"]


async def test_a_later_message_does_not_overtake_one_that_has_to_wait(bench: Bench) -> None:
    bench.queue("fake:a", "1", "2")
    bench.queue("fake:b", "3")
    await bench.deliverer({0: (False, TryLater("slow down", 60))}).deliver()
    assert sum(view.sent for view in bench.channels()) == 1
    assert [post.state for post in bench.channel("fake:a").posts] == ["queued", "queued"]
    assert bench.platform.papers("fake:a") == []
    assert bench.platform.papers("fake:b") == ["3"], "another channel is not held up"
    await bench.deliverer().deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1", "2"]


async def test_the_delay_that_a_platform_asks_for_is_kept(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    deliverer = bench.deliverer({0: (False, TryLater("slow down", 42.0))})
    await deliverer.deliver(wait=41)
    assert bench.platform.papers("fake:a") == []
    await deliverer.deliver(wait=42)
    assert bench.clock.slept == [42.0]
    assert bench.platform.papers("fake:a") == ["1"]


async def test_a_platform_that_says_again_in_zero_seconds_for_ever_does_not_spin_the_bot(
    bench: Bench,
) -> None:
    bench.queue("fake:a", "1")
    faults: Faults = {n: (False, TryLater("again", 0.0)) for n in range(1000)}
    await bench.deliverer(faults).deliver(wait=10)
    assert bench.platform.sends <= 11


async def test_delays_grow_and_differ_between_posts(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    faults: Faults = {n: (False, TryLater("down")) for n in range(12)}
    await bench.deliverer(faults).deliver(wait=86_400)
    delays = bench.clock.slept
    assert bench.platform.papers("fake:a") == ["1"]
    assert delays[0] <= 5.0
    assert all(later > earlier * 0.9 for earlier, later in itertools.pairwise(delays))
    assert max(delays) <= DeliveryTimeouts().longest_delay
    assert len({round(delay / 2**n, 3) for n, delay in enumerate(delays)}) > 6, "no jitter"


async def test_an_error_that_nobody_expected_stops_that_post_alone(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.queue("fake:a", "1")
    bench.queue("fake:b", "2")
    bench.queue("fake:c", "3")
    await bench.deliverer({0: (True, KeyError("ts"))}).deliver()
    assert bench.platform.papers("fake:b") == ["2"]
    assert bench.platform.papers("fake:c") == ["3"]
    assert "KeyError" in caplog.text
    bench.clock.advance(DeliveryTimeouts().lease + 1)
    await bench.deliverer().deliver(wait=300)
    assert bench.platform.papers("fake:a") == ["1"], "it arrived, and is found rather than sent"


async def test_a_message_whose_answer_was_lost_is_not_sent_twice(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    lost_answer = (True, OutcomeUnknown("reset after the request"))
    await bench.deliverer({0: lost_answer}).deliver(wait=120)
    assert bench.channel("fake:a").sent == 1
    assert bench.platform.sends == 1
    assert bench.platform.papers("fake:a") == ["1"]


async def test_a_message_whose_request_was_lost_is_sent_again(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    await bench.deliverer({0: (False, OutcomeUnknown("reset"))}).deliver(wait=120)
    assert bench.channel("fake:a").sent == 1
    assert bench.platform.papers("fake:a") == ["1"]


async def test_what_a_dead_process_was_sending_is_searched_for_first(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    now = bench.clock.now()
    post = await bench.store.claim("fake", now, now + timedelta(seconds=180))
    assert post is not None
    await bench.platform.send(post)
    assert await bench.store.claim("fake", now, now) is None, "it is in another hand"
    await bench.store.release(bench.clock.now(), 75)
    await bench.deliverer().deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]
    assert bench.channel("fake:a").sent == 1


async def test_a_lease_that_ran_out_makes_the_outcome_unknown(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    now = bench.clock.now()
    await bench.store.claim("fake", now, now + timedelta(seconds=180))
    bench.clock.advance(181)
    again = await bench.store.claim("fake", bench.clock.now(), bench.clock.now())
    assert again is not None
    assert again.uncertain
    assert again.attempt == 2


async def left_in_hand(bench: Bench) -> None:
    """The process that sends a post is killed, and the next one starts at once."""
    bench.queue("fake:a", "1")
    now = bench.clock.now()
    post = await bench.store.claim("fake", now, now + timedelta(seconds=180))
    assert post is not None
    await bench.platform.send(post)
    await bench.store.release(bench.clock.now(), DeliveryTimeouts().settling)


@pytest.mark.parametrize("seconds", [0, 3, 60])
async def test_a_start_right_after_a_kill_posts_nothing_twice_however_late_it_is_stored(
    bench: Bench, seconds: float
) -> None:
    await left_in_hand(bench)
    await bench.deliverer(late=seconds).deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]
    assert bench.channel("fake:a").sent == 1


async def test_a_second_start_after_a_clock_that_was_set_forward_posts_nothing_twice(
    bench: Bench,
) -> None:
    await left_in_hand(bench)
    bench.clock.jump(bench.clock.now() + timedelta(hours=6))
    await bench.store.release(bench.clock.now(), DeliveryTimeouts().settling)
    await bench.deliverer(late=60).deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]
    assert bench.channel("fake:a").sent == 1


async def test_control_who_does_not_let_it_settle_posts_twice_after_a_kill(bench: Bench) -> None:
    await left_in_hand(bench)
    change(bench.store, "update outbox set not_before = created_at")
    await bench.deliverer(late=3, timeouts=DeliveryTimeouts(settling=0)).deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1", "1"]


@pytest.mark.parametrize("step", [timedelta(days=40), timedelta(days=-40)])
async def test_a_clock_that_is_set_while_a_lost_post_settles_posts_nothing_twice(
    bench: Bench, step: timedelta
) -> None:
    await left_in_hand(bench)
    deliverer = bench.deliverer(late=60)
    await deliverer.deliver()
    bench.clock.jump(bench.clock.now() + step)
    await deliverer.deliver(wait=120)
    bench.clock.jump(bench.clock.now() - step)
    await deliverer.deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]
    assert bench.channel("fake:a").sent == 1


async def test_a_clock_that_is_set_forward_after_a_lost_answer_posts_nothing_twice(
    bench: Bench,
) -> None:
    bench.queue("fake:a", "1")
    deliverer = bench.deliverer({0: (True, OutcomeUnknown("reset"))}, late=60)
    await deliverer.deliver()
    bench.clock.jump(bench.clock.now() + timedelta(hours=6))
    await deliverer.deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]
    assert bench.channel("fake:a").sent == 1


async def test_a_platform_that_answers_again_soon_is_not_asked_before_it_has_settled(
    bench: Bench,
) -> None:
    bench.queue("fake:a", "1")
    soon = (True, OutcomeUnknown("first lost, then told to wait a little", 0.2))
    await bench.deliverer({0: soon}, late=60).deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]


async def test_a_post_in_flight_when_another_one_failed_settles_before_it_is_searched_for(
    bench: Bench,
) -> None:
    """The failure releases all posts; the lease of this one runs out later."""
    bench.queue("fake:slow", "1")
    bench.queue("fake:b", "2")

    class Failing(FakePlatform):
        fails = True
        reached = asyncio.Event()

        async def send(self, post: Post) -> Receipt:
            if not self.fails:
                return await super().send(post)
            if post.channel.id == "fake:slow":
                self._append(post)
                self.reached.set()
                await asyncio.Event().wait()
            await self.reached.wait()
            raise PlatformRefused("the token was revoked")

    failing = Failing(bench.platform._path, clock=bench.clock, late=60)
    rng = random.Random(1)
    deliverer = Deliverer("fake", failing, bench.store, bench.clock, rng, workers=2)
    with pytest.raises(PlatformRefused):
        await deliverer.deliver()
    failing.fails = False
    bench.clock.jump(bench.clock.now() + timedelta(hours=6))  # its lease is over, by the wall
    await deliverer.deliver(wait=600)
    assert failing.papers("fake:slow") == ["1"]
    assert failing.papers("fake:b") == ["2"]


async def test_the_search_goes_back_to_what_the_platform_had_taken_before_the_first_attempt(
    bench: Bench,
) -> None:
    bench.queue("fake:a", "1")
    await bench.deliverer().deliver()
    bench.clock.jump(bench.clock.now() + timedelta(days=40))  # a wrong clock
    bench.queue("fake:a", "2", key="second")
    now = bench.clock.now()
    first = await bench.store.claim("fake", now, now)
    assert first is not None
    assert first.after_id == "m-fake:a-0"
    await bench.store.mark_unknown(first.key, now, 0.0, "lost")
    bench.queue("fake:b", "3")
    bench.clock.advance(1)
    other = await bench.store.claim("fake", now, now, ["fake:a"])
    assert other is not None
    await bench.store.mark_sent(other.key, Receipt("m-later"), now)
    again = await bench.store.claim("fake", now, now)
    assert again is not None
    assert again.uncertain
    assert again.after_id == "m-fake:a-0", "what was sent since the first attempt is no bound"


async def test_where_the_platform_cannot_tell_the_post_is_held_and_not_sent_on_a_guess(
    bench: Bench,
) -> None:
    bench.queue("fake:a", "1", "2")
    faults: Faults = {0: (False, OutcomeUnknown("no answer"))}
    await bench.deliverer(faults, can_tell=False).deliver(wait=120)
    assert bench.channel("fake:a").sent == 1
    assert bench.platform.papers("fake:a") == ["2"]
    (held,) = bench.channel("fake:a").posts
    assert (held.state, held.error) == ("held", "this platform has no history")
    assert await bench.store.resend(held.key, bench.clock.now())
    await bench.deliverer(can_tell=False).deliver()
    assert bench.platform.papers("fake:a") == ["2", "1"]


async def test_a_channel_that_refuses_is_paused_and_resumes_by_itself(bench: Bench) -> None:
    bench.queue("fake:a", "1", "2")
    bench.queue("fake:b", "3")
    refusal = (False, ChannelRefused("I may not write here. Grant 'Send Messages'."))
    await bench.deliverer({0: refusal}).deliver()
    view = bench.channel("fake:a")
    assert (view.paused, view.reason) == ("refused", str(refusal[1]))
    assert bench.platform.papers("fake:b") == ["3"]
    assert bench.platform.sends == 2, "the channel's other post is not tried"
    await bench.deliverer().deliver(wait=3600)
    assert bench.channel("fake:a").sent == 2
    assert bench.platform.papers("fake:a") == ["1", "2"]
    assert bench.channel("fake:a").paused == ""


async def test_a_channel_that_keeps_refusing_is_tried_ever_less_often(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    faults: Faults = {n: (False, ChannelRefused("no")) for n in range(50)}
    await bench.deliverer(faults).deliver(wait=7 * 86_400)
    assert 5 < bench.platform.sends < 14
    assert bench.channel("fake:a").posts[0].state == "queued", "the post waits, whatever happens"


async def test_a_faulty_message_is_dead_and_does_not_block_the_next(bench: Bench) -> None:
    bench.queue("fake:a", "1", "2")
    await bench.deliverer({0: (False, PostRefused("too long"))}).deliver()
    assert bench.channel("fake:a").sent == 1
    assert bench.platform.papers("fake:a") == ["2"]
    assert bench.channel("fake:a").posts[0].state == "dead"


async def test_replies_wait_for_the_message_they_belong_to(bench: Bench) -> None:
    bench.queue("fake:a", "1", "2", threaded=True)
    await bench.deliverer({0: (False, TryLater("slow down", 60))}).deliver()
    assert bench.platform.papers("fake:a") == [], "the head is on its way"
    bench.clock.advance(60)
    now = bench.clock.now()
    first = await bench.store.claim("fake", now, now + timedelta(seconds=180))
    assert first is not None
    await bench.store.mark_sent(first.key, await bench.platform.send(first), now)
    reply = await bench.store.claim("fake", now, now + timedelta(seconds=180))
    assert reply is not None
    assert reply.parent is not None
    assert reply.parent.message_id == "m-fake:a-0"


@pytest.mark.parametrize("error", [OutcomeUnknown("?"), PostRefused("no")])
async def test_no_paper_and_no_later_day_waits_for_a_heading_that_is_held_or_dead(
    bench: Bench, error: SendError
) -> None:
    bench.queue("fake:a", "1", "2", threaded=True)
    await bench.deliverer({0: (False, error)}, can_tell=False).deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["2"]
    bench.queue("fake:a", "3", key="later")
    await bench.deliverer().deliver()
    assert bench.platform.papers("fake:a") == ["2", "3"]
    assert await bench.store.resend("fake:a-0", bench.clock.now())
    await bench.deliverer().deliver()
    assert bench.platform.papers("fake:a") == ["2", "3", "1"]


async def test_a_channel_that_a_person_paused_gets_nothing_until_it_is_resumed(
    bench: Bench,
) -> None:
    bench.queue("fake:a", "1")
    await bench.store.pause("fake:a", "quiet please", bench.clock.now())
    await bench.deliverer().deliver(wait=86_400)
    assert bench.platform.sends == 0
    await bench.store.resume("fake:a")
    await bench.deliverer().deliver()
    assert bench.platform.papers("fake:a") == ["1"]


async def test_a_send_that_never_ends_has_an_unknown_outcome(bench: Bench) -> None:
    bench.queue("fake:a", "1")

    class Silent(FakePlatform):
        async def send(self, post):  # type: ignore[no-untyped-def]
            self._append(post)
            await asyncio.Event().wait()

    silent = Silent(bench.platform._path)
    timeouts = DeliveryTimeouts(send=0.02)
    rng = random.Random(1)
    deliverer = Deliverer("fake", silent, bench.store, bench.clock, rng, timeouts)
    await deliverer.deliver()
    assert [post.state for post in bench.channel("fake:a").posts] == ["unknown"]
    await bench.deliverer().deliver(wait=60)
    assert bench.platform.papers("fake:a") == ["1"]


class Gated(FakePlatform):
    """Keeps the messages of some channels in its hands until the gate is opened."""

    def __init__(self, path: Path, *slow: str) -> None:
        super().__init__(path)
        self.slow = slow
        self.waiting = 0
        self.gate = asyncio.Event()
        self.reached = asyncio.Event()
        self.sent = asyncio.Event()

    async def send(self, post: Post) -> Receipt:
        if post.channel.id in self.slow:
            self.waiting += 1
            self.reached.set()
            await self.gate.wait()
        self.sent.set()
        return await super().send(post)

    async def until(self, channel_id: str, papers: list[str]) -> None:
        while self.papers(channel_id) != papers:
            self.sent.clear()
            await self.sent.wait()


class Crowd(FakePlatform):
    """Sends nothing before ``gate`` opens, and counts who waits for that."""

    def __init__(self, path: Path, expected: int) -> None:
        super().__init__(path)
        self.expected = expected
        self.waiting = 0
        self.accounts: Counter[str] = Counter()
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()

    async def send(self, post: Post) -> Receipt:
        self.waiting += 1
        self.accounts[post.channel.account] += 1
        if self.waiting == self.expected:
            self.reached.set()
        await self.gate.wait()
        return await super().send(post)


async def test_a_slow_channel_delays_no_other_and_keeps_its_own_order(bench: Bench) -> None:
    bench.queue("fake:slow", "1", "2")
    bench.queue("fake:b", "3", "4")
    gated = Gated(bench.platform._path, "fake:slow")
    rng = random.Random(1)
    deliverer = Deliverer("fake", gated, bench.store, bench.clock, rng, workers=2)
    delivering_now = asyncio.create_task(deliverer.deliver())
    await gated.until("fake:b", ["3", "4"])
    # What is queued while the slow one is still in flight is delivered too.
    await bench.queue_meanwhile("fake:c", "5")
    deliverer.wake()
    await gated.until("fake:c", ["5"])
    assert gated.papers("fake:slow") == []
    gated.gate.set()
    await delivering_now
    assert sum(view.sent for view in bench.channels()) == 5
    assert gated.papers("fake:slow") == ["1", "2"]


async def test_the_oldest_message_goes_first_whatever_its_channel(bench: Bench) -> None:
    for channel, number in (("fake:b", "1"), ("fake:a", "2"), ("fake:c", "3"), ("fake:a", "4")):
        bench.queue(channel, number, key=number)
    await bench.deliverer().deliver()
    assert [json.loads(each["payload"])["papers"] for each in bench.platform.messages()] == [
        ["1"], ["2"], ["3"], ["4"],
    ]  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2, 3])
async def test_exactly_as_many_posts_are_in_flight_as_there_are_workers(
    bench: Bench, workers: int
) -> None:
    for number in range(5):
        bench.queue(f"fake:{number}", str(number))
    crowd = Crowd(bench.platform._path, workers)
    rng = random.Random(1)
    deliverer = Deliverer("fake", crowd, bench.store, bench.clock, rng, workers=workers)
    delivering_now = asyncio.create_task(deliverer.deliver())
    await crowd.reached.wait()
    for number in (5, 6):  # whatever was asked of the store before has its answer then
        await bench.queue_meanwhile(f"fake:{number}", str(number))
        deliverer.wake()
    assert crowd.waiting == workers
    crowd.gate.set()
    await delivering_now
    assert len(crowd.messages()) == 7


async def test_a_workspace_that_is_slow_holds_back_no_other(bench: Bench) -> None:
    """Each has as many places as there are workers, however many messages wait for another."""
    for number in range(5):
        bench.queue(f"fake:slow/{number}", f"s{number}")
    for number in range(5):
        bench.queue(f"fake:quick/{number}", f"q{number}")
    slow = [f"fake:slow/{number}" for number in range(5)]
    gated = Gated(bench.platform._path, *slow)
    rng = random.Random(1)
    deliverer = Deliverer("fake", gated, bench.store, bench.clock, rng, workers=2)
    delivering_now = asyncio.create_task(deliverer.deliver())
    await gated.until("fake:quick/4", ["q4"])
    # Recorded after it was sent; nothing wakes whoever waits for that.
    while sum(view.sent for view in bench.channels()) < 5:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert gated.waiting == 2
    gated.gate.set()
    await delivering_now
    assert sum(view.sent for view in bench.channels()) == 10


async def test_places_go_to_the_workspace_that_has_the_fewest(bench: Bench) -> None:
    for workspace in "abc":
        for number in range(5):
            bench.queue(f"fake:{workspace}/{number}", f"{workspace}{number}")
    crowd = Crowd(bench.platform._path, 7)
    rng = random.Random(1)
    deliverer = Deliverer("fake", crowd, bench.store, bench.clock, rng, workers=4, max_in_flight=7)
    delivering_now = asyncio.create_task(deliverer.deliver())
    await crowd.reached.wait()
    await bench.queue_meanwhile("fake:d/1", "d1")  # what was asked of the store has its answer
    deliverer.wake()
    assert crowd.waiting == 7
    assert sorted(crowd.accounts.values()) == [2, 2, 3]
    crowd.gate.set()
    await delivering_now
    assert len(crowd.messages()) == 16


async def test_workspaces_that_never_answer_and_hold_all_places_keep_another_for_one_attempt(
    bench: Bench,
) -> None:
    """Until their first attempts have taken too long. Then a place that becomes free goes to the
    workspace with the fewest, and is free again whenever that one's message has arrived; what the
    others have queued behind does not get in between."""
    hanging = [f"fake:{workspace}/{number}" for workspace in "ab" for number in range(12)]
    for channel in hanging:
        bench.queue(channel, channel[5:])
    gated = Gated(bench.platform._path, *hanging)
    rng, at_most = random.Random(1), 0.5
    timeouts = DeliveryTimeouts(send=at_most)
    deliverer = Deliverer(
        "fake", gated, bench.store, bench.clock, rng, timeouts, workers=4, max_in_flight=8
    )
    delivering_now = asyncio.create_task(deliverer.deliver())
    while gated.waiting < 8:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for number in range(30):
        await bench.queue_meanwhile(f"fake:healthy/{number % 6}", f"h{number}", key=f"h{number}")
    deliverer.wake()
    bench.clock.advance(ACCOUNTS_INTERVAL)
    async with asyncio.timeout(at_most * 20):
        for number in range(6):
            await gated.until(f"fake:healthy/{number}", [f"h{n}" for n in range(number, 30, 6)])
    assert gated.waiting < len(hanging), "the hanging ones went first"
    delivering_now.cancel()
    with suppress(asyncio.CancelledError):
        await delivering_now


async def test_more_workspaces_than_places_take_turns(bench: Bench) -> None:
    for number in range(3):
        for workspace in "abc":
            bench.queue(f"fake:{workspace}/1", f"{workspace}{number}", key=f"{number}")
    order: list[str] = []

    class Watched(FakePlatform):
        async def send(self, post: Post) -> Receipt:
            order.append(post.channel.account[-1])
            bench.clock.advance(ACCOUNTS_INTERVAL)
            return await super().send(post)

    sender = Watched(bench.platform._path)
    rng = random.Random(1)
    await Deliverer("fake", sender, bench.store, bench.clock, rng, max_in_flight=1).deliver()
    assert order == ["a", "b", "c"] * 3


async def test_workspaces_that_take_long_to_look_through_are_looked_through_once(
    bench: Bench, tmp_path: Path
) -> None:
    """With thousands of them that takes longer than the interval at which it is done again."""

    class Slow(SqlStore):
        claims = 0

        async def claim(self, *args: Any, **kwargs: Any) -> Post | None:
            self.claims += 1
            assert self.claims <= 3, "it begins anew without end"
            bench.clock.advance(ACCOUNTS_INTERVAL)
            return await super().claim(*args, **kwargs)

    store = opened_as(Slow, tmp_path / "slow")
    tomorrow = bench.clock.now() + timedelta(days=1)
    for workspace in "abc":
        await queue(store, f"fake:{workspace}/1", [(workspace, Draft("{}", ()))], tomorrow)
    await Deliverer("fake", bench.platform, store, bench.clock, random.Random(1)).deliver()
    assert store.claims == 3
    store.close()


async def test_a_channel_with_fifty_messages_holds_back_the_first_one_of_another_by_a_few(
    bench: Bench,
) -> None:
    bench.queue("fake:heavy", *map(str, range(50)))
    bench.queue("fake:also heavy", *map(str, range(50)))
    bench.queue("fake:light", "first", "second")
    await bench.deliverer().deliver()
    order = [each["channel"] for each in bench.platform.messages()]
    assert order.index("fake:light") == 2 * POSTS_IN_A_ROW
    assert order[2 * POSTS_IN_A_ROW :][:2] == ["fake:light"] * 2, "a digest is not torn apart"
    assert len(order) == 102
    assert bench.platform.papers("fake:heavy") == list(map(str, range(50)))


async def test_a_server_with_many_channels_makes_way_for_one_with_few(bench: Bench) -> None:
    for number in range(30):
        bench.queue(f"fake:large{number:02}", f"l{number}")
    bench.queue("fake:small", "s0")
    change(
        bench.store,
        "update channels set posted_in = case id when 'fake:small' then 'fake:2' else 'fake:1' end",
    )
    await bench.deliverer().deliver()
    order = [each["channel"] for each in bench.platform.messages()]
    assert order.index("fake:small") == POSTS_IN_A_ROW
    assert len(order) == 31


async def test_a_channel_alone_need_not_make_way(bench: Bench) -> None:
    bench.queue("fake:a", *map(str, range(3 * POSTS_IN_A_ROW)))
    await bench.deliverer().deliver()
    assert bench.channel("fake:a").sent == 3 * POSTS_IN_A_ROW
    assert bench.clock.slept == []


async def test_what_waits_for_one_platform_holds_back_no_other(bench: Bench) -> None:
    bench.queue("other:old", *map(str, range(50)))
    bench.queue("fake:a", "1")
    now, platforms = bench.clock.now(), ("fake", "other")
    posts = [await bench.store.claim(name, now, now + timedelta(hours=1)) for name in platforms]
    assert [post and post.channel.id for post in posts] == ["fake:a", "other:old"]


async def test_a_clock_that_jumps_while_a_post_is_in_flight_does_not_send_it_twice(
    bench: Bench,
) -> None:
    bench.queue("fake:slow", "1")
    gated = Gated(bench.platform._path, "fake:slow")
    rng = random.Random(1)
    deliverer = Deliverer("fake", gated, bench.store, bench.clock, rng, workers=3)
    delivering_now = asyncio.create_task(deliverer.deliver())
    await gated.reached.wait()
    bench.clock.advance(6 * 3600)  # the machine slept; the lease ran out
    await bench.queue_meanwhile("fake:b", "2")
    deliverer.wake()
    await gated.until("fake:b", ["2"])
    gated.gate.set()
    await delivering_now
    assert gated.papers("fake:slow") == ["1"]


async def test_a_stop_settles_what_is_in_flight_and_claims_nothing_new(bench: Bench) -> None:
    bench.queue("fake:slow", "1", "2")
    gated = Gated(bench.platform._path, "fake:slow")
    deliverer = Deliverer("fake", gated, bench.store, bench.clock, random.Random(1))
    delivering_now = asyncio.create_task(deliverer.deliver())
    await gated.reached.wait()
    deliverer.drain()
    gated.gate.set()
    await delivering_now
    assert bench.channel("fake:slow").sent == 1
    assert [post.state for post in bench.channel("fake:slow").posts] == ["queued"]


async def test_a_platform_that_lets_nobody_in_keeps_every_post_waiting(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    with pytest.raises(PlatformRefused):
        await bench.deliverer({0: (False, PlatformRefused("the token is wrong"))}).deliver()
    assert [post.state for post in bench.channel("fake:a").posts] == ["queued"]
    await bench.deliverer().deliver(wait=60)
    assert bench.platform.papers("fake:a") == ["1"]


async def test_a_channel_that_keeps_refusing_is_told_of_once(bench: Bench) -> None:
    bench.queue("fake:a", "1")
    told: list[str] = []

    async def tell(channel: Channel, reason: str) -> None:
        told.append(f"{channel.id} {reason}")

    faults: Faults = {n: (False, ChannelRefused("not a member")) for n in range(3)}
    platform = FakePlatform(bench.platform._path, faults=faults)
    rng = random.Random(1)
    deliverer = Deliverer("fake", platform, bench.store, bench.clock, rng, on_refused=tell)
    await deliverer.deliver(wait=30 * 3600)
    assert platform.papers("fake:a") == ["1"]
    assert told == ["fake:a not a member"]


async def test_a_full_disk_after_the_send_does_not_send_it_again(bench: Bench) -> None:
    bench.queue("fake:a", "1")

    class DiskFull(SqlStore):
        async def mark_sent(self, *_: object) -> None:
            raise StoreBroken("the disk is full")

    bench.store.close()
    full = opened_as(DiskFull, bench.database)
    await full.release(bench.clock.now(), DeliveryTimeouts().settling)
    deliverer = Deliverer("fake", bench.platform, full, bench.clock, random.Random(1))
    with pytest.raises(StoreBroken):
        await deliverer.deliver()
    full.close()
    bench.store = opened(bench.database)
    await bench.store.release(bench.clock.now(), DeliveryTimeouts().settling)
    await bench.deliverer().deliver(wait=120)
    assert bench.platform.papers("fake:a") == ["1"]


@pytest.mark.parametrize(
    "error", [TryLater("x"), OutcomeUnknown("x"), ChannelRefused("x"), PostRefused("x")]
)
async def test_no_kind_of_failure_loses_the_post(bench: Bench, error: SendError) -> None:
    bench.queue("fake:a", "1")
    await bench.deliverer({0: (False, error)}).deliver()
    assert [post.key for post in bench.channel("fake:a").posts] == ["fake:a-0"]
