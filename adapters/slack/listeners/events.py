"""Events: App Home was opened, somebody wrote to the bot, the bot joined a channel."""

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
        """What a person writes in their own conversation with the bot is a command. Everything else
        is ignored, including what the bot writes there itself."""
        channel, words = str(event.get("channel") or ""), typed(str(event.get("text") or ""))
        spoken = not event.get("bot_id") and not event.get("subtype")
        if event.get("channel_type") != "im" or not spoken or not event.get("user") or not words:
            return
        person = await responder.person({"user": {"id": event["user"]}}, channel)
        await responder.answer_message(channel, person, words)

    @app.event("member_joined_channel")
    async def greet(event: dict[str, Any], responder: Responder) -> None:
        """Greets a channel that the bot has joined; other people who join are ignored."""
        me = await responder.workspace.web.me()
        if event["user"] == me.user_id:
            await responder.greet(str(event["channel"]))
