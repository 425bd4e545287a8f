"""A Discord in memory, with the bot's client on it (SimCord)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.discord.gateway import PapersClient
from tests.adapters.discord.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def simcord_bot(house: House) -> PapersClient:
    return house.client
