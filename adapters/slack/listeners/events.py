"""Events."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp

from adapters.slack.responder import Responder


def register(app: AsyncApp) -> None:
    @app.event("app_home_opened")
    async def show_home(event: dict[str, Any], responder: Responder) -> None:
        if event.get("tab", "home") == "home":
            await responder.show_home(str(event["user"]))
