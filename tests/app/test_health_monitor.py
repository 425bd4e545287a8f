"""What the service reports of itself, on a real clock that is set while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from bot.app.file_sync import FileSync
from bot.app.health_monitor import HealthMonitor
from bot.arxiv.calendar import AnnouncementCalendar
from bot.clock import SystemClock
from bot.core.leases import Lease
from bot.model import roles
from bot.ports import Commands
from bot.sync.synchronizer import Synchronizer
from tests.store.database import opened


class FakeListener:
    """A platform that says of itself what a test sets."""

    disconnected_since: datetime | None = None
    degraded = ""

    async def listen(self, commands: Commands) -> None: ...

    async def tell(self, person_id: str, text: str) -> str:
        raise AssertionError("nobody is written to")

    async def knows(self, person_id: str) -> bool:
        raise AssertionError("nobody is asked for")


@pytest.fixture
def listener() -> FakeListener:
    return FakeListener()


@pytest.fixture
def monitor(tmp_path: Path, listener: FakeListener) -> Iterator[HealthMonitor]:
    clock = SystemClock()
    path = tmp_path / "bot.toml"
    store = opened(tmp_path / "db.sqlite3")
    yield HealthMonitor(
        store=store,
        clock=clock,
        calendar=AnnouncementCalendar(),
        platforms={"discord": listener},
        file_sync=FileSync(
            path,
            Synchronizer(path, tmp_path / "lock", clock),
            store,
            clock,
            Lease(roles.FILE, store, clock),
        ),
    )
    store.close()


async def test_a_platform_that_is_not_connected_is_reported_whatever_the_clock_is_set_to(
    monitor: HealthMonitor, listener: FakeListener
) -> None:
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        listener.disconnected_since = datetime.now(UTC)
        before = (await monitor.report()).health
        clock.shift(timedelta(days=-1))
        after = (await monitor.report()).health
    for health in (before, after):
        since = health.disconnected["discord"]
        assert since is not None
        assert abs(health.now - since) < timedelta(minutes=1)
        assert health.started is not None
        assert abs(health.now - health.started) < timedelta(minutes=1)


async def test_a_platform_that_is_connected_again_is_reported_no_more(
    monitor: HealthMonitor, listener: FakeListener
) -> None:
    listener.disconnected_since = datetime.now(UTC) - timedelta(hours=1)
    monitor.alive()
    listener.disconnected_since = None
    assert (await monitor.report()).health.disconnected == {"discord": None}
