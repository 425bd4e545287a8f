"""Socket Mode for one workspace: connected, watched, and acknowledged first of all.

slack_sdk's own client reconnects by itself (``disconnect`` of any reason, a closed or silent
socket). It does not tell that a token is wrong, which it would try for ever, nor that it can't get
back in. So the tokens are tried before, and the connection is watched. slack_bolt is not used: it
acknowledges after its own work, forgets its tasks and does not notice what comes twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import aiohttp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.slack.commands import People
from adapters.slack.errors import app_token_fault
from adapters.slack.workspace import APP_TOKEN, BOT_TOKEN, Workspace, variable
from bot.errors import PlatformDown, PlatformError, PlatformRefused, SendError
from bot.network import Network
from bot.ports import Commands

log = logging.getLogger(__name__)
# The library's word for every failed try, with a traceback; what matters of it is said here.
library = logging.getLogger("adapters.slack.socket.library")
library.setLevel(logging.CRITICAL)

PING: Final = 5.0  # seconds; four missed ones make a socket count as dead
LOOK_EVERY: Final = 5.0
PATIENCE: Final = 40.0  # seconds without a connection until the client is replaced
# Seconds without a word. Slack ends every connection within hours (hello names about one), so one
# that says nothing for so long is deaf, although it answers pings.
SILENCE: Final = 6 * 3600.0
REPLACEMENTS: Final = 3  # in vain, until the supervisor is told
LAST_WORDS: Final = 1.0  # seconds that answers in hand get when the bot stops
GOODBYE: Final = 0.3  # seconds to close the socket
REMEMBERED: Final = 2000  # envelopes, so that a repeated one changes nothing twice


class Client(SocketModeClient):
    """Asks Slack for nothing after its end, though a task that the library has lost hold of may
    still want to. Connects as ``network`` says, which is set before it connects."""

    network: Network

    async def issue_new_wss_url(self) -> str:
        """Raises ConnectionAbortedError after the end."""
        if self.closed:
            raise ConnectionAbortedError("the bot stops")
        url = await super().issue_new_wss_url()
        self.proxy = self.network.proxy_for(url)  # in place of what the library found by itself
        return url


class Socket:
    """Listens once at a time. ``ping`` is in seconds."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        command: str,
        managers: frozenset[str],
        ping: float = PING,
    ) -> None:
        self.workspace = workspace
        self.disconnected_since: datetime | None = None
        self._command = command
        self._managers = managers
        self._ping = ping
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._busy: set[asyncio.Task[None]] = set()

    async def listen(self, commands: Commands) -> None:
        """Until cancelled. Raises PlatformDown and PlatformRefused."""
        people = People(self.workspace, commands, command=self._command, managers=self._managers)
        self._is_disconnected()
        in_vain = 0
        try:
            while True:
                await self.ask_for_entry()
                heard = await self._one_client(people)
                in_vain = 0 if heard else in_vain + 1
                if in_vain >= REPLACEMENTS:
                    raise PlatformDown(f"{self.workspace.title} can't be connected to.")
                log.warning("socket replaced workspace=%s", self.workspace.title)
        finally:
            if self._busy:
                await asyncio.wait(self._busy, timeout=LAST_WORDS)
            for task in self._busy:
                task.cancel()
            self.disconnected_since = None

    async def ask_for_entry(self) -> None:
        """Try both tokens. Raises PlatformDown and PlatformRefused."""
        name = self.workspace.name
        try:
            await self.workspace.web.me()
        except PlatformRefused as error:
            raise PlatformRefused(f"{variable(BOT_TOKEN, name)}: {error}") from error
        except SendError as error:
            raise PlatformDown(str(error)) from error
        try:
            await self.workspace.web.open_socket(self.workspace.app_token)
        except (SendError, PlatformRefused) as error:
            fault = app_token_fault(error)
            if fault is None:
                raise PlatformDown(str(error)) from error
            raise PlatformRefused(f"{variable(APP_TOKEN, name)}: {fault}") from error

    def _is_disconnected(self) -> None:
        if self.disconnected_since is None:
            self.disconnected_since = self.workspace.clock.now()
            log.info("hears nobody yet workspace=%s", self.workspace.title)

    def _hears(self) -> None:
        if self.disconnected_since is not None:
            self.disconnected_since = None
            log.info("connected workspace=%s", self.workspace.title)

    # -- one client ----------------------------------------------------------------------------

    async def _one_client(self, people: People) -> bool:
        """Until it has been deaf for too long; whether it ever heard."""
        client = Client(
            self.workspace.app_token,
            logger=library,
            web_client=self.workspace.web.client,
            ping_interval=self._ping,
        )
        client.network = self.workspace.web.network
        clock = self.workspace.clock
        last_word = clock.monotonic()
        greeted = False

        async def note(message: aiohttp.WSMessage) -> None:
            nonlocal last_word, greeted
            last_word = clock.monotonic()
            # After a "disconnect" the library keeps the old socket if it gets no new one.
            kind = json.loads(message.data).get("type")
            greeted = kind != "disconnect" and (greeted or kind == "hello")

        async def heard(client: SocketModeClient, request: SocketModeRequest) -> None:
            await self._heard(client, request, people)

        client.on_message_listeners.append(note)
        client.socket_mode_request_listeners.append(heard)  # type: ignore[arg-type]
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]
        try:
            connected_once, lost = False, clock.monotonic()
            while True:
                if greeted and await client.is_connected():
                    self._hears()
                    connected_once, lost = True, clock.monotonic()
                    if clock.monotonic() - last_word > SILENCE:
                        return True
                else:
                    self._is_disconnected()
                    if clock.monotonic() - lost > PATIENCE:
                        return connected_once
                await clock.sleep(LOOK_EVERY if connected_once else LOOK_EVERY / 10)
        finally:
            connecting.cancel()
            await _closed(client, connecting)

    async def _heard(
        self, client: SocketModeClient, request: SocketModeRequest, people: People
    ) -> None:
        """Acknowledge, then work in a task of our own. What could not be acknowledged Slack calls
        failed, so it is not done either."""
        payload = people.acknowledgement(request.type, request.payload)
        await client.send_socket_mode_response(
            SocketModeResponse(request.envelope_id, payload=payload)
        )
        if not self._is_new(request):
            log.info("heard again envelope=%s", request.envelope_id)
            return
        task = asyncio.create_task(_answer(people, request))
        self._busy.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("answering failed", exc_info=error)

    def _is_new(self, request: SocketModeRequest) -> bool:
        """Slack sends one again that it does not know to be heard."""
        trigger = str(request.payload.get("trigger_id") or "")
        names = [request.envelope_id, *([trigger] if trigger else [])]
        known = any(name in self._seen for name in names)
        self._seen.update(dict.fromkeys(names))
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return not known


async def _answer(people: People, request: SocketModeRequest) -> None:
    """What goes wrong in an answer is nobody's loss but the asker's; it is logged."""
    try:
        await people.hear(request.type, request.payload)
    except (SendError, PlatformError) as error:
        log.warning("answering kind=%s failed why=%s", request.type, error)


async def _closed(client: SocketModeClient, connecting: asyncio.Task[Any]) -> None:
    """As the library's ``close``, but it waits for nobody who does not answer."""
    client.closed = True
    client.auto_reconnect_enabled = False
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(GOODBYE):
            await client.disconnect()  # type: ignore[no-untyped-call]
    tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
    running = [connecting, *(task for task in tasks if task is not None)]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await client.aiohttp_client_session.close()
