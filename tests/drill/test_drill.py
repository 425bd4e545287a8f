"""A short fire drill; ``./do drill`` is the long one."""

from __future__ import annotations

from collections.abc import Callable

from tests.drill import drill


def test_after_some_bad_days_every_paper_appears_once_in_every_channel(
    figures: Callable[[str], None], life: int
) -> None:
    came_to = drill.run(days=1, seed=life + 2, quiet_days=1, settling=1.5)
    for line in str(came_to).splitlines():
        figures(line)
    assert (came_to.lost, came_to.doubled, came_to.wrong) == ([], [], [])
    assert came_to.tracebacks == 0
    assert came_to.held == 0, "Slack's history may be read, so nobody has to decide"
    assert came_to.kills, "with another seed, or the drill is none"
    assert came_to.papers
    assert came_to.posts
