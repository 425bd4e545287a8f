"""Several processes on one PostgreSQL are killed and stopped, and every paper still comes once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.store import postgres

ROOT = Path(__file__).resolve().parents[1]


def lives(folder: Path, number: int, kills: int, off: str = "", seed: int = 0) -> dict[str, Any]:
    with postgres.database() as url:
        done = subprocess.run(
            [
                sys.executable, "-m", "tests.lives_driver",
                url, str(folder), str(number), str(kills), off, str(seed),
            ],
            cwd=ROOT, capture_output=True, text=True, timeout=118,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_whatever_is_killed_or_stopped_each_paper_appears_once_in_each_channel(
    tmp_path: Path, life: int, run_number: int, figures: Callable[[str], None]
) -> None:
    """Two processes or three, in turn: the other number in the next run, or the next life."""
    number = 2 + (run_number + life) % 2
    found = lives(tmp_path, number, kills=4, seed=life)
    assert found["killed"] >= 4
    assert (found["lost"], found["doubled"]) == (0, 0), found
    assert found["states"].keys() == {"sent"}, found
    figures(
        f"{number} processes on PostgreSQL: {found['killed']} killed, {found['stopped']} stopped"
        f" before a request, {found['posts']} posts, none lost, none doubled"
    )


def test_without_the_check_before_a_request_a_process_that_continues_doubles_papers(
    tmp_path: Path,
) -> None:
    found = lives(tmp_path, 2, kills=3, off="fence")
    assert found["doubled"] > 0, found
