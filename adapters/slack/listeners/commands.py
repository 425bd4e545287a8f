"""The slash command."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from adapters.slack.responder import Responder

# Quotes as phones and word processors write them, and non-breaking spaces.
_MEANT: Final = str.maketrans(
    {**dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("’‘‚‛′", "'")}
    | dict.fromkeys("\u00a0\u202f\u2007", " ")
)
_FRENCH: Final = re.compile(r"«\s*([^«»]*?)\s*»")  # with the spaces that French puts inside


def typed(text: str) -> str:
    """What a person meant to type: without Slack's escapes, with the quotes of a keyboard."""
    text = _FRENCH.sub(r'"\1"', unicodedata.normalize("NFC", html.unescape(text)))
    return text.translate(_MEANT).strip()


def register(app: AsyncApp) -> None:
    @app.command(re.compile(""))
    async def run(ack: AsyncAck, command: dict[str, Any], responder: Responder) -> None:
        """Any command of the app is meant for us, even if bot.toml has another name for it."""
        await ack()
        await responder.run(command, command["channel_id"], typed(command.get("text") or ""))
