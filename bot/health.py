"""Lets machines watch the service: ``/healthz``, ``/metrics``, and a ping after each good day.

``/healthz`` answers 200, or 503 with a sentence for each thing that is wrong. ``/metrics`` is for
Prometheus; every label is one of our own words, never a text that somebody wrote. Neither asks for
a password and neither changes anything. Decides nothing: what is wrong, ``vitals`` says.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
from bot.network import Network
from bot.views import DELAYS, Measures
from bot.vitals import Vitals

log = logging.getLogger(__name__)

PATIENCE = 20.0  # seconds for the ping


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown at one moment."""

    vitals: Vitals
    measures: Measures


Look = Callable[[], Awaitable[Report]]


@asynccontextmanager
async def served(listen: tuple[str, int] | None, look: Look) -> AsyncIterator[None]:
    """Answer on that host and port meanwhile; with ``None`` nothing listens anywhere.

    Raises GaveUp where it can't listen.
    """
    if listen is None:
        yield
        return
    host, port = listen
    runner = web.AppRunner(application(look), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise GaveUp(
                f"[health] listen: {host}:{port} can't be used: {error.strerror or error}"
            ) from error
        log.info("health listening on=%s:%d", host, port)
        yield
    finally:
        await runner.cleanup()


def application(look: Look) -> web.Application:
    """The two pages."""

    async def healthz(_: web.Request) -> web.Response:
        try:
            ailments = (await look()).vitals.ailments()
        except StoreError as error:
            ailments = (str(error),)
        body = {"ok": not ailments, "ailments": list(ailments)}
        return web.json_response(body, status=503 if ailments else 200)

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
        yield from _condition(self._report.vitals)


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


def _condition(vitals: Vitals) -> Iterator[Metric]:
    yield _gauge("healthy", "1 if /healthz says that all is well.", not vitals.ailments())
    if vitals.collected is not None:
        age = (vitals.now - vitals.collected).total_seconds()
        yield _gauge("last_complete_run_age_seconds", "Since the last whole answer.", age)
    if (run := vitals.state.last_run) is not None:
        lasted = (run.finished_at - run.started_at).total_seconds()
        yield _gauge("last_run_seconds", "How long the last run took.", lasted)
        yield _gauge("papers_missing", "Announced, but not to be had yet.", run.missing)
    waited = vitals.oldest_waiting.total_seconds()
    yield _gauge("oldest_waiting_post_age_seconds", "Of posts to channels not paused.", waited)
    channels = GaugeMetricFamily(
        "daily_papers_channels", "Channels, by why they are paused.", labels=["paused"]
    )
    for label, paused in (("no", ""), ("person", "person"), ("refused", "refused")):
        count = sum(view.paused == paused for view in vitals.state.channels)
        channels.add_metric([label], count)
    yield channels
    deaf = GaugeMetricFamily(
        "daily_papers_deaf_seconds",
        "For how long the platform has heard nobody; 0: it hears.",
        labels=["platform"],
    )
    for platform, since in vitals.deaf.items():
        deaf.add_metric([platform], (vitals.now - (since or vitals.now)).total_seconds())
    yield deaf
    info = GaugeMetricFamily("daily_papers_info", "The program.", labels=["version"])
    info.add_metric([__version__], 1)
    yield info
