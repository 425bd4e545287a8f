"""A check that is made at the last moment before a request is written to the network.

Half a minute may pass between the decision to send a post and the request, because of a platform's
rate limits or while a connection is made. A process that was stopped meanwhile, or has lost the
database, must not send what another one has taken over. The code that decides sets the check for
its own task; the adapter's HTTP client calls it before each request of that task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("last_check", default=None)


@contextmanager
def last_check(check: Callable[[], None]) -> Iterator[None]:
    """Call ``check`` before each request that this task writes inside the context. If it raises,
    the request is not sent."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def before_writing() -> None:
    """Call this task's check, if it has one. Raises what the check raises."""
    check = _check.get()
    if check is not None:
        check()
