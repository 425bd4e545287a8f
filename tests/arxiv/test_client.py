"""arXiv throttles and fails: requests are retried within bounds, then it is left alone."""

from __future__ import annotations

import errno
import os
import random
import socket
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.arxiv.plan import Strategy
from bot.arxiv.source import ArxivSource
from bot.errors import (
    NoteKind,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceNotAsked,
    SourceThrottled,
)
from tests.arxiv.conftest import CONTACT, MakeSource
from tests.arxiv.feeds import NOON, phrase
from tests.fakes import FakeClock
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_server import ArxivServer

REWARD = phrase("reward model")
SINCE = NOON - timedelta(days=14)
MANY = [REWARD, *(phrase(f"task {number:030d}") for number in range(90))]  # several requests


async def refused(source: ArxivSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await source.fetch([REWARD], SINCE)
    return caught.value


# Throttling


THROTTLING = [
    pytest.param(arxiv.throttled(), "429", id="429"),
    pytest.param(arxiv.throttled("45"), "429", id="429 with Retry-After"),
    pytest.param(arxiv.rate_exceeded_at_200(), "Rate exceeded", id="text at 200"),
    pytest.param(arxiv.blocked(), "contact we send, may be blocked", id="403"),
    pytest.param(arxiv.not_acceptable(), "406", id="406"),
    pytest.param(arxiv.varnish(), "503", id="503 with Retry-After 0"),
]


@pytest.mark.parametrize(("fault", "reason"), THROTTLING)
async def test_one_trial_follows_after_half_a_minute(
    server: ArxivServer, source: ArxivSource, clock: FakeClock, fault: arxiv.Fault, reason: str
) -> None:
    server.faults.append(fault)
    batch = await source.fetch([REWARD], SINCE)
    assert (len(batch.papers), batch.complete, batch.requests) == (30, True, 2)
    assert 30 <= (clock.now() - NOON).total_seconds() <= 60


@pytest.mark.parametrize(("fault", "reason"), THROTTLING)
async def test_after_the_trial_arxiv_is_left_alone_by_everybody(
    server: ArxivServer, make_source: MakeSource, clock: FakeClock, fault: arxiv.Fault, reason: str
) -> None:
    server.habit = fault
    source = make_source()
    error = await refused(source)
    assert isinstance(error, SourceThrottled)
    assert error.requests == len(server.requests) == 2
    assert reason in str(error)
    assert timedelta(minutes=5) <= error.until - clock.now() <= timedelta(minutes=6.25)
    server.habit = arxiv.honest
    for other in (source, make_source()):
        again = await refused(other)
        assert isinstance(again, SourceThrottled)
        assert (again.until, again.requests) == (error.until, 0)
        assert reason in str(again)
        with pytest.raises(SourceThrottled):
            await other.latest(REWARD, 3)
        with pytest.raises(SourceThrottled):
            await other.papers(["2602.00001"])
    assert len(server.requests) == 2
    clock.jump(error.until)
    clock.advance(1)
    assert (await source.fetch([REWARD], SINCE)).complete


async def test_after_a_cool_down_a_single_request_is_the_trial(
    server: ArxivServer, source: ArxivSource, clock: FakeClock
) -> None:
    server.habit = arxiv.throttled()
    waits = []
    for _ in range(4):
        error = await refused(source)
        assert isinstance(error, SourceThrottled)
        waits.append((error.until - clock.now()) / timedelta(minutes=1))
        clock.jump(error.until)
        clock.advance(1)
    assert len(server.requests) == 2 + 1 + 1 + 1
    for wait, own in zip(waits, (5, 15, 60, 180), strict=True):
        assert own <= wait <= own * 1.25


@pytest.mark.parametrize("asked", ["3600", "Mon, 02 Mar 2026 13:00:00 GMT"])
async def test_a_long_retry_after_is_left_to_the_next_run(
    server: ArxivServer, source: ArxivSource, clock: FakeClock, asked: str
) -> None:
    server.faults.append(arxiv.throttled(asked))
    error = await refused(source)
    assert isinstance(error, SourceThrottled)
    assert error.until == NOON + timedelta(hours=1)
    assert len(server.requests) == 1
    assert clock.slept == []


async def test_throttling_in_the_middle_stops_the_run_and_keeps_what_came(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.faults.extend([arxiv.honest, *[arxiv.throttled()] * 2])
    batch = await source.fetch(list(reversed(MANY)), SINCE)
    assert len(batch.papers) == 30
    assert not batch.complete
    assert [note.kind for note in batch.notes] == [NoteKind.THROTTLED]
    assert batch.requests == len(server.requests) == 3


async def test_only_one_trial_is_made_in_a_run(server: ArxivServer, source: ArxivSource) -> None:
    server.faults.extend([arxiv.throttled(), arxiv.honest, arxiv.throttled()])
    batch = await source.fetch(MANY, SINCE)
    assert not batch.complete
    assert len(server.requests) == 3


async def test_while_one_task_waits_for_its_trial_another_is_told_at_once(
    server: ArxivServer, make_source: MakeSource
) -> None:
    class Gone(FakeClock):
        async def sleep(self, seconds: float) -> None:
            if seconds >= 30:
                with pytest.raises(SourceThrottled, match="429"):
                    await other.latest(REWARD, 3)
            await super().sleep(seconds)

    clock = Gone(NOON)
    source, other = make_source(clock=clock), make_source(clock=clock)
    server.clock, server.now = clock, clock.now
    server.faults.append(arxiv.throttled())
    assert (await source.fetch([REWARD], SINCE)).complete
    assert len(server.requests) == 2


# Faults that may pass

PASSING = [
    pytest.param(arxiv.status(500, b"oops"), SourceDown, id="500"),
    pytest.param(arxiv.status(502), SourceDown, id="502"),
    pytest.param(arxiv.reset, SourceDown, id="reset"),
    pytest.param(arxiv.cut_connection, SourceDown, id="connection cut"),
    pytest.param(arxiv.status(200, b""), SourceGarbled, id="empty"),
    pytest.param(arxiv.page_of_html(), SourceGarbled, id="HTML"),
    pytest.param(arxiv.wrong_content(), SourceGarbled, id="JSON"),
    pytest.param(arxiv.bomb(), SourceGarbled, id="bomb"),
    pytest.param(arxiv.cut_xml, SourceGarbled, id="XML cut"),
    pytest.param(arxiv.cut_gzip, SourceGarbled, id="gzip cut"),
    pytest.param(arxiv.status(200, b"x", Content_Encoding="br"), SourceGarbled, id="packed as br"),
    pytest.param(arxiv.not_gzip, SourceGarbled, id="gzip damaged"),
    pytest.param(arxiv.more_behind_gzip, SourceGarbled, id="more behind gzip"),
]


@pytest.mark.parametrize(("fault", "kind"), PASSING)
async def test_a_fault_that_passes_is_not_noticed(
    server: ArxivServer, source: ArxivSource, fault: arxiv.Fault, kind: type[SourceError]
) -> None:
    server.faults.extend([fault, fault])
    batch = await source.fetch([REWARD], SINCE)
    assert (len(batch.papers), batch.complete, batch.requests) == (30, True, 3)
    assert batch.notes == ()


@pytest.mark.parametrize(("fault", "kind"), PASSING)
async def test_a_fault_that_stays_is_an_error_never_an_empty_day(
    server: ArxivServer,
    source: ArxivSource,
    clock: FakeClock,
    fault: arxiv.Fault,
    kind: type[SourceError],
) -> None:
    server.habit = fault
    error = await refused(source)
    assert type(error) is kind
    assert error.requests == len(server.requests) == 3
    assert 24 <= (clock.now() - NOON).total_seconds() <= 40
    assert len({str(seen.params) for seen in server.requests}) == 1
    server.habit = arxiv.honest
    assert (await source.fetch([REWARD], SINCE)).complete


async def test_an_answer_that_is_not_arxivs_is_not_asked_for_again(
    server: ArxivServer, make_source: MakeSource
) -> None:
    source = make_source(url=server.url.replace("query", "elsewhere"))
    error = await refused(source)
    assert isinstance(error, SourceGarbled)
    assert "[arxiv] url" in str(error)
    assert error.requests == 1


async def test_no_answer_is_not_an_empty_day(make_source: MakeSource) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    error = await refused(make_source(url=f"http://127.0.0.1:{port}/api/query"))
    assert isinstance(error, SourceDown)
    assert "can't be reached" in str(error)


@pytest.mark.parametrize("way", [Strategy.UNION, Strategy.HARVEST])
async def test_a_folder_that_can_not_be_written_is_not_blamed_on_arxiv(
    server: ArxivServer, make_source: MakeSource, tmp_path: Path, way: Strategy
) -> None:
    (tmp_path / "data").write_text("a file")
    pace = tmp_path / "data" / "pace.json"
    source = make_source(oai_url=server.oai_url, strategy=way, pace_file=pace)
    error = await refused(source)
    assert isinstance(error, SourceNotAsked)
    assert str(pace) in str(error)
    assert (error.requests, server.requests) == (0, [])
    for finding in await source.examine():
        assert not finding.ok
        assert "network" not in finding.remedy


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_a_machine_without_room_for_a_connection_is_not_blamed_on_arxiv(
    make_source: MakeSource, code: int
) -> None:
    def exhausted(request: httpx.Request) -> httpx.Response:
        try:
            raise OSError(code, os.strerror(code))
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error

    error = await refused(make_source(transport=httpx.MockTransport(exhausted)))
    assert isinstance(error, SourceNotAsked)
    assert os.strerror(code) in str(error)
    assert error.requests == 1


@pytest.mark.parametrize(
    "fault",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        OSError(errno.EPERM, "Operation not permitted"),
        httpx.ProxyError("407 Proxy Authentication Required"),
    ],
)
async def test_a_machine_without_a_network_tries_again_and_does_not_blame_arxiv(
    make_source: MakeSource, fault: Exception
) -> None:
    def unconnected(request: httpx.Request) -> httpx.Response:
        if isinstance(fault, httpx.ProxyError):
            raise fault
        try:
            raise fault
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error

    error = await refused(make_source(transport=httpx.MockTransport(unconnected)))
    assert isinstance(error, SourceNotAsked)
    assert "arXiv was not asked" in str(error)
    assert error.requests > 1


async def test_an_address_that_is_too_long_for_arxiv_is_posted(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.faults.append(arxiv.status(414))
    assert (await source.fetch([REWARD], SINCE)).complete
    assert [seen.method for seen in server.requests] == ["GET", "POST"]


async def test_one_part_that_fails_does_not_cost_the_others(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.faults.extend([arxiv.status(500)] * 3)
    batch = await source.fetch(MANY, SINCE)
    assert not batch.complete
    assert [note.kind for note in batch.notes] == [NoteKind.DOWN]
    assert batch.requests == len(server.requests)


async def test_after_two_parts_that_fail_the_rest_is_not_tried(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.habit = arxiv.status(500)
    keywords = [phrase(f"task {number:030d}") for number in range(300)]
    with pytest.raises(SourceDown) as caught:
        await source.fetch(keywords, SINCE)
    assert caught.value.requests == len(server.requests) == 6


# The stand-in of the demo allows quick requests


async def test_without_an_interval_nothing_is_waited_for(clock: FakeClock, tmp_path: Path) -> None:
    with ArxivServer([], clock) as server:
        async with ArxivSource(
            url=server.url,
            contact=CONTACT,
            interval=0,
            clock=clock,
            pace_file=tmp_path / "pace.json",
            rng=random.Random(1),
            transport=httpx.AsyncHTTPTransport(verify=False),
        ) as source:
            for fault in (arxiv.throttled(), arxiv.status(500), arxiv.page_of_html()):
                server.habit = fault
                await refused(source)
    assert sum(clock.slept) == 0
