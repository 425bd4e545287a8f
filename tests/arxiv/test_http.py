"""One exchange with arXiv: packed and huge bodies, silence, and redirects."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.arxiv.atom_feed import AtomFeed, AtomReader
from bot.arxiv.http import ApiRequest, HttpConnection, Timeouts
from bot.arxiv.source import ArxivSource
from bot.errors import SourceDown, SourceError, SourceGarbled, SourceThrottled
from bot.network import Network
from tests.arxiv.conftest import CONTACT, IMPATIENT, MakeSource
from tests.arxiv.feeds import NOON, phrase
from tests.fakes import FakeClock
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_server import ArxivServer
from tests.wire.arxiv_standin import Exchange

REWARD = phrase("reward model")
HUGE = arxiv.huge(packed=True)
SINCE = NOON - timedelta(days=14)


async def refused(source: ArxivSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await source.fetch([REWARD], SINCE)
    return caught.value


async def test_an_answer_need_not_be_packed(server: ArxivServer, source: ArxivSource) -> None:
    server.habit = arxiv.unpacked
    assert len((await source.fetch([REWARD], SINCE)).papers) == 30


async def test_a_refused_answer_keeps_a_sample(server: ArxivServer, source: ArxivSource) -> None:
    server.habit = arxiv.page_of_html()
    assert b"arXiv is being mended" in (await refused(source)).sample


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (arxiv.blocked(), b"Access denied"),
        (arxiv.status(500, b"oops", packed=False), b"oops"),
        (arxiv.status(500, b"oops", Content_Encoding="gzip"), b"oops"),
        (arxiv.status(500, b"", packed=False), b""),
    ],
)
async def test_an_error_page_keeps_a_sample_too(
    server: ArxivServer, source: ArxivSource, fault: arxiv.Fault, shown: bytes
) -> None:
    server.habit = fault
    assert shown in (await refused(source)).sample


@pytest.mark.parametrize("packed", [True, False])
async def test_a_hundred_megabytes_are_not_taken_in(
    server: ArxivServer, source: ArxivSource, packed: bool
) -> None:
    server.faults.extend([HUGE if packed else arxiv.huge(packed=False)] * 3)
    error = await refused(source)
    assert isinstance(error, SourceGarbled)
    assert "larger than 16 MiB" in str(error)


# Timeouts


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes the request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api/query"


async def test_silence_ends_with_the_timeout_and_then_arxiv_is_left_alone(
    silent: str, make_source: MakeSource, clock: FakeClock
) -> None:
    source = make_source(url=silent, timeouts=IMPATIENT)
    error = await refused(source)
    assert isinstance(error, SourceDown)
    assert "in time" in str(error)
    assert error.requests == 3
    again = await refused(source)
    assert isinstance(again, SourceThrottled)
    assert again.requests == 0
    assert timedelta(minutes=5) <= again.until - clock.now() <= timedelta(minutes=6.25)


async def test_an_answer_that_drips_in_for_ever_ends_with_the_total(
    server: ArxivServer, make_source: MakeSource
) -> None:
    server.habit = arxiv.drip
    source = make_source(timeouts=Timeouts(connect=5, read=5, total=0.2))
    assert isinstance(await refused(source), SourceDown)
    assert len(server.requests) == 3


async def test_a_stall_that_passes_is_not_noticed(
    server: ArxivServer, make_source: MakeSource
) -> None:
    server.faults.append(arxiv.stall)
    batch = await make_source(timeouts=IMPATIENT).fetch([REWARD], SINCE)
    assert (batch.complete, batch.requests) == (True, 2)


async def test_a_cancelled_request_ends_at_once_and_the_next_one_works(
    server: ArxivServer, source: ArxivSource
) -> None:
    arrived = threading.Event()

    def stall(server: ArxivServer, exchange: Exchange) -> None:
        arrived.set()
        arxiv.stall(server, exchange)

    server.faults.append(stall)
    task = asyncio.create_task(source.fetch([REWARD], SINCE))
    assert await asyncio.to_thread(arrived.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await source.fetch([REWARD], SINCE)).complete


# Redirects


async def test_a_redirect_at_the_same_place_is_followed_politely(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.faults.append(arxiv.moved("{path}&moved=1"))
    batch = await source.fetch([REWARD], SINCE)
    assert (len(batch.papers), batch.complete, batch.requests) == (30, True, 2)
    assert server.requests[1].params["moved"] == "1"


@pytest.mark.parametrize(
    "location",
    [
        "https://example.org/{path}",
        "http://export.arxiv.org{path}",
        "https://arxiv.org.example.org{path}",
        "http://127.0.0.1:1{path}",
        "file:///etc/passwd",
        "https://[half",
    ],
)
async def test_a_redirect_elsewhere_is_not_followed(
    server: ArxivServer, source: ArxivSource, location: str
) -> None:
    server.habit = arxiv.moved(location)
    assert isinstance(await refused(source), SourceGarbled)
    assert len(server.requests) == 1


async def test_redirects_in_a_circle_end(server: ArxivServer, source: ArxivSource) -> None:
    server.habit = arxiv.moved("{path}")
    assert isinstance(await refused(source), SourceGarbled)
    assert len(server.requests) == 4


def test_arxiv_may_move_within_its_own_domain() -> None:
    wire: HttpConnection[AtomFeed, ApiRequest] = HttpConnection(
        url="https://export.arxiv.org/api/query",
        reader=lambda _: AtomReader(),
        contact=CONTACT,
        timeouts=Timeouts(),
        network=Network(),
        transport=None,
    )
    assert wire.follow("https://arxiv.org/api?a=b") == "https://arxiv.org/api?a=b"
    assert wire.follow("/new?a=b") == "https://export.arxiv.org/new?a=b"
    for elsewhere in ("http://export.arxiv.org/api/query", "https://arxiv.org.example.org", "\0"):
        with pytest.raises(SourceGarbled, match="arXiv sent us"):
            wire.follow(elsewhere)
