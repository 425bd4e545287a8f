"""A very large bot.toml shows changes a little later, and no other does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sync.deferred import EVERY, LARGE, ShownLate


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "bot.toml"
    path.write_bytes(b"#" * (LARGE + 1))
    return path


def test_a_change_in_a_large_file_is_shown_within_ten_minutes(large: Path) -> None:
    late = ShownLate()
    late.watched = True
    late.begun(1000.0)
    assert not late.is_due(1000.0 + EVERY), "nothing was changed"
    assert late.puts_off(large)
    assert not late.is_due(1000.0 + EVERY - 1)
    assert late.is_due(1000.0 + EVERY)
    late.begun(1000.0 + EVERY)
    assert not late.is_due(1000.0 + 10 * EVERY)


def test_a_change_after_a_quiet_hour_is_shown_at_once(large: Path) -> None:
    late = ShownLate()
    late.watched = True
    late.begun(1000.0)
    assert late.puts_off(large)
    assert late.is_due(1000.0 + 3600)


def test_a_file_of_usual_size_is_never_behind(tmp_path: Path) -> None:
    late = ShownLate()
    late.watched = True
    path = tmp_path / "bot.toml"
    path.write_text("[bot]\n")
    assert not late.puts_off(path)
    assert not late.puts_off(tmp_path / "missing")
    assert not late.is_due(10 * EVERY)


def test_where_nobody_looks_again_nothing_is_put_off(large: Path) -> None:
    """A command in another process ends before any later."""
    late = ShownLate()
    assert not late.puts_off(large)
    assert not late.is_due(10 * EVERY)
