"""Looking through what stands in a channel, for a message of which nobody knows whether it came.

How far back is decided by Discord's own time alone: an id holds the time at which Discord made it
(docs, reference, Snowflakes, 2026-08-06), so a message that was sent after another has a higher
one. Our clock may have been wrong when the message was sent, and may be right by now.
"""

from __future__ import annotations

from typing import Any, Final

from adapters.discord.api import Rest
from adapters.discord.channels import Channels
from adapters.discord.errors import UNKNOWN_CHANNEL, code_of
from adapters.discord.receipts import same
from bot.errors import CannotTell, ChannelRefused

# Before our last message: Discord's servers may differ by some. The lower 22 bits are no time.
EARLIER: Final = 120_000 << 22  # milliseconds
AT_ONCE: Final = 100  # messages; the most that Discord gives
PAGES: Final = 20
MESSAGES: Final = "/channels/{channel_id}/messages"


class History:
    """Of one's own messages only."""

    def __init__(self, rest: Rest, channels: Channels) -> None:
        self._rest = rest
        self._channels = channels

    async def find(self, home: str, body: dict[str, Any], after_id: str) -> dict[str, Any] | None:
        """The message; ``None``: it is certainly not there. Raises SendError.

        Newest first, back to the message ``after_id``, or to the beginning if that is empty.
        """
        oldest = int(after_id or 0) - EARLIER
        params: dict[str, Any] = {"limit": AT_ONCE}
        seen = 0
        for _ in range(PAGES):
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
            last = min((int(each["id"]) for each in page), default=0)
            if len(page) < AT_ONCE or last < oldest:
                break
            params["before"] = str(last)
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
