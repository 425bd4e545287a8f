"""The bot's commands over a real database, with Slack as a platform in front of them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from adapters import Settings
from adapters.slack.home import home_view
from adapters.slack.platform import Slack
from adapters.slack.replies import readable
from adapters.slack.workspace import Workspace, joined, parted
from bot.model import Channel, Draft, Home, Post, Receipt
from bot.ports import Vault
from tests.adapters.backend import Backend
from tests.fakes import FakeClock
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, SlackServer

TOKENS = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}


def options(server: SlackServer, **more: Any) -> dict[str, Any]:
    """The section of bot.toml."""
    usual = {"api_url": f"{server.url}/api/", "command": "/papers", "managers": ()}
    return {**usual, "workspaces": (), **more}


def platform(
    server: SlackServer,
    clock: Any = None,
    tokens: Mapping[str, str] = TOKENS,
    vault: Vault | None = None,
    **more: Any,
) -> Slack:
    given = options(server, **more)
    clock = clock or FakeClock()
    return Slack(Settings(io.StringIO(), clock, given, tokens.__getitem__, vault=vault))


def asked(server: SlackServer, method: str) -> list[Any]:
    """What came with each request for a method."""
    return [each.body for each in server.seen if each.path == method]


async def happens(server: SlackServer, happened: Callable[[], bool], seconds: float = 20.0) -> None:
    """Until something has happened at Slack; our own side goes on meanwhile."""
    await asyncio.to_thread(server.wait_for, happened, seconds)


async def until(happened: Callable[[], bool]) -> None:
    """Something that our own side does by itself soon."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def post(
    channel: str, draft: Draft, *, key: str = "k1", parent: str = "", uncertain: bool = False
) -> Post:
    above = Receipt(parent) if parent else None
    return Post(key, Channel(f"slack:{channel}"), draft.payload, 1, uncertain, parent=above)


class InWorkspace:
    """Writes to people as the platform does, without one."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def knows(self, person_id: str) -> bool:
        return True

    async def tell(self, person_id: str, text: str) -> str:
        return joined("", await self.workspace.say(parted(person_id)[1], readable(text, "/papers")))


class SlackBackend(Backend):
    """With what a Slack channel follows."""

    async def keywords(self, channel: str) -> tuple[str, ...]:
        subscriptions = await self.store.subscriptions(f"slack:{channel}")
        return tuple(each.keyword.described for each in subscriptions)


def home_page(home: Home, command: str = "/papers", **more: Any) -> dict[str, Any]:
    """App Home as it is published, its buttons without a true seal."""
    return home_view(
        home,
        command,
        own_id=lambda channel_id: parted(channel_id)[1],
        sealed=lambda own: f"{own}.{'0' * 32}",
        **more,
    )


class TickingClock(FakeClock):
    """Whoever sleeps wakes when the clock is advanced far enough; the loop turns meanwhile."""

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def shown(message: Any) -> str:
    return json.dumps(message, ensure_ascii=False)


def buttons(part: Any) -> dict[str, dict[str, Any]]:
    """Each button by its label; of several, the last."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(part, dict):
        if part.get("type") == "button":
            found[part["text"]["text"]] = part
        for each in part.values():
            found |= buttons(each)
    elif isinstance(part, list):
        for each in part:
            found |= buttons(each)
    return found
