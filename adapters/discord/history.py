"""Searches a channel's history for a message whose delivery is unknown.

How far back is decided by Discord's own clock alone: an id contains the time when Discord created
it (docs, reference, Snowflakes, 2026-08-06), so a message that was sent after another has a higher
id. Our clock may have been wrong when the message was sent, and may be right by now.

Discord's history does not return the nonce. But a paper is posted once in a channel, so no two of
our messages hold the same texts and buttons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.discord.api import RestClient
from adapters.discord.channels import ChannelCache
from adapters.discord.errors import UNKNOWN_CHANNEL, as_list, code_of, reading_answer
from adapters.discord.limits import nested
from bot.errors import CannotTell, ChannelRefused
from bot.text.refusals import TOO_MUCH_WRITTEN

# By how much the clocks of Discord's servers may disagree. An id's lower 22 bits are not time.
CLOCK_SKEW: Final = 120_000 << 22  # milliseconds
PAGE_SIZE: Final = 100  # messages; the most that Discord returns at once
MAX_PAGES: Final = 20
MESSAGES: Final = "/channels/{channel_id}/messages"


class MessageHistory:
    """Finds our own messages only."""

    def __init__(self, rest: RestClient, channels: ChannelCache) -> None:
        self._rest = rest
        self._channels = channels

    async def find(
        self, channel_id: str, body: Mapping[str, Any], after_id: str
    ) -> dict[str, Any] | None:
        """The message; ``None``: it is certainly not there. Raises SendError.

        Newest first, back to the message ``after_id``, or to the beginning if that is empty.
        """
        oldest = int(after_id or 0) - CLOCK_SKEW
        params: dict[str, Any] = {"limit": PAGE_SIZE}
        seen = 0
        for _ in range(MAX_PAGES):
            try:
                page = await self._rest.request(
                    "GET", MESSAGES, channel_id=channel_id, params=params
                )
            except ChannelRefused as error:
                if code_of(error) == UNKNOWN_CHANNEL:
                    return None  # a thread that was not created yet, or was deleted as a whole
                raise
            with reading_answer():  # an unreadable answer does not prove that it is not there
                seen += len(as_list(page))
                last = min((int(message["id"]) for message in page), default=0)
                for message in page:
                    if self._is_ours(message) and same_content(message, body):
                        found: dict[str, Any] = message
                        return found
            if len(page) < PAGE_SIZE or last < oldest:
                break
            params["before"] = str(last)
        else:
            raise CannotTell(TOO_MUCH_WRITTEN)
        if not seen:
            await self._check_that_it_is_readable(channel_id)
        return None

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        return str(message["author"]["id"]) == self._rest.user_id

    async def _check_that_it_is_readable(self, channel_id: str) -> None:
        """Raises CannotTell if an empty history may hide messages: Discord returns one, and no
        error, to a bot that lacks the permission."""
        channel = await self._channels.get(channel_id, refresh=True)
        if channel.get("last_message_id") is None:
            return
        page = await self._rest.request("GET", MESSAGES, channel_id=channel_id, params={"limit": 1})
        if not page:
            raise CannotTell(
                "I can't read the channel's history, so I can't see whether it arrived. With the"
                " permission Read Message History I could."
            )


def same_content(message: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether ``message``, as Discord returns it, is ``body``, as it was sent. Pure."""
    return list(_texts_and_ids(message)) == list(_texts_and_ids(body))


def _texts_and_ids(message: Mapping[str, Any]) -> Iterator[str]:
    """The texts, without the white space around them, which Discord strips, and button ids."""
    yield str(message.get("content") or "").strip()
    for component in nested(message.get("components") or ()):
        for name in ("content", "custom_id"):
            if component.get(name):
                yield str(component[name]).strip()
