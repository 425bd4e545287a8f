"""What machines that watch the bot are told, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from bot.arxiv.calendar import AnnouncementCalendar
from bot.errors import GaveUp, StoreBusy
from bot.http_server import ConnectionLimits, listening, max_connections
from bot.keywords import parse
from bot.model import AnnouncementStats, Draft, Hit, Person, Prime, Publication, Receipt, Run
from bot.monitoring import logs
from bot.monitoring.endpoint import MonitoringReport, application, ping, serving
from bot.monitoring.health import HealthReport
from bot.network import Network
from bot.ports import Store
from bot.store import open_store
from tests.builders import paper
from tests.fakes import START
from tests.wire.serving import free_port

ROOT = Path(__file__).parents[2]
KEYWORD = parse("reward model")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Three papers due, two of them delivered in four seconds."""
    made = open_store(tmp_path, alone=True)
    await made.follow("console:", KEYWORD, Person("Ada"), START)
    papers = tuple(paper(n) for n in (1, 2, 3))
    hits = tuple(Hit(p.id, KEYWORD.canonical, "title") for p in papers)
    window = START - timedelta(days=14)
    prime = Prime(KEYWORD.canonical, (), None, 0)
    await made.record(Run(START, START, window, False, True, primes=(prime,)), first_post=0)
    later = START + timedelta(seconds=2)
    run = Run(
        START, later, window, False, True, papers=papers, hits=hits, requests=1, fetched=3,
        announcement_stats=AnnouncementStats("by keyword", announced=40),
    )  # fmt: skip
    await made.record(run, first_post=0)
    failed = Run(
        START,
        START,
        window,
        False,
        False,
        requests=2,
        announcement_stats=AnnouncementStats(missing=7),
    )
    await made.record(failed, first_post=0)
    drafts = (("key-1", Draft("bytes", (papers[0].id, papers[1].id))),)
    await made.publish([("console:", lambda _: Publication(drafts, (), START))], START)
    await made.claim("console", START, START + timedelta(minutes=3))
    await made.mark_sent("key-1", Receipt("1", ""), START + timedelta(seconds=4))
    yield made
    made.close()


async def report(store: Store, hours: float = 1) -> MonitoringReport:
    now = START + timedelta(hours=hours)
    disconnected = {"discord": None, "slack": now - timedelta(minutes=1)}
    shards = {"discord": {0: None, 1: now - timedelta(seconds=30)}}
    return MonitoringReport(
        HealthReport(
            await store.state(),
            now,
            AnnouncementCalendar(),
            disconnected=disconnected,
            shards=shards,
        ),
        await store.measures(),
    )


@asynccontextmanager
async def watched(store: Store, hours: float = 1) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    async with (
        serving(("127.0.0.1", port), lambda: report(store, hours)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield client


async def test_healthz_says_that_all_is_well_and_what_is_not(store: Store) -> None:
    async with watched(store) as client:
        answer = await client.get("/healthz")
    database = (await store.state()).database
    assert database.startswith("SQLite 3.")
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "problems": [], "database": database}
    async with watched(store, hours=100) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["ok"] is False
    assert "no complete answer since 2026-03-02 08:00 UTC" in answer.json()["problems"][0]


async def test_prometheus_reads_what_happened(store: Store) -> None:
    await store.record_refusal("slack", "The token is wrong.", START)
    async with watched(store) as client:
        answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert values["daily_papers_runs_total", "true"] == 2
    assert values["daily_papers_runs_total", "false"] == 1
    assert values["daily_papers_requests_total",] == 3
    assert values["daily_papers_papers_announced_total",] == 40
    assert values["daily_papers_papers_missing",] == 7
    assert values["daily_papers_papers_fetched_total",] == 3
    assert values["daily_papers_papers_due_total",] == 3
    assert values["daily_papers_ledger", "due"] == 1
    assert values["daily_papers_ledger", "posted"] == 2
    assert values["daily_papers_posts", "console", "sent"] == 1
    assert values["daily_papers_posts", "console", "held"] == 0
    assert values["daily_papers_delivery_seconds_bucket", "1.0"] == 0
    assert values["daily_papers_delivery_seconds_bucket", "5.0"] == 1
    assert values["daily_papers_delivery_seconds_bucket", "+Inf"] == 1
    assert values["daily_papers_delivery_seconds_sum",] == pytest.approx(4, abs=0.01)
    assert values["daily_papers_last_complete_run_age_seconds",] == 3600
    assert values["daily_papers_disconnected_seconds", "discord"] == 0
    assert values["daily_papers_disconnected_seconds", "slack"] == 60
    assert values["daily_papers_shard_disconnected_seconds", "0", "discord"] == 0
    assert values["daily_papers_shard_disconnected_seconds", "1", "discord"] == 30
    assert values["daily_papers_refused", "discord"] == 0
    assert values["daily_papers_refused", "slack"] == 1
    assert values["daily_papers_channels", "no"] == 1
    assert values["daily_papers_healthy",] == 0  # Slack refuses the token


async def test_every_metric_is_described_and_drawn(store: Store) -> None:
    async with watched(store) as client:
        text = (await client.get("/metrics")).text
    there = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
    }
    hosting = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(daily_papers_\w+)` \|", hosting, re.MULTILINE))
    assert described == there
    assert "daily_papers_healthy 1.0" in text
    dashboard = (ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8")
    queries = [t["expr"] for panel in json.loads(dashboard)["panels"] for t in panel["targets"]]
    drawn = {
        name.removesuffix("_bucket")
        for query in queries
        for name in re.findall(r"daily_papers_\w+", query)
    }
    assert drawn == there


async def test_what_people_wrote_is_in_no_label(store: Store) -> None:
    await store.follow("slack:C0123456789", parse("evil metric"), Person('Mallory" } 1'), START)
    async with watched(store) as client:
        text = (await client.get("/metrics")).text
    assert "evil" not in text.lower()
    assert "Mallory" not in text
    assert "C0123456789" not in text


async def test_a_database_that_fails_is_not_well() -> None:
    async def broken() -> MonitoringReport:
        raise StoreBusy("another process keeps the database busy")

    port = free_port()
    async with (
        serving(("127.0.0.1", port), broken),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        health, metrics = await client.get("/healthz"), await client.get("/metrics")
    assert (health.status_code, metrics.status_code) == (503, 503)
    assert health.json()["problems"] == ["another process keeps the database busy"]


async def test_the_pages_can_only_be_read_and_nothing_else_is_there(store: Store) -> None:
    async with watched(store) as client:
        assert (await client.post("/healthz")).status_code == 405
        assert (await client.delete("/metrics")).status_code == 405
        assert (await client.get("/")).status_code == 404
    assert {
        resource.canonical for resource in application(lambda: report(store)).router.resources()
    } == {"/healthz", "/metrics"}


async def test_a_port_that_is_taken_is_said_and_nothing_listens_by_default(
    store: Store,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(GaveUp, match=f"127.0.0.1:{port} can't be used"):
            async with serving(("127.0.0.1", port), lambda: report(store)):
                pass
    async with serving(None, lambda: report(store)):
        pass


async def test_a_ping_is_sent_once_and_its_address_never_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []
    status = [200, 404]

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status[len(asked) - 1])

    app = web.Application()
    app.router.add_get("/secret-check-id", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    url = f"http://127.0.0.1:{port}/secret-check-id"
    with caplog.at_level("INFO", "bot"):
        assert await ping(url, Network())
        assert not await ping(url, Network())
        await runner.cleanup()
        assert not await ping(url, Network())
    assert asked == ["/secret-check-id"] * 2
    assert "secret-check-id" not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("bot")
    )


# -- those who do not want to be told anything -----------------------------------------------------


async def half_open(port: int) -> socket.socket:
    """A request that is begun and never ended."""
    # Not on the loop's thread: it has to accept meanwhile.
    connection = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port))
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    return connection


async def ended(connection: socket.socket) -> bool:
    """Waits until the other side closes it."""
    connection.settimeout(10)
    with connection:
        try:
            return await asyncio.to_thread(connection.recv, 1) == b""
        except ConnectionResetError:
            return True


async def test_more_connections_than_fit_are_turned_away_and_cost_no_descriptor(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    async with serving(("127.0.0.1", port), lambda: report(store)):
        kept = [await half_open(port) for _ in range(max_connections())]
        before = len(os.listdir("/proc/self/fd"))
        more = [await half_open(port) for _ in range(40)]
        assert all([await ended(each) for each in more])
        # Each of ours has two ends in this process.
        assert len(os.listdir("/proc/self/fd")) <= before + len(kept)
        for each in kept:
            each.close()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as ok:
            while True:
                try:
                    assert (await ok.get("/healthz")).status_code == 200
                    break
                except httpx.TransportError:  # the loop has not seen them go yet
                    await asyncio.sleep(0)
    assert caplog.text.count("port full setting=[health] listen") == 1


async def test_a_request_that_is_never_ended_is_closed_and_a_whole_one_is_answered(
    store: Store,
) -> None:
    limits = ConnectionLimits(count=2, header_timeout=0.05)
    port = free_port()
    async with serving(("127.0.0.1", port), lambda: report(store), limits):
        assert await ended(await half_open(port))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as ok:
            assert (await ok.get("/healthz")).status_code == 200


def no_http(number: int) -> list[bytes]:
    """What aiohttp says in the log with a traceback; most other garbage it keeps to itself."""
    return [
        b"GET http://[%d HTTP/1.1\r\nHost: x\r\n\r\n" % number,
        b"POST / HTTP/1.1\r\nContent-Length: 9%d\r\nTransfer-Encoding: chunked\r\n\r\n" % number,
    ]


async def test_whatever_strangers_send_is_logged_in_the_same_words_and_so_a_line_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The words are what the log counts by."""
    logs.set_up(verbose=False)
    port = free_port()
    served = web.Application()
    sent = [raw for number in range(5) for raw in no_http(number)]
    async with listening(served, "[health] listen", ("127.0.0.1", port), ConnectionLimits()):
        for raw in sent:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            assert (await reader.readline()).startswith(b"HTTP/1.0 400 "), raw
            writer.close()
    logging.getLogger().handlers[0].close()
    lines = capsys.readouterr().err.splitlines()
    assert all("no valid HTTP" in line for line in lines), "no traceback, and nothing of theirs"
    assert sum(int((re.findall("repeated=([0-9]+)", line) or [1])[0]) for line in lines) == len(
        sent
    )
    assert len(lines) < len(sent)


def test_a_reserve_of_descriptors_is_left_however_few_there_are() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        assert max_connections() == 25
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert max_connections() == 32
