"""The real program between a small vendor and the stand-in for arXiv, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

ROOT = Path(__file__).parents[2]
# Seconds. Scaled together: a vendor stores a message at most so much later, and the bot lets one of
# unknown outcome settle for so much longer. The drill does it in full length.
STORING, SETTLING = 3.0, 4.0
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


class Vendor(Protocol):
    """What a small Discord and a small Slack have in common."""

    @property
    def settings(self) -> str: ...

    def papers(self, channel_id: str) -> Counter[str]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class World:
    """``channels`` follow ``reward model``; their ids are the vendor's own."""

    def __init__(
        self,
        folder: Path,
        platform: str,
        vendor: Vendor,
        channels: list[str],
        secrets: Mapping[str, str],
    ) -> None:
        self.config = folder / "bot.toml"
        self.platform = platform
        self.vendor = vendor
        self.channels = channels
        self.arxiv = ArxivStandin([standin_paper(n, f"Reward model {n}") for n in range(1, 9)], now)
        self._secrets = secrets

    def __enter__(self) -> Self:
        self.vendor.__enter__()
        self.arxiv.__enter__()
        blocks = "".join(
            f'[[channels]]\nid = "{self.platform}:{each}"\nkeywords = ["reward model"]\n'
            for each in self.channels
        )
        self.config.write_text(
            '[bot]\ntimezone = "UTC"\n[schedule]\npost_at = "00:00"\ndays = "daily"\n'
            f"[delivery]\nsettling = {SETTLING}\n"
            f'[arxiv]\nurl = "{self.arxiv.url}"\ninterval = 0\n{self.vendor.settings}{blocks}'
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.arxiv.__exit__(kind, error, traceback)
        self.vendor.__exit__(kind, error, traceback)

    def call(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "bot", *words, "--config", str(self.config)]

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, **self._secrets, "PYTHONUNBUFFERED": "1"}

    def program(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.call(*words),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environ,
        )

    def once(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.call("once", *words),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=self.environ,
        )

    def posted(self) -> set[tuple[int, ...]]:
        """How often each paper stands, in each kind of channel that there is."""
        return {tuple(sorted(self.vendor.papers(each).values())) for each in self.channels}
