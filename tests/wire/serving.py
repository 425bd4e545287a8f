"""What the small vendors share: a server on a thread of its own, and faults on command.

On a thread, so that it serves a client in the same process and in another one alike.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
from aiohttp import web

SETTLING = 0.01  # seconds

T = TypeVar("T")
Small = TypeVar("Small", bound=AbstractContextManager[Any])


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def refusing(server: Small) -> Iterator[Small]:
    """A small vendor that must be found to have refused something when it is left."""
    server.__enter__()
    try:
        yield server
    except BaseException as error:
        server.__exit__(type(error), error, None)
        raise
    with pytest.raises(AssertionError, match="would not have taken"):
        server.__exit__(None, None, None)


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests that fit.

    ``how`` is ``before`` or ``after`` (the message was stored), with ``status`` 0 for a connection
    that breaks. ``path`` is a regular expression for all of the path behind the API's own.
    """

    method: str
    path: str
    how: str = "before"
    status: int = 0
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    wait: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        fits = method == self.method and re.fullmatch(self.path, path) is not None
        return fits and self.times > 0


@dataclass(frozen=True)
class Seen:
    """One request that came, with its time in monotonic seconds."""

    method: str
    path: str
    body: Any
    at: float


class WireServer:
    """Serves while it is entered. ``violations`` must be empty at the end of a test.

    ``storing`` is how many seconds pass, at most, until a message that arrived is stored, and only
    then answered; it is stored also if whoever sent it is dead by then. Which of them take how
    long is drawn by ``rng``.
    """

    vendor = "the vendor"

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.storing = 0.0
        self.rng = random.Random(1)
        self.port = 0
        self._at_work: set[asyncio.Task[Any]] = set()
        self._news = asyncio.Event()  # a request has arrived, or was answered
        self._loop = asyncio.new_event_loop()
        self._serving = threading.Thread(target=self._loop.run_forever, name=f"wire {self.vendor}")

    def __enter__(self) -> Self:
        self._serving.start()
        self.run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._serving.join()
        self._loop.close()
        if error is None:
            assert self.violations == [], f"{self.vendor} would not have taken these"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the server's own loop, from any thread but the server's."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def wait_for(self, happened: Callable[[], bool], seconds: float = 20.0) -> None:
        """Until something has happened here; asked again whenever a request arrives or is
        answered."""

        async def waiting() -> None:
            while not happened():
                self._news.clear()
                await self._news.wait()

        waited = asyncio.wait_for(waiting(), seconds)
        asyncio.run_coroutine_threadsafe(waited, self._loop).result()

    def tell_news(self) -> None:
        """Something happened; on the server's own loop."""
        self._news.set()

    def has_arrived(self, method: str, path: str, body: Any) -> None:
        """A request, whose answer may be long in coming."""
        self.seen.append(Seen(method, path, body, time.monotonic()))
        self.tell_news()

    def fail(self, method: str, path: str, **what: Any) -> None:
        self.faults.append(Fault(method, path, **what))

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The next one that fits; it is used up by this."""
        fault = next((each for each in self.faults if each.fits(method, path)), None)
        if fault is not None:
            fault.times -= 1
        return fault

    async def take_time(self) -> None:
        """Until a message that arrived is stored: half of them take the longest time."""
        await asyncio.sleep(self.storing * self.rng.choice((1.0, self.rng.random())))

    def go_on_with(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do it on the server's own loop, whoever awaits it."""
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return task

    def application(self) -> web.Application:
        """What is served."""
        raise NotImplementedError

    async def hang_up(self) -> None:
        """Before the server stops."""

    async def _start(self) -> None:
        self._runner = web.AppRunner(self.application(), shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self.hang_up()
        await self._site.stop()
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        await asyncio.sleep(SETTLING)  # who was let in just now is known only a few turns later
        await self._runner.cleanup()
        await asyncio.sleep(0)  # and its sockets are closed one turn later
