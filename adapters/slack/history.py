"""Whether a message that may have arrived is in a channel's history. Needs a history scope.

Every message of ours carries its post's key as metadata, and conversations.history and .replies
return it (docs.slack.dev, messaging/message-metadata, November 2026).

How far back to look is decided by Slack's own clock alone: a message's ``ts`` is when Slack
received it, in seconds since 1970, so one that was sent after another has a higher one. Our clock
may have been wrong when the message was sent, and may be right by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.slack.api import Me, Web
from adapters.slack.errors import UNTHREADED, code_of, reading_answer
from bot.errors import CannotTell, ChannelRefused, OutcomeUnknown, PlatformRefused, TryLater
from bot.model import Post
from bot.text.refusals import TOO_MUCH_WRITTEN

EVENT: Final = "daily_papers"
EARLIER: Final = 120.0  # seconds before our last message: clocks of Slack's servers may differ
PAGE: Final = 200  # messages asked for at once
PAGES: Final = 10
HISTORY: Final = frozenset({"channels:history", "groups:history", "im:history", "mpim:history"})

NO_SCOPE: Final = (
    "I can't read what was written there, so I can't see whether it arrived. Please look there. I"
    " could with the scopes channels:history and groups:history, and im:history for people's own"
    " papers."
)

LITTLE_HISTORY: Final = (
    "Too much was written there since: Slack shows an app that is distributed outside its"
    " marketplace fifteen messages a minute. Please look there."
)


def message_metadata(key: str) -> dict[str, Any]:
    """The metadata by which a message is found again."""
    return {"event_type": EVENT, "event_payload": {"key": key}}


async def find(web: Web, channel: str, post: Post, *, distributed: bool = False) -> str | None:
    """The message's ``ts``; ``None``: it is certainly not there.

    ``distributed`` apps get one page of fifteen messages a minute (docs.slack.dev, changelog of
    2025-05-29): what is not on the first one can't be told. Raises CannotTell, TryLater,
    ChannelRefused and PlatformRefused.
    """
    me = await web.me()
    if not me.scopes & HISTORY:
        me = await web.me(refresh=True)  # somebody may have granted it meanwhile
    if not me.scopes & HISTORY:
        raise CannotTell(NO_SCOPE)
    if post.thread is not None:
        # In the thread of the message above; or in the channel, if that takes no replies.
        below = {"ts": post.thread.message_id}
        found = await _look(web, me, "conversations.replies", channel, post, below, distributed)
        if found is not None:
            return found
    return await _look(web, me, "conversations.history", channel, post, {}, distributed)


async def _look(
    web: Web,
    me: Me,
    method: str,
    channel: str,
    post: Post,
    more: Mapping[str, Any],
    distributed: bool,
) -> str | None:
    params = {"channel": channel, "include_all_metadata": 1, "limit": PAGE, **more}
    if post.after_id:
        params |= {"oldest": f"{float(post.after_id) - EARLIER:.6f}", "inclusive": 1}
    for _ in range(PAGES):
        try:
            page = await web.request(method, params=dict(params))
        except PlatformRefused as error:
            if code_of(error) != "missing_scope":
                raise
            raise CannotTell(NO_SCOPE) from error
        except ChannelRefused as error:
            if code_of(error) in UNTHREADED:
                return None  # the message above is gone, and with it the thread
            if code_of(error) == "not_in_channel" and "chat:write.public" in me.scopes:
                raise CannotTell(NO_SCOPE) from error
            raise
        except OutcomeUnknown as error:
            raise TryLater(str(error)) from error
        found, cursor = _read_page(page, me, post.key)
        if found is not None:
            return found
        if not cursor:
            return None
        if distributed:
            raise CannotTell(LITTLE_HISTORY)
        params["cursor"] = cursor
    raise CannotTell(TOO_MUCH_WRITTEN)


def _read_page(page: Mapping[str, Any], me: Me, key: str) -> tuple[str | None, str]:
    """The message's ``ts``, if it is there, and the cursor of the next page. Raises TryLater, as an
    unreadable page does not prove that the message is missing."""
    try:
        with reading_answer():
            messages = page["messages"]
            if not isinstance(messages, list):  # an empty object would pass for "there is none"
                raise TypeError
            for message in messages:
                if _is_ours(message, me) and _key(message) == key:
                    return str(message["ts"]), ""
            metadata = page.get("response_metadata") or {}
            return None, str(metadata.get("next_cursor") or "") if page.get("has_more") else ""
    except OutcomeUnknown as error:
        raise TryLater(str(error)) from error


def _is_ours(message: Mapping[str, Any], me: Me) -> bool:
    return message.get("bot_id") == me.bot_id or message.get("user") == me.user_id


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("key") or "") if metadata.get("event_type") == EVENT else ""
