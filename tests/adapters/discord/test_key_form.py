"""Connecting a library in Zotero on Discord: the form, and nothing but it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.model.zotero import ZOTERO_KEY
from bot.network import Network
from bot.zotero.client import ZoteroClient
from tests.adapters.discord.backend import DiscordBackend, components, texts
from tests.adapters.discord.test_commands import Server
from tests.wire.zotero_server import KEY, ZoteroKey, ZoteroServer

Env = Any


@pytest.fixture
def zotero() -> Iterator[ZoteroServer]:
    with ZoteroServer() as server:
        yield server


@pytest.fixture
async def client(zotero: ZoteroServer) -> AsyncIterator[ZoteroClient]:
    client = ZoteroClient(zotero.url, network=Network())
    yield client
    await client.aclose()


@pytest.fixture
def backend(tmp_path: Path, client: ZoteroClient) -> Iterator[DiscordBackend]:
    made = DiscordBackend(tmp_path, zotero=client)
    yield made
    made.store.close()


@pytest.fixture
def server(simcord_env: Env) -> Server:
    return Server(simcord_env)


async def test_connect_opens_a_form_and_nobody_else_hears_of_it(
    backend: DiscordBackend, server: Server
) -> None:
    view = await server.say(server.bob, "zotero")
    assert "zotero.org/settings/keys/new" in texts(view)
    opened = await server.bob.click(view, custom_id="say:zotero connect")
    assert "Your library in Zotero" in json.dumps(opened.modal)
    answer = await server.bob.submit_modal(opened, {"key": KEY, "library": ""})
    assert answer.ephemeral
    said = texts(answer.response)
    assert "What you save goes to the library of muster in Zotero" in said
    assert KEY not in said
    assert await backend.store.secret_owners(ZOTERO_KEY) == (f"discord:{server.bob.id}",)
    assert server.channel.history() == []
    assert "say:zotero connect channel" not in json.dumps(components(view)), "bob manages nothing"


async def test_the_channels_library_is_connected_by_a_manager_and_told_to_the_channel(
    backend: DiscordBackend, server: Server, zotero: ZoteroServer
) -> None:
    zotero.group_names = {9: "Reading Group", 8: "Archive"}
    zotero.keys[KEY] = ZoteroKey(all_groups=True)
    view = await server.say(server.ann, "zotero")
    opened = await server.ann.click(view, custom_id="say:zotero connect channel")
    assert "Empty: the only group that the key may write to." in json.dumps(opened.modal)
    asked = await server.ann.submit_modal(opened, {"key": KEY, "library": ""})
    assert "may write to several libraries" in texts(asked.response)
    opened = await server.ann.click(view, custom_id="say:zotero connect channel")
    await server.ann.submit_modal(opened, {"key": KEY, "library": "9"})
    [line] = server.channel.history()
    assert "goes to the group Reading Group in Zotero" in texts(line)
    [made] = await backend.store.zotero_connections()
    assert (made.owner, made.library.id) == (server.here, "groups/9")


async def test_a_key_that_zotero_does_not_know_is_refused_and_never_repeated(
    backend: DiscordBackend, server: Server
) -> None:
    view = await server.say(server.bob, "zotero")
    opened = await server.bob.click(view, custom_id="say:zotero connect")
    answer = await server.bob.submit_modal(opened, {"key": "A" * 24, "library": ""})
    assert "does not know this key" in texts(answer.response)
    assert "A" * 24 not in texts(answer.response)
    assert await backend.store.zotero_connections() == ()
