"""A morning on Slack: 200 channels through the whole delivery, with Slack's limits on the wire.

The real outbox, deliverer and adapter, and a small Slack that answers 429 to a second message in a
channel within a second. Slack allows "several hundred messages per minute" in a workspace
(docs.slack.dev, rate limits, 2026-11), which is read as 300: a message each 0.2 seconds is the
floor. Against it also the way of a bot that takes one message after the other, a second apart
(computed).
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from adapters import Settings
from adapters.slack.platform import Slack
from adapters.slack.render import compose
from benchmarks.report import Row, table
from bot.clock import SystemClock
from bot.core.deliver import Deliverer
from bot.model import Channel, Digest, Entry, Why
from bot.store.store import SqlStore
from tests.builders import paper
from tests.store.database import opened, queue, wait
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, SlackServer

CHANNELS = 200
PAPERS = 20
A_MINUTE = 300  # messages in a workspace
SECRETS = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}


def run() -> list[Row]:
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name, SlackServer(limited=True) as slack:
        rooms = [slack.open_room() for _ in range(CHANNELS)]
        store = opened(Path(name) / "db")
        for room in rooms:
            _queue(store, room)
        began = time.perf_counter()
        asyncio.run(_deliver(slack, store))
        wall = time.perf_counter() - began
        store.close()
        counts = [slack.papers(room) for room in rooms]
        assert all(len(found) == PAPERS and set(found.values()) == {1} for found in counts)
        messages = [len(slack.rooms[room].messages) for room in rooms]
        too_fast = slack.too_fast
    floor = max(max(messages) - 1.0, sum(messages) * 60 / A_MINUTE)
    assert wall > 0.95 * floor, "faster than Slack allows: what exceeds it may not be shown"
    one_by_one = sum(messages) * 1.0
    what = f"{CHANNELS} channels, {sum(messages)} messages, {too_fast} answered with 429"
    return [
        Row(what, f"{wall:.1f} s", wall / floor, "floor of Slack's limit"),
        Row("one message a second (computed)", f"{one_by_one:.0f} s", one_by_one / floor,
            "floor of Slack's limit"),
    ]  # fmt: skip


def _queue(store: SqlStore, room: str) -> None:
    entries = tuple(Entry(paper(n), ("reward model",)) for n in range(1, PAPERS + 1))
    channel = Channel(f"slack:{room}")
    now = datetime.now(UTC)
    drafts = compose(Digest(channel, now.date(), Why.NEW, entries))
    keyed = tuple((f"{room.lower()}{n:014x}", draft) for n, draft in enumerate(drafts))
    wait(queue(store, channel.id, keyed, now))


async def _deliver(slack: SlackServer, store: SqlStore) -> None:
    clock = SystemClock()
    options = {"api_url": f"{slack.url}/api/", "command": "/papers", "managers": ()}
    settings = Settings(sys.stdout, clock, {**options, "workspaces": ()}, SECRETS.__getitem__)
    async with Slack(settings) as platform:
        rng = random.Random(1)
        deliverer = Deliverer("slack", platform, store, clock, rng, workers=platform.workers)
        await deliverer.deliver(wait=300)


if __name__ == "__main__":
    table("Delivering on Slack", run())
