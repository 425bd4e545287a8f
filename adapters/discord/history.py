"""Looking through what stands in a channel, for a message of which nobody knows whether it came."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from adapters.discord.channels import Channels
from adapters.discord.finding import same
from adapters.discord.rest import Rest, snowflake
from adapters.discord.translate import UNKNOWN_CHANNEL, code_of
from bot.errors import CannotTell, ChannelRefused

EARLIER: Final = timedelta(minutes=10)  # clocks differ: how far before its making a post is sought
AT_ONCE: Final = 100  # messages; the most that Discord gives
PAGES: Final = 20
MESSAGES: Final = "/channels/{channel_id}/messages"


class History:
    """Of one's own messages only."""

    def __init__(self, rest: Rest, channels: Channels) -> None:
        self._rest = rest
        self._channels = channels

    async def find(self, home: str, body: dict[str, Any], since: datetime) -> dict[str, Any] | None:
        """The message; ``None``: it is certainly not there. Raises SendError."""
        after = str(snowflake((since - EARLIER).timestamp()))
        seen = 0
        for _ in range(PAGES):
            params = {"limit": AT_ONCE, "after": after}
            try:
                page = await self._rest.ask("GET", MESSAGES, channel_id=home, params=params)
            except ChannelRefused as error:
                if code_of(error) == UNKNOWN_CHANNEL:
                    return None  # a thread that was not made yet, or is gone with all in it
                raise
            seen += len(page)
            for each in page:
                if str(each["author"]["id"]) == self._rest.user_id and same(each, body):
                    found: dict[str, Any] = each
                    return found
            if len(page) < AT_ONCE:
                break
            after = max((str(each["id"]) for each in page), key=int)
        else:
            raise CannotTell("Too much was written in the channel since to look through it.")
        if not seen:
            await self._check_that_it_can_be_read(home)
        return None

    async def _check_that_it_can_be_read(self, home: str) -> None:
        """Without the permission Discord shows an empty history instead of saying so."""
        if (await self._channels.described(home, anew=True)).get("last_message_id") is None:
            return
        page = await self._rest.ask("GET", MESSAGES, channel_id=home, params={"limit": 1})
        if not page:
            raise CannotTell(
                "I can't read the channel's history, so I can't see whether it arrived. With the"
                " permission Read Message History I could."
            )
