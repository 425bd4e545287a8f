"""Errors of Discord and the network, translated into ours. One table; the cause is kept.

Codes from discord/discord-api-docs at c98d64bc (topics/opcodes-and-status-codes, 2026-08-06), and
which errors are temporary from discord.py 2.7.1 (http.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import discord

from bot.errors import (
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    TryLater,
)

UNKNOWN_CHANNEL: Final = 10003
UNKNOWN_GUILD: Final = 10004
UNKNOWN_MEMBER: Final = 10007
UNKNOWN_MESSAGE: Final = 10008
UNKNOWN_USER: Final = 10013
ALREADY_CROSSPOSTED: Final = 40033
NOT_A_TEXT_CHANNEL: Final = 50008
NO_ACCESS: Final = 50001
NO_PERMISSION: Final = 50013
THREAD_EXISTS: Final = 160004
THREAD_ARCHIVED, THREAD_LOCKED, THREAD_FULL = 50083, 160005, 30033
# The thread accepts no messages from us, whatever the state of its channel.
THREAD_CLOSED: Final = frozenset({THREAD_ARCHIVED, THREAD_LOCKED, THREAD_FULL})
# We may not read the history; the message is of a kind that can't be replied to.
CANNOT_REPLY: Final = frozenset({160002, 50021})
NO_MORE_THREADS: Final = frozenset({160006, 160007})  # the second: in announcement channels

ASKED_TO_WAIT: Final = "Discord asked us to wait."
LOGIN_REFUSED: Final = (
    "Discord does not know the token in DISCORD_TOKEN. Make a new one: discord.com/developers, your"
    " application, Bot, Reset Token."
)
HOW_TO_GRANT: Final = "in the channel's settings, under Permissions, add the bot and allow it."
CHANNEL_REFUSALS: Final[Mapping[int, str]] = {
    UNKNOWN_CHANNEL: "The channel is gone.",
    NO_ACCESS: f"I can't see the channel. I need View Channel: {HOW_TO_GRANT}",
    NO_PERMISSION: "I may not write there. I need View Channel and Send Messages (for threads also"
    f" Create Public Threads and Send Messages in Threads): {HOW_TO_GRANT}",
    # Shown to the person themselves, and to whoever hosts the bot.
    50007: "Discord does not deliver my private messages there, because I am blocked, or because"
    " those from members of the server that we share are switched off (in the server's menu:"
    " Privacy Settings, Direct Messages).",
    UNKNOWN_USER: "Discord does not know this person.",
    THREAD_ARCHIVED: "The thread is archived, and I may not open it again. Open it.",
    THREAD_LOCKED: "The thread is locked. Unlock it.",
    THREAD_FULL: "The thread has as many members as Discord allows (1,000). Remove some of them.",
    **dict.fromkeys(
        NO_MORE_THREADS, "The server has as many open threads as Discord allows. Archive some."
    ),
    30058: "The server has as many webhooks as Discord allows.",
    40067: "The forum wants a tag on every post, and I know none. In the forum's settings, let"
    " people post without tags.",
    40066: "The server is not available to me at the moment.",
}
TEMPORARY: Final[Mapping[int, float]] = {  # seconds until a retry makes sense
    20016: 60.0,  # slow mode
    20028: 60.0,  # write rate of the channel
    20029: 60.0,  # write rate of the server
    40333: 60.0,  # a network fault within Discord, which comes as a 403
    130000: 60.0,  # the resource is overloaded
}
CLOUDFLARE_RETRY_AFTER: Final = 900.0  # seconds; the proxy in front of Discord blocks for long


def translate(error: Exception) -> SendError | PlatformRefused | None:
    """What the error means for the message that was being sent; ``None`` for one that comes
    neither from Discord nor from the network."""
    match error:
        case discord.LoginFailure():
            return PlatformRefused(LOGIN_REFUSED)
        case discord.RateLimited():
            return TryLater(ASKED_TO_WAIT, error.retry_after)
        case discord.HTTPException():
            return _from_response(error)
        case aiohttp.ClientConnectorError() | aiohttp.ServerTimeoutError():
            # No connection was made, or none that took the request: nothing was sent.
            if isinstance(error, aiohttp.SocketTimeoutError):
                return OutcomeUnknown("Discord did not answer in time.")
            return TryLater("Discord can't be reached.")
        case aiohttp.ClientError() | OSError() | TimeoutError():
            return OutcomeUnknown("The connection to Discord broke before it answered.")
        case _:
            return None


def _from_response(error: discord.HTTPException) -> SendError | PlatformRefused:
    if error.status == 401:
        return PlatformRefused(LOGIN_REFUSED)
    if error.status == 429:
        return TryLater(ASKED_TO_WAIT, CLOUDFLARE_RETRY_AFTER)
    if error.code in TEMPORARY:
        return TryLater("Discord takes no more messages there just now.", TEMPORARY[error.code])
    if error.code in CHANNEL_REFUSALS:
        return ChannelRefused(CHANNEL_REFUSALS[error.code])
    if error.status >= 500:
        return OutcomeUnknown(f"Discord had a fault of its own (status {error.status}).")
    if error.status == 403 and not error.code:
        # From the proxy in front of Discord as well: it has nothing to do with the channel.
        return TryLater(
            "Discord's network does not let us through just now.", CLOUDFLARE_RETRY_AFTER
        )
    said = error.text.replace("\n", " ")[:300] or "no reason given"
    if error.status in {403, 404}:
        return ChannelRefused(f"Discord refuses it: {said} (code {error.code}).")
    return PostRefused(f"Discord does not take this message: {said} (code {error.code}).")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Re-raises errors of Discord, of the library and of the network as ours."""
    try:
        yield
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error


# Raised by code that takes an answer apart, if the answer does not have the documented shape.
UNREADABLE: Final = (
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,  # a number without bounds
    RecursionError,  # options within options within options
)


@contextmanager
def reading_answer(error: type[TryLater | OutcomeUnknown] = TryLater) -> Iterator[None]:
    """Raises ``error`` if a successful answer does not have the documented shape (a proxy's page, a
    list instead of an object): OutcomeUnknown where the request may have posted something. To be
    put around nothing but the code that takes an answer apart."""
    try:
        yield
    except UNREADABLE as unreadable:
        raise error("Discord's answer can't be read.") from unreadable


def as_list(answer: object) -> list[Any]:
    """An answer, or a part of one, that has to be a list. Raises TypeError if it is not: an empty
    object or text would pass for "there is none", and what is not there is posted again."""
    if not isinstance(answer, list):
        raise TypeError(f"a list was expected, not {type(answer).__name__}")
    return answer


def code_of(error: BaseException) -> int:
    """Discord's own error code; 0 where there is none."""
    return getattr(error.__cause__, "code", 0)
