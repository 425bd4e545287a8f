"""Serves an aiohttp application on a port of its own, within limits that keep the bot working.

aiohttp 3.14 waits for ever for a request that does not arrive, and accepts any number of
connections; each costs a file descriptor, which posts, the database and the log need too. Knows
nothing about what is served.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.errors import GaveUp

log = logging.getLogger(__name__)


def _as_one_message(record: logging.LogRecord) -> bool:
    """Give log records about invalid requests the same text, so that the log writes it once a
    second at most, with the number of repetitions. aiohttp 3.14 logs each request that is not valid
    HTTP as an error with a traceback and its content, so anybody who can connect could fill the
    disk."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "request refused why=it is no valid HTTP", ()
        record.exc_info = None
    return True


library = logging.getLogger(f"{__name__}.library")
library.addFilter(_as_one_message)

MAX_CONNECTIONS: Final = 32  # at once; a monitor asks every few seconds, for milliseconds
SHUTDOWN_GRACE: Final = 1.0  # seconds for requests that are being answered when the bot stops
MAX_HEADER_BYTES: Final = 16 * 1024  # aiohttp refuses a longer one


def max_connections(most: int = MAX_CONNECTIONS, *, share: int = 8) -> int:
    """``most``, or fewer: one in ``share`` of the file descriptors that the process may have. The
    others are reserved for the bot's real work: posts, the database, its log.
    """
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, descriptors // share))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """At most ``count`` connections at once. In seconds: ``header_timeout`` is how long a request
    may take to arrive, also between two on one connection; ``lifetime`` how long a connection may
    last, whatever it does."""

    count: int = field(default_factory=max_connections)
    header_timeout: float = 5.0
    lifetime: float = 60.0


@asynccontextmanager
async def listening(
    application: web.Application, setting: str, listen: tuple[str, int], limits: ConnectionLimits
) -> AsyncIterator[None]:
    """Answer on this host and port while the context is open; ``setting`` is the name of the
    setting that they come from.

    Raises GaveUp if it can't listen there.
    """
    host, port = listen
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=library,
        handle_signals=False,
        keepalive_timeout=limits.header_timeout,
        shutdown_timeout=SHUTDOWN_GRACE,
    )
    await runner.setup()
    server: asyncio.Server | None = None
    try:
        connections = _Connections(runner, setting, limits)
        try:
            loop = asyncio.get_running_loop()
            # asyncio accepts as many as the backlog at once, before it calls us for the first one.
            server = await loop.create_server(connections.accept, host, port, backlog=limits.count)
        except OSError as error:
            raise GaveUp(
                f"{setting}: {host}:{port} can't be used: {error.strerror or error}"
            ) from error
        yield
    finally:
        if server is not None:
            server.close()
        await runner.cleanup()


class _Connections:
    """Counts the open connections; one too many is closed at once."""

    def __init__(self, runner: web.AppRunner, setting: str, limits: ConnectionLimits) -> None:
        self._runner = runner
        self._setting = setting
        self._limits = limits
        self._open = 0
        self._turned_away = False  # was logged; not again until there is room

    def accept(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or self._open >= self._limits.count:
            if not self._turned_away:
                log.warning(
                    "port full setting=%s connections=%d; more are turned away",
                    self._setting, self._open,
                )  # fmt: skip
            self._turned_away = True
            return _TurnedAway()
        self._turned_away = False
        self._open += 1
        return _Connection(server(), self._limits, self._closed)

    def _closed(self) -> None:
        self._open -= 1


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class _Connection(asyncio.Protocol):
    """Wraps a connection of aiohttp's, and closes it if no request arrives in time, and in any case
    after its lifetime."""

    def __init__(
        self, handler: asyncio.Protocol, limits: ConnectionLimits, closed: Callable[[], None]
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._closed = closed
        self._transport: asyncio.BaseTransport | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._header = b""  # of the first request, until it is complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(seconds, self._abort)
            for seconds in (self._limits.header_timeout, self._limits.lifetime)
        ]
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._timers[0].cancelled():
            self._header = (self._header + data)[-MAX_HEADER_BYTES:]
            if b"\r\n\r\n" in self._header:
                self._timers[0].cancel()
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._closed()
        self._handler.connection_lost(error)

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
