"""The real program on PostgreSQL: two share the work, and one goes on when the other dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.core.leases import LEASE, RENEW_INTERVAL
from tests.process import forked
from tests.process.test_discord import DiscordWorld
from tests.process.world import reward_models, running, standin_paper, write_config
from tests.store import postgres
from tests.store.tls_front import WithTls
from tests.wire.discord_shapes import guild, text_of


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


def test_an_older_bot_ends_with_a_clear_word_when_a_newer_one_has_changed_the_tables(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with reward_models(1) as arxiv:
        config = write_config(tmp_path, arxiv, {"console:": ["reward model"]})
        with running(config, env=environ) as bot:
            bot.wait_until(lambda bot: len(bot.posted) == 1)
            postgres.become_newer(environ["DATABASE_URL"])
            assert bot.wait_for_end() == 1
            again = forked.call("run", "--config", str(config), env={**os.environ, **environ})
            assert again.returncode == 1
    for said in (bot.logged, again.stderr):
        assert "Install the newer version" in said
        assert environ["DATABASE_URL"] not in said


@pytest.mark.parametrize("query", ["sslmode=require", "sslmode=verify-full&sslrootcert={right}"])
def test_the_whole_program_works_over_tls(tmp_path: Path, query: str) -> None:
    with WithTls(tmp_path).serving() as tls, reward_models(2) as arxiv:
        environ = {**os.environ, "DATABASE_URL": tls.url(query)}
        config = write_config(tmp_path, arxiv, {"console:": []})
        words = ["keywords", "add", "--channel", "console:", "reward model"]
        for call in (words, ["once", "--now"], ["backup", str(tmp_path / "kept")]):
            done = forked.call(*call, "--config", str(config), env=environ)
            assert done.returncode == 0, done.stderr
            assert WithTls.PASSWORD not in done.stdout + done.stderr
            if call[0] == "once":
                assert done.stdout.count("https://arxiv.org/abs/") == 2
    assert tls.front.encrypted == tls.front.asked > 8, "not all of it went over TLS"


@pytest.mark.parametrize(
    ("query", "host", "said"),
    [
        ("sslmode=verify-full&sslrootcert={wrong}", "localhost", "is not to be trusted"),
        ("sslmode=verify-full&sslrootcert={right}", "127.0.0.1", "is for another host name"),
    ],
)
def test_the_service_ends_where_the_server_is_not_the_one_that_is_trusted(
    tmp_path: Path, query: str, host: str, said: str
) -> None:
    """It does not wait, as it does for one that is away, and has sent no password."""
    with WithTls(tmp_path).serving() as tls, reward_models(1) as arxiv:
        environ = {**os.environ, "DATABASE_URL": tls.url(query, host=host)}
        config = write_config(tmp_path, arxiv, {"console:": ["reward model"]})
        for word in ("run", "status"):
            before = tls.front.asked
            done = forked.call(word, "--config", str(config), env=environ)
            assert done.returncode == 1
            told = done.stdout + done.stderr
            assert said in told
            for secret in (WithTls.PASSWORD, "papers?", "bot:", "Traceback"):
                assert secret not in told
            assert 1 <= tls.front.asked - before <= 2
    assert tls.front.encrypted == 0


SERVERS = 3_000  # more than Discord lets one connection have
SECONDS_OF_A_LEASE = (LEASE + RENEW_INTERVAL).total_seconds()  # and until the next one looks
SLOW = 3  # times as long as on an idle machine


def test_of_two_processes_with_thousands_of_servers_one_takes_over_the_others_half(
    tmp_path: Path, environ: dict[str, str], thorough: bool, figures: Callable[[str], None]
) -> None:
    """Once its lease has ended, which is waited for if ``thorough``."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with DiscordWorld(tmp_path / "one", channels=0) as world:
        discord, gateway = world.discord, world.discord.gateway
        gateway.shards = gateway.max_concurrency = 2
        for number in range(1, SERVERS):
            discord.guilds[server_id(number)] = guild(server_id(number), f"Group {number}")
        channels = [discord.open_channel(guild_id=server_id(number)) for number in (10, 11)]
        world.secrets |= environ
        other = write_config(tmp_path / "two", world.arxiv, {}, world.vendor.settings)
        with running(world.config, env=world.secrets) as first:
            first.wait_until(lambda _: gateway.identifies == 2)
            with running(other, env=world.secrets) as second:
                second.wait_until(lambda bot: "shards held=[1] of=2" in bot.logged)
                second.wait_until(lambda _: gateway.identifies == 3)
                gateway.wait_for_client(3)
                for channel in channels:
                    shown = gateway.ask("add graph network", channel)
                    assert "now follows graph network" in text_of(shown)
                first.process.send_signal(signal.SIGKILL)
                killed_at = time.monotonic()
                if not thorough:
                    first.process.wait()
                    postgres.let_leases_run_out(environ["DATABASE_URL"])
                gateway.wait_for_client(4)
                took = time.monotonic() - killed_at
                for channel in channels:
                    assert "graph network" in text_of(gateway.ask("list", channel))
                assert second.stop(signal.SIGTERM) == 0
    for shard in (0, 1):
        [before, after] = [at for number, at in gateway.started if number == shard]
        assert after - before >= 5, "Discord's pace, over all processes"
    assert took < SECONDS_OF_A_LEASE + 5 * SLOW, "as long as nobody answers"
    figures(f"{SERVERS:,} servers on two processes: one taken over {took:.1f} s after its kill")


def server_id(number: int) -> str:
    """Every second one is of the same shard."""
    return str((1 << 40) + number << 22)


def test_the_service_waits_for_its_database_at_the_start_and_whenever_it_is_gone(
    tmp_path: Path,
) -> None:
    """Away at the start, out of connections, restarted, failed over to its standby: what is
    announced meanwhile is posted once."""
    first = postgres.Server()
    first.administer("create role bot login", "create database papers owner bot")
    second = postgres.Server(standby_of=first)
    hosts = ",".join(f"127.0.0.1:{each.port}" for each in (first, second))
    environ = {"DATABASE_URL": f"postgresql://bot@{hosts}/papers"}
    first.stop()

    def wait_for_trouble() -> None:
        before = bot.logged.count("waits job=")
        bot.wait_until(lambda bot: bot.logged.count("waits job=") > before)

    def follow(keyword: str) -> None:
        """A paper, and who wants it."""
        arxiv.add(standin_paper(len(bot.posted) + 2, f"A {keyword}"))
        words = ("keywords", "add", "--channel", "console:", keyword, "--config", str(config))
        done = forked.call(*words, env={**os.environ, **environ})
        assert done.returncode == 0, done.stderr
        bot.wait_until(lambda bot: bot.said.count(f"A {keyword}") == 1)

    with reward_models(1) as arxiv:
        config = write_config(tmp_path, arxiv, {"console:": ["reward model"]})
        with running(config, env=environ) as bot:
            bot.wait_until(lambda bot: "waits for=database" in bot.logged)
            first.start()
            bot.wait_until(lambda bot: "the database answers" in bot.logged)
            bot.wait_until(lambda bot: len(bot.posted) == 1)
            first.administer("alter role bot connection limit 0", postgres.END_SESSIONS_OF_BOT)
            wait_for_trouble()
            first.administer("alter role bot connection limit -1")
            follow("graph network")
            first.stop()
            wait_for_trouble()
            first.start()
            follow("tree search")
            first.caught_up()
            first.stop()
            second.promote()
            follow("decision forest")
            assert bot.stop(signal.SIGTERM) == 0
    assert len(bot.posted) == len(set(bot.posted)) == 4
    assert "Traceback" not in bot.logged
    for server in (second, first):
        server.close()
