"""The promise: a paper that matches is posted once, whatever is killed in between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def drive(mode: str, first_step: int = 0, stride: int = 1) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash_driver", mode, str(first_step), str(stride)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert outcome["status"] == 0, done.stderr
    return outcome


# In halves, so that two processors share the work.
@pytest.mark.parametrize("half", [0, 1])
def test_killed_at_every_step_each_paper_still_stands_exactly_once_in_each_channel(
    half: int, figures: Callable[[str], None]
) -> None:
    outcome = drive("real", half, 2)
    figures(f"crash: killed at {outcome['steps']} steps, wrong after {len(outcome['wrong'])}")
    assert outcome["wrong"] == []
    assert outcome["steps"] > 150
    for channel, papers in outcome["posted"].items():
        assert set(papers.values()) == {1}, channel
    # Three first papers a keyword, then what is new, the one that arXiv held for long included.
    assert len(outcome["posted"]["fake:one"]) == 6 + 6 + 2
    assert len(outcome["posted"]["fake:three"]) == 3 + 3 + 2


def test_control_without_find_a_killed_bot_doubles_a_post() -> None:
    outcome = drive("no-find")
    assert outcome["wrong"]
    assert outcome["wrong"][0]["doubled"]


def test_control_without_settling_a_killed_bot_doubles_what_the_platform_stores_late() -> None:
    outcome = drive("no-settling")
    assert outcome["wrong"]
    assert outcome["wrong"][0]["doubled"]


def test_control_seen_committed_before_queued_loses_a_paper() -> None:
    outcome = drive("seen-before-queued")
    assert outcome["wrong"]
    assert outcome["wrong"][0]["lost"]
