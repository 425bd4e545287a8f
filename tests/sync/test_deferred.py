"""bot.toml shows changes a little later, a very large one within ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sync.deferred import LARGE_FILE_BYTES, WRITE_INTERVAL, DeferredWrites


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "bot.toml"
    path.write_bytes(b"#" * (LARGE_FILE_BYTES + 1))
    return path


def test_a_change_in_a_large_file_is_shown_within_ten_minutes(large: Path) -> None:
    deferred = DeferredWrites()
    deferred.enabled = True
    deferred.started(1000.0)
    assert not deferred.is_due(1000.0 + WRITE_INTERVAL), "nothing was changed"
    assert deferred.defer(large)
    assert not deferred.is_due(1000.0 + WRITE_INTERVAL - 1)
    assert deferred.is_due(1000.0 + WRITE_INTERVAL)
    deferred.started(1000.0 + WRITE_INTERVAL)
    assert not deferred.is_due(1000.0 + 10 * WRITE_INTERVAL)


def test_a_change_after_a_quiet_hour_is_shown_at_once(large: Path) -> None:
    deferred = DeferredWrites()
    deferred.enabled = True
    deferred.started(1000.0)
    assert deferred.defer(large)
    assert deferred.is_due(1000.0 + 3600)


@pytest.mark.parametrize("name", ["bot.toml", "missing"])
def test_a_file_of_usual_size_is_written_by_the_next_one_to_look(tmp_path: Path, name: str) -> None:
    deferred = DeferredWrites()
    deferred.enabled = True
    (tmp_path / "bot.toml").write_text("[bot]\n")
    deferred.started(1000.0)
    assert deferred.defer(tmp_path / name), "nobody in the chat waits"
    assert deferred.is_due(1000.0)
    deferred.started(1000.0)
    assert not deferred.is_due(1000.0 + WRITE_INTERVAL)


def test_where_no_process_keeps_running_nothing_is_deferred(large: Path) -> None:
    """A command in another process ends before any deferred write."""
    deferred = DeferredWrites()
    assert not deferred.defer(large)
    assert not deferred.is_due(10 * WRITE_INTERVAL)
