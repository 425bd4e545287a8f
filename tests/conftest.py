"""Fixtures and settings that every test shares."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from tests import memory

ROOT = Path(__file__).resolve().parents[1]

# A slow machine is no failure: no test here is timed. Every run tries other examples than the last;
# --hypothesis-profile thorough tries forty times as many in one.
UNTIMED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", UNTIMED)
settings.register_profile("thorough", UNTIMED, max_examples=1000)
settings.load_profile("quick")
# What waits for processes, or for a lease to end; the longest first.
WAITING = (
    "tests/drill/",
    "tests/process/test_postgres.py",
    "tests/test_several.py",
    "tests/process/test_slack.py",
    "tests/process/test_discord.py",
    "tests/process/test_environment.py",
    "tests/process/test_ping.py",
    "tests/process/test_two_doors.py",
    "tests/test_crash.py",
)
PARTS = 16  # a run takes one of a long sweep; --lives 16 takes all


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lives", type=int, default=1, help="how often tests of random kills run")
    parser.addoption("--channels", type=int, default=20, help="of the bot that is killed on Slack")
    parser.addoption("--thorough", action="store_true", help="everything in full; takes long")


def pytest_configure(config: pytest.Config) -> None:
    """Tests write into memory: else half of a run's time is spent on waiting for the disk."""
    if (root := memory.root()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(root))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # of this machine; read by each start
        os.environ.pop(name, None)
    if config.getoption("--thorough"):
        config.option.lives = max(config.option.lives, PARTS)
        settings.load_profile("thorough")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that wait begin first, so that at the end no worker is waited for.

    All workers but one begin with them: that one computes meanwhile. The first share of a worker
    is as long as that of every other (pytest-xdist 3.8, ``WorkStealingScheduling.check_schedule``).
    """
    long = [item for part in WAITING for item in items if item.nodeid.startswith(part)]
    first = set(long)
    short = [item for item in items if item not in first]
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    waiting = max(1, workers - 1)
    items.clear()
    for number in range(waiting):
        share = long[number::waiting]
        items += share
        room = max(0, (len(long) + len(short)) // workers - len(share))
        items += short[:room]
        del short[:room]
    items += short


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``life`` runs once for each: the seed of its random kills, or the number
    of the part of a long sweep that is its own."""
    if "life" in metafunc.fixturenames:
        metafunc.parametrize("life", range(metafunc.config.getoption("--lives")))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end, so that looking for garbage in it finds nothing.

    Every worker collects all tests; without this a third of that time is the garbage collector's.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def run_number() -> int:
    """A random number, another in every run of the tests, and the same for all its processes."""
    return int(os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex, 16)


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether a test that takes long by its nature shall take all of its time."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded real data beside the checkout. Skips where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no recorded data beside the checkout (../shared/data)")
    return folder


@pytest.fixture
def part_of_a_month(shared_data: Path, run_number: int, life: int) -> list[dict[str, Any]]:
    """A sixteenth of April 2026, as rows; another in every run, with ``--lives 16`` all of it."""
    data = gzip.decompress((shared_data / "arxiv" / "papers-2026-04.jsonl.gz").read_bytes())
    lines = data.splitlines()[(run_number + life) % PARTS :: PARTS]
    assert len(lines) * PARTS > 5000
    return list(map(json.loads, lines))


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Adds a line to the end of the run's output: what a long test counted, also when it passed."""
    return partial(record_property, "figures")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [
        str(value)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "figures"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _unchanged_logging() -> Iterator[None]:
    """Leaves logging as it was: a test that sets it up would keep later ones from seeing a log."""
    loggers = [logging.getLogger(name) for name in (None, "bot", "adapters")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
