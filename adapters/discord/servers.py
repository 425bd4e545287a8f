"""Servers and channels that come and go.

A server that removed the bot, or a channel that was deleted, is archived; a server that adds the
bot is greeted, and gets back what it had. Removed means that Discord has said so in an event *and*
confirms it when asked. Nothing is removed when a server is unavailable (an outage) or merely absent
as the bot connects, or when Discord does not know the token.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, Final, cast

import discord

from adapters.discord import permissions
from adapters.discord.api import RestClient
from adapters.discord.commands import SendLine
from adapters.discord.errors import NO_ACCESS, UNKNOWN_CHANNEL, UNKNOWN_GUILD, code_of
from adapters.discord.mentions import CommandMentions, inert_with_references
from bot.errors import PlatformError, PlatformRefused, SendError, UserError
from bot.model import ChannelGroup
from bot.ports import Clock, Commands
from bot.references import refer_to
from bot.text import plural

log = logging.getLogger(__name__)

# Seconds between attempts to have Discord confirm a removal. Without an answer to the last one,
# everything stays as it is: posts there are refused, and the host is told so.
CONFIRM_DELAYS: Final = (5.0, 30.0, 120.0, 600.0)
SERVER_REMOVED: Final = "The bot was removed from the Discord server {server}."
CHANNEL_DELETED: Final = "The channel #{channel} of the Discord server {server} was deleted."
GREETING: Final = (
    "Hello! Each morning I post the new arXiv papers that match a channel's keywords. To begin, in"
    " the channel where they should appear: {add}. All that I can do: {help}"
)
WELCOME_BACK: Final = (
    "I am back, and with me the keywords of {channels}. {list} shows them in the channel."
)


class Servers:
    """Handles the events of one connection. Raises neither Discord's errors nor ours."""

    def __init__(
        self,
        rest: RestClient,
        commands: Commands,
        send_line: SendLine,
        clock: Clock,
        mentions: CommandMentions,
        served: Collection[str] = (),
    ) -> None:
        self._rest = rest
        self._commands = commands
        self._send_line = send_line
        self._clock = clock
        self._mentions = mentions
        self._served = frozenset(served)  # empty: every server is served

    async def added(self, guild: discord.Guild) -> None:
        """Restore what the server had, and greet it once, where the bot may speak."""
        if self._served and str(guild.id) not in self._served:
            log.info("added server=%s served=no", guild.id)
            return
        try:
            restored = await self._commands.restore_channels(_channels_of(guild))
            me = _me(guild)
            joined = f"discord:added:{guild.id}:{me.joined_at if me else ''}"
            is_new = await self._commands.claim_request([joined])
        except UserError as error:
            log.warning("added server=%s why=%s", guild.id, error)
            return
        log.info("added server=%s served=yes restored=%d", guild.id, len(restored))
        channel = greeting_channel(guild) if is_new else None
        if channel is None:
            return
        try:
            await self._send_line(str(channel.id), self._greeting(len(restored)))
        except (SendError, PlatformError) as error:
            log.info("greeting channel=discord:%s failed why=%s", channel.id, error)

    def _greeting(self, restored: int) -> str:
        if restored:
            channels = plural(restored, "channel")
            text = WELCOME_BACK.format(channels=channels, list=refer_to("list"))
        else:
            text = GREETING.format(add=refer_to("add reward model"), help=refer_to("help"))
        return inert_with_references(text, self._mentions)

    async def removed(self, guild: discord.Guild) -> None:
        """Archive all channels of a server that removed the bot, if Discord confirms that."""
        if await self._is_gone("/guilds/{guild_id}", {UNKNOWN_GUILD, NO_ACCESS}, guild_id=guild.id):
            await self._archive(_channels_of(guild), SERVER_REMOVED.format(server=guild.name))

    async def channel_deleted(self, channel: discord.abc.GuildChannel | discord.Thread) -> None:
        """Archive a channel that was deleted, if Discord confirms that."""
        if await self._is_gone("/channels/{channel_id}", {UNKNOWN_CHANNEL}, channel_id=channel.id):
            reason = CHANNEL_DELETED.format(channel=channel.name, server=channel.guild.name)
            await self._archive(ChannelGroup(ids=(f"discord:{channel.id}",)), reason)

    async def _archive(self, group: ChannelGroup, reason: str) -> None:
        try:
            await self._commands.archive_channels(group, reason)
        except UserError as error:
            log.warning("not archived what=%s why=%s", reason, error)

    async def _is_gone(self, path: str, codes: Collection[int], **parts: Any) -> bool:
        """Whether Discord says so in answer to a request with our token, which it accepts."""
        for delay in (*CONFIRM_DELAYS, None):
            try:
                await self._rest.request("GET", path, **parts)
            except PlatformRefused as error:
                why: Exception | str = error
                break
            except SendError as error:
                if code_of(error) in codes:
                    return True
                why = error
            else:
                why = "it is still there"
                break
            if delay is not None:
                await self._clock.sleep(delay)
        log.warning("removal not confirmed what=%s why=%s", parts, why)
        return False


def greeting_channel(guild: discord.Guild) -> discord.TextChannel | None:
    """The channel for system messages, or else the first one, in which the bot may speak."""
    me = _me(guild)
    if me is None:
        return None
    candidates = [guild.system_channel, *sorted(guild.text_channels, key=lambda c: c.position)]
    for channel in candidates:
        if channel is None or channel.is_news():  # its followers would get the greeting too
            continue
        if not permissions.missing(channel.permissions_for(me)):
            return channel
    return None


def _me(guild: discord.Guild) -> discord.Member | None:
    """The bot as a member; ``None`` where Discord did not say (the library's type omits that)."""
    return cast("discord.Member | None", guild.me)


def _channels_of(guild: discord.Guild) -> ChannelGroup:
    """Those that the gateway has told us about, and all that are known to be in the server."""
    channels = [*guild.channels, *guild.threads]
    return ChannelGroup(
        ids=tuple(f"discord:{each.id}" for each in channels), server=f"discord:{guild.id}"
    )
