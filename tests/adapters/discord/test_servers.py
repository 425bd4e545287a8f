"""Servers that add and remove the bot, and channels that are deleted, as Discord tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.discord.gateway import READY_TIMEOUT
from adapters.discord.platform import Discord
from bot.keywords import parse
from bot.model import Person
from tests.adapters.discord.backend import DiscordBackend
from tests.adapters.discord.listening import happens, listening
from tests.fakes import START
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import ANNOUNCEMENT, GUILD

OTHER = "600"  # another server
ADA = Person("Ada", "discord:7", server=f"discord:{GUILD}")


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as made:
        yield made


@pytest.fixture
async def papers(server: DiscordServer, backend: DiscordBackend) -> str:
    """A channel that follows something."""
    channel = server.open_channel(name="papers")
    await backend.store.follow(f"discord:{channel}", parse("reward model"), ADA, START)
    return channel


@pytest.fixture
async def connected(
    server: DiscordServer, backend: DiscordBackend, papers: str
) -> AsyncIterator[Discord]:
    async with listening(server, backend) as discord:
        yield discord


async def followed(backend: DiscordBackend) -> int:
    return len(await backend.store.subscriptions())


async def archived(backend: DiscordBackend) -> list[str]:
    return [each.reason for each in (await backend.store.state()).archived]


async def becomes_archived(backend: DiscordBackend) -> list[str]:
    async with asyncio.timeout(20):
        while not (reasons := await archived(backend)):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
    return reasons


async def join(
    server: DiscordServer, caplog: pytest.LogCaptureFixture, guild: str = OTHER, name: str = "Wire"
) -> None:
    """Until the bot has noticed: one that has only just connected takes a new server for one that
    was there before, and each of them makes that last a little longer."""
    async with asyncio.timeout(20):
        with caplog.at_level("INFO"):
            while f"added server={guild}" not in caplog.text:
                await asyncio.to_thread(server.gateway.join, guild, name)
                await asyncio.sleep(1.5 * READY_TIMEOUT)


async def test_a_new_server_is_greeted_once_with_the_first_step(
    server: DiscordServer, connected: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    here = server.open_channel(guild_id=OTHER)
    await join(server, caplog)
    await happens(lambda: bool(server.texts(here)))
    await asyncio.to_thread(server.gateway.join, OTHER)  # an event that is repeated is not new
    await asyncio.to_thread(server.gateway.ask, "list", here)
    [greeting] = server.texts(here)
    assert "papers add" in greeting
    assert "reward model" in greeting


async def test_a_server_is_greeted_where_the_bot_may_speak_and_nobody_else_gets_it(
    server: DiscordServer, connected: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    closed = [{"id": OTHER, "type": 0, "allow": "0", "deny": str(1 << 11)}]
    news = server.open_channel(ANNOUNCEMENT, guild_id=OTHER, position=0)
    rules = server.open_channel(guild_id=OTHER, position=1, permission_overwrites=closed)
    chat = server.open_channel(guild_id=OTHER, position=2)
    await join(server, caplog)
    await happens(lambda: bool(server.texts(chat)))
    assert not server.texts(news) + server.texts(rules)


async def test_a_server_in_which_the_bot_may_speak_nowhere_is_not_greeted(
    server: DiscordServer,
    backend: DiscordBackend,
    connected: Discord,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await join(server, caplog)
    assert not any(seen.method == "POST" for seen in server.seen)


async def test_a_server_that_is_not_served_is_not_greeted(
    server: DiscordServer, backend: DiscordBackend, caplog: pytest.LogCaptureFixture
) -> None:
    server.open_channel(guild_id=OTHER)
    async with listening(server, backend, servers=[GUILD]):
        await join(server, caplog)
    assert "served=no" in caplog.text
    assert not any(seen.method == "POST" for seen in server.seen)


async def test_no_server_that_was_there_before_is_greeted_when_the_bot_connects(
    server: DiscordServer, backend: DiscordBackend, connected: Discord
) -> None:
    assert not any(seen.method == "POST" for seen in server.seen)


async def test_a_server_that_removed_the_bot_is_archived_and_gets_everything_back(
    server: DiscordServer,
    backend: DiscordBackend,
    papers: str,
    connected: Discord,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await asyncio.to_thread(server.gateway.leave, GUILD)
    assert await becomes_archived(backend) == ["The bot was removed from the Discord server Wire."]
    assert await followed(backend) == 0
    await join(server, caplog, GUILD)
    await happens(lambda: bool(server.texts(papers)))
    assert await followed(backend) == 1
    assert await archived(backend) == []
    assert "I am back, and with me the keywords of 1 channel." in server.texts(papers)[0]


async def test_a_channel_of_a_removed_server_that_only_bot_toml_knows_is_archived_too(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    """Nobody has used a command in it, so its server is not known but from Discord."""
    channel = server.open_channel()
    await backend.store.follow(
        f"discord:{channel}", parse("reward model"), Person("bot.toml"), START
    )
    async with listening(server, backend):
        await asyncio.to_thread(server.gateway.leave, GUILD)
        await becomes_archived(backend)


async def test_a_deleted_channel_is_archived_alone(
    server: DiscordServer, backend: DiscordBackend, papers: str
) -> None:
    other = server.open_channel()
    await backend.store.follow(f"discord:{other}", parse("reward model"), ADA, START)
    async with listening(server, backend):
        await asyncio.to_thread(server.gateway.delete_channel, papers)
        assert await becomes_archived(backend) == [
            "The channel #papers of the Discord server Wire was deleted."
        ]
    assert [each.channel_id for each in await backend.store.subscriptions()] == [f"discord:{other}"]


async def test_a_removal_that_discord_does_not_confirm_at_once_is_asked_about_again(
    server: DiscordServer, backend: DiscordBackend, connected: Discord
) -> None:
    server.fail("GET", f"/guilds/{GUILD}", status=404, body={"code": 0, "message": "no"}, times=2)
    await asyncio.to_thread(server.gateway.leave, GUILD)
    await becomes_archived(backend)
    assert [each for each in backend.clock.slept if each > 1] == [5.0, 30.0]


async def test_a_server_that_is_unavailable_keeps_everything(
    server: DiscordServer, backend: DiscordBackend, connected: Discord
) -> None:
    await asyncio.to_thread(server.gateway.lose, GUILD)
    await asyncio.to_thread(server.gateway.ask, "list", next(iter(server.channels)))
    assert await followed(backend) == 1
    assert not any(seen.path == f"/guilds/{GUILD}" for seen in server.seen)


async def test_a_server_that_the_gateway_only_says_is_gone_keeps_everything(
    server: DiscordServer,
    backend: DiscordBackend,
    connected: Discord,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await asyncio.to_thread(server.gateway.tell_removed, GUILD)
    await happens(lambda: "removal not confirmed" in caplog.text)
    assert "it is still there" in caplog.text
    assert await followed(backend) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_server_that_discord_refuses_to_show_keeps_everything(
    server: DiscordServer,
    backend: DiscordBackend,
    connected: Discord,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    refusal = {"code": 0, "message": "no"}
    server.fail("GET", f"/guilds/{GUILD}", status=status, body=refusal, times=9)
    await asyncio.to_thread(server.gateway.leave, GUILD)
    await happens(lambda: "removal not confirmed" in caplog.text)
    assert await followed(backend) == 1


async def test_a_server_that_is_missing_at_the_start_keeps_everything(
    server: DiscordServer, backend: DiscordBackend, papers: str
) -> None:
    """As all are to the token of another application; and Discord may leave some out."""
    server.guilds.clear()
    async with listening(server, backend):
        await asyncio.to_thread(server.gateway.break_off)
        await asyncio.to_thread(server.gateway.wait_for_client, 2)
    assert await followed(backend) == 1
    assert not any(seen.path == f"/guilds/{GUILD}" for seen in server.seen)
