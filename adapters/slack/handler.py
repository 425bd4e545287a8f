"""Acknowledges requests for a Bolt app, keeps the tasks of their listeners, and has the handler for
Socket Mode. HTTP mode is in ``http``.

Bolt's own handlers acknowledge when they notice the listener's ``ack()``, for which they look every
10 ms, and keep no reference to the listener's task (slack_bolt 1.30, ``listener.asyncio_runner``).
Here ``ack`` answers Slack itself, and each request is dispatched in a task that a stop waits for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import aiohttp
from slack_bolt.adapter.socket_mode.async_base_handler import AsyncBaseSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from adapters.slack.shapes import malformed
from adapters.slack.workspace import Workspace
from bot.network import Network
from bot.ports import Clock

log = logging.getLogger(__name__)
# The library reports every failed attempt with a traceback; what matters of it is logged here.
library = logging.getLogger("adapters.slack.socket.library")
library.setLevel(logging.CRITICAL)

CLOSE_TIMEOUT: Final = 0.3  # seconds to close the socket
SHORT_CONNECTION: Final = 10.0  # seconds; one that is replaced sooner was not accepted
FIRST_RECONNECT_DELAY: Final = 1.0  # seconds; doubles
MAX_RECONNECT_DELAY: Final = 20.0
# Turns of the event loop between the starts of two listeners, in which other envelopes are read and
# acknowledged. Without them, the last of fifty simultaneous ones waits for whatever the listeners
# of the others do without awaiting (50 ms each: 3.1 s until it was acknowledged, measured).
YIELDS: Final = 20


class ReconnectBackoff:
    """Delays connections that follow each other quickly.

    slack_sdk 3.47 requests another address the moment that Slack sends ``disconnect``, also where
    Slack refuses every connection (``too_many_websockets``): 6,562 requests in 12 s, measured.
    A connection that Slack renews after hours is made again at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = float("-inf")
        self._in_a_row = 0

    async def wait(self) -> None:
        soon = self._clock.monotonic() - self._last < SHORT_CONNECTION
        self._in_a_row = self._in_a_row + 1 if soon else 0
        if self._in_a_row > 1:
            doubled = FIRST_RECONNECT_DELAY * 2.0 ** min(self._in_a_row - 2, 30)
            await self._clock.sleep(min(doubled, MAX_RECONNECT_DELAY))
        self._last = self._clock.monotonic()


class Client(SocketModeClient):
    """slack_sdk's client, but it makes no request once it is closed, though a task that the library
    has lost track of may still try. Connects as ``network`` says."""

    network: Network
    backoff: ReconnectBackoff

    async def issue_new_wss_url(self) -> str:
        """Raises ConnectionAbortedError once the client is closed."""
        if not self.closed:
            await self.backoff.wait()
        if self.closed:
            raise ConnectionAbortedError("the client is closed")
        url = await super().issue_new_wss_url()
        self.proxy = self.network.proxy_for(url)  # in place of what the library found by itself
        return url

    async def close(self) -> None:
        """Like the library's, but it does not wait for a peer that does not answer."""
        self.closed = True
        self.auto_reconnect_enabled = False
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.disconnect()  # type: ignore[no-untyped-call]
        tasks = (self.message_processor, self.current_session_monitor, self.message_receiver)
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.aiohttp_client_session.close()


class ListenerTasks:
    """The listeners that are running. After ``drain`` no further one is started."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.closed = False

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # outside the listener, whose errors Bolt passes to app._report
            log.error("dispatch failed", exc_info=error)

    async def drain(self, grace: float) -> None:
        """Wait for those that are running, at most ``grace`` seconds; cancel the others."""
        self.closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        late = set(self._running)
        for task in late:
            task.cancel()
        if late:
            log.warning("stopped before they had finished listeners=%d", len(late))
        await asyncio.gather(*late, return_exceptions=True)


class SentAck(AsyncAck):
    """Bolt's ``ack``, but Slack has the answer when the first call returns. Further calls change
    nothing. Raises ConnectionError where Slack can't be answered any more."""

    def __init__(self, send: Callable[[BoltResponse], Awaitable[None]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._send = send
        self.sent = False

    async def __call__(self, *args: Any, **more: Any) -> BoltResponse:
        response = await super().__call__(*args, **more)
        await self.answer(response)
        return response

    async def answer(self, response: BoltResponse) -> None:
        """Sends this acknowledgement, unless one was sent before."""
        if not self.sent:
            self.sent = True
            await self._send(response)


# The types of requests whose answer says something: what a window shows next, or that this is
# indeed the address that was entered at Slack. All others are acknowledged at once.
ANSWERED: Final = frozenset({"view_submission", "url_verification"})


class Dispatcher:
    """Acknowledges requests, and lets a Bolt app handle them."""

    def __init__(self, app: AsyncApp, tasks: ListenerTasks, clock: Clock) -> None:
        self._app = app
        self._tasks = tasks
        self._clock = clock
        self._starting = asyncio.Lock()

    async def take(
        self,
        body: Mapping[str, Any],
        ack: SentAck,
        request: Callable[[], AsyncBoltRequest],
        name: str,
    ) -> asyncio.Task[None] | None:
        """The task that handles the request. ``request`` is called once ``body`` is known to have
        the right shape; ``name`` is for the log.

        ``None``: the request is not handled, because it is malformed, because the bot stops, or
        because it could not be acknowledged, in which case Slack tells the person that it failed.
        """
        if self._tasks.closed:
            return None
        fault = malformed(body)
        if fault or body.get("type") not in ANSWERED:
            try:
                await ack()
            except ConnectionError:
                log.warning("not acknowledged request=%s", name)
                return None
        if fault:
            log.warning("malformed request=%s why=%s", name, fault)
            return None
        return self._tasks.start(self._dispatch(request(), ack))

    async def _dispatch(self, request: AsyncBoltRequest, ack: SentAck) -> None:
        request.context["ack"] = ack
        async with self._starting:
            for _ in range(YIELDS):
                await self._clock.sleep(0)
        response = await self._app.async_dispatch(request)
        with suppress(ConnectionError):  # nobody waits for the answer any more
            await ack.answer(response)


class SocketHandler(AsyncBaseSocketModeHandler):
    """Bolt's ``AsyncSocketModeHandler`` on our client. Make it inside the running loop."""

    app: AsyncApp
    client: Client

    def __init__(
        self,
        app: AsyncApp,
        workspace: Workspace,
        *,
        tasks: ListenerTasks,
        backoff: ReconnectBackoff,
        ping_interval: float,
    ) -> None:
        self.app = app
        self.client = Client(
            workspace.app_token,
            logger=library,
            web_client=workspace.web.client,
            ping_interval=ping_interval,
        )
        self.client.network = workspace.web.network
        self.client.backoff = backoff
        self.client.socket_mode_request_listeners.append(self.handle)
        self._dispatcher = Dispatcher(app, tasks, workspace.clock)

    async def handle(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:
        """Acknowledge, then dispatch."""

        def request() -> AsyncBoltRequest:
            return AsyncBoltRequest(
                mode="socket_mode",
                body=req.payload,
                headers=build_headers(req),
                context={"envelope_id": req.envelope_id},
            )

        ack = SentAck(partial(self._answer, client, req))
        await self._dispatcher.take(req.payload, ack, request, f"{req.type} {req.envelope_id}")

    async def _answer(
        self, client: AsyncBaseSocketModeClient, req: SocketModeRequest, response: BoltResponse
    ) -> None:
        await send_async_response(client, req, response, start_time=0.0)
