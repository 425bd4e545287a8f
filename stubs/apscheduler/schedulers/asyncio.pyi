"""What bot/app/scheduler.py uses of APScheduler 3.11, which ships no types."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from apscheduler.triggers.date import DateTrigger

class AsyncIOScheduler:
    def __init__(
        self, *, timezone: tzinfo | str = ..., job_defaults: Mapping[str, object] = ...
    ) -> None: ...
    def start(self, paused: bool = ...) -> None: ...
    def shutdown(self, wait: bool = ...) -> None: ...
    def wakeup(self) -> None: ...
    def add_job(
        self,
        func: Callable[..., Any],
        trigger: DateTrigger,
        args: Sequence[object] = ...,
        *,
        id: str = ...,
        name: str = ...,
        replace_existing: bool = ...,
    ) -> object: ...
    def get_job(self, job_id: str) -> object | None: ...
    def remove_job(self, job_id: str) -> None: ...
