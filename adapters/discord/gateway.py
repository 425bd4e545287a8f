"""The gateway: clients that receive commands, buttons and servers' events while they are connected.

There is one connection for each shard, which is a part of the servers. Discord recommends how many
shards there are, and the database says which of them are this process's (``shards``). Those that it
takes together share one client; the library reconnects by itself after short interruptions.
Permanent failures (a wrong token, a missing intent) are kept apart from temporary ones, and every
session that is begun is counted (``sessions``).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, cast

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket, KeepAliveHandler

from adapters.discord.api import RestClient, connector
from adapters.discord.buttons import (
    AbstractButton,
    AbstractMenu,
    CommandButton,
    CommandMenu,
    PaperButton,
)
from adapters.discord.commands import InteractionHandler, PapersCommands, SendLine, save_papers_menu
from adapters.discord.errors import LOGIN_REFUSED, UNREADABLE
from adapters.discord.keyword_form import EditButton
from adapters.discord.markup import inert
from adapters.discord.permissions import invite_link
from adapters.discord.registration import Registration, declared
from adapters.discord.servers import Servers
from adapters.discord.sessions import GatewayInfo, SessionBudget
from adapters.discord.shards import RENEW_INTERVAL, ShardLeases
from bot.errors import PlatformDown, PlatformError, PlatformRefused, SendError, StoreError
from bot.network import Network
from bot.ports import Clock, Commands, SessionStore

log = logging.getLogger(__name__)

CANCEL_INTERVAL: Final = 0.1  # seconds, after which a task that still runs is cancelled again
TAKE_RETRY_DELAY: Final = timedelta(minutes=1)  # for more shards, while others are connected
SHUTDOWN_GRACE: Final = 1.0  # seconds that replies in progress get when the bot stops
MAX_CONSECUTIVE_DISCONNECTS: Final = 5  # of a shard, before a pause and a new client
# Seconds without another server after which the library considers its list of servers complete. One
# that adds the bot before that is taken for an old one; nothing else here depends on it.
READY_TIMEOUT: Final = 0.2
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
    """``listen`` may run once at a time. It needs ``sessions``, which counts the sessions that it
    begins. With ``personal``, commands are also accepted in private messages."""

    def __init__(
        self,
        *,
        gateway_url: str,
        token: str,
        proxy: str | None,
        network: Network,
        clock: Clock,
        rest: RestClient,
        send_line: SendLine,
        servers: Collection[str] = (),
        sessions: SessionStore | None = None,
        personal: bool = True,
    ) -> None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)  # on the class, as Route.BASE is
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here
        self._token = token
        self._proxy = proxy
        self._network = network
        self._clock = clock
        self._rest = rest
        self._send_line = send_line
        self._servers = servers
        self._budget = SessionBudget(sessions, token, clock) if sessions is not None else None
        self._shard_leases = (
            ShardLeases(sessions, self._budget.account, clock)
            if sessions is not None and self._budget is not None
            else None
        )
        self._clients: dict[asyncio.Task[None], PapersClient] = {}
        self._personal = personal
        self._registration = Registration(clock)
        self._listening_since: datetime | None = None
        self.shards: Mapping[int, datetime | None] = {}  # since when each is not connected
        self._take_at = 0.0  # when more of them may be connected, by the monotonic clock

    @property
    def degraded(self) -> str:
        return self._registration.degraded

    @property
    def disconnected_since(self) -> datetime | None:
        """Since when no shard has been connected although it listens; ``None`` also where other
        processes have all of them."""
        if not self.shards:
            return self._listening_since
        lost = [since for since in self.shards.values() if since is not None]
        return max(lost) if len(lost) == len(self.shards) else None

    def declared_commands(self) -> list[dict[str, Any]]:
        """The slash commands that Discord should list. Makes no request."""
        no_commands = cast(Commands, None)  # none is ever run
        handler = InteractionHandler(no_commands, self._send_line, self._clock)
        client = discord.Client(intents=discord.Intents(guilds=True))
        return declared(command_tree(client, handler, personal=self._personal))

    def guild_of(self, channel_id: str) -> str:
        """The server of a channel that the gateway has told us about; else ``""``."""
        channel = self._channel(channel_id)
        return "" if channel is None else str(channel.guild.id)

    def roles_of(self, channel_id: str) -> frozenset[str] | None:
        """The roles of a server, by a channel that the gateway has told us about; else ``None``."""
        channel = self._channel(channel_id)
        if channel is None:
            return None
        return frozenset(str(role.id) for role in channel.guild.roles)

    def name_of(self, channel_id: str) -> str:
        """The name of a channel that the gateway has told us about, inert; else ``""``."""
        channel = self._channel(channel_id)
        if channel is None:
            return ""
        return f"#{inert(channel.name)} in {inert(channel.guild.name)}"

    def _channel(self, channel_id: str) -> discord.abc.GuildChannel | None:
        found = (client.get_channel(int(channel_id)) for client in self._clients.values())
        return next((each for each in found if isinstance(each, discord.abc.GuildChannel)), None)

    async def listen(self, commands: Commands) -> None:
        """Runs until cancelled. Raises PlatformDown and PlatformRefused."""
        budget, leases = self._budget, self._shard_leases
        if budget is None or leases is None:
            raise ValueError("listening needs a store that counts its sessions")
        self._listening_since = self._clock.now()
        try:
            asked = await self._ask_gateway(budget)
            info: GatewayInfo | None = asked
            while True:
                share = await leases.renew(asked.shards)
                await self._give_up(self.shards.keys() - share.held)
                if share.surplus:
                    await self._give_up(share.surplus)
                    await leases.release(share.surplus)
                new = sorted(share.held - share.surplus - self.shards.keys())
                if new:
                    await self._take(commands, budget, share.total, new, info)
                info = None  # out of date by the next time
                if not self.shards:
                    self._listening_since = None
                await self._watch(RENEW_INTERVAL if leases.is_shared else None)
        except StoreError as error:
            raise PlatformDown(f"No session can be counted: {error}") from error
        finally:
            await self._close()
            await leases.release()

    async def _take(
        self,
        commands: Commands,
        budget: SessionBudget,
        count: int,
        shards: Sequence[int],
        info: GatewayInfo | None,
    ) -> None:
        """Connect these shards. Where Discord's count does not allow that, those that are connected
        stay connected, and it is retried later."""
        if self._clock.monotonic() < self._take_at:
            return
        try:
            budget.check_remaining(info or await self._ask_gateway(budget), shards)
        except (PlatformDown, PlatformRefused) as error:
            if not self._clients:
                raise
            wait = getattr(error, "seconds", None) or TAKE_RETRY_DELAY.total_seconds()
            self._take_at = self._clock.monotonic() + wait
            log.warning("shards=%s not connected again_in=%.0fs why=%s", shards, wait, error)
            return
        since = self._listening_since = self._listening_since or self._clock.now()
        self.shards = {**self.shards, **dict.fromkeys(shards, since)}
        client = self._client(commands, budget, count, shards)
        task = asyncio.create_task(self._connect(client, budget))
        self._clients[task] = client

    async def _give_up(self, shards: AbstractSet[int]) -> None:
        """Disconnect these shards: other processes have them, or are to have them."""
        self.shards = {n: since for n, since in self.shards.items() if n not in shards}
        for task, client in list(self._clients.items()):
            if self.shards.keys() & (client.shard_ids or ()):
                await client.give_up(shards)
            elif shards:
                del self._clients[task]
                await _cancelled(task)

    async def _watch(self, interval: timedelta | None) -> None:
        """Wait until the leases are to be renewed. Raises the error that has ended a client."""
        seconds = None if interval is None else interval.total_seconds()
        if not self._clients:
            await self._clock.sleep(seconds or 0.0)
            return
        done, _ = await asyncio.wait(
            self._clients, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            await task
            raise PlatformDown("The connection to Discord ended.")

    async def _close(self) -> None:
        tasks = [*self._clients]
        self._clients = {}
        self._registration.degraded = ""
        self._listening_since = None
        self.shards = {}
        for task in tasks:
            await _cancelled(task)

    async def _ask_gateway(self, budget: SessionBudget) -> GatewayInfo:
        """Raises PlatformDown, PlatformRefused and StoreError."""
        await budget.check_hold()
        try:
            return GatewayInfo.read(await self._rest.request("GET", "/gateway/bot"))
        except SendError as error:
            raise PlatformDown(f"Discord can't be reached: {error}") from error
        except UNREADABLE as error:
            raise PlatformDown("Discord did not say how to connect to its gateway.") from error

    def _client(
        self, commands: Commands, budget: SessionBudget, count: int, mine: Sequence[int]
    ) -> PapersClient:
        mentions = self._registration.mentions
        handler = InteractionHandler(
            commands, self._send_line, self._clock, mentions, self._servers, personal=self._personal
        )
        servers = Servers(
            self._rest, commands, self._send_line, self._clock, mentions, self._servers
        )

        def connection_changed(shard: int, *, connected: bool) -> None:
            if connected:
                budget.begun(shard)
            if shard in self.shards:  # else it was given up
                since = self.shards[shard] or self._clock.now()
                self.shards = {**self.shards, shard: None if connected else since}

        return PapersClient(
            handler,
            servers,
            on_connection=connection_changed,
            before_identify=budget.wait_for_turn,
            proxy=self._proxy,
            registration=self._registration,
            connector=connector(self._network),
            shard_count=count,
            shard_ids=mine,
        )

    async def _connect(self, client: PapersClient, budget: SessionBudget) -> None:
        """Run the client until it ends. Raises PlatformDown, PlatformRefused and StoreError."""
        handler = client.handler
        try:
            async with client:
                client_task = asyncio.create_task(client.start(self._token))
                ended = asyncio.create_task(client.ended.wait())
                try:
                    await asyncio.wait({client_task, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if client_task.done():
                        await client_task
                finally:
                    ended.cancel()
                    if handler.active_tasks:
                        await asyncio.wait(handler.active_tasks, timeout=SHUTDOWN_GRACE)
                    await cancel_until_done(client_task)
            if client.why_ended is not None:
                raise client.why_ended
        except discord.LoginFailure as error:
            raise PlatformRefused(LOGIN_REFUSED) from error
        except discord.PrivilegedIntentsRequired as error:
            raise await budget.hold(FATAL_CLOSE_CODES[4014]) from error
        except discord.ConnectionClosed as error:
            if error.code in FATAL_CLOSE_CODES:
                raise await budget.hold(FATAL_CLOSE_CODES[error.code]) from error
            raise PlatformDown(f"Discord closed the connection (code {error.code}).") from error
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise PlatformDown(f"Discord can't be reached: {error}") from error


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel the task, and wait until it has cleaned up."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def cancel_until_done(task: asyncio.Task[None]) -> None:
    """Cancel the task as often as it takes.

    On Python 3.11 ``wait_for``, with which the library waits, loses a cancellation that arrives
    together with a result (measured while Discord closed each new connection).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_INTERVAL)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not warn; it was raised before


class ConnectionCallback(Protocol):
    """Called when the connection of a shard was opened, or lost."""

    def __call__(self, shard: int, *, connected: bool) -> None: ...


class PapersClient(discord.AutoShardedClient):
    """Receives commands, buttons and servers' events; keeps no members and no messages in memory.

    ``ended`` is set when a new client has to take over, and ``why_ended`` says why.
    ``before_identify`` waits for a shard's turn to begin a session; it raises PlatformRefused and
    StoreError.
    """

    def __init__(
        self,
        handler: InteractionHandler,
        servers: Servers,
        *,
        on_connection: ConnectionCallback,
        before_identify: Callable[[int], Awaitable[None]],
        proxy: str | None,
        registration: Registration,
        connector: aiohttp.BaseConnector | None = None,
        shard_count: int = 1,
        shard_ids: Sequence[int] = (0,),
    ) -> None:
        super().__init__(
            connector=connector,
            intents=discord.Intents(guilds=True),
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=30.0,
            guild_ready_timeout=READY_TIMEOUT,
            proxy=proxy,
            shard_count=shard_count,
            shard_ids=[*shard_ids],
        )
        self.handler = handler
        self._servers = servers
        self._on_connection = on_connection
        self._before_identify = before_identify
        self.ended = asyncio.Event()
        self.why_ended: PlatformError | StoreError | None = None
        self._disconnects: Counter[int] = Counter()  # by shard, since its last connection
        self._launching: set[int] = set()
        self._given_up: set[int] = set()  # shards that belong to another process now
        self.tree = command_tree(self, handler, personal=handler.personal)
        self._registration = registration
        self._registering: asyncio.Task[None] | None = None

    async def setup_hook(self) -> None:
        """Called once Discord has accepted the token. Commands are registered in the background:
        buttons work meanwhile."""
        if self.application_id is not None:
            log.info(
                "discord lets the bot in; to add it to a server: %s"
                " Then, in a channel there: /papers add reward model",
                invite_link(self.application_id),
            )
        self.add_dynamic_items(
            CommandButton, CommandMenu, PaperButton, AbstractButton, AbstractMenu, EditButton
        )
        self._registering = asyncio.create_task(self._registration.register_until_done(self.tree))

    async def close(self) -> None:
        if self._registering is not None:
            self._registering.cancel()
            await asyncio.gather(self._registering, return_exceptions=True)
        await super().close()
        # Connections that were given up before they were identified: the library starts a thread
        # for each with its first message, but closes only those that became a shard
        # (discord.py 2.7.1, DiscordWebSocket.from_client).
        for thread in threading.enumerate():
            if isinstance(thread, KeepAliveHandler) and thread.ws.loop is self.loop:
                await thread.ws.close()

    # -- connecting ----------------------------------------------------------------------------

    async def launch_shard(
        self, gateway: yarl.URL, shard_id: int, *, initial: bool = False
    ) -> None:
        """Ends the client if the first connection fails: the library would call this method again
        every 5 seconds, forever (discord.py 2.7.1, shard.py)."""
        if shard_id in self._given_up:
            return
        if shard_id in self._launching:
            await self._end(PlatformDown("Discord's gateway can't be reached."))
        self._launching.add(shard_id)
        await super().launch_shard(gateway, shard_id, initial=initial)
        self._launching.discard(shard_id)
        if shard_id in self._given_up:  # meanwhile
            await self.shards[shard_id].disconnect()

    async def give_up(self, shards: AbstractSet[int]) -> None:
        """Disconnect those that are this client's, and go on with the others."""
        for number in shards & {*(self.shard_ids or ())}:
            self._given_up.add(number)
            if number in self.shards:
                await self.shards[number].disconnect()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        try:
            await self._before_identify(shard_id or 0)
        except (PlatformRefused, StoreError) as error:
            await self._end(error)

    async def _end(self, why: PlatformError | StoreError) -> None:
        """Never returns: whoever waits for ``ended`` closes this client."""
        self.why_ended = self.why_ended or why
        self.ended.set()
        await asyncio.get_running_loop().create_future()

    async def on_shard_connect(self, shard_id: int) -> None:
        self._disconnects[shard_id] = 0
        self._on_connection(shard_id, connected=True)

    async def on_shard_resumed(self, shard_id: int) -> None:
        await self.on_shard_connect(shard_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """The library reconnects, after some close codes without any pause."""
        self._disconnects[shard_id] += 1
        self._on_connection(shard_id, connected=False)
        if self._disconnects[shard_id] >= MAX_CONSECUTIVE_DISCONNECTS:
            self.ended.set()

    # -- servers -------------------------------------------------------------------------------

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._servers.added(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self._servers.removed(guild)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._servers.channel_deleted(channel)

    async def on_thread_delete(self, thread: discord.Thread) -> None:
        await self._servers.channel_deleted(thread)


class CommandTree(app_commands.CommandTree[Any]):
    """Accepts commands from the servers that are served."""

    handler: InteractionHandler

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        return await self.handler.serves(interaction)


def command_tree(
    client: discord.Client, handler: InteractionHandler, *, personal: bool = True
) -> app_commands.CommandTree[discord.Client]:
    """``/papers``, in servers; with ``personal`` also in private messages with the bot, for which
    people can install it."""
    tree = CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(
            guild=True, dm_channel=personal, private_channel=False
        ),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=personal),
    )
    tree.handler = handler
    tree.add_command(PapersCommands(handler))
    tree.add_command(save_papers_menu(handler))
    return tree
