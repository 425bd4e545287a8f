"""Socket Mode for one workspace: connected, watched, and acknowledged first of all.

slack-sdk's own client reconnects by itself (``disconnect`` of any reason, a closed or silent
socket). Two things it does not tell: that a token is wrong, which it would try for ever, and that
it can't get back in. So the tokens are asked about before, and the connection is watched.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.slack.commands import People, outlived
from adapters.slack.workspace import Workspace
from bot.errors import OutcomeUnknown, PlatformDown, PlatformRefused, SendError
from bot.ports import Commands

log = logging.getLogger(__name__)

PING: Final = 5.0  # seconds; four missed ones make a socket count as dead
LOOK_EVERY: Final = 5.0
PATIENCE: Final = 120.0  # seconds without a connection before the supervisor is told
LAST_WORDS: Final = 1.2  # seconds that answers in hand get when the bot stops
REMEMBERED: Final = 2000  # envelopes, so that a repeated one changes nothing twice


class Socket:
    """Listens once at a time."""

    def __init__(self, workspace: Workspace, *, command: str, managers: frozenset[str]) -> None:
        self.name = workspace.name
        self.deaf_since: datetime | None = None
        self._workspace = workspace
        self._command = command
        self._managers = managers
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def listen(self, commands: Commands) -> None:
        """Until cancelled. Raises PlatformDown and PlatformRefused."""
        await self._ask_for_entry()
        people = People(self._workspace, commands, command=self._command, managers=self._managers)
        busy: set[asyncio.Task[None]] = set()
        client = SocketModeClient(
            self._workspace.app_token, web_client=self._workspace.web.client(), ping_interval=PING
        )

        async def heard(client: Any, request: SocketModeRequest) -> None:
            await client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
            if self._is_new(request.envelope_id):
                handle = people.handler(request.type, request.payload)
                work = outlived(handle(request.payload), request.type)
                task = asyncio.create_task(work)
                busy.add(task)
                task.add_done_callback(busy.discard)

        client.socket_mode_request_listeners.append(heard)
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]
        try:
            await self._watch(client)
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            if busy:
                await asyncio.wait(busy, timeout=LAST_WORDS)
            await client.close()  # type: ignore[no-untyped-call]
            self.deaf_since = None

    async def _ask_for_entry(self) -> None:
        """Both tokens, because the library would try a wrong one for ever without a word."""
        web = self._workspace.web
        try:
            await web.introduce()
            await web.ask("apps_connections_open", app_token=self._workspace.app_token)
        except (SendError, OutcomeUnknown) as error:
            raise PlatformDown(f"Slack can't be reached: {error}") from error
        except PlatformRefused as error:
            raise PlatformRefused(f"Slack{f' ({self.name})' * bool(self.name)}: {error}") from error

    async def _watch(self, client: SocketModeClient) -> None:
        """Notices a socket that is gone or deaf; gives up when the library does not get back in."""
        clock = self._workspace.clock
        lost = clock.monotonic()
        while True:
            if await client.is_connected():
                self.deaf_since, lost = None, clock.monotonic()
            else:
                self.deaf_since = self.deaf_since or clock.now()
                if clock.monotonic() - lost > PATIENCE:
                    raise PlatformDown("The connection to Slack could not be made again.")
            await clock.sleep(LOOK_EVERY)

    def _is_new(self, envelope: str) -> bool:
        """Slack sends one again that it does not know to be heard."""
        if envelope in self._seen:
            return False
        self._seen[envelope] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True
