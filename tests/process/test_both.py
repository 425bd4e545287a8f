"""Discord and Slack in one process: what happens to one never touches the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process.world import PATIENCE, ROOT, SETTLING, now, standin_paper
from tests.wire import discord_shapes, slack_server
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.discord_server import DiscordServer
from tests.wire.slack_server import SlackServer

SECRETS = {
    "DISCORD_TOKEN": discord_shapes.TOKEN,
    "SLACK_BOT_TOKEN": slack_server.BOT_TOKEN,
    "SLACK_APP_TOKEN": slack_server.APP_TOKEN,
}


class Both:
    """A channel on each, which follow the same keyword."""

    def __init__(self, folder: Path) -> None:
        self.discord = DiscordServer()
        self.slack = SlackServer()
        self.channel = self.discord.open_channel()
        self.room = self.slack.open_room()
        self.config = folder / "bot.toml"
        self.log = folder / "log"

    @contextmanager
    def running(self, **secrets: str) -> Iterator[subprocess.Popen[str]]:
        with self.log.open("w") as log:
            bot = subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--config", str(self.config)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
                env={**os.environ, **SECRETS, **secrets},
            )
        try:
            yield bot
        finally:
            bot.kill()
            bot.wait()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    made = Both(tmp_path)
    papers = [standin_paper(n, f"Reward model {n}") for n in range(1, 9)]
    with made.discord, made.slack, ArxivStandin(papers, now) as arxiv:
        made.config.write_text(
            '[bot]\ntimezone = "UTC"\n[schedule]\npost_at = "00:00"\ndays = "daily"\n'
            f"[delivery]\nsettling = {SETTLING}\n"
            f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n'
            f"{made.discord.settings}{made.slack.settings}"
            f'[[channels]]\nid = "discord:{made.channel}"\nkeywords = ["reward model"]\n'
            f'[[channels]]\nid = "slack:{made.room}"\nkeywords = ["reward model"]\n'
        )
        yield made


def test_both_get_their_digest_and_a_stop_ends_both(both: Both) -> None:
    with both.running() as bot:
        both.discord.gateway.wait_for_client()
        both.slack.socket.wait_for_client()
        both.discord.wait_for(lambda: len(both.discord.papers(both.channel)) == 3, PATIENCE)
        both.slack.wait_for(lambda: len(both.slack.papers(both.room)) == 3, PATIENCE)
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(PATIENCE) == 0
    # The bell's library may grumble that its last ring was cut off by the stop; nobody else does.
    errors = [line for line in both.log.read_text().splitlines() if "level=error" in line]
    assert [line for line in errors if "logger=apscheduler" not in line] == []


def test_a_discord_that_lets_nobody_in_leaves_slack_alone(both: Both) -> None:
    with both.running(DISCORD_TOKEN="somebody-elses-token") as bot:
        both.slack.socket.wait_for_client()
        both.slack.wait_for(lambda: len(both.slack.papers(both.room)) == 3, PATIENCE)
        name = both.slack.socket.command("status", both.room)
        both.slack.wait_for(lambda: bool(both.slack.answers[name]))
        assert bot.poll() is None
    said = both.log.read_text()
    assert "refused platform=discord" in said
    assert "somebody-elses-token" not in said
    assert not both.discord.papers(both.channel)


def test_a_slack_that_lets_nobody_in_leaves_discord_alone(both: Both) -> None:
    both.slack.tokens[slack_server.BOT_TOKEN] = "token_revoked"
    with both.running() as bot:
        both.discord.gateway.wait_for_client()
        both.discord.wait_for(lambda: len(both.discord.papers(both.channel)) == 3, PATIENCE)
        assert "now follows" in discord_shapes.text_of(
            both.discord.gateway.ask("add graph network", both.channel)
        )
        assert bot.poll() is None
    assert "refused platform=slack" in both.log.read_text()


def test_who_added_a_keyword_is_told_once_that_the_channel_refuses(both: Both) -> None:
    closed = both.slack.open_room()
    with both.running():
        both.slack.socket.wait_for_client()
        both.slack.wait_for(lambda: len(both.slack.papers(both.room)) == 3, PATIENCE)
        both.slack.rooms[closed].refuses = "not_in_channel"
        name = both.slack.socket.command("add reward model", closed)
        both.slack.wait_for(lambda: bool(both.slack.answers[name]))
        both.slack.wait_for(lambda: "U0000001" in both.slack.rooms, PATIENCE)
    [told] = both.slack.texts("U0000001")
    assert "/invite" in told
