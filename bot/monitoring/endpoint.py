"""Lets machines watch the service: ``/healthz``, ``/metrics``, and a ping after each good day.

``/healthz`` answers 200, or 503 with a sentence for each problem. ``/metrics`` is for Prometheus;
its labels are fixed words, never texts that somebody wrote. Neither asks for a password, and
neither changes anything. What counts as a problem is decided by ``HealthReport``.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

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
from bot.errors import StoreError
from bot.http_server import ConnectionLimits, listening
from bot.model.views import DELAYS, Measures
from bot.monitoring.health import HealthReport
from bot.network import Network

log = logging.getLogger(__name__)

PING_REMEDY = "check [health] ping_url"
PING_TIMEOUT = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class MonitoringReport:
    """What ``/healthz`` and ``/metrics`` show at one moment."""

    health: HealthReport
    measures: Measures


ReadReport = Callable[[], Awaitable[MonitoringReport]]


@asynccontextmanager
async def serving(
    listen: tuple[str, int] | None,
    read_report: ReadReport,
    limits: ConnectionLimits | None = None,
) -> AsyncIterator[None]:
    """Answer on that host and port while the context is open; with ``None`` nothing listens.

    Raises GaveUp if it can't listen.
    """
    if listen is None:
        yield
        return
    limits = limits or ConnectionLimits()
    async with listening(application(read_report), "[health] listen", listen, limits):
        log.info("health listening on=%s:%d", *listen)
        yield


def application(read_report: ReadReport) -> web.Application:
    """The web application with the two pages."""

    async def healthz(_: web.Request) -> web.Response:
        database = ""
        try:
            health = (await read_report()).health
            problems, database = health.problems(), health.state.database
        except StoreError as error:
            problems = (str(error),)
        body = {"ok": not problems, "problems": list(problems), "database": database}
        return web.json_response(body, status=503 if problems else 200)

    async def metrics(_: web.Request) -> web.Response:
        try:
            report = await read_report()
        except StoreError as error:
            return web.Response(status=503, text=f"{error}\n")
        registry = CollectorRegistry()
        registry.register(_Collector(report))
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    return app


async def ping(url: str, network: Network) -> bool:
    """Request the address once. Returns whether it answered with success. The address may be a
    secret, and is not logged."""
    try:
        async with network.http_client(
            url, timeout=PING_TIMEOUT.total_seconds(), follow_redirects=False
        ) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("ping failed why=%s remedy=%s", type(error).__name__, PING_REMEDY)
        return False
    if answer.is_success:
        log.info("ping sent")
        return True
    log.warning("ping refused status=%d remedy=%s", answer.status_code, PING_REMEDY)
    return False


class _Collector:
    """The metrics of one report, for prometheus-client."""

    def __init__(self, report: MonitoringReport) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        yield from _run_metrics(self._report.measures)
        yield from _delivery_metrics(self._report.measures)
        yield from _health_metrics(self._report.health)


def _counter(name: str, about: str, value: float) -> Metric:
    metric = CounterMetricFamily(f"daily_papers_{name}", about)
    metric.add_metric([], value)
    return metric


def _gauge(name: str, about: str, value: float) -> Metric:
    metric = GaugeMetricFamily(f"daily_papers_{name}", about)
    metric.add_metric([], value)
    return metric


def _run_metrics(found: Measures) -> Iterator[Metric]:
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
    for state in ("due", "posted", "known", "skipped", "dropped", "muted"):
        ledger.add_metric([state], found.ledger.get(state, 0))
    yield ledger
    yield _gauge("database_bytes", "Size of the database file.", found.database_bytes)


def _delivery_metrics(found: Measures) -> Iterator[Metric]:
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


def _health_metrics(health: HealthReport) -> Iterator[Metric]:
    yield _gauge("healthy", "1 if /healthz reports no problem.", not health.problems())
    if health.last_complete_run_at is not None:
        age = (health.now - health.last_complete_run_at).total_seconds()
        yield _gauge("last_complete_run_age_seconds", "Since the last complete answer.", age)
    if (run := health.state.last_run) is not None:
        lasted = (run.finished_at - run.started_at).total_seconds()
        yield _gauge("last_run_seconds", "How long the last run took.", lasted)
        yield _gauge("papers_missing", "Announced, but not available yet.", run.missing)
    waited = health.oldest_waiting.total_seconds()
    yield _gauge("oldest_waiting_post_age_seconds", "Of posts to channels not paused.", waited)
    channels = GaugeMetricFamily(
        "daily_papers_channels", "Channels, by why they are paused.", labels=["paused"]
    )
    for label, paused in (("no", ""), ("person", "person"), ("refused", "refused")):
        count = sum(view.paused == paused for view in health.state.channels)
        channels.add_metric([label], count)
    yield channels
    disconnected = GaugeMetricFamily(
        "daily_papers_disconnected_seconds",
        "For how long the platform has not been connected; 0: it is.",
        labels=["platform"],
    )
    for platform, since in health.disconnected.items():
        disconnected.add_metric([platform], (health.now - (since or health.now)).total_seconds())
    yield disconnected
    shards = GaugeMetricFamily(
        "daily_papers_shard_disconnected_seconds",
        "For how long a shard of the platform has not been connected; 0: it is.",
        labels=["platform", "shard"],
    )
    for platform, found in health.shards.items():
        for shard, since in found.items():
            seconds = (health.now - (since or health.now)).total_seconds()
            shards.add_metric([platform, str(shard)], seconds)
    yield shards
    refused = GaugeMetricFamily(
        "daily_papers_refused",
        "1: the platform does not let the bot in.",
        labels=["platform"],
    )
    refusing = {each.platform for each in health.state.refusals}
    for platform in {*health.disconnected, *refusing}:
        refused.add_metric([platform], int(platform in refusing))
    yield refused
    info = GaugeMetricFamily("daily_papers_info", "The program.", labels=["version"])
    info.add_metric([__version__], 1)
    yield info
