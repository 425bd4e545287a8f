"""A paper that matches is posted once, and so is its news, whatever is killed in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.conftest import PARTS
from tests.process import forked

PUBLISHING = 30  # so many steps come before anything is published


def drive(mode: str, first_step: int = 0, stride: int = 1) -> dict[str, Any]:
    done = forked.call(mode, str(first_step), str(stride), module="tests.crash_driver")
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert outcome["status"] == 0, done.stderr
    return outcome


def test_killed_at_any_step_each_paper_still_appears_exactly_once_in_each_channel(
    life: int, run_number: int, figures: Callable[[str], None]
) -> None:
    """At every 16th step: at others in every run of the tests, and in every life."""
    first = (run_number + life) % PARTS
    outcome = drive("real", first, PARTS)
    figures(
        f"crash: killed at {outcome['steps']} steps, {first} and every {PARTS}th from there;"
        f" wrong after {len(outcome['wrong'])}"
    )
    assert outcome["wrong"] == []
    assert outcome["steps"] * PARTS > 300
    for channel, papers in outcome["posted"].items():
        assert set(papers.values()) == {1}, channel
    # Three first papers a keyword, then what is new, the one that arXiv held for long included;
    # three news, of which two are told in a reply, too. Where two people saved a paper the week
    # ends with it, and one channel's digests are ordered by what is saved there.
    assert len(outcome["posted"]["fake:one"]) == 6 + 6 + 2 + 3 + 2 + 1
    assert "most saved 2602.00001 by 2" in outcome["posted"]["fake:one"]
    assert "most saved 2602.00001 by 2" in outcome["posted"]["fake:two"]
    assert "like Graph network 10" in outcome["posted"]["fake:two"]
    assert len(outcome["posted"]["fake:three"]) == 3 + 3 + 2 + 2 + 2


def test_control_without_find_a_killed_bot_doubles_a_post() -> None:
    outcome = drive("no-find")
    assert outcome["wrong"]
    assert outcome["wrong"][0]["doubled"]


def test_control_without_settling_a_killed_bot_doubles_what_the_platform_stores_late() -> None:
    outcome = drive("no-settling")
    assert outcome["wrong"]
    assert outcome["wrong"][0]["doubled"]


def test_control_seen_committed_before_queued_loses_a_paper() -> None:
    outcome = drive("seen-before-queued", PUBLISHING)
    assert outcome["wrong"]
    assert outcome["wrong"][0]["lost"]
