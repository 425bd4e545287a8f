"""What Slack or the network says, as what the core should do. One table; the cause is kept.

Codes: docs.slack.dev, chat.postMessage, and facts of Slack 3 (read 2026-11). ``internal_error`` and
``fatal_error`` are documented as "possible some aspect of the operation succeeded".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import (
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    TryLater,
)

TOO_MUCH: Final = frozenset({"msg_blocks_too_long", "invalid_blocks", "msg_too_long"})
TOKENS: Final = (
    "api.slack.com/apps, your app, OAuth & Permissions (xoxb-) or Basic Information (xapp-)"
)
LET_IN: Final[Mapping[str, str]] = {
    "invalid_auth": f"Slack does not know the token. Copy it again: {TOKENS}.",
    "not_authed": f"Slack was given no token. Copy it again: {TOKENS}.",
    "token_revoked": f"The token was revoked. Install the app again, and copy it: {TOKENS}.",
    "token_expired": f"The token has expired. Switch token rotation off, and copy it: {TOKENS}.",
    "account_inactive": "The app was removed from the workspace. Install it again.",
    "not_allowed_token_type": "This is another kind of token: SLACK_BOT_TOKEN begins with xoxb-,"
    " SLACK_APP_TOKEN with xapp-.",
    "missing_scope": "The token lacks a scope. Give it to the app (slack-manifest.yaml lists them),"
    " and install the app again.",
    "no_permission": "The token may not do this. Install the app again.",
    "org_login_required": "The workspace is moving into an organisation. Try again later.",
    "team_access_not_granted": "The workspace does not let the app in. Ask its administrators.",
    "access_denied": "The workspace does not let the app in. Ask its administrators.",
    "ekm_access_denied": "The administrators have suspended the app's access to messages.",
}
REFUSED: Final[Mapping[str, str]] = {
    "not_in_channel": "I am not in the channel. Say there: /invite @papers",
    "channel_not_found": "I can't see the channel. If it is private, say there: /invite @papers",
    "is_archived": "The channel is archived. Unarchive it, or remove its keywords.",
    "restricted_action": "Posting there is restricted. Ask an administrator to let the app post.",
    "restricted_action_read_only_channel": "The channel is read-only. Ask an administrator.",
    "restricted_action_thread_only_channel": "Only threads are allowed there.",
    "restricted_action_thread_locked": "The thread is locked. The next digest makes a new one.",
    "restricted_action_non_threadable_channel": "Threads are not allowed there: choose another"
    " layout, /papers settings layout inline",
    "messages_tab_disabled": "The app's messages tab is off. Switch it on: App Home.",
    "cannot_reply_to_message": "The message above takes no replies: choose another layout.",
    "user_not_found": "That person is not here.",
    "cannot_dm_bot": "That is a bot.",
}
PASSING: Final[Mapping[str, float | None]] = {
    "ratelimited": None,
    "rate_limited": None,
    "message_limit_exceeded": 3600.0,
    "service_unavailable": None,
    "team_added_to_org": 300.0,
    "request_timeout": None,
}
UNCLEAR: Final = frozenset({"internal_error", "fatal_error"})


def translated(error: Exception) -> SendError | PlatformRefused | None:
    """What it means for a message that was being sent; ``None`` for what is no fault of theirs."""
    match error:
        case SlackApiError():
            return _of_answer(error.response)
        case aiohttp.ClientConnectorError():
            return TryLater("Slack can't be reached.")
        case aiohttp.ClientError() | SlackClientError() | OSError() | TimeoutError():
            return OutcomeUnknown("The connection to Slack broke before it answered.")
        case _:
            return None


def _of_answer(response: Any) -> SendError | PlatformRefused:
    code = code_of(response)
    if response.status_code == 429 or code in PASSING:
        wait = response.headers.get("Retry-After") or response.headers.get("retry-after")
        seconds = float(wait) if wait and str(wait).isdecimal() else PASSING.get(code)
        return TryLater("Slack asked us to wait.", seconds)
    if response.status_code >= 500 or code in UNCLEAR:
        return OutcomeUnknown(f"Slack had a fault of its own ({code or response.status_code}).")
    if code in LET_IN:
        return PlatformRefused(LET_IN[code])
    if code in REFUSED:
        return ChannelRefused(REFUSED[code])
    return PostRefused(f"Slack does not take this message ({code or response.status_code}).")


def code_of(response: Any) -> str:
    """``not_in_channel`` and the like; empty where the answer was no JSON."""
    data = getattr(response, "data", None)
    return str(data.get("error") or "") if isinstance(data, dict) else ""


@contextmanager
def at_the_border() -> Iterator[None]:
    """Raises what the core knows, for whatever comes from Slack."""
    try:
        yield
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error
