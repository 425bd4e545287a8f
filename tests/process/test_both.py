"""Discord and Slack in one process: what happens to one never touches the other."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.model import Person
from bot.model.timetable import Timetable
from bot.store import FILE
from tests.builders import paper
from tests.process import forked
from tests.process.world import (
    TIMEOUT_SECONDS,
    Running,
    now,
    reward_models,
    running,
    standin_paper,
    write_config,
)
from tests.store.database import opened, wait
from tests.wire import discord_shapes, slack_server
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.discord_server import DiscordServer
from tests.wire.slack_server import SlackServer

SECRETS = {
    "DISCORD_TOKEN": discord_shapes.TOKEN,
    "SLACK_BOT_TOKEN": slack_server.BOT_TOKEN,
    "SLACK_APP_TOKEN": slack_server.APP_TOKEN,
}

GROUP = "S0123456789"


class Both:
    """A channel on each, which follow the same keyword."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.discord = DiscordServer()
        self.slack = SlackServer()
        self.channel = self.discord.open_channel()
        self.room = self.slack.open_room()
        self.config = folder / "bot.toml"
        self.arxiv: ArxivStandin

    @contextmanager
    def running(self, **secrets: str) -> Iterator[Running]:
        with running(self.config, env={**SECRETS, **secrets}) as bot:
            yield bot

    def once(self, *more: str) -> str:
        """Collect, publish and deliver, whatever the time of day; what it says of that."""
        words = ("once", "--now", "--config", str(self.config), *more)
        done = forked.call(*words, env={**os.environ, **SECRETS})
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()[-1]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    made = Both(tmp_path)
    with made.discord, made.slack, reward_models(8) as arxiv:
        made.arxiv = arxiv
        channels = [f"discord:{made.channel}", f"slack:{made.room}"]
        settings = made.discord.settings + made.slack.settings
        write_config(tmp_path, arxiv, {each: ["reward model"] for each in channels}, settings)
        yield made


def test_both_get_their_digest_and_a_stop_ends_both(both: Both) -> None:
    with both.running() as bot:
        both.discord.gateway.wait_for_client()
        both.slack.socket.wait_for_client()
        both.discord.wait_for(lambda: len(both.discord.papers(both.channel)) == 3, TIMEOUT_SECONDS)
        both.slack.wait_for(lambda: len(both.slack.papers(both.room)) == 3, TIMEOUT_SECONDS)
        assert bot.stop(signal.SIGTERM) == 0
    # The scheduler's library may log that its last job was cut off by the stop; nobody else does.
    errors = [line for line in bot.logged.splitlines() if "level=error" in line]
    assert [line for line in errors if "logger=apscheduler" not in line] == []


def test_a_discord_that_lets_nobody_in_leaves_slack_alone(both: Both) -> None:
    with both.running(DISCORD_TOKEN="somebody-elses-token") as bot:
        both.slack.socket.wait_for_client()
        both.slack.wait_for(lambda: len(both.slack.papers(both.room)) == 3, TIMEOUT_SECONDS)
        name = both.slack.socket.command("status", both.room)
        both.slack.wait_for(lambda: bool(both.slack.answers[name]))
        assert bot.process.poll() is None
    assert "refused platform=discord what=commands" in bot.logged
    assert "somebody-elses-token" not in bot.logged
    assert not both.discord.papers(both.channel)


def test_a_slack_that_lets_nobody_in_leaves_discord_alone(both: Both) -> None:
    both.slack.tokens[slack_server.BOT_TOKEN] = "token_revoked"
    with both.running() as bot:
        both.discord.gateway.wait_for_client()
        both.discord.wait_for(lambda: len(both.discord.papers(both.channel)) == 3, TIMEOUT_SECONDS)
        assert "now follows" in discord_shapes.text_of(
            both.discord.gateway.ask("add graph network", both.channel)
        )
        assert bot.process.poll() is None
    assert "refused platform=slack" in bot.logged


def test_a_withdrawal_is_told_once_on_both_and_in_reply_to_the_papers_own_message(
    both: Both,
) -> None:
    posted = standin_paper(8, "Reward model 8")
    gone = "This paper has been withdrawn by the authors"
    assert both.once() == "Posted 6 papers to 2 channels; nothing waiting."
    both.arxiv.announce(replace(posted, version=2, updated=now(), comment=gone))
    assert "would post 2 pieces of news to 2 channels; nothing" in both.once("--dry-run")
    assert both.once() == "Posted 2 pieces of news to 2 channels; nothing waiting."
    assert both.once() == "Posted nothing; nothing waiting."
    told = [each for each in both.discord.messages[both.channel] if gone in str(each)]
    digest, reply = told
    assert "Withdrawn" in discord_shapes.text_of(digest)
    [first, *_] = both.discord.messages[both.channel]
    assert reply["message_reference"]["message_id"] == first["id"]
    first, digest, reply = both.slack.rooms[both.room].messages
    assert gone in str(digest)
    assert "Withdrawn" in str(digest)
    assert reply["thread_ts"] == first["ts"]
    assert "has been withdrawn (version 2)" in str(reply)


def test_a_digest_is_ordered_by_what_is_saved_and_a_week_ends_with_it_once_on_both(
    both: Both,
) -> None:
    both.once()
    both.config.write_text(
        both.config.read_text().replace("keywords = ", 'order = "similarity"\nkeywords = ')
    )
    weeks = Timetable(ZoneInfo("UTC"), time(0), frozenset(range(7)))
    saved_at = weeks.latest_of_a_week(now()) - timedelta(hours=1)
    saved = [paper(n, f"Glacier flow {n}", abstract="Ice in valleys.") for n in range(1, 11)]
    with closing(opened(both.folder / "data" / FILE)) as store:
        for channel in (f"discord:{both.channel}", f"slack:{both.room}"):
            for who, some in (("Ada", saved), ("Ben", saved[:1])):
                person = Person(who, f"{channel.partition(':')[0]}:{who}")
                wait(store.save_all(channel, some, person, saved_at))
    both.arxiv.announce(standin_paper(11, "A reward model for glacier flow"))
    both.arxiv.announce(standin_paper(12, "A reward model for soup"))
    both.once()
    both.once()
    discord = [discord_shapes.text_of(each) for each in both.discord.messages[both.channel]]
    slack = [str(each) for each in both.slack.rooms[both.room].messages]
    for messages in (discord, slack):
        [digest] = [each for each in messages if "for soup" in each]
        assert digest.index("for glacier flow") < digest.index("for soup")
        # On Slack, each of the three parts is an element of its own.
        assert re.search(r"like .{0,60}Glacier flow \d+.{0,60}, saved here", digest)
        [told] = [each for each in messages if "saved by 2 people" in each]
        assert told == digest


def test_who_added_a_keyword_is_told_once_that_the_channel_refuses(both: Both) -> None:
    closed = both.slack.open_room()
    with both.running():
        both.slack.socket.wait_for_client()
        both.slack.wait_for(lambda: len(both.slack.papers(both.room)) == 3, TIMEOUT_SECONDS)
        both.slack.rooms[closed].refuses = "not_in_channel"
        name = both.slack.socket.command("add reward model", closed)
        both.slack.wait_for(lambda: bool(both.slack.answers[name]))
        both.slack.wait_for(lambda: "U0000001" in both.slack.rooms, TIMEOUT_SECONDS)
    [told] = both.slack.texts("U0000001")
    assert "/invite" in told


def test_a_weekly_digest_mentions_one_role_and_leaves_out_what_is_muted_on_both(
    both: Both,
) -> None:
    both.once()
    text = both.config.read_text()
    for channel, mention in ((both.channel, discord_shapes.ROLE), (both.room, GROUP)):
        block = f'{channel}"\n'
        more = f'days = "weekly"\nmention = "{mention}"\nmute = ["abs:survey OR ti:survey"]\n'
        text = text.replace(block, block + more)
    both.config.write_text(text)
    both.arxiv.announce(standin_paper(11, "A survey of reward models"))
    both.arxiv.announce(standin_paper(12, "A reward model for soup"))
    before = len(both.discord.messages[both.channel]), len(both.slack.rooms[both.room].messages)
    both.once()
    discord = both.discord.messages[both.channel][before[0] :]
    slack = both.slack.rooms[both.room].messages[before[1] :]
    role = f"<@&{discord_shapes.ROLE}>"
    for digest, mention in ((str(discord), role), (str(slack), f"<!subteam^{GROUP}>")):
        assert digest.count(mention) == 1
        assert re.search(r"Week of \d+ \w+ \d{4} · 1 new paper\b", digest)
        assert "for soup" in digest
        assert "survey" not in digest
    status = forked.call("status", "--config", str(both.config), env={**os.environ, **SECRETS})
    assert status.stdout.count("1 paper hidden by mutes, today") == 2
    assert status.stdout.count("Muted: abs:survey OR ti:survey.") == 2
