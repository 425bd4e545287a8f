"""What is done at night: the database forgets what nobody needs, in small steps, and is checked.

Decides nothing about what may go (``bot.store`` does).
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.ports import Clock, MaintenanceStore

log = logging.getLogger(__name__)

NIGHT = time(3, 30)  # local; before most channels' time
STEP = 200  # rows in a transaction: some milliseconds
PAUSE = 0.25  # seconds between two, for those who wait to write


def next_night(now: datetime, timezone: ZoneInfo) -> datetime:
    """The first ``NIGHT`` after ``now``."""
    day: date = now.astimezone(timezone).date()
    tonight = datetime.combine(day, NIGHT, timezone)
    if tonight <= now:
        tonight = datetime.combine(day + timedelta(days=1), NIGHT, timezone)
    return tonight


async def tidy(store: MaintenanceStore, clock: Clock, *, most: int | None = None) -> int:
    """Forget what may go, at most about ``most`` things; how many. Raises StoreError.

    May be stopped between any two steps: the next night goes on.
    """
    now = clock.now()
    what = await store.outdated(now)
    done = 0
    for step in what.in_steps(STEP):
        if most is not None and done >= most:
            break
        await store.forget(step, now)
        done += len(step)
        await clock.sleep(PAUSE)
    if done:
        log.info("tidied forgotten=%d left=%d", done, len(what) - done)
    return done


async def check_integrity(store: MaintenanceStore) -> tuple[str, ...]:
    """Look for damage in the database's file and log it; what was found. Raises StoreError.

    Keeps nobody waiting, and may be cancelled at any time. A damaged database goes on being used:
    what can still be read of it is right, and SQLite refuses the rest.
    """
    problems = await store.integrity_problems()
    for problem in problems:
        log.error("database damaged what=%s remedy=stop the bot and restore a backup", problem)
    return problems
