"""The bot's commands over a real database, and its client on a Discord in memory (SimCord)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from discord.gateway import KeepAliveHandler

from adapters.discord.gateway import PapersClient
from tests.adapters.discord.backend import DiscordBackend


@pytest.fixture(autouse=True)
def every_heartbeat_ended() -> Iterator[None]:
    """Or else a thread of the library goes on, and fails in some other test."""
    yield
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[DiscordBackend]:
    made = DiscordBackend(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def simcord_bot(backend: DiscordBackend) -> PapersClient:
    return backend.client
