"""A source that asks our own arXiv over real HTTP, with time that stands still."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bot.arxiv.http import Timeouts
from bot.arxiv.source import ArxivSource
from tests.arxiv.feeds import NOON, standin_paper
from tests.fakes import FakeClock
from tests.wire.arxiv_server import ArxivServer

CONTACT = "mailto:ada@example.org"
IMPATIENT = Timeouts(connect=5, read=0.2, total=0.6)  # seconds that really pass

TLS = httpx.create_ssl_context()  # reading the certificates costs more than most tests

MakeSource = Callable[..., ArxivSource]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def server(clock: FakeClock) -> Iterator[ArxivServer]:
    """Thirty invented papers, all on reward models. Every request to it must have been polite."""
    papers = [standin_paper(number) for number in range(1, 31)]
    with ArxivServer(papers, clock) as running:
        yield running
        running.assert_polite(3, CONTACT)


@pytest.fixture
async def make_source(
    server: ArxivServer, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[MakeSource]:
    made: list[ArxivSource] = []

    def make(**changes: object) -> ArxivSource:
        values: dict[str, object] = {
            "url": server.url,
            "contact": CONTACT,
            "interval": 3.0,
            "clock": clock,
            "pace_file": tmp_path / "pace.json",
            "rng": random.Random(1),
            "transport": httpx.AsyncHTTPTransport(verify=TLS),
        }
        made.append(ArxivSource(**(values | changes)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for source in made:
        await source.aclose()


@pytest.fixture
def source(make_source: MakeSource) -> ArxivSource:
    return make_source()
