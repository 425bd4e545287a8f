"""What Discord says of the channels that we post to, remembered for as long as the program runs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import discord

from adapters.discord import permissions
from adapters.discord.api import Rest
from bot.errors import PlatformRefused, SendError
from bot.model import Receipt

ANNOUNCEMENTS, FORUM, MEDIA = 5, 15, 16  # kinds of channels
FORUMS: Final = frozenset({FORUM, MEDIA})
AT_ONCE: Final = 5
Described = dict[str, Any]


class Channels:
    """``guild_of`` names a channel's server where that is known without asking; else ``""``."""

    def __init__(self, rest: Rest, guild_of: Callable[[str], str]) -> None:
        self._rest = rest
        self._guild_of = guild_of
        self._known: dict[str, Described] = {}
        self._asked: defaultdict[str, int] = defaultdict(int)  # how often, for each server
        self._asking = asyncio.Semaphore(AT_ONCE)  # so that few ask before all of them are known

    def is_forum(self, channel_id: str) -> bool:
        """As far as was asked before; asks nothing."""
        return self._known.get(channel_id, {}).get("type") in FORUMS

    def may_announce(self, channel_id: str) -> bool:
        """Whether it is an announcement channel, or was never asked for."""
        known = self._known.get(channel_id)
        return known is None or known["type"] == ANNOUNCEMENTS

    async def described(self, channel_id: str, *, anew: bool = False) -> Described:
        """Raises SendError. From the second one on, all channels of a server are asked at once."""
        if not anew and channel_id in self._known:
            return self._known[channel_id]
        async with self._asking:
            if anew or channel_id not in self._known:
                found = await self._rest.ask("GET", "/channels/{channel_id}", channel_id=channel_id)
                self._known[channel_id] = found
                if not anew:
                    await self._look_around(found.get("guild_id") or "")
            return self._known[channel_id]

    async def _look_around(self, guild: str) -> None:
        self._asked[guild] += 1
        if guild and self._asked[guild] == 2:
            with suppress(SendError):  # each channel can be asked for by itself
                path = "/guilds/{guild_id}/channels"
                for each in await self._rest.ask("GET", path, guild_id=guild):
                    self._known.setdefault(str(each["id"]), {"guild_id": guild, **each})

    async def receipt(self, channel_id: str, home: str, message: Mapping[str, Any]) -> Receipt:
        """With a link to the message, which stands in the channel, or in ``home`` below it."""
        guild = self._guild_of(channel_id)
        if not guild:
            # It arrived all the same; only the link to it is missing.
            with suppress(SendError, PlatformRefused):
                guild = (await self.described(channel_id)).get("guild_id") or ""
        url = f"https://discord.com/channels/{guild}/{home}/{message['id']}" if guild else ""
        return Receipt(str(message["id"]), url)

    async def missing(self, channel_id: str, *, threads: bool) -> tuple[str, ...]:
        """The permissions that we lack there, by name. Raises SendError and PlatformRefused."""
        channel = await self.described(channel_id, anew=True)
        guild_id = channel["guild_id"]
        guild = await self._rest.ask("GET", "/guilds/{guild_id}", guild_id=guild_id)
        path = "/guilds/{guild_id}/members/{user_id}"
        member = await self._rest.ask("GET", path, guild_id=guild_id, user_id=self._rest.user_id)
        allowed: discord.Permissions = permissions.added_up(guild, channel, member)
        return permissions.missing(allowed, threads=threads, forum=channel["type"] in FORUMS)
