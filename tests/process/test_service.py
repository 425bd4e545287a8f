"""The real program as a service: a hand edit, a stop, a kill, a restart."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import forked
from tests.process.world import now, running, standin_paper, write_config
from tests.wire.arxiv_standin import ArxivStandin


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    papers = [standin_paper(n, f"Reward model {n}") for n in range(1, 9)]
    papers += [standin_paper(n, f"Graph network {n}") for n in range(11, 19)]
    with ArxivStandin(papers, now) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, arxiv: ArxivStandin) -> Path:
    """The terminal follows one keyword."""
    return write_config(tmp_path, arxiv, {"console:": ["reward model"]})


def call(*words: str, config: Path) -> subprocess.CompletedProcess[str]:
    return forked.call(*words, "--config", str(config))


def test_an_edit_of_bot_toml_counts_without_a_restart(config: Path) -> None:
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        config.write_text(config.read_text().replace('model"]', 'model", "graph network"]'))
        bot.wait_until(lambda bot: len(bot.posted) == 6)
    assert sorted(bot.posted) == [standin_paper(n, "").id for n in (6, 7, 8, 16, 17, 18)]


def test_a_wrong_edit_is_reported_and_changes_nothing(config: Path) -> None:
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
    config: Path,
) -> None:
    token = config.parent / "token"
    token.write_text("a-token-that-nobody-knows")
    config.write_text(config.read_text() + '[discord]\napi_url = "http://127.0.0.1:9/x"\n')
    config.chmod(0o666)
    token.chmod(0o644)
    with running(config, env={"DISCORD_TOKEN_FILE": str(token)}) as bot:
        bot.wait_until(lambda bot: bot.logged.count("event=exposed") == 2)
    assert f"chmod go-w {config}" in bot.logged
    assert f"chmod 600 {token}" in bot.logged


def test_a_keyword_added_by_another_process_is_served_at_once(config: Path) -> None:
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        added = call("keywords", "add", "--channel", "console:", "graph network", config=config)
        assert added.returncode == 0, added.stderr
        bot.wait_until(lambda bot: len(bot.posted) == 6)
    assert "graph network" in config.read_text()


def test_a_second_service_on_the_same_data_is_told_so(config: Path) -> None:
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        second = call("once", config=config)
    assert second.returncode == 1
    assert "another Daily Papers already serves" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_it_stops_cleanly_when_asked_to(config: Path, name: str) -> None:
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        assert bot.stop(getattr(signal, name)) == 0
    assert "stopped" in bot.logged
    assert "Traceback" not in bot.logged


def test_a_hangup_lets_it_restart_with_bot_toml_as_it_is_now(config: Path) -> None:
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
        assert bot.stop(signal.SIGTERM) == 0


def test_killed_and_started_again_it_posts_nothing_twice_and_nothing_is_missing(
    config: Path, arxiv: ArxivStandin
) -> None:
    posted: list[str] = []
    for turn in range(3):
        arxiv.add(standin_paper(100 + turn, "A new reward model", visible=now()))
        with running(config) as bot:
            bot.wait_until(lambda bot: "collect" in bot.logged)
            time.sleep(0.3)
            bot.process.send_signal(signal.SIGKILL)
        posted += bot.posted
    done = call("once", "--now", config=config)
    assert done.returncode == 0, done.stderr
    posted += re.findall(r"https://arxiv.org/abs/(\S+)", done.stdout)
    assert sorted(posted) == sorted(set(posted))
    assert {standin_paper(n, "").id for n in (101, 102)} <= set(posted)
