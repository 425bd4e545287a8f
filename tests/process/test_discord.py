"""The real program on Discord: a command in, a digest out, killed and started again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.discord_world import PATIENCE, ROOT, World, standin_paper
from tests.wire.discord_shapes import text_of

MESSAGES = r"/channels/\d+/messages"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, channels=2) as made:
        yield made


def test_once_posts_without_a_gateway_and_posts_nothing_twice(world: World) -> None:
    for _ in range(2):
        done = world.once()
        assert done.returncode == 0, done.stderr
    assert set(map(tuple, world.posted().values())) == {(1, 1, 1)}
    assert world.discord.gateway.identifies == 0


def test_a_keyword_that_another_channel_follows_already_brings_its_digest_at_once(
    world: World,
) -> None:
    here = world.discord.open_channel()
    with world.program("run") as bot:
        try:
            world.discord.gateway.wait_for_client()
            shown = world.discord.gateway.ask("add reward model", here)
            assert "now follows reward model" in text_of(shown)
            world.wait_for(lambda: len(world.discord.papers(here)) == 3, bot)
            assert f'id = "discord:{here}"' in world.config.read_text()
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(PATIENCE) == 0
        finally:
            bot.kill()
    assert set(world.discord.papers(here).values()) == {1}
    assert "added a keyword" in world.discord.texts(here)[0]


def test_a_wrong_token_ends_the_service_with_a_sentence(world: World, tmp_path: Path) -> None:
    config = world.config.read_text()
    world.config.write_text(config)
    log = tmp_path / "log"
    with log.open("w") as file:
        bot = subprocess.Popen(
            [sys.executable, "-m", "bot", "run", "--config", str(world.config)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env={"PATH": "/usr/bin:/bin", "DISCORD_TOKEN": "wrong-token-of-somebody"},
        )
        assert bot.wait(PATIENCE) == 1
    said = log.read_text()
    assert "Discord does not know the token" in said
    assert "wrong-token-of-somebody" not in said
    assert "Traceback" not in said


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
    world: World, fault: dict[str, object]
) -> None:
    world.discord.fail("POST", MESSAGES, **fault)
    with world.program("run") as bot:
        try:
            world.wait_for(lambda: world.messages() >= 2, bot)
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(PATIENCE)
    done = world.once()
    for _ in range(20):
        if done.returncode == 0:
            break
        done = world.once()
    assert set(map(tuple, world.posted().values())) == {(1, 1, 1)}, done.stderr


def test_a_channel_that_refuses_delays_no_other_and_is_told_of_once(world: World) -> None:
    closed, fine = world.channels
    world.discord.closed[closed] = 50013
    done = world.once()
    assert done.returncode == 4, done.stderr
    assert world.discord.papers(fine)
    assert "Send Messages" in done.stderr
    world.discord.closed.clear()


def test_killed_at_a_random_moment_of_a_delivery_each_paper_stands_once_in_each_channel(
    tmp_path: Path, life: int, figures: Callable[[str], None]
) -> None:
    rng = random.Random(life)
    kills = 0
    with World(tmp_path, channels=40) as world:
        while world.messages() < 40:
            wanted = min(world.messages() + rng.randint(1, 20), 40)
            with world.program("run") as bot:
                try:
                    world.wait_for_messages(wanted)
                finally:
                    bot.send_signal(signal.SIGKILL)
                    bot.wait()
            kills += 1
        world.arxiv.add(standin_paper(77, "A reward model that came late"))
        for _ in range(4):
            done = world.once("--now")
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stderr
        assert set(map(tuple, world.posted().values())) == {(1, 1, 1, 1)}
        figures(f"discord: 40 channels, killed {kills} times, each of 4 papers once in each")


def test_with_discord_alone_slacks_library_is_never_loaded(world: World) -> None:
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
