"""Forum channels: the day's post is a thread of that name, and all messages of the day go into it.
Where that one is locked, archived for good or full, the day gets another one: "… (2)".

Making one has no nonce (discord-api-docs at c98d64bc, Start Thread in Forum Channel, 2026-08-06),
so it is looked for before it is made, and one request never makes it twice.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from adapters.discord.api import Rest
from adapters.discord.channels import Channels
from adapters.discord.receipts import same
from bot.errors import ChannelRefused

ARCHIVE_AFTER: Final = 1440  # minutes until a thread without messages is archived
Body = dict[str, Any]


class Forums:
    """One post at a time in each forum."""

    def __init__(self, rest: Rest, channels: Channels) -> None:
        self._rest = rest
        self._channels = channels
        self._locks: dict[str, asyncio.Lock] = {}

    async def place(
        self, forum: str, day: str, body: Body, closed: str = ""
    ) -> tuple[str, Body | None]:
        """The day's thread, and its first message if that is this one: then it is posted already.

        Not the thread ``closed``, which takes no more messages. Raises SendError.
        """
        async with self._locks.setdefault(forum, asyncio.Lock()):
            threads = await self.threads(forum, day, resting=bool(closed))
            if not threads or threads[0] == closed:
                name = f"{day} ({len(threads) + 1})" if threads else day
                made = await self._rest.ask(
                    "POST", "/channels/{channel_id}/threads", channel_id=forum, once=True,
                    json={"name": name, "auto_archive_duration": ARCHIVE_AFTER, "message": body},
                )  # fmt: skip
                return str(made["id"]), {"id": made["id"]}
        first = await self._first_message(threads[0])
        return threads[0], first if first is not None and same(first, body) else None

    async def threads(self, forum: str, day: str, *, resting: bool = True) -> list[str]:
        """Our threads of the day, the newest first. Those that rest in the archive by now only
        where these are asked for too, or where there is no other. Raises SendError.
        """
        guild = (await self._channels.described(forum)).get("guild_id")
        active = await self._rest.ask("GET", "/guilds/{guild_id}/threads/active", guild_id=guild)
        found = self._of(active["threads"], forum, day)
        if resting or not found:
            archive = "/channels/{channel_id}/threads/archived/public"
            archived = await self._rest.ask(
                "GET", archive, channel_id=forum, params={"limit": 100}
            )  # the latest archived first
            found |= self._of(archived["threads"], forum, day)
        return sorted(found, key=int, reverse=True)

    def _of(self, threads: list[Body], forum: str, day: str) -> set[str]:
        return {
            str(thread["id"])
            for thread in threads
            if str(thread.get("owner_id")) == self._rest.user_id
            and str(thread.get("parent_id")) == forum
            and _is_of(thread["name"], day)
        }

    async def _first_message(self, thread: str) -> Body | None:
        path = "/channels/{channel_id}/messages/{message_id}"
        try:
            first: Body = await self._rest.ask("GET", path, channel_id=thread, message_id=thread)
        except ChannelRefused:  # somebody deleted it
            return None
        return first


def _is_of(name: str, day: str) -> bool:
    return name == day or re.fullmatch(re.escape(day) + r" \(\d+\)", name) is not None
