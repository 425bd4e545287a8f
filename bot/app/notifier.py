"""Tells a person in a private message that their channel refuses posts or was archived, or that
their Zotero library takes no papers any more.

For a channel that is whoever first added a keyword there, for a library whoever connected it. A
message that can't be delivered is logged, and not sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from bot.errors import PlatformError, SendError, StoreError
from bot.model import Channel, Person
from bot.model.zotero import ZoteroConnection
from bot.ports import PlatformAdapter, ReportStore
from bot.references import refer_to

log = logging.getLogger(__name__)


class Notifier:
    """``platforms`` are those that can write to people, by name."""

    def __init__(self, store: ReportStore, platforms: Mapping[str, PlatformAdapter]) -> None:
        self._store = store
        self._platforms = platforms

    async def refused(self, channel: Channel, reason: str) -> None:
        """Tell that the channel refuses posts, for the first time in a row."""
        name = await self._platforms[channel.platform].channel_name(channel.id)
        await self._tell(
            [channel.id],
            f"I can't post papers in {name or channel.id}: {reason} Until then they wait there, and"
            " nothing is lost. The bot tries again automatically.",
        )

    async def archived(self, channel_ids: Sequence[str], reason: str) -> None:
        """Tell that the bot was removed from these channels of one server or workspace."""
        await self._tell(
            channel_ids,
            f"{reason} I post nothing there any more, and keep its keywords for 30 days. If I am"
            " added again, they are back; for another channel, use"
            f" {refer_to('add reward model')} in it.",
        )

    async def zotero_paused(self, connection: ZoteroConnection, reason: str) -> None:
        """Tell whoever connected the library that it takes no papers any more."""
        name = ""
        if connection.is_channel:
            platform = self._platforms.get(Channel(connection.owner).platform)
            name = await platform.channel_name(connection.owner) if platform else ""
            name = f" of {name or connection.owner}"
        await self._tell_person(
            connection.person,
            f"Saved papers{name} no longer reach {connection.library.name} in Zotero. {reason} They"
            f" wait until you connect it again: {refer_to('zotero')}",
        )

    async def _tell(self, channel_ids: Sequence[str], text: str) -> None:
        try:
            person = await self._store.first_added_by(channel_ids)
        except StoreError as error:
            log.info("nobody was told channels=%d why=%s", len(channel_ids), error)
            return
        if person is not None:
            await self._tell_person(person, text)

    async def _tell_person(self, person: Person, text: str) -> None:
        platform = self._platforms.get(person.id.partition(":")[0])
        if platform is None:
            return
        try:
            await platform.tell(person.id, text)
        except (SendError, PlatformError) as error:
            log.info("somebody was not told why=%s", error)
