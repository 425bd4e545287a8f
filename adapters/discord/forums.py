"""Forum channels: a day's messages share a thread, and so does what is said about a paper. Threads
are found by their names (``adapters.discord.threads``). Where one is locked, full, or archived and
can't be reopened, another is created: "… (2)".

The request that creates a thread takes no nonce (discord-api-docs at c98d64bc, Start Thread in
Forum Channel, 2026-08-06), so it is preceded by a search, and never repeated.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

import discord

from adapters.discord.api import RestClient
from adapters.discord.channels import ChannelCache
from adapters.discord.errors import as_list, reading_answer
from adapters.discord.history import CLOCK_SKEW, same_content
from adapters.discord.threads import is_named
from bot.errors import CannotTell, ChannelRefused, OutcomeUnknown

ARCHIVE_AFTER_MINUTES: Final = 1440  # without a message
PAGE_SIZE: Final = 100  # threads; the most that Discord returns at once
MAX_PAGES: Final = 20
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
Body = dict[str, Any]


class ForumThreads:
    """Finds or creates threads by name; for one caller at a time in each forum."""

    def __init__(self, rest: RestClient, channels: ChannelCache) -> None:
        self._rest = rest
        self._channels = channels
        self._locks: dict[str, asyncio.Lock] = {}

    async def find_or_create(
        self, forum: str, name: str, body: Body, closed: str = ""
    ) -> tuple[str, Body | None]:
        """The thread of this name, and its first message if that is ``body``, which is then posted
        already.

        Never the thread ``closed``, which takes no more messages. Raises SendError.
        """
        async with self._locks.setdefault(forum, asyncio.Lock()):
            threads = await self._latest(forum, name, include_archived=bool(closed))
            if not threads or threads[0] == closed:
                new_name = f"{name} ({len(threads) + 1})" if threads else name
                created = await self._rest.request(
                    "POST", "/channels/{channel_id}/threads", channel_id=forum, once=True,
                    json={"name": new_name, "auto_archive_duration": ARCHIVE_AFTER_MINUTES,
                          "message": body},
                )  # fmt: skip
                with reading_answer(OutcomeUnknown):
                    return str(int(created["id"])), {"id": created["id"]}
        first = await self._first_message(threads[0])
        with reading_answer():
            return threads[0], first if first is not None and same_content(first, body) else None

    async def threads(self, forum: str, name: str, after_id: str) -> list[str]:
        """Our threads of this name, the newest first: all that may hold anything that was sent
        after the message ``after_id``. Raises SendError, and CannotTell where too many threads have
        been archived since then to look through."""
        active = await self._active(forum, name)
        found = active | await self._archived(forum, name, MAX_PAGES, _time_of(after_id))
        return sorted(found, key=int, reverse=True)

    async def _latest(self, forum: str, name: str, *, include_archived: bool) -> list[str]:
        """Our active threads of this name, the newest first; if there are none, or with
        ``include_archived``, also those archived lately. Enough to decide whether to create one."""
        found = await self._active(forum, name)
        if include_archived or not found:
            found |= await self._archived(forum, name, 1)
        return sorted(found, key=int, reverse=True)

    async def _active(self, forum: str, name: str) -> set[str]:
        guild = (await self._channels.get(forum)).get("guild_id")
        path = "/guilds/{guild_id}/threads/active"
        active = await self._rest.request("GET", path, guild_id=guild)
        with reading_answer():
            return self._ours(as_list(active["threads"]), forum, name)

    async def _archived(
        self, forum: str, name: str, pages: int, since: datetime = LONG_AGO
    ) -> set[str]:
        """Our archived threads of this name, back to ``since``. Discord lists those that were
        archived last first (List Public Archived Threads, 2026-08-06)."""
        path = "/channels/{channel_id}/threads/archived/public"
        found: set[str] = set()
        params: dict[str, Any] = {"limit": PAGE_SIZE}
        for _ in range(pages):
            page = await self._rest.request("GET", path, channel_id=forum, params=dict(params))
            with reading_answer():
                threads = as_list(page["threads"])
                found |= self._ours(threads, forum, name)
                if not page.get("has_more") or not threads:
                    return found
                last = threads[-1]["thread_metadata"]["archive_timestamp"]
                if datetime.fromisoformat(last) < since:
                    return found
            params["before"] = last
        if pages == MAX_PAGES and not found:
            raise CannotTell("Too many threads were archived in the forum since to look through.")
        return found

    def _ours(self, threads: list[Body], forum: str, name: str) -> set[str]:
        return {
            str(int(thread["id"]))
            for thread in threads
            if str(thread.get("owner_id")) == self._rest.user_id
            and str(thread.get("parent_id")) == forum
            and is_named(thread["name"], name)
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


def _time_of(message_id: str) -> datetime:
    """When Discord created it, or some minutes before (the clocks of its servers may disagree)."""
    if not message_id:
        return LONG_AGO
    return discord.utils.snowflake_time(max(0, int(message_id) - CLOCK_SKEW))
