"""The real program between the small Discord and the stand-in for arXiv, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.process.world import SETTLING
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import FORUM, TOKEN

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0  # seconds until something that must happen counts as not happening


def now() -> datetime:
    return datetime.now(UTC)


def standin_paper(number: int, title: str, *, visible: datetime | None = None) -> StandinPaper:
    published = now() - timedelta(days=3) + timedelta(minutes=number)
    return StandinPaper(
        id=f"{published:%y%m}.{number:05d}",
        title=title,
        abstract="We look at what happens.",
        authors=("Ada Example",),
        categories=("cs.LG",),
        published=published,
        visible_at=visible or published,
    )


class World:
    """``program`` starts the bot in it; several channels follow ``reward model``."""

    def __init__(self, folder: Path, channels: int, forums: int = 0) -> None:
        self.folder = folder
        self.discord = DiscordServer()
        self.arxiv = ArxivStandin(
            [standin_paper(n, f"Reward model {n}") for n in range(1, 9)], lambda: now()
        )
        self.channels = [self.discord.open_channel() for _ in range(channels)]
        self.channels += [self.discord.open_channel(FORUM) for _ in range(forums)]
        self.config = folder / "bot.toml"

    def __enter__(self) -> Self:
        self.discord.__enter__()
        self.arxiv.__enter__()
        blocks = "".join(
            f'[[channels]]\nid = "discord:{each}"\nkeywords = ["reward model"]\n'
            for each in self.channels
        )
        self.config.write_text(
            '[bot]\ntimezone = "UTC"\n[schedule]\npost_at = "00:00"\ndays = "daily"\n'
            f"[delivery]\nsettling = {SETTLING}\n"
            f'[arxiv]\nurl = "{self.arxiv.url}"\ninterval = 0\n{self.discord.settings}{blocks}'
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.arxiv.__exit__(kind, error, traceback)
        self.discord.__exit__(kind, error, traceback)

    def program(
        self, *words: str, log: IO[str] | int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *words, "--config", str(self.config)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
            env={**os.environ, "DISCORD_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"},
        )

    def once(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.call("once", *words)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", *words, "--config", str(self.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "DISCORD_TOKEN": TOKEN},
        )

    def posted(self) -> dict[str, list[int]]:
        """How often each paper stands in each channel."""
        return {each: sorted(self.discord.papers(each).values()) for each in self.channels}

    def messages(self) -> int:
        """In the channels, and in the posts of forums."""
        kept, made = self.discord.messages, self.discord.channels
        return sum(len(kept[i]) for i in list(kept) if {i, made[i]["parent_id"]} & {*self.channels})

    def asked_to_post(self) -> int:
        """How many channels the bot has begun to post in."""
        posts = {seen.path for seen in self.discord.seen if seen.method == "POST"}
        return len(posts & {f"/channels/{each}/messages" for each in self.channels})

    def wait_for_messages(self, count: int) -> None:
        self.discord.wait_for(lambda: self.messages() >= count, PATIENCE)

    def wait_for(self, happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Until it has happened; the program must be alive meanwhile."""
        self.discord.wait_for(happened, PATIENCE)
        assert process.poll() is None or happened()
