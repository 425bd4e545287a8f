"""The small Discord against the library that talks to the real one, and each rule violated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route

from tests.wire import discord_rules
from tests.wire.discord_server import DiscordServer, Limits
from tests.wire.discord_shapes import TOKEN, text_of
from tests.wire.serving import refusing

V2 = discord_rules.COMPONENTS_V2


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as made:
        yield made


@asynccontextmanager
async def http(server: DiscordServer) -> AsyncIterator[HTTPClient]:
    Route.BASE = server.options["api_url"]
    client = HTTPClient(asyncio.get_running_loop(), max_ratelimit_timeout=30.0)
    try:
        await client.static_login(TOKEN)
        yield client
    finally:
        await client.close()


async def post(client: HTTPClient, channel: str, **body: Any) -> dict[str, Any]:
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel)
    answer: dict[str, Any] = await client.request(route, json=body)
    return answer


# -- what it does not take ---------------------------------------------------------------------


def label(content: str) -> dict[str, Any]:
    return {"type": 10, "content": content}


def button(custom_id: str | None = "a") -> dict[str, Any]:
    named = {} if custom_id is None else {"custom_id": custom_id}
    return {"type": 2, "style": 2, "label": "Abstract", **named}


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(buttons)}


VIOLATIONS: dict[str, dict[str, Any]] = {
    "2001 characters": {"content": "x" * 2001},
    "41 components": {"flags": V2, "components": [label("x") for _ in range(41)]},
    "4001 characters of text": {"flags": V2, "components": [label("x" * 2000), label("x" * 2001)]},
    "beside Components V2": {"content": "x", "flags": V2, "components": [label("x")]},
    "without their flag": {"components": [label("x")]},
    "the message is empty": {},
    "an empty text": {"flags": V2, "components": [label(" ")]},
    "unknown key colour": {"content": "x", "colour": 3},
    "custom_id a twice": {"content": "x", "components": [row(button(), button())]},
    "a button without custom_id": {"content": "x", "components": [row(button(None))]},
    "a section without": {"flags": V2, "components": [{"type": 9, "components": [label("x")]}]},
    "enforce_nonce without a nonce": {"content": "x", "enforce_nonce": True},
    "the nonce is too long": {"content": "x", "nonce": "n" * 26},
}
TAKEN: list[dict[str, Any]] = [
    {"content": "x" * 2000, "nonce": "n" * 25, "enforce_nonce": True},
    {"flags": V2, "components": [label("x" * 100) for _ in range(40)]},
    {"content": "x", "components": [row(button("a"), button("b"))]},
]


@pytest.mark.parametrize(("fault", "body"), VIOLATIONS.items())
async def test_a_message_over_a_limit_is_refused_and_fails_the_test_that_sent_it(
    fault: str, body: dict[str, Any]
) -> None:
    with refusing(DiscordServer(documented=False)) as server:
        here = server.open_channel()
        async with http(server) as client:
            with pytest.raises(discord.HTTPException) as refused:
                await post(client, here, **body)
        assert (refused.value.status, refused.value.code) == (400, 50035)
        assert server.messages[here] == []
        assert any(fault in said for said in server.violations)


@pytest.mark.parametrize("body", TAKEN)
async def test_a_message_at_a_limit_is_taken(server: DiscordServer, body: dict[str, Any]) -> None:
    here = server.open_channel()
    async with http(server) as client:
        await post(client, here, **body)
    assert len(server.messages[here]) == 1


def test_the_bytes_that_nobody_documents_are_counted_too() -> None:
    heavy = {"flags": V2, "components": [label("\u6f22" * 3500)]}
    assert discord_rules.too_heavy(heavy)
    assert not list(discord_rules.message_faults(heavy)), "the limit of characters sees nothing"
    assert not discord_rules.too_heavy({"flags": V2, "components": [label("\u6f22" * 3380)]})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/channels/1/messages", {"content": "x", "nonce": "n" * 26}),
        ("POST", "/channels/1/messages", {"content": "x", "embeds": [{"title": "x" * 257}]}),
        ("PUT", "/applications/1/commands", [{"name": "x" * 33, "description": "x"}]),
        ("POST", "/channels/1/messages/2/threads", {"name": "x" * 101}),
    ],
)
def test_discords_own_document_speaks_where_it_is_at_hand(
    shared_data: Path, method: str, path: str, body: Any
) -> None:
    document = discord_rules.document()
    assert document is not None, shared_data
    assert document.faults(method, path, body)
    assert not document.faults("POST", "/channels/1/messages", {"content": "x"})


# -- posting ---------------------------------------------------------------------------------------


async def test_the_same_nonce_twice_is_one_message_in_one_channel(server: DiscordServer) -> None:
    here, there = server.open_channel(), server.open_channel()
    async with http(server) as client:
        made = {"content": "x", "nonce": "n", "enforce_nonce": True}
        first = await post(client, here, **made)
        assert (await post(client, here, **made))["id"] == first["id"]
        await post(client, there, **made)
        await post(client, here, content="x", nonce="n")
    assert [len(server.messages[each]) for each in (here, there)] == [2, 1], "not enforced: again"


async def test_a_request_is_noticed_before_it_is_answered(server: DiscordServer) -> None:
    here = server.open_channel()
    path = f"/channels/{here}/messages"
    server.fail("POST", path, status=503, wait=60.0)
    async with http(server) as client:
        noticing = asyncio.to_thread(server.wait_for, lambda: path in {s.path for s in server.seen})
        async with asyncio.TaskGroup() as group:
            noticed = group.create_task(noticing)
            asking = group.create_task(post(client, here, content="x"))
            await noticed
            asking.cancel()


async def test_another_token_is_not_let_in(server: DiscordServer) -> None:
    Route.BASE = server.options["api_url"]
    client = HTTPClient(asyncio.get_running_loop())
    with pytest.raises(discord.LoginFailure):
        await client.static_login("another")
    await client.close()


async def test_a_bucket_that_is_full_says_how_long_to_wait(server: DiscordServer) -> None:
    server.limits = Limits(over_all=50, bucket=2, per=0.2)
    here = server.open_channel()
    async with http(server) as client:
        await asyncio.gather(*(post(client, here, content=str(n)) for n in range(5)))
    assert len(server.messages[here]) == 5
    assert server.too_fast == 0, "the library waits by the headers"


@pytest.mark.parametrize("via", [True, False])
async def test_over_the_limit_of_a_second_the_library_waits_unless_it_looks_like_a_ban(
    server: DiscordServer, via: bool
) -> None:
    here = server.open_channel()
    body = {"message": "slow down", "retry_after": 0.05, "global": True}
    headers = {} if via else {"Via": ""}
    server.fail("POST", f"/channels/{here}/messages", status=429, body=body, headers=headers)
    async with http(server) as client:
        if via:
            await post(client, here, content="x")
        else:
            with pytest.raises(discord.HTTPException) as banned:
                await post(client, here, content="x")
            assert banned.value.status == 429
    assert len(server.messages[here]) == via


async def test_more_than_the_overall_limit_is_told_to_slow_down(server: DiscordServer) -> None:
    server.limits = Limits(over_all=3)
    channels = [server.open_channel() for _ in range(5)]
    async with http(server) as client:
        await asyncio.gather(*(post(client, each, content="x") for each in channels))
    assert server.too_fast > 0
    assert all(len(server.messages[each]) == 1 for each in channels)


# -- the gateway -----------------------------------------------------------------------------------


class Client(discord.Client):
    """A bot with one command, that answers as the test wants."""

    def __init__(self, *, twice: bool = False) -> None:
        super().__init__(intents=discord.Intents(guilds=True), max_messages=None)
        self.tree = app_commands.CommandTree(self)
        self.codes: list[int] = []
        self.events: list[str] = []
        group = app_commands.Group(name="papers", description="Papers")

        @group.command(name="help", description="Help")
        async def answer(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("here to help")
            if twice:
                again = {"type": 4, "data": {"content": "again"}}
                path = f"/interactions/{interaction.id}/{interaction.token}/callback"
                try:
                    await self.http.request(Route("POST", path), json=again)
                except discord.HTTPException as error:
                    self.codes.append(error.code)
            self.events.append("answered")

        self.tree.add_command(group)

    async def on_socket_event_type(self, name: str) -> None:
        self.events.append(name)


@asynccontextmanager
async def connected(server: DiscordServer, **how: Any) -> AsyncIterator[Client]:
    Route.BASE = server.options["api_url"]
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.options["gateway_url"])
    async with Client(**how) as client:
        task = asyncio.create_task(client.start(TOKEN))
        await asyncio.to_thread(server.gateway.wait_for_client)
        yield client
    await asyncio.gather(task, return_exceptions=True)


async def test_a_command_is_answered_through_the_gateway(server: DiscordServer) -> None:
    here = server.open_channel()
    async with connected(server) as client:
        shown = await asyncio.to_thread(server.gateway.ask, "help", here)
        assert text_of(shown) == "here to help"
        while "answered" not in client.events:
            await asyncio.to_thread(lambda: None)
        await client.tree.sync()
    assert [each["name"] for each in server.commands] == ["papers"]


async def test_a_second_acknowledgement_is_refused_and_fails_the_test_that_sent_it() -> None:
    with refusing(DiscordServer(documented=False)) as server:
        here = server.open_channel()
        async with connected(server, twice=True) as client:
            await asyncio.to_thread(server.gateway.ask, "help", here)
            while "answered" not in client.events:
                await asyncio.to_thread(lambda: None)
        assert client.codes == [40060]
        assert server.violations == ["an interaction was acknowledged twice"]


async def test_a_resumed_session_gets_what_it_missed(server: DiscordServer) -> None:
    here = server.open_channel()
    async with connected(server):
        server.gateway.latest.socket, missed = None, server.gateway.latest.socket
        asked = asyncio.create_task(asyncio.to_thread(server.gateway.ask, "help", here))
        while len(server.gateway.latest.events) < 3:
            await asyncio.to_thread(lambda: None)
        server.gateway.latest.socket = missed
        await asyncio.to_thread(server.gateway.break_off)
        assert text_of(await asked) == "here to help", "sent while nobody was connected"
    assert (server.gateway.identifies, server.gateway.resumes) == (1, 1)
