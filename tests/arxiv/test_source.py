"""The source as a whole: who shares its pace, its connections, and what it says meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.arxiv.source import ArxivSource
from tests.arxiv.conftest import CONTACT, MakeSource
from tests.arxiv.feeds import NOON, phrase
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_server import ArxivServer

REWARD = phrase("reward model")
SINCE = NOON - timedelta(days=14)


async def test_requests_of_several_tasks_and_sources_never_crowd(
    server: ArxivServer, make_source: MakeSource, tmp_path: Path
) -> None:
    one = make_source()
    await asyncio.gather(
        one.fetch([REWARD], SINCE), one.latest(REWARD, 3), one.papers(["2602.00001"])
    )
    await make_source().latest(REWARD, 3)
    assert len(server.requests) == 4  # and the fixture looks at their distance
    assert (tmp_path / "pace.json").exists()


async def test_a_proxy_of_the_host_is_not_used_for_the_host_itself(
    server: ArxivServer, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        assert (await make_source(url=url, transport=None).latest(REWARD, 3)).complete


async def test_a_contact_with_other_letters_still_makes_a_header(
    server: ArxivServer, make_source: MakeSource
) -> None:
    source = make_source(contact=f"{CONTACT} (Zoë)\r\nX-Evil: 1")
    await source.latest(REWARD, 3)
    assert "X-Evil" not in server.requests[0].headers
    assert "(Zo?)??X-Evil: 1" in server.requests[0].headers["User-Agent"]


async def test_someone_can_watch(make_source: MakeSource, server: ArxivServer) -> None:
    heard: list[str] = []
    server.faults.append(arxiv.throttled("60"))
    await make_source(progress=heard.append).fetch([REWARD], SINCE)
    assert heard[0] == "querying arXiv, request 1"
    assert heard[1].startswith("waiting ")
    assert "429" in heard[1]
    assert heard[2] == "querying arXiv, request 2"


async def test_a_closed_source_opens_again_when_it_is_asked(source: ArxivSource) -> None:
    await source.aclose()
    async with source:
        assert (await source.latest(REWARD, 3)).complete
    await source.aclose()
    assert (await source.latest(REWARD, 3)).complete
