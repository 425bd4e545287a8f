"""A hash of every message that a real April would have brought, on every platform and layout.

The same before and after a change that is to change no message::

    .venv/bin/python -m tests.replay.payloads ../shared/data

Clock, keys and papers are fixed; what is hashed are the bytes as they would be sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from adapters.console.render import ConsoleComposer
from adapters.discord.render import DiscordComposer
from adapters.slack.render import SlackComposer
from bot.arxiv.source import ArxivSource
from bot.core.collect import collect
from bot.core.publish import publish
from bot.keywords import parse
from bot.model import Person
from bot.ports import Composer, Store
from tests.fakes import FakeClock
from tests.replay.history import submissions
from tests.replay.living import RULES
from tests.store.database import opened, select
from tests.wire.arxiv_server import ArxivServer

FIRST = datetime.fromisoformat("2026-04-07T05:00:00+00:00")
DAYS = 24
KEYWORDS = (
    "diffusion model",
    "cat:hep-th AND (dark OR gravity)",
    "graph neural network",
    "au:nakamura",
    "cat:cs.LG",  # hundreds a day: folded, and several messages
)
CHANNELS = {  # by layout; None is the platform's own
    "console:": None,
    "discord:100000000000000001": None,
    "discord:100000000000000002": "thread",
    "discord:100000000000000003": "list",
    "slack:C0000000001": None,
    "slack:C0000000002": "inline",
    "slack:C0000000003": "list",
    "slack:C0000000004": "messages",
}


COMPOSERS: Mapping[str, Callable[[], Composer]] = {
    "console": ConsoleComposer,
    "discord": DiscordComposer,
    "slack": SlackComposer,
}


async def hashed(arxiv_data: Path, folder: Path) -> tuple[str, Counter[str]]:
    """SHA-256 over all messages, channel by channel, and how many each platform has."""
    clock = FakeClock(FIRST)
    store = opened(folder / "db")
    await _follow_all(store)
    with ArxivServer(submissions(arxiv_data), clock) as arxiv:
        source = ArxivSource(
            url=arxiv.url, contact="mailto:test@example.org", interval=3, clock=clock,
            pace_file=folder / "pace", rng=random.Random(1),
        )  # fmt: skip
        async with source:
            for number in range(DAYS):
                clock.jump(max(FIRST + timedelta(days=number), clock.now()))
                await collect(source, store, clock, first_post=3)
                await publish(store, COMPOSERS, lambda _: RULES, clock, now=True)
    # Each process publishes to the channels in an order of its own.
    in_order = "select channel_id, key, parent_key, payload from outbox order by channel_id, seq"
    rows = select(store, in_order)
    store.close()
    total = hashlib.sha256()
    for row in rows:
        total.update("\n".join(str(value) for value in row).encode())
    return total.hexdigest(), Counter(row[0].partition(":")[0] for row in rows)


async def _follow_all(store: Store) -> None:
    for channel, layout in CHANNELS.items():
        for keyword in KEYWORDS:
            await store.follow(channel, parse(keyword), Person(""), FIRST)
        if layout:
            await store.change_settings(channel, {"layout": layout})


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        digest, counts = asyncio.run(hashed(Path(sys.argv[1]) / "arxiv", Path(folder)))
    sys.stdout.write(f"{digest} {dict(counts)}\n")


if __name__ == "__main__":
    main()
