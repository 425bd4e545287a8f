"""The real program as a service: a hand edit, a stop, a kill, a restart."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest

from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0  # seconds until something that must happen counts as not happening


def standin_paper(number: int, title: str, *, visible: datetime | None = None) -> StandinPaper:
    published = datetime.now(UTC) - timedelta(days=3) + timedelta(minutes=number)
    return StandinPaper(
        id=f"2611.{number:05d}",
        title=title,
        abstract="We look at what happens.",
        authors=("Ada Example",),
        categories=("cs.LG",),
        published=published,
        visible_at=visible or published,
    )


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    papers = [standin_paper(n, f"Reward model {n}") for n in range(1, 9)]
    papers += [standin_paper(n, f"Graph network {n}") for n in range(11, 19)]
    with ArxivStandin(papers, lambda: datetime.now(UTC)) as server:
        yield server


def write_config(folder: Path, arxiv: ArxivStandin, *keywords: str) -> Path:
    path = folder / "bot.toml"
    path.write_text(
        '[bot]\ntimezone = "UTC"\n\n[schedule]\npost_at = "00:00"\ndays = "daily"\n\n'
        f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0.0\n\n'
        f'[[channels]]\nid = "console:"\nkeywords = {json.dumps(keywords)}\n'
    )
    return path


class Running:
    """The program, and all that it has said so far. ``program`` says how it is started."""

    def __init__(self, config: Path, program: Sequence[str] = ("bot",)) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *program, "run", "--config", str(config)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.said = ""
        self.logged = ""
        self._readers = [
            threading.Thread(target=self._read, args=(name,)) for name in ("stdout", "stderr")
        ]

    def __enter__(self) -> Self:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self, name: str) -> None:
        for line in getattr(self.process, name):
            if name == "stdout":
                self.said += line
            else:
                self.logged += line

    def wait_until(self, happened: Callable[[Running], bool]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not happened(self):
            assert time.monotonic() < give_up, f"never happened; said:\n{self.said}{self.logged}"
            assert self.process.poll() is None, f"it ended:\n{self.said}{self.logged}"
            time.sleep(0.05)

    @property
    def posted(self) -> list[str]:
        return re.findall(r"https://arxiv.org/abs/(\S+)", self.said)


def call(*words: str, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *words, "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def running(config: Path, program: Sequence[str] = ("bot",)) -> Iterator[Running]:
    with Running(config, program) as process:
        yield process


def test_an_edit_of_bot_toml_counts_without_a_restart(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        config.write_text(config.read_text().replace('model"]', 'model", "graph network"]'))
        bot.wait_until(lambda bot: len(bot.posted) == 6)
    assert sorted(bot.posted) == [f"2611.{n:05d}" for n in (6, 7, 8, 16, 17, 18)]


def test_a_wrong_edit_is_reported_and_changes_nothing(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        good = config.read_text()
        config.write_text(good.replace('"reward model"', '"reward model", "(open"'))
        bot.wait_until(lambda bot: "nothing has changed" in bot.logged)
        assert "channels[0].keywords[1]" in bot.logged
        config.write_text(good.replace('"reward model"', '"reward model", "graph network"'))
        bot.wait_until(lambda bot: len(bot.posted) == 6)
    assert bot.logged.count("nothing has changed") == 1


def test_files_that_others_may_write_to_or_read_a_token_from_are_warned_of_at_the_start(
    tmp_path: Path, arxiv: ArxivStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, token = write_config(tmp_path, arxiv, "reward model"), tmp_path / "token"
    token.write_text("a-token-that-nobody-knows")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(token))
    config.write_text(config.read_text() + '[discord]\napi_url = "http://127.0.0.1:9/x"\n')
    config.chmod(0o666)
    token.chmod(0o644)
    with running(config) as bot:
        bot.wait_until(lambda bot: bot.logged.count("event=exposed") == 2)
    assert f"chmod go-w {config}" in bot.logged
    assert f"chmod 600 {token}" in bot.logged


def test_a_keyword_added_by_another_process_is_served_at_once(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        added = call("keywords", "add", "--channel", "console:", "graph network", config=config)
        assert added.returncode == 0, added.stderr
        bot.wait_until(lambda bot: len(bot.posted) == 6)
    assert "graph network" in config.read_text()


def test_a_second_service_on_the_same_data_is_told_so(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        second = call("once", config=config)
    assert second.returncode == 1
    assert "another Daily Papers already serves" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_it_stops_cleanly_when_asked_to(tmp_path: Path, arxiv: ArxivStandin, name: str) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        bot.process.send_signal(getattr(signal, name))
        assert bot.process.wait(PATIENCE) == 0
        bot._readers[1].join()
        assert "stopped" in bot.logged
        assert "Traceback" not in bot.logged


def test_a_hangup_lets_it_start_anew_with_bot_toml_as_it_is_now(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        good = config.read_text()
        config.write_text(good.replace('post_at = "00:00"', 'post_at = "25:00"'))
        bot.process.send_signal(signal.SIGHUP)
        bot.wait_until(lambda bot: "everything stays as it is" in bot.logged)
        assert "schedule.post_at" in bot.logged
        config.write_text(good.replace('post_at = "00:00"', 'post_at = "00:01"'))
        bot.process.send_signal(signal.SIGHUP)
        bot.wait_until(lambda bot: bot.logged.count("event=running") == 2)
        bot.process.send_signal(signal.SIGTERM)
        assert bot.process.wait(PATIENCE) == 0


def test_killed_and_started_again_it_posts_nothing_twice_and_nothing_is_missing(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, "reward model")
    posted: list[str] = []
    for turn in range(3):
        arxiv.add(standin_paper(100 + turn, "A new reward model", visible=datetime.now(UTC)))
        with running(config) as bot:
            bot.wait_until(lambda bot: "collect" in bot.logged)
            time.sleep(0.3)
            bot.process.send_signal(signal.SIGKILL)
        posted += bot.posted
    done = call("once", "--now", config=config)
    assert done.returncode == 0, done.stderr
    posted += re.findall(r"https://arxiv.org/abs/(\S+)", done.stdout)
    assert sorted(posted) == sorted(set(posted))
    assert {"2611.00101", "2611.00102"} <= set(posted)
