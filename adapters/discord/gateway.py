"""The gateway: a client that hears slash commands and buttons, as long as it is connected.

A new client for each connection that has to be made from the start; short interruptions the
library mends itself. What is final (a wrong token, a missing intent) is told apart from what
passes: 1,000 identifications a day cost the bot its token (docs, topics/gateway, 2026-08-06).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, cast

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket

from adapters.discord.api import connector
from adapters.discord.buttons import AbstractButton, AbstractMenu, ChoiceMenu, SayButton
from adapters.discord.commands import Papers, People, Say
from adapters.discord.errors import NOT_LET_IN
from adapters.discord.keyword_form import EditButton
from adapters.discord.registration import Registration, declared
from bot.errors import PlatformDown, PlatformRefused
from bot.network import Network
from bot.ports import Clock, Commands

log = logging.getLogger(__name__)

AGAIN: Final = 0.1  # seconds after which who does not stop is told once more
LAST_WORDS: Final = 1.0  # seconds that answers in hand get when the bot stops
LOST_IN_A_ROW: Final = 5  # connections, before a new client is to try after a pause
AUTHENTICATION_FAILED: Final = 4004
FINAL_CODES: Final = {
    AUTHENTICATION_FAILED: NOT_LET_IN,
    4010: "Discord refuses the connection: invalid shard.",
    4011: "The bot is in too many servers for one connection (2,500).",
    4012: "Discord no longer speaks the version of its gateway that the bot speaks. Update it.",
    4013: "Discord refuses what the bot asks to hear (invalid intents). Update it.",
    4014: "Discord refuses what the bot asks to hear (disallowed intents). Update it.",
}


class Gateway:
    """Listens once at a time."""

    def __init__(
        self,
        *,
        gateway_url: str,
        token: str,
        proxy: str | None,
        network: Network,
        clock: Clock,
        say: Say,
        servers: Collection[str] = (),
    ) -> None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)  # of the class, as Route.BASE is
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here
        self._token = token
        self._proxy = proxy
        self._network = network
        self._clock = clock
        self._say = say
        self._servers = servers
        self._client: PapersClient | None = None
        self._registration = Registration(clock)
        self.disconnected_since: datetime | None = None

    @property
    def degraded(self) -> str:
        return self._registration.degraded

    def declared_commands(self) -> list[dict[str, Any]]:
        """The slash commands that Discord should list. Asks nobody."""
        people = People(cast(Commands, None), self._say, self._clock)  # nobody runs them
        return declared(command_tree(discord.Client(intents=discord.Intents(guilds=True)), people))

    def guild_of(self, channel_id: str) -> str:
        """The server of a channel, where we are connected and see it."""
        channel = self._client.get_channel(int(channel_id)) if self._client else None
        return str(channel.guild.id) if isinstance(channel, discord.abc.GuildChannel) else ""

    async def listen(self, commands: Commands) -> None:
        """Until cancelled. Raises PlatformDown and PlatformRefused."""
        people = People(
            commands, self._say, self._clock, self._registration.mentions, self._servers
        )
        client = PapersClient(
            people,
            heard=self.heard,
            proxy=self._proxy,
            registration=self._registration,
            connector=connector(self._network),
        )
        self.heard(connected=False)
        self._client = client
        try:
            async with client:
                running = asyncio.create_task(client.start(self._token))
                given_up = asyncio.create_task(client.given_up.wait())
                try:
                    await asyncio.wait({running, given_up}, return_when=asyncio.FIRST_COMPLETED)
                    if running.done():
                        await running
                finally:
                    given_up.cancel()
                    if people.busy:
                        await asyncio.wait(people.busy, timeout=LAST_WORDS)
                    await end(running)
        except discord.LoginFailure as error:
            raise PlatformRefused(NOT_LET_IN) from error
        except discord.PrivilegedIntentsRequired as error:
            raise PlatformRefused(FINAL_CODES[4014]) from error
        except discord.ConnectionClosed as error:
            if error.code in FINAL_CODES:
                raise PlatformRefused(FINAL_CODES[error.code]) from error
            raise PlatformDown(f"Discord closed the connection (code {error.code}).") from error
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise PlatformDown(f"Discord can't be reached: {error}") from error
        except AttributeError as error:
            # So the library fails when the very first connection to the gateway is refused
            # (discord.py 2.7.1, measured): it looks at a socket that was never made.
            raise PlatformDown("Discord's gateway can't be reached.") from error
        finally:
            self._client = None
            self._registration.degraded = ""
            self.disconnected_since = None
        raise PlatformDown("The connection to Discord ended.")

    def heard(self, *, connected: bool) -> None:
        """The connection was made, or lost."""
        if connected:
            self.disconnected_since = None
        elif self.disconnected_since is None:
            self.disconnected_since = self._clock.now()


async def end(running: asyncio.Task[None]) -> None:
    """Cancel it, however often that takes.

    On Python 3.11 ``wait_for``, with which the library waits, loses a cancellation that meets an
    answer (measured while Discord closed each new connection).
    """
    while not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=AGAIN)
    if not running.cancelled():
        running.exception()  # looked at, so that nobody warns; what matters was raised before


class PapersClient(discord.Client):
    """Hears commands and buttons; keeps no members and no messages in memory."""

    def __init__(
        self,
        people: People,
        *,
        heard: Any,
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
        self.people = people
        self._heard_of = heard
        self.given_up = asyncio.Event()
        self._lost = 0  # connections, since one was good
        self.tree = command_tree(self, people)
        self._registration = registration
        self._registering: asyncio.Task[None] | None = None

    async def setup_hook(self) -> None:
        """Commands are registered beside the connection: buttons work meanwhile."""
        self.add_dynamic_items(SayButton, ChoiceMenu, AbstractButton, AbstractMenu, EditButton)
        self._registering = asyncio.create_task(self._registration.keep_trying(self.tree))

    async def close(self) -> None:
        if self._registering is not None:
            self._registering.cancel()
            await asyncio.gather(self._registering, return_exceptions=True)
        await super().close()

    async def on_connect(self) -> None:
        self._lost = 0
        self._heard_of(connected=True)

    async def on_resumed(self) -> None:
        await self.on_connect()

    async def on_disconnect(self) -> None:
        """The library connects again, after some kinds of closing without any pause."""
        self._lost += 1
        self._heard_of(connected=False)
        if self._lost >= LOST_IN_A_ROW:
            self.given_up.set()


class CommandTree(app_commands.CommandTree[Any]):
    """Hears commands from the servers that are served."""

    people: People

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        return await self.people.serves(interaction)


def command_tree(
    client: discord.Client, people: People
) -> app_commands.CommandTree[discord.Client]:
    """``/papers``, for servers alone."""
    tree = CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    tree.people = people
    tree.add_command(Papers(people))
    return tree
