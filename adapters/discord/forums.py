"""Forum channels: each day has a thread of its name, and all messages of the day go into it.
Where that one is locked, archived for good or full, the day gets another one: "… (2)".

Creating one has no nonce (discord-api-docs at c98d64bc, Start Thread in Forum Channel, 2026-08-06),
so it is searched for before it is created, and a request is never repeated.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from adapters.discord.api import RestClient
from adapters.discord.channels import ChannelCache
from adapters.discord.history import same_content
from bot.errors import ChannelRefused

ARCHIVE_AFTER_MINUTES: Final = 1440  # without a message
Body = dict[str, Any]


class ForumThreads:
    """Finds or creates the day's thread; one caller at a time in each forum."""

    def __init__(self, rest: RestClient, channels: ChannelCache) -> None:
        self._rest = rest
        self._channels = channels
        self._locks: dict[str, asyncio.Lock] = {}

    async def find_or_create(
        self, forum: str, day: str, body: Body, closed: str = ""
    ) -> tuple[str, Body | None]:
        """The day's thread, and its first message if that is ``body``: then it is posted already.

        Not the thread ``closed``, which takes no more messages. Raises SendError.
        """
        async with self._locks.setdefault(forum, asyncio.Lock()):
            threads = await self.threads(forum, day, include_archived=bool(closed))
            if not threads or threads[0] == closed:
                name = f"{day} ({len(threads) + 1})" if threads else day
                created = await self._rest.request(
                    "POST", "/channels/{channel_id}/threads", channel_id=forum, once=True,
                    json={"name": name, "auto_archive_duration": ARCHIVE_AFTER_MINUTES,
                          "message": body},
                )  # fmt: skip
                return str(created["id"]), {"id": created["id"]}
        first = await self._first_message(threads[0])
        return threads[0], first if first is not None and same_content(first, body) else None

    async def threads(self, forum: str, day: str, *, include_archived: bool = True) -> list[str]:
        """Our threads of the day, the newest first. Raises SendError.

        Archived ones are also searched where no active one is found.
        """
        guild = (await self._channels.get(forum)).get("guild_id")
        path = "/guilds/{guild_id}/threads/active"
        active = await self._rest.request("GET", path, guild_id=guild)
        found = self._ours(active["threads"], forum, day)
        if include_archived or not found:
            path = "/channels/{channel_id}/threads/archived/public"
            archived = await self._rest.request(
                "GET", path, channel_id=forum, params={"limit": 100}
            )  # the latest archived first
            found |= self._ours(archived["threads"], forum, day)
        return sorted(found, key=int, reverse=True)

    def _ours(self, threads: list[Body], forum: str, day: str) -> set[str]:
        return {
            str(thread["id"])
            for thread in threads
            if str(thread.get("owner_id")) == self._rest.user_id
            and str(thread.get("parent_id")) == forum
            and _is_of_day(thread["name"], day)
        }

    async def _first_message(self, thread: str) -> Body | None:
        path = "/channels/{channel_id}/messages/{message_id}"
        try:
            first: Body = await self._rest.request(
                "GET", path, channel_id=thread, message_id=thread
            )
        except ChannelRefused:  # somebody deleted it
            return None
        return first


def _is_of_day(name: str, day: str) -> bool:
    return name == day or re.fullmatch(re.escape(day) + r" \(\d+\)", name) is not None
