"""The real program on Discord: a command in, a digest out, killed and started again."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from adapters.discord.permissions import INVITE
from bot.store import FILE
from tests.process.world import (
    ROOT,
    STORING,
    TIMEOUT_SECONDS,
    Running,
    World,
    running,
    standin_paper,
)
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import FORUM, TOKEN, text_of

MESSAGES = r"/channels/\d+/messages"
ONCE_EACH = {(1, 1, 1)}


class DiscordWorld(World):
    """``channels`` and then ``forums`` follow the same keyword."""

    def __init__(self, folder: Path, channels: int, forums: int = 0) -> None:
        self.discord = DiscordServer()
        made = [self.discord.open_channel() for _ in range(channels)]
        made += [self.discord.open_channel(FORUM) for _ in range(forums)]
        super().__init__(folder, "discord", self.discord, made, {"DISCORD_TOKEN": TOKEN})

    def messages(self) -> int:
        """In the channels, and in the posts of forums."""
        kept, made = self.discord.messages, self.discord.channels
        return sum(len(kept[i]) for i in list(kept) if {i, made[i]["parent_id"]} & {*self.channels})

    def asked_to_post(self) -> int:
        """How many channels the bot has begun to post in."""
        posts = {seen.path for seen in self.discord.seen if seen.method == "POST"}
        return len(posts & {f"/channels/{each}/messages" for each in self.channels})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DiscordWorld]:
    with DiscordWorld(tmp_path, channels=2) as made:
        yield made


def test_once_posts_without_a_gateway_and_posts_nothing_twice(world: DiscordWorld) -> None:
    for _ in range(2):
        done = world.once()
        assert done.returncode == 0, done.stderr
    assert world.posted() == ONCE_EACH
    assert world.discord.gateway.identifies == 0


def test_a_keyword_that_another_channel_follows_already_brings_its_digest_at_once(
    world: DiscordWorld,
) -> None:
    here = world.discord.open_channel()
    with world.start("run") as bot:
        try:
            world.discord.gateway.wait_for_client()
            shown = world.discord.gateway.ask("add reward model", here)
            assert "now follows reward model" in text_of(shown)
            world.wait_for(lambda: len(world.discord.papers(here)) == 3, bot)
            world.wait_for_file(f'id = "discord:{here}"', bot)
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        finally:
            bot.kill()
    assert set(world.discord.papers(here).values()) == {1}
    assert "added a keyword" in world.discord.texts(here)[0]


def test_what_a_person_follows_for_themselves_is_sent_to_them_and_written_nowhere(
    world: DiscordWorld,
) -> None:
    discord, here = world.discord, world.discord.private_channel("42")
    ask = discord.gateway.ask
    with world.start("run") as bot:
        try:
            discord.gateway.wait_for_client()
            [command, _] = discord.commands
            assert (command["contexts"], command["integration_types"]) == ([0, 1], [0, 1])
            discord.closed[here] = 50007
            assert "does not deliver my private messages" in text_of(ask("add reward model", here))
            assert "follow nothing for yourself yet" in text_of(ask("pause", here))
            del discord.closed[here]
            assert "You now follow reward model" in text_of(ask("add reward model", here))
            world.wait_for(lambda: len(discord.papers(here)) == 3, bot)
            elsewhere = ask("list", world.channels[0], installed_by_person=True)
            assert "has not added me" in text_of(elsewhere)
            digest = discord.messages[here][-1]
            assert "Paused" in text_of(discord.gateway.press("paper:pause", digest, here))
            assert "paper:pause" in str(digest["components"])
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        finally:
            bot.kill()
    assert set(discord.papers(here).values()) == {1}
    hello, *rest = discord.texts(here)
    assert "that you follow for yourself" in hello
    assert not any("added a keyword" in text for text in rest)
    assert here not in world.config.read_text()
    for words in (["status"], ["keywords", "export"], ["keywords", "list", "--all"]):
        assert here not in world.call(*words).stdout
    assert "1 person follows keywords for themselves" in world.call("status").stdout
    refusal = world.call("keywords", "list", "--channel", f"discord:{here}")
    assert (refusal.stdout, "private conversation" in refusal.stderr) == ("", True)


def test_who_left_the_last_server_with_the_bot_is_sent_nothing_more(world: DiscordWorld) -> None:
    discord, here = world.discord, world.discord.private_channel("42")
    with world.start("run") as bot:
        try:
            discord.gateway.wait_for_client()
            discord.gateway.ask("add reward model", here)
            world.wait_for(lambda: len(discord.papers(here)) == 3, bot)
        finally:
            bot.kill()
    discord.strangers.add("42")
    world.arxiv.announce(standin_paper(20, "Another reward model"))
    before = len(discord.messages[here])
    world.once("--now", tries=3)
    assert len(discord.messages[here]) == before
    with closing(sqlite3.connect(world.folder / "data" / FILE)) as db:
        [(reason,)] = db.execute("select archive_reason from channels where owner <> ''")
    assert "in no server with the bot" in reason


def refused(what: str, bot: Running) -> bool:
    line = (
        f'refused platform=discord what={what} again_in=3600s why="Discord does not know the token'
    )
    return line in bot.logged


def test_a_wrong_token_is_told_by_log_and_status_and_the_service_stays_up(
    world: DiscordWorld,
) -> None:
    """Ended, it would be started again by whatever watches it, and so log in without end."""
    secrets = {"DISCORD_TOKEN": "wrong-token-of-somebody"}
    with running(world.config, env=secrets) as bot:
        for what in ("commands", "posts"):
            bot.wait_until(partial(refused, what))
        assert bot.stop(signal.SIGTERM) == 0
    assert "wrong-token-of-somebody" not in bot.logged
    assert "Traceback" not in bot.logged
    assert {seen.path for seen in world.discord.seen} == {"/users/@me"}
    assert len(world.discord.seen) <= 3, "one to listen, one for each post"
    assert world.discord.gateway.connections == 0
    assert "discord has not let the bot in since today" in world.call("status").stdout
    assert world.once().returncode == 0
    assert "not let the bot in" not in world.call("status").stdout


@pytest.mark.parametrize(
    "fault",
    [
        {"how": "after", "status": 502},
        {"how": "after", "status": 0},
        {"how": "before", "status": 503},
        {"status": 429, "body": {"message": "slow", "retry_after": 0.1}},
        {"how": "after", "status": 0, "times": 9},
    ],
)
def test_every_fault_ends_as_one_message_in_each_channel(
    world: DiscordWorld, fault: dict[str, object]
) -> None:
    world.discord.fail("POST", MESSAGES, **fault)
    with world.start("run") as bot:
        try:
            world.wait_for(lambda: world.messages() >= 2, bot)
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(TIMEOUT_SECONDS)
    done = world.once(tries=20)
    assert world.posted() == ONCE_EACH, done.stderr


def test_a_channel_that_refuses_delays_no_other_and_is_told_of_once(world: DiscordWorld) -> None:
    closed, fine = world.channels
    world.discord.closed[closed] = 50013
    done = world.once()
    assert done.returncode == 4, done.stderr
    assert world.discord.papers(fine)
    assert "Send Messages" in done.stderr
    world.discord.closed.clear()


def test_killed_at_a_random_moment_of_a_delivery_each_paper_appears_once_in_each_channel(
    tmp_path: Path, life: int, figures: Callable[[str], None]
) -> None:
    rng = random.Random(life)
    kills = 0
    with DiscordWorld(tmp_path, channels=30, forums=10) as world:
        world.discord.storing = STORING
        while world.messages() < 40:
            wanted = min(world.messages() + rng.randint(1, 20), 40)
            with world.start("run") as bot:
                try:
                    world.wait_for(partial(enough, world, wanted), bot)
                finally:
                    bot.send_signal(signal.SIGKILL)
                    bot.wait()
            kills += 1
        world.arxiv.add(standin_paper(77, "A reward model that came late"))
        done = world.once("--now", tries=4)
        assert done.returncode == 0, done.stderr
        assert world.posted() == {(1, 1, 1, 1)}
        figures(
            f"discord: 40 channels, killed {kills} times, each of 4 papers once in each,"
            f" stored up to {STORING:.1f} s late"
        )


def enough(world: DiscordWorld, wanted: int) -> bool:
    return world.messages() >= wanted


def test_with_discord_alone_slacks_library_is_never_loaded(world: DiscordWorld) -> None:
    code = (
        "import sys\nfrom bot.__main__ import main\n"
        "sys.argv = ['daily-papers', 'once', '--config', sys.argv[1]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert 'discord' in sys.modules\n"
        "assert not [m for m in sys.modules if m.startswith('slack')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(world.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "DISCORD_TOKEN": "wire-discord-token"},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_stop_in_the_middle_of_a_delivery_is_quick_and_each_paper_comes_once(
    tmp_path: Path, how: str, figures: Callable[[str], None]
) -> None:
    """Ten channels are slow to answer; in half of the tests, with the message there already."""
    with DiscordWorld(tmp_path, channels=40) as world:
        for slow in world.channels[:10]:
            world.discord.fail("POST", f"/channels/{slow}/messages", how=how, wait=30.0)
        with world.start("run") as bot:
            try:
                world.wait_for(lambda: world.asked_to_post() == 40, bot)
                bot.send_signal(signal.SIGTERM)
                asked = time.monotonic()
                assert bot.wait(TIMEOUT_SECONDS) == 0
                took = time.monotonic() - asked
            finally:
                bot.kill()
        left = outbox(tmp_path)
        assert left["sent"] == 30
        assert left.total() == 40
        figures(f"discord: a stop with ten posts being sent ({how}): {took:.2f} s, {dict(left)}")
        done = world.once(tries=20)
        assert world.posted() == ONCE_EACH, done.stderr


def outbox(folder: Path) -> Counter[str]:
    """How many posts are in each state."""
    [path] = folder.rglob(FILE)
    with closing(sqlite3.connect(path)) as db:
        return Counter(state for (state,) in db.execute("select state from outbox"))


def test_a_channel_that_does_not_answer_delays_no_other(world: DiscordWorld) -> None:
    slow, fine = world.channels
    late = world.discord.open_channel()
    path = f"/channels/{slow}/messages"
    world.discord.fail("POST", path, status=503, wait=2 * TIMEOUT_SECONDS)
    with world.start("run") as bot:
        try:
            world.discord.gateway.wait_for_client()
            world.wait_for(lambda: path in [seen.path for seen in world.discord.seen], bot)
            # Its digest is queued when the other channel is certainly waited for.
            world.discord.gateway.ask("add reward model", late)
            world.wait_for(lambda: bool(world.discord.papers(late)), bot)
            world.wait_for(lambda: bool(world.discord.papers(fine)), bot)
            assert not world.discord.papers(slow)
        finally:
            bot.kill()
    done = world.once(tries=4)
    assert world.posted() == ONCE_EACH, done.stderr


def test_a_lost_connection_is_resumed_or_begun_again_and_nothing_is_posted_twice(
    world: DiscordWorld,
) -> None:
    gateway = world.discord.gateway
    here = world.channels[0]
    with world.start("run") as bot:
        try:
            world.wait_for(lambda: () not in world.posted(), bot)
            gateway.wait_for_client()
            gateway.break_off(abort=True)
            gateway.wait_for_client(2)
            assert (gateway.identifies, gateway.resumes) == (1, 1)
            gateway.forget = True
            gateway.break_off()
            gateway.wait_for_client(3)
            assert (gateway.identifies, gateway.resumes) == (2, 2)
            assert "reward model" in text_of(gateway.ask("list", here))
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        finally:
            bot.kill()
    assert world.posted() == ONCE_EACH


def test_a_stop_is_heard_while_discord_keeps_closing_the_connection(world: DiscordWorld) -> None:
    gateway = world.discord.gateway
    with world.start("run") as bot:
        try:
            gateway.wait_for_client()
            connections = gateway.connections
            gateway.refuse = 4000
            gateway.break_off()
            world.wait_for(lambda: gateway.connections > connections, bot)
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        finally:
            bot.kill()


def test_a_token_that_is_withdrawn_while_it_runs_is_told_and_the_service_stays_up(
    world: DiscordWorld,
) -> None:
    gateway = world.discord.gateway
    with running(world.config, env=world.secrets) as bot:
        gateway.wait_for_client()
        gateway.refuse = 4004
        gateway.break_off(4004)
        bot.wait_until(partial(refused, "commands"))
        assert bot.stop(signal.SIGTERM) == 0
    assert "Traceback" not in bot.logged
    assert gateway.identifies == 1


def test_a_change_in_a_very_large_file_is_answered_first_and_shown_later(tmp_path: Path) -> None:
    with DiscordWorld(tmp_path, channels=1) as world:
        [here] = world.channels
        words = "".join(f'    "invented topic number {n}",\n' for n in range(90))
        blocks = "".join(
            f'[[channels]]\nid = "discord:{10**17 + n}"\nkeywords = [\n{words}]\n'
            for n in range(80)
        )
        text = world.config.read_text().replace("[schedule]\n", "[schedule]\nfirst_post = 0\n")
        world.config.write_text(text + blocks)
        with world.start("run") as bot:
            try:
                world.discord.gateway.wait_for_client()
                world.wait_for(lambda: "revision" in world.config.read_text(), bot)
                assert "now follows" in text_of(world.discord.gateway.ask("add late words", here))
                assert "late words" not in world.config.read_text()
                bot.send_signal(signal.SIGTERM)
                assert bot.wait(TIMEOUT_SECONDS) == 0
            finally:
                bot.kill()
        assert world.call("sync").returncode == 0
        assert "late words" in world.config.read_text(), "at the latest with the next start"


def test_the_log_of_the_service_holds_the_invitation_and_the_next_step(tmp_path: Path) -> None:
    """On by its token: the file has settings for tests alone, and follows nothing."""
    with (
        DiscordWorld(tmp_path, channels=0) as world,
        running(world.config, env=world.secrets) as bot,
    ):
        bot.wait_until(lambda bot: "lets the bot in" in bot.logged)
        assert bot.stop(signal.SIGTERM) == 0
        logged = bot.logged
    assert f"permissions={INVITE.value}" in logged
    assert "scope=bot+applications.commands" in logged
    assert "/papers add reward model" in logged


def test_check_prints_the_invitation_with_the_permissions_that_are_needed(
    world: DiscordWorld,
) -> None:
    done = world.call("check")
    assert "scope=bot+applications.commands" in done.stdout, done.stderr
    assert f"permissions={INVITE.value}" in done.stdout


def test_a_saved_paper_is_seen_in_its_channel_alone_and_taken_back(world: DiscordWorld) -> None:
    here, there = world.channels[0], world.channels[1]
    ask = world.discord.gateway.ask
    with world.start("run") as bot:
        try:
            world.wait_for(lambda: len(world.discord.papers(here)) > 0, bot)
            world.discord.gateway.wait_for_client()
            paper_id = next(iter(world.discord.papers(here)))
            assert "Saved for this channel" in text_of(ask(f"save {paper_id}", here))
            assert f"eprint = {{{paper_id}}}" in text_of(ask(f"cite {paper_id}", here))
            assert "This channel has saved 1 paper" in text_of(ask("saved", here))
            assert "This channel has saved no paper yet" in text_of(ask("saved", there))
            assert "Taken back" in text_of(ask(f"save {paper_id}", here))
            assert "This channel has saved no paper yet" in text_of(ask("saved", here))
        finally:
            bot.kill()


def test_who_discusses_a_paper_is_led_to_its_one_thread_over_a_kill(world: DiscordWorld) -> None:
    here = world.channels[0]
    discord, ask = world.discord, world.discord.gateway.ask
    with world.start("run") as bot:
        try:
            world.wait_for(lambda: len(discord.papers(here)) > 0, bot)
            discord.gateway.wait_for_client()
            paper_id = next(iter(discord.papers(here)))
            # The thread is opened, but the bot does not hear of it, and is killed.
            discord.fail("POST", rf"/channels/{here}/messages/\d+/threads", how="after", wait=30)
            ask(f"discuss {paper_id}", here, acknowledged_only=True)
            world.wait_for(lambda: bool(threads_of(discord, here)), bot)
        finally:
            bot.kill()
            bot.wait()
    with world.start("run") as bot:
        try:
            discord.gateway.wait_for_client(2)
            [thread] = threads_of(discord, here)
            world.wait_for(lambda: bool(discord.messages[thread]), bot)
            for who in ("42", "43"):
                said = text_of(ask(f"discuss {paper_id}", here, user_id=who))
                assert f"/{thread}/{discord.messages[thread][0]['id']}" in said
        finally:
            bot.kill()
    assert threads_of(discord, here) == [thread]
    assert len(discord.messages[thread]) == 1
    assert sum("Discussion: " in text for text in discord.texts(here)) == 1


def threads_of(discord: DiscordServer, channel: str) -> list[str]:
    return [each["id"] for each in discord.channels.values() if each["parent_id"] == channel]
