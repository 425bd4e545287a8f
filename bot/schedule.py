"""APScheduler's bell: rings at a given moment, and keeps no state that matters.

What is due is in the database. A bell that did not ring because the machine slept or the bot was
down rings as soon as it can; if it is lost, the next start looks at the database and finds the
same work.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]


class Bell:
    """Rings for named work. Work of one name never runs twice at once."""

    def __init__(self) -> None:
        # A late bell is still rung (the library's own grace is one second, then it is dropped).
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    def ring(self, name: str, at: datetime, work: Work) -> None:
        """Do the work at that moment, in place of an earlier appointment of the same name."""
        self._scheduler.add_job(
            _guarded, DateTrigger(at), [name, work], id=name, name=name, replace_existing=True
        )


async def _guarded(name: str, work: Work) -> None:
    """One of the two places that catch everything: a job that fails must not end the service."""
    try:
        await work()
    except Exception:
        log.exception("job=%s failed; the service goes on", name)
