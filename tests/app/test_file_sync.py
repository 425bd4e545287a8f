"""What the log says of what was taken over from bot.toml."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.app.file_sync import FileSync
from bot.core.leases import Lease
from bot.model import roles
from bot.sync.synchronizer import Synchronizer
from tests.fakes import FakeClock
from tests.store.database import opened

FILE = """\
[arxiv]
url = "http://127.0.0.1/api"
[[channels]]
id = "console:"
keywords = ["reward model, diffusion", "cats or dogs", "cat:chao-dyn", "graph network"]
"""


async def test_what_is_probably_not_meant_in_bot_toml_is_reported_when_it_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(FILE)
    store = opened(tmp_path / "papers.sqlite3", patient=False)
    try:
        clock = FakeClock()
        synchronizer = Synchronizer(path, tmp_path / "channels.lock", clock)
        with caplog.at_level(logging.WARNING):
            for _ in range(2):  # and only then
                lease = Lease(roles.FILE, store, clock)
                await FileSync(path, synchronizer, store, clock, lease).synchronise()
    finally:
        store.close()
    told = [each.getMessage() for each in caplog.records]
    assert [message.split()[1] for message in told] == ["channel=console:"] * 3
    assert "Two keywords?" in told[0]
    assert "As an operator: cats OR dogs" in told[1]
    assert "arXiv's chao-dyn is now nlin.CD" in told[2]
