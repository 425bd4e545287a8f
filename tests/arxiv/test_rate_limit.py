"""When arXiv may be asked: the whole host keeps its distance, and no broken clock stops it."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.arxiv.rate_limit import Permit, RateLimiter
from bot.arxiv.source import ArxivSource
from bot.clock import SystemClock
from bot.errors import SourceDown, SourceNotAsked, SourceThrottled
from bot.keywords import parse
from tests.fakes import START, FakeClock

FULL_DISK = Path("/dev/full")  # on Linux, a file that takes nothing


class YieldingClock(FakeClock):
    """Lets the others run while one sleeps."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


def rate_limiter(clock: FakeClock, path: Path | None = None, interval: float = 3.0) -> RateLimiter:
    return RateLimiter(interval=interval, clock=clock, path=path, rng=random.Random(1))


async def request(
    rate_limiter: RateLimiter,
    clock: FakeClock,
    seconds: float = 0.0,
    act: Callable[[Permit], object] | None = None,
) -> datetime:
    """One request of so many seconds; returns when it started."""
    async with rate_limiter.permit() as permit:
        start = clock.now()
        clock.advance(seconds)
        if act is not None:
            act(permit)
    return start


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "pace.json"


async def test_a_request_starts_three_seconds_after_the_end_of_the_one_before(
    clock: FakeClock, file: Path
) -> None:
    polite = rate_limiter(clock, file)
    first = await request(polite, clock, seconds=10)
    second = await request(polite, clock)
    assert second - first == timedelta(seconds=13)


async def test_the_first_request_does_not_wait(clock: FakeClock, file: Path) -> None:
    assert await request(rate_limiter(clock, file), clock) == START
    assert clock.slept == []


async def test_a_request_after_a_long_pause_does_not_wait(clock: FakeClock, file: Path) -> None:
    polite = rate_limiter(clock, file)
    await request(polite, clock)
    clock.advance(60)
    await request(polite, clock)
    assert clock.slept == []


async def test_another_process_keeps_the_distance_too(clock: FakeClock, file: Path) -> None:
    await request(rate_limiter(clock, file), clock)
    second = await request(rate_limiter(clock, file), clock)
    assert second - START == timedelta(seconds=3)


async def test_a_request_that_fails_or_is_cancelled_counts(clock: FakeClock, file: Path) -> None:
    polite = rate_limiter(clock, file)
    for error in (SourceDown("no"), asyncio.CancelledError()):

        def fail(permit: Permit, error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)):
            await request(polite, clock, act=fail)
        before = clock.now()
        assert await request(polite, clock) - before == timedelta(seconds=3)
        clock.advance(60)


@pytest.mark.parametrize("shared", [True, False])
async def test_requests_never_overlap_whichever_process_sends_them(
    tmp_path: Path, shared: bool
) -> None:
    clock = YieldingClock(START)
    file = tmp_path / "pace.json"
    one = rate_limiter(clock, file)
    limiters = [one, one, one] if shared else [rate_limiter(clock, file) for _ in range(3)]
    spans: list[tuple[datetime, datetime]] = []

    async def ask(rate_limiter: RateLimiter) -> None:
        async with rate_limiter.permit():
            start = clock.now()
            for _ in range(5):
                await clock.sleep(0.1)
            spans.append((start, clock.now()))

    await asyncio.gather(*(ask(each) for each in limiters))
    spans.sort()
    assert len(spans) == 3
    for (_, end), (start, _) in pairwise(spans):
        assert start - end >= timedelta(seconds=3)


def _ask_in_a_process(file: Path, log: Path) -> None:
    async def ask() -> None:
        clock = SystemClock()
        polite = RateLimiter(interval=0.2, clock=clock, path=file, rng=random.Random(1))
        for _ in range(2):
            async with polite.permit():
                start = clock.now().timestamp()
                await clock.sleep(0.02)
                with log.open("a") as out:
                    out.write(f"{start} {clock.now().timestamp()}\n")

    asyncio.run(ask())


def test_real_processes_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_ask_in_a_process, args=(tmp_path / "pace.json", log))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    spans = sorted(tuple(map(float, line.split())) for line in log.read_text().splitlines())
    assert len(spans) == 4
    for (_, end), (start, _) in pairwise(spans):
        assert start - end >= 0.199


async def test_waiting_for_another_process_can_be_cancelled(tmp_path: Path) -> None:
    file = tmp_path / "pace.json"
    clock = SystemClock()
    holder = RateLimiter(interval=3, clock=clock, path=file, rng=random.Random(1))
    waiter = RateLimiter(interval=3, clock=clock, path=file, rng=random.Random(1))

    async def wait() -> None:
        async with waiter.permit():
            pytest.fail("two requests at once were permitted")

    async with holder.permit():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_process_that_never_ends_its_turn_is_not_waited_for_forever(
    clock: FakeClock, file: Path
) -> None:
    async with rate_limiter(clock, file).permit():
        with pytest.raises(SourceNotAsked, match="another process"):
            await request(rate_limiter(clock, file), clock)
    assert timedelta(minutes=15) <= clock.now() - START <= timedelta(minutes=16)


async def test_a_person_does_not_wait_for_it_as_long_as_a_collect_does(
    clock: FakeClock, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = httpx.MockTransport(lambda _: pytest.fail("arXiv was asked"))
    source = ArxivSource(
        url="https://export.arxiv.org/api/query", contact="", interval=3.0, clock=clock,
        pace_file=file, rng=random.Random(1), transport=transport,
    )  # fmt: skip
    async with rate_limiter(clock, file).permit(), source:
        with pytest.raises(SourceNotAsked, match=r"held .*pace\.json for 60 seconds"):
            await source.latest(parse("reward model"), 3)
    assert timedelta(minutes=1) <= clock.now() - START <= timedelta(minutes=2)
    assert caplog.text.count("waiting for another process") == 1


# Clocks that jump, files that are damaged


async def test_a_clock_that_was_set_back_delays_nothing_by_more_than_the_interval(
    clock: FakeClock, file: Path
) -> None:
    for back in (timedelta(seconds=30), timedelta(hours=5), timedelta(days=400)):
        await request(rate_limiter(clock, file), clock)
        clock.jump(clock.now() - back)
        before = clock.monotonic()
        await request(rate_limiter(clock, file), clock)
        assert clock.monotonic() - before <= 3


async def test_a_clock_that_was_set_forward_does_not_shorten_the_distance(
    clock: FakeClock, file: Path
) -> None:
    polite = rate_limiter(clock, file)
    await request(polite, clock)
    clock.jump(clock.now() + timedelta(days=1))
    before = clock.monotonic()
    await request(polite, clock)
    assert clock.monotonic() - before == 3


async def test_a_cool_down_of_the_future_lasts_its_own_length_after_the_clock_was_set_back(
    clock: FakeClock, file: Path
) -> None:
    for path in (file, None):
        polite = rate_limiter(clock, path)
        await request(polite, clock, act=lambda permit: permit.pause(3600, "no"))
        clock.jump(clock.now() - timedelta(days=2))
        back_at = clock.now()
        with pytest.raises(SourceThrottled) as refused:
            await request(polite, clock)
        assert refused.value.until == back_at + timedelta(hours=1), "arXiv is left alone as asked"
        await clock.sleep(3601)
        await request(polite, clock)


def damage(file: Path, content: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)


def held(file: Path) -> dict[str, object]:
    state = json.loads(file.read_bytes())
    assert isinstance(state, dict)
    return state


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"last_request_at": 1}',
        b'{"last_request_at": NaN, "paused_until": NaN, "refusals": 0, "reason": ""}',
        b'{"last_request_at": 1e999, "paused_until": 1e999, "refusals": 0, "reason": ""}',
        b'{"last_request_at": 0, "paused_until": 99999999999, "refusals": 0, "reason": ""}',
        b'{"last_request_at": 0, "paused_until": 0, "refusals": -1, "reason": ""}',
        b'{"last_request_at": "x", "paused_until": 0, "refusals": 0, "reason": ""}',
        b'{"last_request_at": 0, "paused_until": 0, "refusals": 1e999, "reason": ""}',
        b"0" * 10_000,
        b"[" * 10_000,
    ],
)
async def test_a_damaged_file_is_rewritten(clock: FakeClock, file: Path, content: bytes) -> None:
    damage(file, content)
    assert await request(rate_limiter(clock, file), clock) == START
    assert held(file)["last_request_at"] == START.timestamp()


@given(st.binary(max_size=200))
async def test_no_file_at_all_can_stop_the_bot(tmp_path_factory: object, content: bytes) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    clock = FakeClock(START)
    file = tmp_path_factory.mktemp("pace") / "pace.json"
    damage(file, content)
    await request(rate_limiter(clock, file), clock)
    assert clock.now() - START <= timedelta(seconds=3)


@pytest.mark.skipif(not FULL_DISK.is_char_device(), reason="this system has no /dev/full")
async def test_a_full_disk_costs_the_record_but_not_the_answer(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    polite = rate_limiter(clock, FULL_DISK)
    assert await request(polite, clock) == START
    assert "No space left" in caplog.text
    assert await request(polite, clock) == START + timedelta(seconds=3)


async def test_a_pace_file_that_can_not_be_used_is_no_fault_of_arxivs(
    clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file")
    (tmp_path / "folder").mkdir()
    for unusable in (tmp_path / "data" / "pace.json", tmp_path / "folder"):
        with pytest.raises(SourceNotAsked, match=r"was not asked.*data folder must be writable"):
            await request(rate_limiter(clock, unusable), clock)


# Leaving arXiv alone


async def test_arxiv_is_left_alone_longer_each_time_it_refuses(
    clock: FakeClock, file: Path
) -> None:
    polite = rate_limiter(clock, file)
    for minutes in (5, 15, 60, 180, 180):
        await request(polite, clock, act=lambda permit: permit.record_refusal("It answered 429."))
        with pytest.raises(SourceThrottled, match="429") as caught:
            await request(polite, clock)
        wait = (caught.value.until - clock.now()) / timedelta(minutes=1)
        assert minutes <= wait <= minutes * 1.25
        clock.jump(caught.value.until)
        clock.advance(1)


async def test_other_processes_leave_it_alone_too(clock: FakeClock, file: Path) -> None:
    await request(
        rate_limiter(clock, file),
        clock,
        act=lambda permit: permit.record_refusal("It answered 403."),
    )
    with pytest.raises(SourceThrottled, match="403"):
        await request(rate_limiter(clock, file), clock)
    assert clock.slept == []


async def test_an_answer_ends_the_row_of_refusals(clock: FakeClock, file: Path) -> None:
    polite = rate_limiter(clock, file)
    for _ in range(3):
        await request(polite, clock, act=lambda permit: permit.record_refusal("no"))
        clock.advance(4 * 3600)
    await request(polite, clock, act=lambda permit: permit.record_success())
    await request(polite, clock, act=lambda permit: permit.record_refusal("no"))
    with pytest.raises(SourceThrottled) as caught:
        await request(polite, clock)
    assert caught.value.until - clock.now() <= timedelta(minutes=7)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(60, 300, 375), (7200, 7200, 7200), (10**6, 86400, 86400)],
)
async def test_what_arxiv_asks_for_counts_if_it_is_longer_and_within_a_day(
    clock: FakeClock, asked: float, least: float, most: float
) -> None:
    await request(
        polite := rate_limiter(clock),
        clock,
        act=lambda permit: permit.record_refusal("no", retry_after=asked),
    )
    with pytest.raises(SourceThrottled) as caught:
        await request(polite, clock)
    assert least <= (caught.value.until - clock.now()).total_seconds() <= most


async def test_without_an_interval_nothing_waits(clock: FakeClock, file: Path) -> None:
    eager = rate_limiter(clock, file, interval=0)
    for _ in range(3):
        await request(eager, clock, act=lambda permit: permit.record_refusal("no"))
    assert clock.slept == []
