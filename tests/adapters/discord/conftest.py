"""The bot's commands over a real database, and its client on a Discord in memory (SimCord)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.discord.gateway import PapersClient
from tests.adapters.discord.backend import DiscordBackend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[DiscordBackend]:
    made = DiscordBackend(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def simcord_bot(backend: DiscordBackend) -> PapersClient:
    return backend.client
