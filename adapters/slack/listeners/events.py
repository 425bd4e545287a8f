"""Events."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp

from adapters.slack.control_panel import ControlPanel
from adapters.slack.listeners.commands import typed
from adapters.slack.responder import Responder


def register(app: AsyncApp) -> None:
    @app.event("app_home_opened")
    async def show_home(event: dict[str, Any], panel: ControlPanel) -> None:
        if event.get("tab", "home") == "home":
            conversation = str(event.get("channel") or "")
            await panel.publish(str(event["user"]), conversation=conversation)

    @app.event("message")
    async def obey(event: dict[str, Any], responder: Responder) -> None:
        """What a person writes in their own conversation with the bot; nothing else that is said
        anywhere, and none of what the bot says there itself."""
        channel, words = str(event.get("channel") or ""), typed(str(event.get("text") or ""))
        spoken = not event.get("bot_id") and not event.get("subtype")
        if event.get("channel_type") != "im" or not spoken or not event.get("user") or not words:
            return
        person = await responder.person({"user": {"id": event["user"]}}, channel)
        await responder.answer_message(channel, person, words)

    @app.event("member_joined_channel")
    async def greet(event: dict[str, Any], responder: Responder) -> None:
        """Of all members the bot alone is greeted."""
        me = await responder.workspace.web.me()
        if event["user"] == me.user_id:
            await responder.greet(str(event["channel"]))
