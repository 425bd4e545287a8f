"""The real program in a folder of its own, between a stand-in for arXiv and small vendors."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess
from types import TracebackType
from typing import IO, Any, Protocol, Self

from tests.process import forked
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

ROOT = Path(__file__).parents[2]
# Seconds. Scaled together: a vendor stores a message at most so much later, and the bot lets one of
# unknown outcome settle for so much longer. The drill does it in full length.
STORING, SETTLING = 0.5, 1.0
TIMEOUT_SECONDS = 40.0  # until something that must happen counts as not happening


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


def reward_models(count: int) -> ArxivStandin:
    """An arXiv with so many papers that match ``reward model``."""
    return ArxivStandin([standin_paper(n, f"Reward model {n}") for n in range(1, count + 1)], now)


def write_config(
    folder: Path, arxiv: ArxivStandin, channels: Mapping[str, Sequence[str]], more: str = ""
) -> Path:
    """A bot.toml: the keywords of each channel, which may be posted to at any time of any day."""
    path = folder / "bot.toml"
    blocks = "".join(
        f'[[channels]]\nid = "{channel}"\nkeywords = {json.dumps([*keywords])}\n'
        for channel, keywords in channels.items()
    )
    path.write_text(
        '[bot]\ntimezone = "UTC"\ndata = "data"\n[schedule]\npost_at = "00:00"\ndays = "daily"\n'
        f'[delivery]\nsettling = {SETTLING}\n[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n'
        f"{more}{blocks}"
    )
    return path


class Running:
    """The service, and all that it has said so far."""

    def __init__(self, config: Path, module: str, words: Sequence[str], env: Mapping[str, str]):
        self.said = ""
        self.logged = ""
        self._readers = []
        ends = []
        for read in (self._read_said, self._read_logged):
            end, theirs = os.pipe()
            ends.append(theirs)
            self._readers.append(threading.Thread(target=read, args=(os.fdopen(end),)))
        self.process = forked.start(
            [*words, "run", "--config", str(config)],
            env={**os.environ, **env},
            stdout=ends[0],
            stderr=ends[1],
            module=module,
        )
        for theirs in ends:
            os.close(theirs)

    def __enter__(self) -> Self:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()

    def _read_said(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self.said += line

    def _read_logged(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self.logged += line

    def wait_until(self, happened: Callable[[Running], bool]) -> None:
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while not happened(self):
            assert time.monotonic() < give_up, f"never happened; said:\n{self.said}{self.logged}"
            assert self.process.poll() is None, f"it ended:\n{self.said}{self.logged}"
            time.sleep(0.02)

    def wait_for_end(self) -> int:
        """Its exit status, when all that it has said was read."""
        status = self.process.wait(TIMEOUT_SECONDS)
        for reader in self._readers:
            reader.join()
        return status

    def stop(self, number: int) -> int:
        """Send the signal; the exit status."""
        self.process.send_signal(number)
        return self.wait_for_end()

    @property
    def posted(self) -> list[str]:
        return re.findall(r"https://arxiv.org/abs/(\S+)", self.said)


@contextmanager
def running(
    config: Path,
    *,
    module: str = "bot",
    words: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """``python -m MODULE WORD … run``; killed at the end, if it still runs."""
    with Running(config, module, words, env or {}) as process:
        yield process


class Vendor(Protocol):
    """What a small Discord and a small Slack have in common."""

    @property
    def settings(self) -> str: ...

    def papers(self, channel_id: str) -> Counter[str]: ...

    def wait_for(self, happened: Callable[[], bool], seconds: float = ...) -> None: ...

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
        channels: Sequence[str],
        secrets: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self.config = folder / "bot.toml"
        self.platform = platform
        self.vendor = vendor
        self.channels = [*channels]
        self.secrets = dict(secrets)
        self.arxiv = reward_models(8)

    def __enter__(self) -> Self:
        self.vendor.__enter__()
        self.arxiv.__enter__()
        follow = {f"{self.platform}:{each}": ["reward model"] for each in self.channels}
        write_config(self.folder, self.arxiv, follow, self.vendor.settings)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.arxiv.__exit__(kind, error, traceback)
        self.vendor.__exit__(kind, error, traceback)

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, **self.secrets}

    def start(self, *words: str, log: IO[Any] | int = DEVNULL) -> forked.Process:
        """A command, killed at the end of a ``with`` if it still runs."""
        words = (*words, "--config", str(self.config))
        return forked.start(words, env=self.environ, stderr=log)

    def call(self, *words: str) -> CompletedProcess[str]:
        return forked.call(*words, "--config", str(self.config), env=self.environ)

    def once(self, *words: str, tries: int = 1) -> CompletedProcess[str]:
        """``once``, again and again until nothing waits any more, but only so many times."""
        for _ in range(tries):
            done = self.call("once", *words)
            if done.returncode == 0:
                break
        return done

    def posted(self) -> set[tuple[int, ...]]:
        """How often each paper stands, in each kind of channel that there is."""
        return {tuple(sorted(self.vendor.papers(each).values())) for each in self.channels}

    def wait_for(self, happened: Callable[[], bool], process: forked.Process) -> None:
        """Until it has happened; the program must be alive meanwhile."""
        self.vendor.wait_for(happened, TIMEOUT_SECONDS)
        assert process.poll() is None or happened()

    def wait_for_file(self, text: str, process: forked.Process) -> None:
        """Until bot.toml has it, which follows the chat a moment later."""
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while text not in self.config.read_text():
            assert time.monotonic() < give_up, self.config.read_text()
            assert process.poll() is None
            time.sleep(0.02)
