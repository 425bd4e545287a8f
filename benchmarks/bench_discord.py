"""How near a delivery to 1,000 Discord channels comes to what Discord's limits allow, and how much
memory the program holds while it is connected and waits.

The small Discord of the tests keeps the real limits: 50 requests a second over all, 5 messages in
5 s for a channel. It runs in this process, what is measured in another one. The floor is one
request for each message at 50 a second; what the program asks besides (its own name, where the
channels are) is above it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters import Settings
from adapters.discord.platform import Discord
from adapters.discord.render import compose
from benchmarks.report import Row, table
from bot.clock import SystemClock
from bot.core.deliver import Deliverer
from bot.keywords import parse
from bot.model import ChannelAgenda, Digest, Entry, Publication, Why
from tests.builders import paper
from tests.store.database import follow_all, opened
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.discord_server import DiscordServer, Limits
from tests.wire.discord_shapes import TOKEN

CHANNELS = 1_000
PAPERS = 10  # in each digest; one message
PER_SECOND = 50  # Discord's own limit over all


def run() -> list[Row]:
    return [*delivery(), *memory()]


def delivery() -> list[Row]:
    """One message for each channel, from the database through the adapter to the wire."""
    limits = Limits(over_all=PER_SECOND, bucket=5, per=5.0)
    with (
        tempfile.TemporaryDirectory() as name,
        DiscordServer(limits=limits, documented=False) as server,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other,
    ):
        channels = [server.open_channel() for _ in range(CHANNELS)]
        other.submit(_queue, Path(name), channels).result()
        seconds = other.submit(_deliver, Path(name), server.options).result()
        once_each = all(len(server.messages[each]) == 1 for each in channels)
        requests, too_fast = len(server.seen), server.too_fast
    assert once_each, "a channel has no message, or two"
    floor = CHANNELS / PER_SECOND
    return [
        Row(f"a message to each of {CHANNELS} channels", f"{seconds:.1f} s", seconds / floor,
            "50 requests/s"),
        Row("its requests", f"{requests}", requests / CHANNELS, "messages"),
        Row("of them told to slow down", f"{too_fast}", too_fast / requests, "its requests"),
    ]  # fmt: skip


def _queue(folder: Path, channels: list[str]) -> None:
    store = opened(folder / "db")
    now = datetime.now(UTC)
    entries = tuple(Entry(paper(n), ("reward model",)) for n in range(1, PAPERS + 1))

    follow_all(store, [(f"discord:{each}", parse("reward model")) for each in channels], now)

    def plan(agenda: ChannelAgenda) -> Publication:
        [draft] = compose(Digest(agenda.channel, now.date(), Why.NEW, entries))
        return Publication(drafts=((f"key-{agenda.channel.id}", draft),))

    asyncio.run(store.publish([(f"discord:{each}", plan) for each in channels], now))
    store.close()


def _deliver(folder: Path, options: dict[str, Any]) -> float:
    """Wall seconds from the first claim to the last settling."""
    return asyncio.run(_delivering(folder, options))


async def _delivering(folder: Path, options: dict[str, Any]) -> float:
    store = opened(folder / "db")
    clock = SystemClock()
    settings = Settings(sys.stdout, clock, options, {"DISCORD_TOKEN": TOKEN}.__getitem__)
    try:
        async with Discord(settings) as platform:
            deliverer = Deliverer(
                "discord", platform, store, clock, random.Random(7), workers=platform.workers
            )
            begin = time.perf_counter()
            await deliverer.deliver(wait=60)
            seconds = time.perf_counter() - begin
        sent = (await store.measures()).posts.get(("discord", "sent"), 0)
    finally:
        store.close()
    assert sent == CHANNELS, sent
    return seconds


def memory() -> list[Row]:
    """Resident memory of ``daily-papers run``, connected to the gateway, with nothing to do."""
    with (
        tempfile.TemporaryDirectory() as name,
        DiscordServer() as server,
        ArxivStandin([], lambda: datetime.now(UTC)) as arxiv,
    ):
        folder = Path(name)
        (folder / "bot.toml").write_text(
            '[bot]\ntimezone = "UTC"\n'
            f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n{server.settings}'
            f'[[channels]]\nid = "discord:{server.open_channel()}"\nkeywords = ["reward model"]\n'
        )
        bare = _resident([sys.executable, "-c", _READY], _said)
        library = _resident([sys.executable, "-c", "import discord\n" + _READY], _said)
        program = [sys.executable, "-m", "bot", "run", "--config", str(folder / "bot.toml")]
        ours = _resident(program, lambda _: _connected_and_idle(server))
    return [
        Row("daily-papers run, connected", f"{ours:.0f} MB", ours / library, "import discord"),
        Row("import discord", f"{library:.0f} MB", library / bare, "bare interpreter"),
    ]


_READY = "print(flush=True)\ninput()"


def _said(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.stdout.readline()


def _connected_and_idle(server: DiscordServer) -> None:
    server.gateway.wait_for_client()
    quiet_since = len(server.seen)
    while True:
        time.sleep(2)
        if len(server.seen) == quiet_since:
            return
        quiet_since = len(server.seen)


def _resident(command: list[str], ready: Callable[[subprocess.Popen[bytes]], None]) -> float:
    """MB that the process holds once it is ready."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "DISCORD_TOKEN": TOKEN},
    )
    try:
        ready(process)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
    finally:
        process.terminate()
        process.communicate(timeout=30)


if __name__ == "__main__":
    table("Discord", run())
