"""Several processes on one PostgreSQL are killed and stopped, and every paper still comes once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.process import forked
from tests.store import postgres


def lives(folder: Path, story: str, number: int = 2, kills: int = 0, seed: int = 0) -> Any:
    """What came of it (``tests.lives_driver``)."""
    with postgres.database() as url:
        words = [story, url, str(folder), str(number), str(kills), str(seed)]
        done = forked.call(*words, module="tests.lives_driver")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_whatever_is_killed_or_stopped_each_paper_appears_once_in_each_channel(
    tmp_path: Path, life: int, run_number: int, figures: Callable[[str], None]
) -> None:
    """Two processes or three, in turn: the other number in the next run, or the next life."""
    number = 2 + (run_number + life) % 2
    found = lives(tmp_path, "random", number, kills=4, seed=life)
    assert found["killed"] >= 4
    assert (found["lost"], found["doubled"]) == (0, 0), found
    assert found["states"].keys() == {"sent"}, found
    figures(
        f"{number} processes on PostgreSQL: {found['killed']} killed, {found['stopped']} stopped"
        f" before a request, {found['posts']} posts, none lost, none doubled"
    )


def test_a_process_that_was_stopped_right_before_a_request_does_not_send_what_others_have_sent(
    tmp_path: Path,
) -> None:
    found = lives(tmp_path, "stopped")
    assert (found["stopped"], found["killed"]) == (1, 1)
    assert (found["lost"], found["doubled"]) == (0, 0), found
    assert found["states"].keys() == {"sent"}, found


def test_control_without_the_check_before_a_request_it_doubles_a_paper(tmp_path: Path) -> None:
    found = lives(tmp_path, "stopped-unchecked")
    assert found["doubled"] > 0, found
