"""A Discord adapter that listens to the small Discord on the wire."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapters import Settings
from adapters.discord.platform import Discord
from tests.adapters.discord.backend import DiscordBackend
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import TOKEN

EVENT_TIMEOUT = 20.0  # seconds until something that must happen counts as not happening


def platform(
    server: DiscordServer, backend: DiscordBackend, token: str = TOKEN, **options: object
) -> Discord:
    settings = Settings(
        sys.stdout,
        backend.clock,
        {**server.options, **options},
        {"DISCORD_TOKEN": token}.__getitem__,
        sessions=backend.store,
    )
    return Discord(settings)


@asynccontextmanager
async def listening(
    server: DiscordServer, backend: DiscordBackend, *, clients: int = 1, **options: Any
) -> AsyncIterator[Discord]:
    """Until so many clients have been told of their servers since the server is there."""
    async with platform(server, backend, **options) as discord:
        task = asyncio.create_task(discord.listen(backend.commands))
        await asyncio.to_thread(server.gateway.wait_for_client, clients)
        await happens(lambda: not any(discord.shards.values()))
        yield discord
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def happens(event: Callable[[], bool]) -> None:
    async with asyncio.timeout(EVENT_TIMEOUT):
        while not event():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
