"""Forum channels: the day's post is a thread of that name, and all messages of the day go into it.

Making one has no nonce (discord-api-docs at c98d64bc, Start Thread in Forum Channel, 2026-08-06),
so it is looked for before it is made, and one request never makes it twice.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from adapters.discord.channels import Channels
from adapters.discord.finding import same
from adapters.discord.rest import Rest
from bot.errors import ChannelRefused

ARCHIVE_AFTER: Final = 1440  # minutes until a thread without messages is archived
Body = dict[str, Any]


class Forums:
    """One post at a time in each forum."""

    def __init__(self, rest: Rest, channels: Channels) -> None:
        self._rest = rest
        self._channels = channels
        self._locks: dict[str, asyncio.Lock] = {}

    async def place(self, forum: str, day: str, body: Body) -> tuple[str, Body | None]:
        """The day's thread, and its first message if that is this one: then it is posted already.

        Raises SendError.
        """
        async with self._locks.setdefault(forum, asyncio.Lock()):
            thread = await self.thread(forum, day)
            if thread is None:
                made = await self._rest.ask(
                    "POST", "/channels/{channel_id}/threads", channel_id=forum, once=True,
                    json={"name": day, "auto_archive_duration": ARCHIVE_AFTER, "message": body},
                )  # fmt: skip
                return str(made["id"]), {"id": made["id"]}
        first = await self._first_message(thread)
        return thread, first if first is not None and same(first, body) else None

    async def thread(self, forum: str, name: str) -> str | None:
        """Our thread of this name, also if it rests in the archive by now. Raises SendError."""
        guild = (await self._channels.described(forum)).get("guild_id")
        active = await self._rest.ask("GET", "/guilds/{guild_id}/threads/active", guild_id=guild)
        found = self._named(active["threads"], forum, name)
        if found is None:
            archive = "/channels/{channel_id}/threads/archived/public"
            resting = await self._rest.ask(
                "GET", archive, channel_id=forum, params={"limit": 100}
            )  # the latest archived first
            found = self._named(resting["threads"], forum, name)
        return found

    def _named(self, threads: list[Body], forum: str, name: str) -> str | None:
        for thread in threads:
            ours = str(thread.get("owner_id")) == self._rest.user_id
            if ours and str(thread.get("parent_id")) == forum and thread["name"] == name:
                return str(thread["id"])
        return None

    async def _first_message(self, thread: str) -> Body | None:
        path = "/channels/{channel_id}/messages/{message_id}"
        try:
            first: Body = await self._rest.ask("GET", path, channel_id=thread, message_id=thread)
        except ChannelRefused:  # somebody deleted it
            return None
        return first
