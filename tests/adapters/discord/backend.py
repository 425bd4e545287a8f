"""The bot's commands, and its client for the Discord in memory that people write in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import discord

from adapters.discord.api import RestClient
from adapters.discord.commands import InteractionHandler
from adapters.discord.gateway import PapersClient
from adapters.discord.limits import nested
from adapters.discord.registration import Registration
from adapters.discord.servers import Servers
from bot.errors import TryLater
from bot.network import Network
from bot.ports import Zotero
from tests.adapters.backend import Backend
from tests.fakes import START

# Not Route.BASE: an earlier test of the same process may have had another address.
DISCORD = "https://discord.com/api/v10"


class DiscordBackend(Backend):
    """A new client stands for a restart of the bot."""

    def __init__(
        self, folder: Path, now: datetime = START, *, zotero: Zotero | None = None
    ) -> None:
        super().__init__(folder, now, zotero=zotero)
        self.client = self.new_client()

    def new_client(self) -> PapersClient:
        handler = InteractionHandler(self.commands, self.say, self.clock)
        rest = RestClient(
            api_url=DISCORD,
            token="",
            proxy=None,
            network=Network(),
            clock=self.clock,
        )
        servers = Servers(rest, self.commands, self.say, self.clock, handler.mentions)
        self.client = PapersClient(
            handler,
            servers,
            on_connection=lambda shard, *, connected: None,
            before_identify=self._at_once,
            proxy=None,
            registration=Registration(self.clock),
        )
        return self.client

    async def _at_once(self, shard: int) -> None:
        """Every session may begin."""

    async def say(self, channel_id: str, text: str) -> None:
        channel = self.client.get_channel(int(channel_id))
        if not isinstance(channel, discord.TextChannel | discord.Thread):
            raise TryLater("no such channel")
        await channel.send(text, allowed_mentions=discord.AllowedMentions.none())


def texts(message: Any) -> str:
    """All texts of a message, of whatever kind."""
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
