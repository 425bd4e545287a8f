"""Discord lists our slash commands as they are, however often it fails meanwhile."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any

import discord
import pytest
from discord import app_commands

from adapters import Settings
from adapters.discord.gateway import command_tree
from adapters.discord.platform import Discord
from adapters.discord.registration import FIRST_DELAY, MAX_DELAY, Registration, declared, normalized
from bot.references import CommandReference
from tests.fakes import FakeClock
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import APPLICATION, TOKEN

COMMANDS = rf"/applications/{APPLICATION}/commands"
Command = dict[str, Any]


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as made:
        yield made


def platform(server: DiscordServer) -> Discord:
    return Discord(
        Settings(io.StringIO(), FakeClock(), server.options, {"DISCORD_TOKEN": TOKEN}.__getitem__)
    )


def ours() -> list[Command]:
    client = discord.Client(intents=discord.Intents(guilds=True))
    return declared(command_tree(client, None))  # type: ignore[arg-type]  # nobody runs them


class Tree:
    """A client's commands in front of the small Discord."""

    def __init__(self, server: DiscordServer) -> None:
        self.client = discord.Client(intents=discord.Intents(guilds=True))
        self.tree: app_commands.CommandTree[Any] = command_tree(self.client, None)  # type: ignore[arg-type]  # nobody runs them
        server_url = server.options["api_url"]
        discord.http.Route.BASE = server_url

    async def __aenter__(self) -> app_commands.CommandTree[Any]:
        await self.client.login(TOKEN)
        return self.tree

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("status", [503, 0, 403, 203])  # 203: with a body that is no list
async def test_a_passing_fault_leaves_nobody_without_commands(
    server: DiscordServer, method: str, status: int
) -> None:
    clock = FakeClock()
    registration = Registration(clock)
    server.fail(method, COMMANDS, status=status, times=3)
    async with Tree(server) as tree:
        await registration.register_until_done(tree)
    assert normalized(server.commands) == normalized(ours())
    assert registration.degraded == ""
    [papers] = [each for each in server.commands if each["name"] == "papers"]
    shown = f"</papers resume:{papers['id']}>"
    assert registration.mentions(CommandReference("resume")) == shown
    assert clock.slept, "a broken connection is tried once more by aiohttp itself"
    assert clock.slept == [FIRST_DELAY * 2**n for n in range(len(clock.slept))]


DEEP = '[{"name": "papers", "id": "1", "options": ' * 3000 + "[]" + "}]" * 3000


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "odd",
    [
        "{}", '""', "null", "[1]", "[{}]", "[[]]", '[{"name": 1, "id": []}]', '[{"name": "x"}]',
        '[{"name": "x", "id": 1e999}]', '[{"name": "papers", "id": "1", "options": [1]}]',
        '[{"name": "papers", "id": "1", "options": ["x"], "contexts": {}}]',
        '[{"name": "papers", "id": "1", "choices": [[]], "name_localizations": 1}]',
        '[{"name": "papers", "id": "1", "contexts": [0, "x", null]}]', DEEP,
    ],
)  # fmt: skip
async def test_an_odd_list_of_commands_leaves_nobody_without_them(
    server: DiscordServer, method: str, odd: str
) -> None:
    registration = Registration(FakeClock())
    server.fail(method, COMMANDS, status=200, body=odd)
    async with Tree(server) as tree:
        await registration.register_until_done(tree)
    assert normalized(server.commands) == normalized(ours())
    [papers] = [each for each in server.commands if each["name"] == "papers"]
    assert registration.mentions(CommandReference("resume")) == f"</papers resume:{papers['id']}>"


async def test_while_it_fails_the_reason_is_known_and_it_is_tried_ever_more_rarely(
    server: DiscordServer,
) -> None:
    class Watching(FakeClock):
        said: list[str] = []  # noqa: RUF012 - one clock

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            self.said.append(registration.degraded)

    clock = Watching()
    registration = Registration(clock)
    server.fail("GET", COMMANDS, status=503, times=10)
    async with Tree(server) as tree:
        await registration.register_until_done(tree)
    assert max(clock.slept) == MAX_DELAY
    assert len(clock.said) == 10
    assert all("not registered yet. Discord answered 503" in said for said in clock.said)


def of_option(change: Callable[[Command], None]) -> Callable[[Command], None]:
    """The first option of the second subcommand, ``settings``."""

    def changed(command: Command) -> None:
        [settings] = [each for each in command["options"] if each["name"] == "settings"]
        change(settings["options"][0])

    return changed


CHANGES: dict[str, Callable[[Command], None]] = {
    "where it can be used": lambda c: c.update(contexts=[0, 1, 2]),
    "who can install it": lambda c: c.update(integration_types=[0]),
    "who may use it": lambda c: c.update(default_member_permissions="32"),
    "administrators alone": lambda c: c.update(default_member_permissions="0"),
    "its age limit": lambda c: c.update(nsfw=True),
    "its name in another language": lambda c: c.update(name_localizations={"de": "artikel"}),
    "its text in another language": lambda c: c.update(description_localizations={"de": "x"}),
    "its text": lambda c: c.update(description="another"),
    "a command less": lambda c: c["options"].pop(),
    "the order of commands": lambda c: c["options"].reverse(),
    "an option's limit": of_option(lambda o: o.update(max_length=7)),
    "an option's least": of_option(lambda o: o.update(min_length=1)),
    "a number's limit": of_option(lambda o: o.update(max_value=7)),
    "an option's kind": of_option(lambda o: o.update(type=4)),
    "that it is required": of_option(lambda o: o.update(required=True)),
    "that it is completed": of_option(lambda o: o.update(autocomplete=True)),
    "kinds of channels": of_option(lambda o: o.update(channel_types=[0])),
    "a choice's value": of_option(lambda o: o["choices"][0].update(value="x")),
    "a choice's name": of_option(lambda o: o["choices"][0].update(name="x")),
    "a choice in another language": of_option(
        lambda o: o["choices"][0].update(name_localizations={"de": "x"})
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_discord_keeps_of_a_command_is_compared(what: str) -> None:
    listed = copy.deepcopy(ours())
    CHANGES[what](listed[0])
    assert normalized(listed) != normalized(ours())


def test_what_discord_fills_in_by_itself_is_no_difference() -> None:
    listed = copy.deepcopy(ours())
    for command in listed:
        command |= {"id": "1", "application_id": "2", "version": "3", "handler": None}
        command |= {"name_localizations": None, "description_localizations": None}
        command["contexts"] = command["contexts"][::-1]
        del command["nsfw"]
        for option in command.get("options") or ():
            option |= {"options": option.get("options") or [], "required": False}
    assert normalized(listed) == normalized(ours())


async def test_check_says_whether_discord_lists_the_commands_of_this_version(
    server: DiscordServer,
) -> None:
    async def found() -> tuple[bool, str]:
        async with platform(server) as made:
            [finding] = [f for f in await made.examine([]) if f.subject == "discord, commands"]
        return finding.ok, finding.text

    assert await found() == (True, (await found())[1]), "it may come before the first start"
    assert "No slash commands are registered yet" in (await found())[1]
    server.commands = [{**each, "id": "1", "contexts": [0]} for each in ours()]
    assert (await found())[0] is False
    server.commands = [{**each, "id": "1"} for each in ours()]
    assert await found() == (True, "The slash commands are registered.")
    server.fail("GET", COMMANDS, status=403, body={"message": "Missing Access", "code": 50001})
    assert (await found())[0] is False
