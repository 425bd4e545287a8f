"""Events."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp

from adapters.slack.control_panel import ControlPanel
from adapters.slack.responder import Responder


def register(app: AsyncApp) -> None:
    @app.event("app_home_opened")
    async def show_home(event: dict[str, Any], panel: ControlPanel) -> None:
        if event.get("tab", "home") == "home":
            conversation = str(event.get("channel") or "")
            await panel.publish(str(event["user"]), conversation=conversation)

    @app.event("member_joined_channel")
    async def greet(event: dict[str, Any], responder: Responder) -> None:
        """Of all members the bot alone is greeted."""
        me = await responder.workspace.web.me()
        if event["user"] == me.user_id:
            await responder.greet(str(event["channel"]))
