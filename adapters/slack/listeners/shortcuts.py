"""Shortcuts: from Slack's search, and from the menu of a message."""

from __future__ import annotations

from typing import Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from adapters.slack.responder import Responder

FOLLOW: Final = "follow_keyword"


def register(app: AsyncApp) -> None:
    @app.shortcut(FOLLOW)
    async def open_form(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """It is about no channel yet."""
        await ack()
        await responder.open_form(body, "")
