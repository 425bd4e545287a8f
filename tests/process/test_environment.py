"""The real program on a machine that is not kind: its environment, its other users, its locks."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.process.forked import run_all
from tests.process.test_service import PATIENCE, running, standin_paper
from tests.wire.arxiv_standin import ArxivStandin

UNUSABLE = {
    "NO_PROXY": "localhost,[::1],fd00::/8,[half",
    "ALL_PROXY": "socks5://127.0.0.1:1080",
    "HTTPS_PROXY": "http://proxy:port",
    "SSL_CERT_FILE": "/not/there.pem",
    "SSL_CERT_DIR": "/not/there",
    "SSLKEYLOGFILE": "/not/there/keys",
}


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    papers = [standin_paper(n, f"Reward model {n}") for n in range(1, 5)]
    with ArxivStandin(papers, lambda: datetime.now(UTC)) as server:
        yield server


def folder_with_config(folder: Path) -> Path:
    """arXiv is elsewhere, and the stand-in for it is the proxy on the way there."""
    folder.mkdir(exist_ok=True)
    (folder / "bot.toml").write_text(
        '[bot]\ntimezone = "UTC"\n[schedule]\npost_at = "00:00"\ndays = "daily"\n[health]\n'
        'listen = ""\n[arxiv]\nurl = "http://elsewhere.invalid/api/query"\ninterval = 0\n'
        '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n'
    )
    return folder


def proxy(arxiv: ArxivStandin) -> str:
    return arxiv.address("")


def test_once_posts_whatever_one_variable_holds_and_names_it_once(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    names = list(UNUSABLE)
    calls = [(folder_with_config(tmp_path / name), ["once"]) for name in names]
    environ = [{"HTTP_PROXY": proxy(arxiv), name: UNUSABLE[name]} for name in names]
    for name, done in zip(names, run_all(calls, environ), strict=True):
        assert done.status == 0, done.err
        assert done.out.count("https://arxiv.org/abs/") == 3, name
        assert done.err.count(name) == 1, done.err
        assert "Traceback" not in done.err


def test_the_service_stays_up_whatever_they_all_hold(
    tmp_path: Path, arxiv: ArxivStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**UNUSABLE, "HTTP_PROXY": proxy(arxiv)}.items():
        monkeypatch.setenv(name, value)
    assert os.environ["SSLKEYLOGFILE"]
    config = folder_with_config(tmp_path) / "bot.toml"
    with running(config) as bot:
        bot.wait_until(lambda bot: bot.said.count("https://arxiv.org/abs/") == 3)
        bot.process.send_signal(signal.SIGTERM)
        assert bot.process.wait(PATIENCE) == 0
        bot._readers[1].join()
    assert bot.logged.count("event=environment") == len(UNUSABLE)
    assert "Traceback" not in bot.logged


# -- a database that is taken away ----------------------------------------------------------------


def test_a_database_that_is_replaced_ends_the_service_with_a_sentence_and_stays_whole(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv)
    file = tmp_path / "data" / "daily-papers.sqlite3"
    [_, backup] = run_all([(tmp_path, ["once"]), (tmp_path, ["backup", "copy.sqlite3"])])
    assert backup.status == 0, backup.err
    with running(config) as bot:
        bot.wait_until(lambda bot: "event=collect" in bot.logged)
        (tmp_path / "copy.sqlite3").replace(file)
        assert bot.process.wait(PATIENCE) == 1
        bot._readers[1].join()
    assert "was replaced by another file while it was in use" in bot.logged.splitlines()[-1]
    [after] = run_all([(tmp_path, ["check", "--quick"])])
    assert "ok    database: 4 papers" in after.out, after.out + after.err


# -- a bot.toml that was not saved whole -----------------------------------------------------------


def test_a_bot_toml_that_was_cut_off_is_told_by_status_and_taken_over_when_confirmed(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, "[discord]\n")
    channels = [f"discord:{number}142000000000000" for number in range(1000, 1003)]
    blocks = [f'[[channels]]\nid = "{each}"\nkeywords = ["graph"]\n' for each in channels]
    config.write_text(config.read_text() + "".join(blocks))
    written = config.read_text()
    reading = [["status"], ["why", "2603.01234"], ["keywords", "list", "--channel", channels[0]]]
    *read, listing = run_all([(tmp_path, command) for command in reading])
    assert "graph" in listing.out, (read, listing.err)
    assert config.read_text() == written, "a command that only reads wrote into bot.toml"
    [first] = run_all([(tmp_path, ["sync"])])
    assert first.out == "bot.toml and the database say the same.\n"
    config.write_text(config.read_text().partition(blocks[1])[0])
    cut = config.read_text()
    [status, data, refused] = run_all(
        [(tmp_path, ["status"]), (tmp_path, ["status", "--json"]), (tmp_path, ["sync"])]
    )
    assert "as a file does that was not saved whole" in status.out.splitlines()[0]
    assert all(each in status.out for each in channels)
    assert "sync --accept" in json.loads(data.out)["file_problem"]
    assert (refused.status, refused.err.count("saved whole")) == (1, 1)
    assert config.read_text() == cut
    [accepted, after] = run_all([(tmp_path, ["sync", "--accept"]), (tmp_path, ["sync"])])
    assert (accepted.status, accepted.out.count("unfollow 'graph'")) == (0, 2), accepted.err
    assert after.out == "bot.toml and the database say the same.\n"


# -- other users of the machine --------------------------------------------------------------------


def write_config(folder: Path, arxiv: ArxivStandin, more: str = "") -> Path:
    config = folder / "bot.toml"
    config.write_text(
        '[bot]\ntimezone = "UTC"\n[schedule]\npost_at = "00:00"\ndays = "daily"\n'
        f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n{more}'
        '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n'
    )
    return config


@contextmanager
def held(file: Path) -> Iterator[None]:
    """As by another process, which never lets go."""
    file.parent.mkdir(exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def modes(folder: Path) -> dict[str, str]:
    return {each.name: f"{each.stat().st_mode & 0o777:o}" for each in folder.iterdir()}


def test_the_data_is_for_the_bot_alone_and_the_page_for_whom_the_umask_says(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    write_config(tmp_path, arxiv, "[page]\n")
    before = os.umask(0o022)
    try:
        [once, backup] = run_all([(tmp_path, ["once"]), (tmp_path, ["backup", "copy.sqlite3"])])
        [restored] = run_all([(tmp_path, ["restore", "copy.sqlite3"])])
    finally:
        os.umask(before)
    assert (once.status, backup.status, restored.status) == (0, 0, 0), restored.err
    assert modes(tmp_path)["data"] == "700"
    assert modes(tmp_path)["copy.sqlite3"] == "600"
    assert modes(tmp_path)["papers.md"] == "644"
    found = modes(tmp_path / "data")
    assert {"daily-papers.sqlite3", "daily-papers.lock", "channels.lock", "arxiv.pace"} <= set(
        found
    )
    assert set(found.values()) == {"600"}


def test_a_lock_that_is_never_let_go_stops_no_command(tmp_path: Path, arxiv: ArxivStandin) -> None:
    write_config(tmp_path, arxiv)
    [first] = run_all([(tmp_path, ["once"])])
    with held(tmp_path / "data" / "channels.lock"), held(tmp_path / "data" / "arxiv.pace"):
        commands = [["status"], ["keywords", "add", "--channel", "console:", "graph network"]]
        [status, added] = run_all([(tmp_path, command) for command in commands])
    assert (first.status, status.status, added.status) == (0, 0, 0), added.err
    assert "channels.lock for 3 seconds" in status.err
    listing = ["keywords", "list", "--channel", "console:"]
    [after, _] = run_all([(tmp_path, listing), (tmp_path, ["sync"])])
    assert "graph network" in after.out
    assert "graph network" in (tmp_path / "bot.toml").read_text()


def test_a_lock_that_is_never_let_go_does_not_keep_the_service_from_stopping(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv)
    data = tmp_path / "data"
    with held(data / "channels.lock"), held(data / "arxiv.pace"), running(config) as bot:
        bot.wait_until(lambda bot: "event=running" in bot.logged)
        bot.process.send_signal(signal.SIGTERM)
        assert bot.process.wait(PATIENCE) == 0
        bot._readers[1].join()
    assert bot.logged.count("were not compared") == 1
    assert "Traceback" not in bot.logged
