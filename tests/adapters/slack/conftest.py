"""The bot's commands over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.slack.backend import SlackBackend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[SlackBackend]:
    made = SlackBackend(tmp_path)
    yield made
    made.store.close()
