"""How soon Slack is told that a command arrived: one at a time, and from fifty people at once.

The real adapter on a small Slack's Socket Mode, on the same machine. Each command blocks the
process for 50 ms; Slack waits three seconds (docs.slack.dev, interactivity/implementing-slash-
commands, 2026-11).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from adapters import Settings
from adapters.slack.platform import Slack
from benchmarks.report import Row, table
from bot.clock import SystemClock
from bot.model import Person, Reply
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, SlackServer

ONE_BY_ONE = 40
AT_ONCE = 50
WORK = 0.05  # seconds that each command blocks
SLACK_WAITS = 3.0
SECRETS = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}


class Blocking:
    """Commands that keep the process busy."""

    async def claim_request(self, request_ids: Sequence[str]) -> bool:
        return True

    def opens_form(self, text: str) -> bool:
        return False

    async def typed(self, channel_id: str, person: Person, text: str) -> Reply:
        time.sleep(WORK)  # noqa: ASYNC251
        return Reply("Done.")


def run() -> list[Row]:
    return asyncio.run(_measure())


async def _measure() -> list[Row]:
    with SlackServer() as server:
        room = server.open_room()
        options: dict[str, Any] = {"api_url": f"{server.url}/api/", "command": "/papers"}
        settings = Settings(
            sys.stdout, SystemClock(), {**options, "workspaces": ()}, SECRETS.__getitem__
        )
        async with Slack(settings) as platform:
            listening = asyncio.create_task(platform.listen(Blocking()))  # type: ignore[arg-type]
            await asyncio.to_thread(server.socket.wait_for_client)

            async def acknowledged() -> float:
                began = time.perf_counter()
                await asyncio.to_thread(server.socket.command, "list", room)
                return time.perf_counter() - began

            await acknowledged()
            alone = []
            for _ in range(ONE_BY_ONE):
                await asyncio.sleep(2 * WORK)
                alone.append(await acknowledged())
            together = await asyncio.to_thread(
                server.socket.commands_at_once, ["list"] * AT_ONCE, room
            )
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    median, worst = statistics.median(alone), max(together.values())
    return [
        Row("one command, median", f"{median * 1000:.1f} ms", median / SLACK_WAITS,
            "Slack's limit"),
        Row(f"the last of {AT_ONCE} at once, {WORK * 1000:.0f} ms of work each",
            f"{worst:.2f} s", worst / SLACK_WAITS, "Slack's limit"),
    ]  # fmt: skip


def main() -> None:
    table("Acknowledging commands on Slack", run())


if __name__ == "__main__":
    main()
