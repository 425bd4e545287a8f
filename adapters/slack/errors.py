"""Errors of Slack and the network, translated into ours. One table; the cause is kept.

Codes from docs.slack.dev (reference/methods/chat.postMessage, conversations.history, auth.test and
apps.connections.open; November 2026). Slack answers most faults with status 200 and ``ok: false``.
Of internal_error and fatal_error it says: "It's possible some aspect of the operation succeeded".
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

APPS: Final = "api.slack.com/apps, your app"
NEW_BOT_TOKEN: Final = f"Copy the Bot User OAuth Token: {APPS}, OAuth & Permissions."
REINSTALL: Final = f"add it and reinstall the app: {APPS}, OAuth & Permissions."

TOKEN: Final[Mapping[str, str]] = {
    "invalid_auth": f"Slack does not know this token. {NEW_BOT_TOKEN}",
    "not_authed": f"Slack got no token. {NEW_BOT_TOKEN}",
    "token_revoked": f"The token was revoked. Install the app again. {NEW_BOT_TOKEN}",
    "token_expired": "The token has expired. Switch token rotation off in the app's manifest, and"
    f" install it again. {NEW_BOT_TOKEN}",
    "account_inactive": "The app was removed from the workspace, or the workspace is gone. Install"
    f" the app again. {NEW_BOT_TOKEN}",
    "not_allowed_token_type": f"This is the wrong kind of token. {NEW_BOT_TOKEN}",
    "org_login_required": "The workspace is being moved into an organisation. Install the app again"
    " when that is done.",
    "team_access_not_granted": "The app has no access to this workspace. Ask an administrator of"
    " the organisation to approve it.",
    "access_denied": "Slack denies the app access. Ask an administrator of the workspace.",
    "no_permission": "The app may not do that. Ask an administrator of the workspace.",
    "enterprise_is_restricted": "The app can't be used with an organisation's token. Install it"
    " into the workspace.",
    "two_factor_setup_required": "The workspace demands two-factor authentication of whoever"
    " installed the app. Let them set it up.",
    "accesslimited": "The workspace limits from which networks it can be used. Ask an"
    " administrator to allow the bot's address.",
}
REFUSED: Final[Mapping[str, str]] = {
    "not_in_channel": "I am not in this channel. Write there: /invite @{bot}",
    "channel_not_found": "I don't see this channel: it is private and I am not in it, or it is"
    " gone. Write there: /invite @{bot}",
    "is_archived": "The channel is archived. Unarchive it, or let the bot post elsewhere.",
    "restricted_action": "A setting of the workspace lets only some people post here. Ask an"
    " administrator to let the app post.",
    "restricted_action_read_only_channel": "The channel is read-only. Ask an administrator to let"
    " the app post.",
    "restricted_action_thread_only_channel": "The channel takes no messages outside of threads."
    " Choose another channel.",
    "restricted_action_thread_locked": "The thread was locked. Ask an administrator to unlock it.",
    "ekm_access_denied": "Administrators have suspended posting in this workspace.",
    "messages_tab_disabled": "The app takes no private messages. Switch its messages tab on:"
    f" {APPS}, App Home.",
    "message_limit_exceeded": "The workspace has used up its messages.",
    "user_not_found": "Slack does not know this person.",
    "user_disabled": "This person's account is deactivated.",
    "cannot_dm_bot": "A bot can't be written to.",
}
# In a private conversation: the account is gone.
WITHOUT_ACCOUNT: Final = frozenset({"user_not_found", "user_disabled"})
ASKED_TO_WAIT: Final = "Slack asked us to wait."
UNREACHABLE: Final = "Slack lets me send no messages to this person ({code})."
PASSING: Final[Mapping[str, float]] = {  # seconds until it is worth another try
    "ratelimited": 60.0,
    "rate_limited": 60.0,
    "request_timeout": 5.0,  # "the POST data was either missing or truncated"
    "team_added_to_org": 600.0,
}
AMBIGUOUS: Final = frozenset({"internal_error", "fatal_error", "service_unavailable"})
FAULTY: Final = frozenset(
    {"msg_too_long", "no_text", "invalid_metadata_format", "invalid_metadata_schema"}
    | {"metadata_too_large", "too_many_attachments", "markdown_text_conflict"}
    | {"invalid_arg_name", "invalid_arguments", "invalid_array_arg", "invalid_charset"}
    | {"invalid_form_data", "invalid_post_type", "missing_post_type", "invalid_json"}
    | {"json_not_object", "deprecated_endpoint", "method_deprecated", "unknown_method"}
)
SIMPLIFY: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
UNTHREADED: Final = frozenset(  # the message above is gone, or takes no replies
    {"thread_not_found", "cannot_reply_to_message", "restricted_action_non_threadable_channel"}
)


def code_of(error: BaseException | None) -> str:
    """Slack's own error code, of the error or of its cause; empty if there is none."""
    cause = error.__cause__ if isinstance(error, SendError | PlatformRefused) else error
    data = getattr(getattr(cause, "response", None), "data", None)
    return str(data.get("error") or "") if isinstance(data, dict) else ""


def _status(response: Any) -> int:
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    return int(status or 0)


def translated(error: Exception, bot: str) -> SendError | PlatformRefused:
    """What the error means for a message that was being sent. ``bot`` is the name by which people
    invite the bot."""
    match error:
        case SlackApiError():
            return _of_answer(error, bot)
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return TryLater("Slack can't be reached.")  # no request was sent
        case TimeoutError():
            return OutcomeUnknown("Slack did not answer in time.")
        case _:
            return OutcomeUnknown("The connection to Slack broke before it answered.")


def _of_answer(error: SlackApiError, bot: str) -> SendError | PlatformRefused:
    response = error.response
    status = _status(response)
    if status == 429:
        asked = response.headers.get("Retry-After", "")
        seconds = float(asked) if asked.isdecimal() else PASSING["ratelimited"]
        return TryLater(ASKED_TO_WAIT, seconds)
    if status >= 500:
        return OutcomeUnknown(f"Slack had a fault of its own (status {status}).")
    code = code_of(error)
    if not code or code in AMBIGUOUS:
        said = code or f"status {status} without a word of why"
        return OutcomeUnknown(f"Slack had a fault of its own ({said}).")
    if code in PASSING:
        return TryLater(f"Slack takes no more just now ({code}).", PASSING[code])
    if code in TOKEN:
        return PlatformRefused(f"{TOKEN[code]} ({code})")
    if code == "missing_scope":
        needed = response.data.get("needed") or "another one"
        return PlatformRefused(f"The app lacks the scope {needed}: {REINSTALL}")
    if code in REFUSED:
        return ChannelRefused(REFUSED[code].format(bot=bot))
    if code in FAULTY | SIMPLIFY:
        return PostRefused(f"Slack does not take this message: {code}{_details(response)}.")
    # An unknown code is no reason to lose a post: it waits, and the channel's status says why.
    return ChannelRefused(f"Slack refuses it: {code}{_details(response)}.")


def _details(response: Any) -> str:
    metadata = response.data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else ()
    said = [str(each) for each in messages] if isinstance(messages, list) else []
    return f" ({'; '.join(said)[:300]})" if said else ""


FOREIGN: Final = (
    SlackClientError,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    # How slack_sdk 3.47 fails on an answer with status 200 that is not JSON, such as a proxy's.
    AttributeError,
    ValueError,
)


@contextmanager
def at_the_border(bot: str = "papers") -> Iterator[None]:
    """Re-raises errors of Slack, its SDK and the network as ours. Only around a request."""
    try:
        yield
    except FOREIGN as error:
        raise translated(error, bot) from error


@contextmanager
def reading_answer() -> Iterator[None]:
    """Raises OutcomeUnknown if a successful answer does not have the documented shape. To be put
    around nothing but the code that takes an answer apart."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise OutcomeUnknown("Slack's answer can't be read.") from error


# -- the app-level token --------------------------------------------------------------------------

NEW_APP_TOKEN: Final = (
    f"Make one: {APPS}, Basic Information, App-Level Tokens, with the scope connections:write."
)
APP_TOKEN: Final[Mapping[str, str]] = {
    "invalid_auth": f"Slack does not know this token. {NEW_APP_TOKEN}",
    "not_authed": f"Slack got no token. {NEW_APP_TOKEN}",
    "token_revoked": f"The token was revoked. {NEW_APP_TOKEN}",
    "account_inactive": f"The app is gone, or was switched off. {NEW_APP_TOKEN}",
    "not_allowed_token_type": "This is the wrong kind of token; an app-level token begins with"
    f" xapp-. {NEW_APP_TOKEN}",
    "missing_scope": f"The token lacks the scope connections:write. {NEW_APP_TOKEN}",
}


def app_token_fault(error: SendError | PlatformRefused) -> str | None:
    """What is wrong with the app-level token; ``None`` where the fault passes by itself."""
    if isinstance(error, TryLater | OutcomeUnknown):
        return None
    code = code_of(error)
    return APP_TOKEN.get(code) or (
        f"Slack does not let the app connect ({code}). Is Socket Mode switched on? {APPS}, Socket"
        " Mode."
    )
