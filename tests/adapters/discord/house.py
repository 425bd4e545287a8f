"""The bot's commands over a real database, with people on a Discord in memory in front of them."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import discord

from adapters.discord.commands import People
from adapters.discord.gateway import PapersClient
from adapters.discord.limits import nested
from adapters.discord.registration import Registration
from bot.arxiv.ids import base_id
from bot.chat.changes import Changes
from bot.chat.commands import ChatCommands
from bot.chat.queries import Queries
from bot.core.collect import collect
from bot.errors import TryLater
from bot.matching import explain
from bot.model import Channel
from bot.model.timetable import Timetable
from bot.store.store import SqliteStore
from tests.fakes import START, FakeClock, FakeSource


class House:
    """Everything behind the commands. A new client stands for a restart of the bot."""

    def __init__(self, folder: Path, now: datetime = START) -> None:
        self.clock = FakeClock(now)
        self.source = FakeSource(self.clock, matches=lambda k, p: explain(k, p).matched)
        self.store = SqliteStore(folder / "db", alone=True)
        queries = Queries(
            store=self.store,
            source=self.source,
            clock=self.clock,
            timetable=self.timetable,
            identify=base_id,
        )
        changes = Changes(
            queries=queries,
            store=self.store,
            clock=self.clock,
            on_change=self._changed,
            first_post=3,
        )
        self.commands = ChatCommands(queries=queries, changes=changes, clock=self.clock)
        self.client = self.new_client()

    async def _changed(self) -> None:
        """There is no bot.toml here."""

    def timetable(self, channel: Channel) -> Timetable:
        hour, minute = map(int, (channel.post_at or "09:00").split(":"))
        return Timetable(ZoneInfo("UTC"), time(hour, minute), frozenset(range(5)))

    def new_client(self) -> PapersClient:
        people = People(self.commands, self.say, self.clock)
        self.client = PapersClient(
            people,
            on_connection=lambda *, connected: None,
            proxy=None,
            registration=Registration(self.clock),
        )
        return self.client

    async def say(self, channel_id: str, text: str) -> None:
        channel = self.client.get_channel(int(channel_id))
        if not isinstance(channel, discord.TextChannel | discord.Thread):
            raise TryLater("no such channel")
        await channel.send(text, allowed_mentions=discord.AllowedMentions.none())

    async def collect(self) -> None:
        await collect(self.source, self.store, self.clock, first_post=3)


def texts(message: Any) -> str:
    """Everything that stands in a message, of whatever kind."""
    parts = nested(components(message))
    return "\n".join([message.content, *(part["content"] for part in parts if "content" in part)])


def buttons(message: Any) -> dict[str, str]:
    """The custom_id of each button by its label; of several, the last."""
    return {
        part["label"]: part["custom_id"]
        for part in nested(components(message))
        if "custom_id" in part and "label" in part
    }


def components(message: Any) -> list[dict[str, Any]]:
    """As they were sent, also of a message that the library has read."""
    return [each if isinstance(each, dict) else each.to_dict() for each in message.components]
