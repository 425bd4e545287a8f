"""A check that is made at the last moment before a request is written to the network.

Between the decision to send a post and the request there may be half a minute: a platform's rate
limits, a connection that is made. A process that was stopped meanwhile, or has lost the database,
must not send what another one has taken over. Who decides sets the check for its own task; the
adapter's HTTP client makes it, for whatever request that task writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("last_check", default=None)


@contextmanager
def last_check(check: Callable[[], None]) -> Iterator[None]:
    """Whatever this task sends inside is checked; what ``check`` raises keeps it from being
    sent."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def before_writing() -> None:
    """Raises what the check of this task raises, if it has one."""
    check = _check.get()
    if check is not None:
        check()
