"""What the real program shows of itself when it meets what nobody foresaw: never a token.

A row of the database that no version of ours writes is what nobody foresaw here: a time that is
none. In its place stands what must not be seen, so that the error's own text quotes it.
"""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.store import FILE
from tests.process import forked
from tests.process.test_watched import SLACK_APP, SLACK_BOT, call
from tests.process.world import reward_models, running, write_config

# Without the shape of one, so that it is known only because it was loaded.
DISCORD = "discord-canary-of-no-known-shape"
TOKENS = {"DISCORD_TOKEN": DISCORD, "SLACK_BOT_TOKEN": SLACK_BOT, "SLACK_APP_TOKEN": SLACK_APP}
ALL = " ".join(TOKENS.values())
CONTACT = "mailto:nobody@crashes.test"  # is in the configuration, and in no error's text


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All platforms are on, with their tokens, and nobody is at their addresses."""
    for name, token in TOKENS.items():
        monkeypatch.setenv(name, token)
    with reward_models(3) as arxiv:
        path = write_config(tmp_path, arxiv, {"console:": ["reward model"]})
        path.write_text(
            path.read_text().replace("[arxiv]", f'[arxiv]\ncontact = "{CONTACT}"')
            + '[discord]\napi_url = "http://127.0.0.1:9/x"\ngateway_url = "ws://127.0.0.1:9"\n'
            + '[slack]\napi_url = "http://127.0.0.1:9/x/"\n'
        )
        yield path


def damage(config: Path, text: str) -> None:
    with closing(sqlite3.connect(config.parent / "data" / FILE)) as db:
        # A reason that no version knows. Damaged channels, keywords and times are set aside.
        db.execute("update ledger set state = 'due', why = ?", (text,))
        db.commit()


def assert_hidden(shown: str) -> None:
    assert "KeyError: '*** *** ***'" in shown
    for token in (*TOKENS.values(), "canary", "CANARY"):
        assert token not in shown
    assert CONTACT not in shown  # as it would be, if the locals were shown


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_crash_shows_its_traceback_and_no_token(config: Path, form: str) -> None:
    config.write_text(f'{config.read_text()}[log]\nformat = "{form}"\n')
    assert call(config, "once").returncode == 0
    damage(config, ALL)
    done = call(config, "once")
    assert done.returncode == 1
    assert_hidden(done.stdout + done.stderr)
    if form == "json":
        line = json.loads(done.stderr.splitlines()[-1])
        assert (line["level"], line["event"]) == ("critical", "crashed")
        assert_hidden(line["traceback"])
    else:
        assert "level=critical logger=bot event=crashed\nTraceback" in done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_job_that_fails_shows_its_traceback_and_no_token(config: Path, form: str) -> None:
    config.write_text(f'{config.read_text()}[log]\nformat = "{form}"\n')
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        damage(config, ALL)
        text = config.read_text()  # a new keyword is collected for, and then all are published to
        config.write_text(text.replace('"reward model"', '"reward model", "graph network"'))
        bot.wait_until(lambda bot: "the service goes on" in bot.logged)
        bot.wait_until(lambda bot: "KeyError" in bot.logged)
        bot.stop(signal.SIGTERM)
    assert_hidden(bot.said + bot.logged)
    if form == "json":
        failed = [json.loads(line) for line in bot.logged.splitlines() if "KeyError" in line]
        assert failed[0]["job"] == "collect"
        assert_hidden(failed[0]["traceback"])


def test_even_with_every_local_variable_a_crash_shows_no_token(config: Path) -> None:
    """As rich or a debugger would print it: the configuration is there, its tokens are stars."""
    assert call(config, "once").returncode == 0
    damage(config, "never")
    done = forked.call("once", "--config", str(config), module="tests.process.with_locals")
    assert "KeyError: 'never'" in done.stdout
    assert CONTACT in done.stdout
    for name, token in TOKENS.items():
        assert f"'{name}': ***" in done.stdout
        assert token not in done.stdout + done.stderr


@pytest.fixture
def no_core_file() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_the_stacks_of_an_aborted_service_show_no_token(
    config: Path, no_core_file: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        bot.process.send_signal(signal.SIGABRT)
        assert bot.process.wait(timeout=20) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in bot.logged
    assert "bot/cli/work.py" in bot.logged
    for token in TOKENS.values():
        assert token not in bot.said + bot.logged
