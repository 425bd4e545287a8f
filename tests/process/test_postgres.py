"""The real program on PostgreSQL: two share the work, and one goes on when the other dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import forked
from tests.process.test_discord import DiscordWorld
from tests.process.world import reward_models, running, standin_paper, write_config
from tests.store import postgres
from tests.wire.discord_shapes import text_of


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    with postgres.database(empty=True) as url:
        yield {"DATABASE_URL": url}


def test_a_second_process_takes_over_when_the_first_is_killed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    with reward_models(3) as arxiv:
        configs = []
        for folder in folders:
            folder.mkdir()
            configs.append(write_config(folder, arxiv, {"console:": ["reward model"]}))
        with running(configs[0], env=environ) as first:
            first.wait_until(lambda bot: len(bot.posted) == 3)
            with running(configs[1], env=environ) as second:
                second.wait_until(lambda bot: "running stop_with" in bot.logged)
                done = forked.call(
                    "once", "--config", str(configs[1]), env={**os.environ, **environ}
                )
                assert done.returncode != 0
                assert "another Daily Papers serves this database" in done.stderr
                status = forked.call(
                    "status", "--config", str(configs[1]), env={**os.environ, **environ}
                )
                assert "Database: PostgreSQL" in status.stdout
                assert "Another machine's bot.toml is the one that may" in status.stdout
                for words in (["sync", "--accept"], ["status"]):  # beside who has the role
                    accepted = forked.call(
                        *words, "--config", str(configs[1]), env={**os.environ, **environ}
                    )
                    assert accepted.returncode == 0, accepted.stderr
                    assert "Another machine's" not in accepted.stdout + accepted.stderr
                first.process.kill()
                first.process.wait()
                postgres.let_leases_run_out(environ["DATABASE_URL"])
                arxiv.add(standin_paper(9, "A reward model that came later"))
                second.wait_until(lambda bot: "took role=collector" in bot.logged)
                second.wait_until(lambda bot: "new=1 due=1" in bot.logged)
                assert second.stop(signal.SIGTERM) == 0
        rest = forked.call(
            "once", "--now", "--config", str(configs[1]), env={**os.environ, **environ}
        )
    assert len(first.posted) == 3
    assert second.posted == [], "today's digest was posted by the first"
    assert rest.stdout.count("https://arxiv.org/abs/") == 1, rest.stderr
    for secret in (environ["DATABASE_URL"], environ["DATABASE_URL"].rpartition("/")[2]):
        assert secret not in first.logged + second.logged + done.stderr + status.stdout


def test_a_process_with_other_settings_than_the_one_that_runs_names_the_key(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with reward_models(1) as arxiv:
        config = write_config(tmp_path, arxiv, {"console:": ["reward model"]})
        other = tmp_path / "other.toml"
        other.write_text(config.read_text().replace('days = "daily"', 'days = "mon"'))
        with running(config, env=environ) as bot:
            bot.wait_until(lambda bot: len(bot.posted) == 1)
            done = forked.call("run", "--config", str(other), env={**os.environ, **environ})
            assert done.returncode != 0
            assert "schedule.days: is another in a process" in done.stderr
            assert bot.stop(signal.SIGTERM) == 0


def test_one_process_alone_receives_discords_commands_until_another_takes_over(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with DiscordWorld(tmp_path / "one", channels=1) as world:
        [channel], gateway = world.channels, world.discord.gateway
        world.secrets |= environ
        follow = {f"discord:{channel}": ["reward model"]}
        other = write_config(tmp_path / "two", world.arxiv, follow, world.vendor.settings)
        with world.start("run") as first:
            gateway.wait_for_client()
            with running(other, env=world.secrets) as second:
                second.wait_until(lambda bot: "running stop_with" in bot.logged)
                first.kill()
                first.wait()
                postgres.let_leases_run_out(environ["DATABASE_URL"])
                second.wait_until(lambda bot: "discord lets the bot in" in bot.logged)
                gateway.wait_for_client(2)
                shown = gateway.ask("add graph network", channel)
                assert "now follows graph network" in text_of(shown)
                assert second.stop(signal.SIGTERM) == 0
    took, connected = 'took role="deliver discord"', "discord lets the bot in"
    assert second.logged.index(took) < second.logged.index(connected)
