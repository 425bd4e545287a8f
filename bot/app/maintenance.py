"""Nightly maintenance: deletes what nobody needs from the database, and checks it.

Decides nothing about what may be forgotten (``bot.store`` does).
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.ports import Clock, MaintenanceStore

log = logging.getLogger(__name__)

NIGHT = time(3, 30)  # local; before most channels' posting time
BATCH_SIZE = 200  # rows forgotten in one transaction, which takes some milliseconds
BATCH_PAUSE = timedelta(seconds=0.25)  # between two, for those who wait to write


def next_night(now: datetime, timezone: ZoneInfo) -> datetime:
    """The first ``NIGHT`` after ``now``."""
    day: date = now.astimezone(timezone).date()
    tonight = datetime.combine(day, NIGHT, timezone)
    if tonight <= now:
        tonight = datetime.combine(day + timedelta(days=1), NIGHT, timezone)
    return tonight


async def forget_outdated(
    store: MaintenanceStore, clock: Clock, *, limit: int | None = None
) -> int:
    """Delete what the retention rules allow, about ``limit`` rows at most; returns how many.

    May be stopped between any two batches: the next night continues. Raises StoreError.
    """
    now = clock.now()
    outdated = await store.outdated(now)
    forgotten = 0
    for batch in outdated.in_steps(BATCH_SIZE):
        if limit is not None and forgotten >= limit:
            break
        await store.forget(batch, now)
        forgotten += len(batch)
        await clock.sleep(BATCH_PAUSE.total_seconds())
    if forgotten:
        log.info("retention forgotten=%d left=%d", forgotten, len(outdated) - forgotten)
    return forgotten


async def check_integrity(store: MaintenanceStore) -> tuple[str, ...]:
    """Look for damage in the database's file and log it; what was found. Raises StoreError.

    Keeps nobody waiting, and may be cancelled at any time. A damaged database continues to be used:
    what can still be read of it is right, and SQLite refuses the rest.
    """
    problems = await store.integrity_problems()
    for problem in problems:
        remedy = "stop the bot and restore a backup"
        log.error("database damaged what=%s remedy=%s", problem, remedy)
    return problems
