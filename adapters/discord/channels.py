"""What Discord says about the channels that we post to, cached as long as the program runs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import discord

from adapters.discord import permissions
from adapters.discord.api import RestClient
from adapters.discord.errors import as_list, reading_answer
from adapters.remembered import Remembered
from bot.errors import PlatformRefused, SendError
from bot.model import Receipt
from bot.ports import Clock

DIRECT, ANNOUNCEMENT, FORUM, MEDIA = 1, 5, 15, 16  # channel types
FORUMS: Final = frozenset({FORUM, MEDIA})
MAX_CONCURRENT_LOOKUPS: Final = 5
ROLES_KNOWN_FOR: Final = 300.0  # seconds
ChannelData = dict[str, Any]


class ChannelCache:
    """``guild_of`` names a channel's server where that is known without a request; else ``""``."""

    def __init__(self, rest: RestClient, guild_of: Callable[[str], str], clock: Clock) -> None:
        self._rest = rest
        self._guild_of = guild_of
        self._clock = clock
        self._roles: dict[str, Remembered[frozenset[str] | None]] = {}  # by server
        self._cached: dict[str, ChannelData] = {}
        self._lookups: defaultdict[str, int] = defaultdict(int)  # by server
        # Few at once: the second one of a server fetches all, and saves the others their request.
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_LOOKUPS)

    def is_forum(self, channel_id: str) -> bool:
        """Whether it is known to be a forum. Makes no request."""
        return self._cached.get(channel_id, {}).get("type") in FORUMS

    def name_of(self, channel_id: str) -> str:
        """The name if it is cached, even of a channel that was deleted since; else ``""``."""
        return str(self._cached.get(channel_id, {}).get("name", ""))

    def may_be_announcement(self, channel_id: str) -> bool:
        """Whether it is an announcement channel, or not cached. Makes no request."""
        channel = self._cached.get(channel_id)
        return channel is None or channel["type"] == ANNOUNCEMENT

    async def get(self, channel_id: str, *, refresh: bool = False) -> ChannelData:
        """Raises SendError. The second channel of a server fetches all of that server."""
        if not refresh and channel_id in self._cached:
            return self._cached[channel_id]
        async with self._slots:
            if refresh or channel_id not in self._cached:
                path = "/channels/{channel_id}"
                answer = await self._rest.request("GET", path, channel_id=channel_id)
                with reading_answer():
                    self._cached[channel_id] = _checked(answer)
                if not refresh:
                    await self._count_lookup(str(answer.get("guild_id") or ""))
            return self._cached[channel_id]

    async def _count_lookup(self, guild: str) -> None:
        self._lookups[guild] += 1
        if guild and self._lookups[guild] == 2:
            with suppress(SendError):  # each channel can still be fetched by itself
                path = "/guilds/{guild_id}/channels"
                channels = await self._rest.request("GET", path, guild_id=guild)
                with reading_answer():
                    for channel in as_list(channels):
                        checked = {"guild_id": guild, **_checked(channel)}
                        self._cached.setdefault(str(channel["id"]), checked)

    async def receipt(self, channel_id: str, target: str, message: Mapping[str, Any]) -> Receipt:
        """With a link to the message, which is in ``target``: the channel or a thread of it."""
        guild, where = self._guild_of(channel_id), ""
        if not guild:
            # It arrived all the same; only the link to it is missing.
            with suppress(SendError, PlatformRefused):
                channel = await self.get(channel_id)
                guild = channel.get("guild_id") or ""
                where = "@me" if channel.get("type") == DIRECT else ""
        where = guild or where
        url = f"https://discord.com/channels/{where}/{target}/{message['id']}" if where else ""
        server = f"discord:{guild}" if guild else ""
        return Receipt(str(message["id"]), url, server=server)

    async def roles(self, channel_id: str) -> frozenset[str]:
        """The ids of the roles that a message in the channel may mention: all of its server except
        @everyone. Raises SendError and PlatformRefused."""
        guild = await self._guild_with(await self.get(channel_id))
        with reading_answer():
            roles = frozenset(str(role["id"]) for role in as_list(guild["roles"]))
            return roles - {str(guild["id"])}

    async def recent_roles(self, channel_id: str) -> frozenset[str] | None:
        """The same as they were at most ``ROLES_KNOWN_FOR`` ago: one request for all the channels
        of a server. ``None``: Discord does not say. Raises nothing."""

        async def ask() -> frozenset[str] | None:
            with suppress(SendError, PlatformRefused):
                return await self.roles(channel_id)
            return None

        try:
            guild = str((await self.get(channel_id)).get("guild_id") or "")
        except (SendError, PlatformRefused):
            return None
        if guild not in self._roles:
            self._roles[guild] = Remembered(ask, ROLES_KNOWN_FOR, self._clock)
        return await self._roles[guild].get()

    async def _guild_with(self, channel: ChannelData) -> dict[str, Any]:
        with reading_answer():
            guild_id = channel["guild_id"]
        path = "/guilds/{guild_id}"
        guild: dict[str, Any] = await self._rest.request("GET", path, guild_id=guild_id)
        return guild

    async def missing_permissions(self, channel_id: str, *, threads: bool) -> tuple[str, ...]:
        """The permissions that we lack there, by name. Raises SendError and PlatformRefused."""
        channel = await self.get(channel_id, refresh=True)
        guild = await self._guild_with(channel)
        path = "/guilds/{guild_id}/members/{user_id}"
        user_id = self._rest.user_id
        member = await self._rest.request(
            "GET", path, guild_id=channel["guild_id"], user_id=user_id
        )
        with reading_answer():
            granted: discord.Permissions = permissions.effective(guild, channel, member)
        return permissions.missing(granted, threads=threads, forum=channel["type"] in FORUMS)


def _checked(channel: ChannelData) -> ChannelData:
    """The channel, if it has a type. Raises one of ``errors.UNREADABLE`` otherwise."""
    return {**channel, "type": int(channel["type"])}
