"""Lets machines watch the service: ``/healthz``, ``/metrics``, and a ping after each good day.

``/healthz`` answers 200, or 503 with a sentence for each thing that is wrong. ``/metrics`` is for
Prometheus; every label is one of our own words, never a text that somebody wrote. Neither asks for
a password and neither changes anything. Decides nothing: what is wrong, ``health_report`` says.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bot import __version__
from bot.errors import GaveUp, StoreError
from bot.model.views import DELAYS, Measures
from bot.monitoring.health import HealthReport
from bot.network import Network

log = logging.getLogger(__name__)

PATIENCE = 20.0  # seconds for the ping
MAX_CONNECTIONS = 32  # at once; those who watch ask every few seconds, and take milliseconds
SHUTDOWN_TIMEOUT = 1.0  # seconds that answers in hand get when the bot stops
LONGEST_HEADER = 16 * 1024  # bytes; aiohttp refuses a longer one


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown at one moment."""

    health_report: HealthReport
    measures: Measures


def max_connections() -> int:
    """``MAX_CONNECTIONS``, or an eighth of the file descriptors that the process may have.

    The others are the reserve for what the bot is there for: posts, the database, its log.
    """
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, descriptors // 8))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """``count`` at once. In seconds: ``header_timeout`` for a request to come, also between two on
    one connection; ``lifetime`` of a connection, whatever it does."""

    count: int = field(default_factory=max_connections)
    header_timeout: float = 5.0
    lifetime: float = 60.0


ReportReader = Callable[[], Awaitable[Report]]


@asynccontextmanager
async def serving(
    listen: tuple[str, int] | None, look: ReportReader, limits: ConnectionLimits | None = None
) -> AsyncIterator[None]:
    """Answer on that host and port meanwhile; with ``None`` nothing listens anywhere.

    Raises GaveUp where it can't listen.
    """
    if listen is None:
        yield
        return
    host, port = listen
    limits = limits or ConnectionLimits()
    runner = web.AppRunner(
        application(look),
        access_log=None,
        handle_signals=False,
        keepalive_timeout=limits.header_timeout,
        shutdown_timeout=SHUTDOWN_TIMEOUT,
    )
    await runner.setup()
    server: asyncio.Server | None = None
    try:
        connections = _Connections(runner, limits)
        try:
            loop = asyncio.get_running_loop()
            # asyncio takes as many as the backlog at one go, before it asks us about the first.
            server = await loop.create_server(connections.accept, host, port, backlog=limits.count)
        except OSError as error:
            raise GaveUp(
                f"[health] listen: {host}:{port} can't be used: {error.strerror or error}"
            ) from error
        log.info("health listening on=%s:%d", host, port)
        yield
    finally:
        if server is not None:
            server.close()
        await runner.cleanup()


class _Connections:
    """Counts the open connections; one too many is closed at once."""

    def __init__(self, runner: web.AppRunner, limits: ConnectionLimits) -> None:
        self._runner = runner
        self._limits = limits
        self._open = 0
        self._turned_away = False  # was said, and is not said again until there is room

    def accept(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or self._open >= self._limits.count:
            if not self._turned_away:
                log.warning("health port full connections=%d; more are turned away", self._open)
            self._turned_away = True
            return _TurnedAway()
        self._turned_away = False
        self._open += 1
        return _Connection(server(), self._limits, self._closed)

    def _closed(self) -> None:
        self._open -= 1


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class _Connection(asyncio.Protocol):
    """One of aiohttp's, which ends if no request comes (aiohttp 3.14 waits for ever), and in any
    case after a while."""

    def __init__(
        self, handler: asyncio.Protocol, limits: ConnectionLimits, closed: Callable[[], None]
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._closed = closed
        self._transport: asyncio.BaseTransport | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._begun = b""  # what came of the first request until its header was complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(seconds, self._abort)
            for seconds in (self._limits.header_timeout, self._limits.lifetime)
        ]
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._timers[0].cancelled():
            self._begun = (self._begun + data)[-LONGEST_HEADER:]
            if b"\r\n\r\n" in self._begun:
                self._timers[0].cancel()
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._closed()
        self._handler.connection_lost(error)

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()


def application(look: ReportReader) -> web.Application:
    """The two pages."""

    async def healthz(_: web.Request) -> web.Response:
        try:
            problems = (await look()).health_report.problems()
        except StoreError as error:
            problems = (str(error),)
        body = {"ok": not problems, "ailments": list(problems)}
        return web.json_response(body, status=503 if problems else 200)

    async def metrics(_: web.Request) -> web.Response:
        try:
            report = await look()
        except StoreError as error:
            return web.Response(status=503, text=f"{error}\n")
        registry = CollectorRegistry()
        registry.register(_Collected(report))
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    return app


async def ping(url: str, network: Network) -> bool:
    """Ask the address once; whether it took it. The address may be a secret, and is not logged."""
    try:
        async with network.http_client(url, timeout=PATIENCE, follow_redirects=False) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("ping failed why=%s remedy=check [health] ping_url", type(error).__name__)
        return False
    if answer.is_success:
        log.info("ping sent")
        return True
    log.warning("ping refused status=%d remedy=check [health] ping_url", answer.status_code)
    return False


class _Collected:
    """The metrics of one report, as prometheus-client asks for them."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        yield from _work(self._report.measures)
        yield from _delivery(self._report.measures)
        yield from _condition(self._report.health_report)


def _counter(name: str, about: str, value: float) -> Metric:
    metric = CounterMetricFamily(f"daily_papers_{name}", about)
    metric.add_metric([], value)
    return metric


def _gauge(name: str, about: str, value: float) -> Metric:
    metric = GaugeMetricFamily(f"daily_papers_{name}", about)
    metric.add_metric([], value)
    return metric


def _work(found: Measures) -> Iterator[Metric]:
    runs = CounterMetricFamily(
        "daily_papers_runs", "Runs, by whether arXiv's answer was whole.", labels=["complete"]
    )
    runs.add_metric(["true"], found.complete_runs)
    runs.add_metric(["false"], found.runs - found.complete_runs)
    yield runs
    yield _counter("requests", "Requests that runs have made to arXiv.", found.requests)
    yield _counter("papers_announced", "Papers that arXiv has announced.", found.announced)
    yield _counter("papers_fetched", "Papers that arXiv has answered with.", found.fetched)
    yield _counter("papers_matched", "Papers of these that matched a keyword.", found.matched)
    yield _counter("papers_due", "Papers that became due, once per channel.", found.due)
    yield _gauge("papers", "Papers in the database.", found.papers)
    yield _gauge("subscriptions", "Keywords of all channels together.", found.subscriptions)
    ledger = GaugeMetricFamily(
        "daily_papers_ledger", "Papers per channel, by what became of them.", labels=["state"]
    )
    for state in ("due", "posted", "known", "skipped", "dropped"):
        ledger.add_metric([state], found.ledger.get(state, 0))
    yield ledger
    yield _gauge("database_bytes", "Size of the database file.", found.database_bytes)


def _delivery(found: Measures) -> Iterator[Metric]:
    posts = GaugeMetricFamily(
        "daily_papers_posts", "Posts, by platform and state.", labels=["platform", "state"]
    )
    for platform in sorted({platform for platform, _ in found.posts}):
        for state in ("queued", "sending", "unknown", "sent", "held", "dead"):
            posts.add_metric([platform, state], found.posts.get((platform, state), 0))
    yield posts
    delays = HistogramMetricFamily(
        "daily_papers_delivery_seconds", "From the outbox to the channel, of posts that arrived."
    )
    buckets = [(str(float(d)), float(n)) for d, n in zip(DELAYS, found.delays, strict=True)]
    delays.add_metric([], [*buckets, ("+Inf", float(found.delivered))], found.delay_seconds)
    yield delays


def _condition(health_report: HealthReport) -> Iterator[Metric]:
    yield _gauge("healthy", "1 if /healthz says that all is well.", not health_report.problems())
    if health_report.collected is not None:
        age = (health_report.now - health_report.collected).total_seconds()
        yield _gauge("last_complete_run_age_seconds", "Since the last whole answer.", age)
    if (run := health_report.state.last_run) is not None:
        lasted = (run.finished_at - run.started_at).total_seconds()
        yield _gauge("last_run_seconds", "How long the last run took.", lasted)
        yield _gauge("papers_missing", "Announced, but not to be had yet.", run.missing)
    waited = health_report.oldest_waiting.total_seconds()
    yield _gauge("oldest_waiting_post_age_seconds", "Of posts to channels not paused.", waited)
    channels = GaugeMetricFamily(
        "daily_papers_channels", "Channels, by why they are paused.", labels=["paused"]
    )
    for label, paused in (("no", ""), ("person", "person"), ("refused", "refused")):
        count = sum(view.paused == paused for view in health_report.state.channels)
        channels.add_metric([label], count)
    yield channels
    disconnected = GaugeMetricFamily(
        "daily_papers_deaf_seconds",
        "For how long the platform has heard nobody; 0: it hears.",
        labels=["platform"],
    )
    for platform, since in health_report.disconnected.items():
        disconnected.add_metric(
            [platform], (health_report.now - (since or health_report.now)).total_seconds()
        )
    yield disconnected
    info = GaugeMetricFamily("daily_papers_info", "The program.", labels=["version"])
    info.add_metric([__version__], 1)
    yield info
