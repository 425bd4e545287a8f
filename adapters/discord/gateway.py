"""The gateway: a client that receives slash commands and buttons while it is connected.

Each connection that has to be made from scratch gets a new client; the library reconnects by
itself after short interruptions. Permanent failures (a wrong token, a missing intent) are kept
apart from temporary ones: 1,000 identifications a day cost the bot its token (docs,
topics/gateway, 2026-08-06).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, Protocol, cast

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket

from adapters.discord.api import connector
from adapters.discord.buttons import AbstractButton, AbstractMenu, CommandButton, CommandMenu
from adapters.discord.commands import InteractionHandler, PapersCommands, SendLine
from adapters.discord.errors import LOGIN_REFUSED
from adapters.discord.keyword_form import EditButton
from adapters.discord.permissions import invite_link
from adapters.discord.registration import Registration, declared
from bot.errors import PlatformDown, PlatformRefused
from bot.network import Network
from bot.ports import Clock, Commands

log = logging.getLogger(__name__)

CANCEL_INTERVAL: Final = 0.1  # seconds, after which a task that goes on is cancelled once more
SHUTDOWN_GRACE: Final = 1.0  # seconds that replies in progress get when the bot stops
MAX_CONSECUTIVE_DISCONNECTS: Final = 5  # before a new client has to try, after a pause
AUTHENTICATION_FAILED: Final = 4004
FATAL_CLOSE_CODES: Final = {
    AUTHENTICATION_FAILED: LOGIN_REFUSED,
    4010: "Discord refuses the connection: invalid shard.",
    4011: "The bot is in too many servers for one connection (2,500).",
    4012: "Discord no longer speaks the version of its gateway that the bot speaks. Update it.",
    4013: "Discord refuses what the bot asks for (invalid intents). Update it.",
    4014: "Discord refuses what the bot asks for (disallowed intents). Update it.",
}


class Gateway:
    """Connects once at a time."""

    def __init__(
        self,
        *,
        gateway_url: str,
        token: str,
        proxy: str | None,
        network: Network,
        clock: Clock,
        send_line: SendLine,
        servers: Collection[str] = (),
    ) -> None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)  # on the class, as Route.BASE is
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here
        self._token = token
        self._proxy = proxy
        self._network = network
        self._clock = clock
        self._send_line = send_line
        self._servers = servers
        self._client: PapersClient | None = None
        self._registration = Registration(clock)
        self.disconnected_since: datetime | None = None

    @property
    def degraded(self) -> str:
        return self._registration.degraded

    def declared_commands(self) -> list[dict[str, Any]]:
        """The slash commands that Discord should list. Makes no request."""
        no_commands = cast(Commands, None)  # none is ever run
        handler = InteractionHandler(no_commands, self._send_line, self._clock)
        return declared(command_tree(discord.Client(intents=discord.Intents(guilds=True)), handler))

    def guild_of(self, channel_id: str) -> str:
        """The server of a channel that the gateway has told us of; else ``""``."""
        channel = self._client.get_channel(int(channel_id)) if self._client else None
        return str(channel.guild.id) if isinstance(channel, discord.abc.GuildChannel) else ""

    async def listen(self, commands: Commands) -> None:
        """Until cancelled. Raises PlatformDown and PlatformRefused."""
        handler = InteractionHandler(
            commands, self._send_line, self._clock, self._registration.mentions, self._servers
        )
        client = PapersClient(
            handler,
            on_connection=self.connection_changed,
            proxy=self._proxy,
            registration=self._registration,
            connector=connector(self._network),
        )
        self.connection_changed(connected=False)
        self._client = client
        try:
            async with client:
                client_task = asyncio.create_task(client.start(self._token))
                given_up = asyncio.create_task(client.given_up.wait())
                try:
                    await asyncio.wait({client_task, given_up}, return_when=asyncio.FIRST_COMPLETED)
                    if client_task.done():
                        await client_task
                finally:
                    given_up.cancel()
                    if handler.active_tasks:
                        await asyncio.wait(handler.active_tasks, timeout=SHUTDOWN_GRACE)
                    await cancel_until_done(client_task)
        except discord.LoginFailure as error:
            raise PlatformRefused(LOGIN_REFUSED) from error
        except discord.PrivilegedIntentsRequired as error:
            raise PlatformRefused(FATAL_CLOSE_CODES[4014]) from error
        except discord.ConnectionClosed as error:
            if error.code in FATAL_CLOSE_CODES:
                raise PlatformRefused(FATAL_CLOSE_CODES[error.code]) from error
            raise PlatformDown(f"Discord closed the connection (code {error.code}).") from error
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise PlatformDown(f"Discord can't be reached: {error}") from error
        except AttributeError as error:
            # The library fails so when the very first connection to the gateway is refused
            # (discord.py 2.7.1, measured): it uses a socket that was never opened.
            raise PlatformDown("Discord's gateway can't be reached.") from error
        finally:
            self._client = None
            self._registration.degraded = ""
            self.disconnected_since = None
        raise PlatformDown("The connection to Discord ended.")

    def connection_changed(self, *, connected: bool) -> None:
        """The connection was opened, or lost."""
        if connected:
            self.disconnected_since = None
        elif self.disconnected_since is None:
            self.disconnected_since = self._clock.now()


async def cancel_until_done(task: asyncio.Task[None]) -> None:
    """Cancel it, however often that takes.

    On Python 3.11 ``wait_for``, with which the library waits, loses a cancellation that arrives
    together with a result (measured while Discord closed each new connection).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_INTERVAL)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not warn; it was raised before


class ConnectionCallback(Protocol):
    """Called when the connection was opened, or lost."""

    def __call__(self, *, connected: bool) -> None: ...


class PapersClient(discord.Client):
    """Receives commands and buttons; keeps no members and no messages in memory."""

    def __init__(
        self,
        handler: InteractionHandler,
        *,
        on_connection: ConnectionCallback,
        proxy: str | None,
        registration: Registration,
        connector: aiohttp.BaseConnector | None = None,
    ) -> None:
        super().__init__(
            connector=connector,
            intents=discord.Intents(guilds=True),
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=30.0,
            proxy=proxy,
        )
        self.handler = handler
        self._on_connection = on_connection
        self.given_up = asyncio.Event()
        self._disconnects = 0  # since the last connection
        self.tree = command_tree(self, handler)
        self._registration = registration
        self._registering: asyncio.Task[None] | None = None

    async def setup_hook(self) -> None:
        """The token works. Commands are registered in the background: buttons work meanwhile."""
        if self.application_id is not None:
            log.info(
                "discord lets the bot in; to add it to a server: %s"
                " Then, in a channel there: /papers add reward model",
                invite_link(self.application_id),
            )
        self.add_dynamic_items(CommandButton, CommandMenu, AbstractButton, AbstractMenu, EditButton)
        self._registering = asyncio.create_task(self._registration.register_until_done(self.tree))

    async def close(self) -> None:
        if self._registering is not None:
            self._registering.cancel()
            await asyncio.gather(self._registering, return_exceptions=True)
        await super().close()

    async def on_connect(self) -> None:
        self._disconnects = 0
        self._on_connection(connected=True)

    async def on_resumed(self) -> None:
        await self.on_connect()

    async def on_disconnect(self) -> None:
        """The library reconnects, after some close codes without any pause."""
        self._disconnects += 1
        self._on_connection(connected=False)
        if self._disconnects >= MAX_CONSECUTIVE_DISCONNECTS:
            self.given_up.set()


class CommandTree(app_commands.CommandTree[Any]):
    """Accepts commands from the servers that are served."""

    handler: InteractionHandler

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        return await self.handler.serves(interaction)


def command_tree(
    client: discord.Client, handler: InteractionHandler
) -> app_commands.CommandTree[discord.Client]:
    """``/papers``, in servers only."""
    tree = CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    tree.handler = handler
    tree.add_command(PapersCommands(handler))
    return tree
