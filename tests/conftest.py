"""Fixtures and settings that every test shares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# A slow machine is no failure: no test here is timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lives", type=int, default=1, help="how often a test of random kills runs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``life``, the seed of its random kills, runs once for each."""
    if "life" in metafunc.fixturenames:
        metafunc.parametrize("life", range(metafunc.config.getoption("--lives")))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded real data beside the checkout. Skips where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no recorded data beside the checkout (../shared/data)")
    return folder


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
