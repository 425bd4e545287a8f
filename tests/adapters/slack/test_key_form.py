"""Connecting a library in Zotero on Slack: the window, and nothing but it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.model.zotero import ZOTERO_KEY
from bot.network import Network
from bot.zotero.client import ZoteroClient
from tests.adapters.slack.backend import SlackBackend, asked, buttons, happens, shown
from tests.adapters.slack.test_commands import ANN, Chat, chatting
from tests.wire.zotero_server import KEY, ZoteroKey, ZoteroServer


@pytest.fixture
async def zotero() -> AsyncIterator[ZoteroServer]:
    with ZoteroServer() as server:
        yield server


@pytest.fixture
async def chat(tmp_path: Path, zotero: ZoteroServer) -> AsyncIterator[Chat]:
    client = ZoteroClient(zotero.url, network=Network())
    backend = SlackBackend(tmp_path, zotero=client)
    async with chatting(backend) as made:
        yield made
    await client.aclose()
    backend.store.close()


async def submit(chat: Chat, view: dict[str, Any], key: str, library: str = "") -> Any:
    """What the window shows at last, or the mistakes below its fields."""
    values = {"key": {"key": {"value": key}}, "library": {"library": {"value": library or None}}}
    answer = await asyncio.to_thread(chat.server.socket.submit, view, values, chat.room)
    if answer["response_action"] == "errors":
        return answer["errors"]
    await happens(chat.server, lambda: "One moment" not in shown(chat.server.views[-1]))
    return chat.server.views[-1]


async def test_connect_opens_a_window_and_nobody_else_hears_of_it(chat: Chat) -> None:
    answer = await chat.say("zotero")
    assert answer["response_type"] == "ephemeral"
    assert "https://www.zotero.org/settings/keys/new" in shown(answer)
    connect = next(each for each in _all_buttons(answer) if each.get("value") == "zotero connect")
    await chat.touch(connect)
    form = await chat.window(1)
    view = await submit(chat, form, KEY)
    assert "What you save goes to the library of muster in Zotero" in shown(view)
    assert await chat.backend.store.secret_owners(ZOTERO_KEY) == (f"slack:{ANN}",)
    assert asked(chat.server, "chat.postMessage") == []
    answer = await chat.press(buttons(await chat.say("zotero"))["Disconnect"])
    assert "Disconnected" in shown(answer)
    assert await chat.backend.store.secret_owners(ZOTERO_KEY) == ()


def _all_buttons(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        own = [part] if part.get("type") == "button" else []
        return own + [each for value in part.values() for each in _all_buttons(value)]
    if isinstance(part, list):
        return [each for value in part for each in _all_buttons(value)]
    return []


async def test_the_channels_library_is_told_to_the_channel(
    chat: Chat, zotero: ZoteroServer
) -> None:
    zotero.group_names = {9: "Reading Group", 8: "Archive"}
    zotero.keys[KEY] = ZoteroKey(all_groups=True)
    await chat.send("zotero connect channel")
    form = await chat.window(1)
    assert form["title"]["text"] == "Zotero"
    assert "Empty: the only group that the key may write to." in shown(form)
    view = await submit(chat, form, KEY, "Reading Group")
    assert "the group Reading Group in Zotero" in shown(view)
    await chat.wait_for_line("goes to the group Reading Group in Zotero from now on")
    assert KEY not in shown([each.body for each in chat.server.seen])


@pytest.mark.parametrize(
    ("key", "says"),
    [("secret", "This is no key for Zotero"), ("A" * 24, "Zotero does not know this key")],
)
async def test_a_wrong_key_is_said_in_the_window_and_never_repeated(
    chat: Chat, key: str, says: str
) -> None:
    await chat.send("zotero connect")
    result = await submit(chat, await chat.window(1), key)
    assert says in shown(result)
    assert f'"{key}"' not in shown(result)
    assert await chat.backend.store.secret_owners(ZOTERO_KEY) == ()


async def test_a_key_behind_the_command_is_refused(chat: Chat, zotero: ZoteroServer) -> None:
    answer = await chat.say(f"zotero {KEY}")
    assert "A key does not belong in a message" in shown(answer)
    assert KEY not in shown(answer)
    assert chat.server.views == []
    assert zotero.seen == []


async def test_a_window_that_nobody_of_us_opened_connects_nothing(chat: Chat) -> None:
    await chat.send("zotero connect channel")
    form = await chat.window(1)
    stolen = {**form, "private_metadata": "C9999999." + "0" * 32}
    assert "which channel" in shown(await submit(chat, stolen, KEY))
    assert await chat.backend.store.secret_owners(ZOTERO_KEY) == ()
