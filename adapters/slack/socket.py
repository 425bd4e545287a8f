"""The watchdog of one workspace's Socket Mode connection: connected, silent, replaced.

slack_sdk's client reconnects by itself (``disconnect`` of any reason, a closed or silent socket).
It reports neither a wrong token, which it would retry forever, nor that it can't get back in. So
the tokens are tried first, and the connection is watched.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime
from typing import Final

import aiohttp
from slack_bolt.app.async_app import AsyncApp

from adapters.slack.app import build, only
from adapters.slack.errors import app_token_fault
from adapters.slack.handler import Client, ListenerTasks, ReconnectBackoff, SocketHandler
from adapters.slack.workspace import APP_TOKEN, Workspace, variable
from bot.errors import PlatformDown, PlatformRefused, SendError
from bot.ports import Clock, Commands

log = logging.getLogger(__name__)

PING_INTERVAL: Final = 5.0  # seconds; four missed pings make a socket count as dead
CHECK_INTERVAL: Final = 5.0  # seconds
CONNECT_TIMEOUT: Final = 40.0  # seconds without a connection until the client is replaced
# Seconds without a message. Slack ends every connection within hours (hello names about one), so
# one that says nothing for so long is dead, although it answers pings.
SILENCE_TIMEOUT: Final = 6 * 3600.0
MAX_REPLACEMENTS: Final = 3  # without success, before the supervisor is told
SHUTDOWN_GRACE: Final = 1.0  # seconds that running listeners get when the bot stops


class Socket:
    """``listen`` may run once at a time. ``ping_interval`` is in seconds."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        command: str,
        managers: frozenset[str],
        ping_interval: float = PING_INTERVAL,
    ) -> None:
        self.workspace = workspace
        self.disconnected_since: datetime | None = None
        self._command = command
        self._managers = managers
        self._ping_interval = ping_interval

    degraded = ""

    async def listen(self, commands: Commands) -> None:
        """Runs until cancelled. Raises PlatformDown and PlatformRefused."""
        app = build(
            only(self.workspace),
            commands,
            client=self.workspace.web.client,
            command=self._command,
            managers=self._managers,
        )
        tasks = ListenerTasks()
        backoff = ReconnectBackoff(self.workspace.clock)
        self._mark_disconnected()
        failed_in_a_row = 0
        try:
            while True:
                await self.check_tokens()
                connected = await self._watch_one_client(app, tasks, backoff)
                failed_in_a_row = 0 if connected else failed_in_a_row + 1
                if failed_in_a_row >= MAX_REPLACEMENTS:
                    raise PlatformDown(f"{self.workspace.title} can't be connected to.")
                log.warning("socket replaced workspace=%s", self.workspace.title)
        finally:
            await tasks.drain(SHUTDOWN_GRACE)
            self.disconnected_since = None

    async def check_tokens(self) -> None:
        """Try both. Raises PlatformDown and PlatformRefused."""
        name = self.workspace.name
        await self.workspace.check_token()
        try:
            await self.workspace.web.open_socket(self.workspace.app_token)
        except (SendError, PlatformRefused) as error:
            fault = app_token_fault(error)
            if fault is None:
                raise PlatformDown(str(error)) from error
            raise PlatformRefused(f"{variable(APP_TOKEN, name)}: {fault}") from error

    def _mark_disconnected(self) -> None:
        if self.disconnected_since is None:
            self.disconnected_since = self.workspace.clock.now()
            log.info("not connected workspace=%s", self.workspace.title)

    def _mark_connected(self) -> None:
        if self.disconnected_since is not None:
            self.disconnected_since = None
            log.info("connected workspace=%s", self.workspace.title)

    async def _watch_one_client(
        self, app: AsyncApp, tasks: ListenerTasks, backoff: ReconnectBackoff
    ) -> bool:
        """Runs a client until its connection is lost or silent for too long. Returns whether there
        ever was one.

        When the bot stops, running listeners end first: some still acknowledge.
        """
        handler = SocketHandler(
            app,
            self.workspace,
            tasks=tasks,
            backoff=backoff,
            ping_interval=self._ping_interval,
        )
        client = handler.client
        traffic = _Traffic(self.workspace.clock)
        client.on_message_listeners.append(traffic.received)
        connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
        try:
            return await self._until_lost(client, traffic)
        except asyncio.CancelledError:
            await tasks.drain(SHUTDOWN_GRACE)
            raise
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await client.close()

    async def _until_lost(self, client: Client, traffic: _Traffic) -> bool:
        """See ``_watch_one_client``."""
        clock = self.workspace.clock
        connected_once, lost_at = False, clock.monotonic()
        while True:
            if traffic.greeted and await client.is_connected():
                self._mark_connected()
                connected_once, lost_at = True, clock.monotonic()
                if traffic.silent_for() > SILENCE_TIMEOUT:
                    return True
            else:
                self._mark_disconnected()
                if clock.monotonic() - lost_at > CONNECT_TIMEOUT:
                    return connected_once
            await clock.sleep(CHECK_INTERVAL if connected_once else CHECK_INTERVAL / 10)


class _Traffic:
    """What Slack sends over one client: whether it has greeted us, and when it last sent."""

    def __init__(self, clock: Clock) -> None:
        self.greeted = False
        self._clock = clock
        self._last_at = clock.monotonic()

    async def received(self, message: aiohttp.WSMessage) -> None:
        """Called by the client for each message."""
        self._last_at = self._clock.monotonic()
        # After a "disconnect" the library keeps the old socket if it gets no new one.
        kind = json.loads(message.data).get("type")
        self.greeted = kind != "disconnect" and (self.greeted or kind == "hello")

    def silent_for(self) -> float:
        """Seconds since the last message."""
        return self._clock.monotonic() - self._last_at
