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


def test_only_a_database_that_is_locked_or_a_full_disk_may_be_told_with_a_traceback() -> None:
    begin = (
        "time=1 level=error event=failed\nTraceback (most recent call last):\n  File x\n    y()\n"
    )
    chained = "\nThe above exception was the direct cause of the following exception:\n\n"
    foreseen = (
        "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout",
        "sqlite3.OperationalError: database is locked",
        "bot.errors.StoreBusy: the database is busy",
    )
    for error in foreseen:
        assert drill.unforeseen(f"{begin}{error}\n{chained}{begin}{foreseen[-1]}\n") == 0
    for error in ("KeyError: 'a'", "psycopg.errors.SyntaxError: select 1 from"):
        assert drill.unforeseen(f"{begin}{error}\n{chained}{begin}{foreseen[-1]}\n") == 1
        assert drill.unforeseen(f"{begin}{foreseen[0]}\n{begin}{error}\n") == 1
