"""How many sessions the bot begins at Discord, however often it is started or refused."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.discord.sessions import (
    IDENTIFY_INTERVAL,
    MAX_UNANSWERED,
    RESERVED_SESSIONS,
    GatewayInfo,
    SessionBudget,
)
from bot.errors import PlatformRefused
from tests.adapters.discord.backend import DiscordBackend
from tests.adapters.discord.listening import listening, platform
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import TOKEN

HOUR = timedelta(hours=1).total_seconds()


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as made:
        made.open_channel()
        yield made


async def refusal(
    server: DiscordServer, backend: DiscordBackend, token: str = TOKEN
) -> PlatformRefused:
    """What a start of the bot meets that must be refused."""
    async with platform(server, backend, token) as discord:
        with pytest.raises(PlatformRefused) as refused:
            await asyncio.wait_for(discord.listen(backend.commands), 20)
    return refused.value


async def test_shards_identify_one_after_the_other_at_discords_pace(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    server.gateway.shards = 3
    async with listening(server, backend, clients=3) as discord:
        assert [shard for shard, _ in server.gateway.started] == [0, 1, 2]
        assert discord.shards == dict.fromkeys(range(3))
    assert backend.clock.slept == [IDENTIFY_INTERVAL.total_seconds()] * 2


async def test_shards_of_different_buckets_need_not_wait_for_each_other(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    server.gateway.shards = server.gateway.max_concurrency = 3
    async with listening(server, backend, clients=3):
        pass
    assert backend.clock.slept == []


async def test_the_pace_is_kept_over_a_restart(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    for number in range(2):
        async with listening(server, backend, clients=number + 1):
            pass
    assert backend.clock.slept == [IDENTIFY_INTERVAL.total_seconds()]


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_after_a_final_refusal_one_session_an_hour_is_tried_whatever_is_restarted(
    server: DiscordServer, backend: DiscordBackend, code: int
) -> None:
    server.gateway.refuse = code
    first = await refusal(server, backend)
    assert first.seconds == HOUR
    backend.clock.advance(600)
    again = await refusal(server, backend)
    assert str(again) == str(first)
    assert again.seconds == HOUR - 600
    assert server.gateway.identifies == 1
    backend.clock.advance(HOUR - 600)
    await refusal(server, backend)
    assert server.gateway.identifies == 2


async def test_a_refusal_of_one_token_does_not_hold_up_another(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    """Whoever has put a new token there need not wait."""
    server.gateway.refuse = 4004
    await refusal(server, backend)
    server.gateway.refuse = None
    other = await refusal(server, backend, token="another")
    assert other.seconds is None, "refused at the login, which costs no session"
    assert server.gateway.identifies == 1


async def test_a_session_that_is_always_invalid_is_tried_once_an_hour(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    server.gateway.invalid = math.inf
    async with platform(server, backend) as discord:
        for tries in range(MAX_UNANSWERED, MAX_UNANSWERED + 3):
            with pytest.raises(PlatformRefused, match="ends each new session at once") as refused:
                await asyncio.wait_for(discord.listen(backend.commands), 20)
            assert refused.value.seconds == HOUR
            assert server.gateway.identifies == tries
            backend.clock.advance(HOUR)


async def test_a_session_that_is_invalid_for_a_while_is_restarted(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    server.gateway.invalid = MAX_UNANSWERED - 1
    async with listening(server, backend) as discord:
        assert discord.disconnected_since is None
    assert server.gateway.identifies == MAX_UNANSWERED


async def test_the_last_sessions_of_a_day_are_never_used(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    """Another program spends them too, and Discord alone counts all."""
    server.gateway.starts = RESERVED_SESSIONS
    refused = await refusal(server, backend)
    assert "50 of 1000 a day are left" in str(refused)
    assert "connects again at 10:00 UTC" in str(refused)
    assert refused.seconds == 2 * HOUR
    assert server.gateway.connections == 0


@pytest.mark.parametrize("shards", [1, 8])
async def test_a_bot_that_is_started_again_and_again_keeps_its_token(
    backend: DiscordBackend, shards: int
) -> None:
    """Every ten minutes; the token would be lost with the 96th session of the day."""
    info = GatewayInfo(shards, 96, 96, timedelta(days=1), 1)
    begun, said, tomorrow = 0, "", backend.clock.now() + timedelta(days=1)
    while backend.clock.now() < tomorrow:
        budget = SessionBudget(backend.store, "token", backend.clock)
        budget.check_remaining(info, range(shards))
        try:
            await budget.wait_for_turn(begun % shards)
            begun += 1
        except PlatformRefused as refused:
            said = str(refused)
        backend.clock.advance(600)
    assert begun == 96 - RESERVED_SESSIONS
    assert "Does something start it again and again?" in said


async def test_two_processes_share_one_budget(backend: DiscordBackend) -> None:
    one, other = (SessionBudget(backend.store, "token", backend.clock) for _ in range(2))
    await one.wait_for_turn(0)
    await other.wait_for_turn(1)
    assert backend.clock.slept == [IDENTIFY_INTERVAL.total_seconds()]
