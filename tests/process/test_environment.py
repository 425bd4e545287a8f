"""The real program on a machine that is not kind: its environment, its other users, its locks."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process import forked
from tests.process.world import reward_models, running, write_config
from tests.wire.arxiv_standin import ArxivStandin

TERMINAL = {"console:": ["reward model"]}
CHANNEL = ("--channel", "console:")
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
    with reward_models(4) as server:
        yield server


def folder_with_config(folder: Path) -> Path:
    """arXiv is elsewhere, and the stand-in for it is the proxy on the way there."""
    folder.mkdir(exist_ok=True)
    (folder / "bot.toml").write_text(
        '[bot]\ntimezone = "UTC"\ndata = "data"\n'
        '[schedule]\npost_at = "00:00"\ndays = "daily"\n[health]\n'
        'listen = ""\n[arxiv]\nurl = "http://elsewhere.invalid/api/query"\ninterval = 0\n'
        '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n'
    )
    return folder


def call(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return forked.call(*words, cwd=folder, env={**os.environ, **variables})


def proxy(arxiv: ArxivStandin) -> str:
    return arxiv.address("")


def test_once_posts_whatever_one_variable_holds_and_names_it_once(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    for name, value in UNUSABLE.items():
        folder = folder_with_config(tmp_path / name)
        done = call(folder, "once", HTTP_PROXY=proxy(arxiv), **{name: value})
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("https://arxiv.org/abs/") == 3, name
        assert done.stderr.count(name) == 1, done.stderr
        assert "Traceback" not in done.stderr


def test_the_service_stays_up_whatever_they_all_hold(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = folder_with_config(tmp_path) / "bot.toml"
    with running(config, env={**UNUSABLE, "HTTP_PROXY": proxy(arxiv)}) as bot:
        bot.wait_until(lambda bot: bot.said.count("https://arxiv.org/abs/") == 3)
        assert bot.stop(signal.SIGTERM) == 0
    assert bot.logged.count('event="environment: ') == len(UNUSABLE)
    assert "Traceback" not in bot.logged


# -- a database that is taken away ----------------------------------------------------------------


def test_a_database_that_is_replaced_ends_the_service_with_a_sentence_and_stays_whole(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, TERMINAL)
    file = tmp_path / "data" / "daily-papers.sqlite3"
    call(tmp_path, "once")
    backup = call(tmp_path, "backup", "copy.sqlite3")
    assert backup.returncode == 0, backup.stderr
    with running(config) as bot:
        bot.wait_until(lambda bot: "event=collect" in bot.logged)
        (tmp_path / "copy.sqlite3").replace(file)
        assert bot.wait_for_end() == 1
    assert "was replaced by another file while it was in use" in bot.logged.splitlines()[-1]
    after = call(tmp_path, "check", "--quick")
    assert ": 4 papers, 1 channel." in after.stdout, after.stdout + after.stderr


# -- a bot.toml that was not saved whole -----------------------------------------------------------


def test_a_bot_toml_that_was_cut_off_is_told_by_status_and_taken_over_when_confirmed(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, TERMINAL, "[discord]\n")
    channels = [f"discord:{number}142000000000000" for number in range(1000, 1003)]
    blocks = [f'[[channels]]\nid = "{each}"\nkeywords = ["graph"]\n' for each in channels]
    config.write_text(config.read_text() + "".join(blocks))
    written = config.read_text()
    call(tmp_path, "status")
    call(tmp_path, "why", "2603.01234")
    listing = call(tmp_path, "keywords", "list", "--channel", channels[0])
    assert "graph" in listing.stdout, listing.stderr
    assert config.read_text() == written, "a command that only reads wrote into bot.toml"
    assert call(tmp_path, "sync").stdout == "bot.toml and the database agree.\n"
    config.write_text(config.read_text().partition(blocks[1])[0])
    cut = config.read_text()
    status = call(tmp_path, "status").stdout
    assert "as a file does that was not saved whole" in status.splitlines()[0]
    assert all(each in status for each in channels)
    data = json.loads(call(tmp_path, "status", "--json").stdout)
    assert "sync --accept" in data["file_problem"]
    refused = call(tmp_path, "sync")
    assert (refused.returncode, refused.stderr.count("saved whole")) == (1, 1)
    assert config.read_text() == cut
    accepted = call(tmp_path, "sync", "--accept")
    assert (accepted.returncode, accepted.stdout.count("unfollow 'graph'")) == (0, 2)
    assert call(tmp_path, "sync").stdout == "bot.toml and the database agree.\n"


# -- other users of the machine --------------------------------------------------------------------


@contextmanager
def held(file: Path) -> Iterator[None]:
    """As by another process, which never releases it."""
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
    write_config(tmp_path, arxiv, TERMINAL, "[page]\n")
    for words in (["once"], ["backup", "copy.sqlite3"], ["restore", "copy.sqlite3"]):
        done = forked.call(*words, cwd=tmp_path, umask=0o022)
        assert done.returncode == 0, done.stderr
    assert modes(tmp_path)["data"] == "700"
    assert modes(tmp_path)["copy.sqlite3"] == "600"
    assert modes(tmp_path)["papers.md"] == "644"
    found = modes(tmp_path / "data")
    assert {"daily-papers.sqlite3", "daily-papers.lock", "channels.lock", "arxiv.pace"} <= set(
        found
    )
    assert set(found.values()) == {"600"}


@pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="root gives a folder to another user"
)
def test_a_folder_of_another_user_is_named_with_its_owner_and_the_remedy_by_every_command(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    """With the rights of an ordinary user: as root, but without what lets root do everything."""
    folder = tmp_path / "papers"
    folder.mkdir(mode=0o755)
    os.chown(folder, 54321, 54321)
    owner = f"{folder} belongs to user 54321, the bot runs as root: sudo chown 0:0 {folder}"

    def said(*words: str) -> str:
        env = {**os.environ, "ARXIV_CONTACT": "me@uni.test"}
        done = forked.call(*words, cwd=folder, env=env, ordinary=True)
        assert done.returncode == 1, (words, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    for words in (["run"], ["init"]):
        assert owner in said(*words), words
        assert not (folder / "bot.toml").exists()
    write_config(folder, arxiv, TERMINAL)
    config = folder / "bot.toml"
    config.write_text(config.read_text().replace('data = "data"\n', ""))
    config.chmod(0o644)
    for words in (["once"], ["status"], ["check"]):
        assert owner in said(*words), words
    os.chown(folder, 0, 0)
    closed = folder / "closed"
    closed.mkdir(mode=0o755)
    os.chown(closed, 54321, 54321)
    written = said("keywords", "export", str(closed / "all.toml"))
    assert f"all.toml can't be written: {closed} belongs to user 54321" in written
    assert f"sudo chown 0:0 {closed}" in written
    with config.open("a") as file:
        file.write('[page]\npath = "closed/papers.md"\n')
    written = said("page")
    assert f"The page can't be written to {closed}/papers.md: {closed} belongs to user" in written


def test_a_lock_that_is_never_released_stops_no_command(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    write_config(tmp_path, arxiv, TERMINAL)
    assert call(tmp_path, "once").returncode == 0
    data = tmp_path / "data"
    with held(data / "channels.lock"), held(data / "arxiv.pace"):
        adding = forked.start(["keywords", "add", *CHANNEL, "graph network"], cwd=tmp_path)
        status = call(tmp_path, "status")  # at the same time: both wait for some seconds
        assert (adding.wait(), status.returncode) == (0, 0), status.stderr
    assert "channels.lock for 3 seconds" in status.stderr
    assert "graph network" in call(tmp_path, "keywords", "list", *CHANNEL).stdout
    assert call(tmp_path, "sync").returncode == 0
    assert "graph network" in (tmp_path / "bot.toml").read_text()


def test_a_stop_during_the_start_is_a_stop(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = write_config(tmp_path, arxiv, TERMINAL)
    data = tmp_path / "data"
    with held(data / "channels.lock"), running(config) as bot:  # on which the start waits
        bot.wait_until(lambda bot: (data / "daily-papers.sqlite3").exists())
        assert bot.stop(signal.SIGTERM) == 0, bot.logged
    assert "event=running" not in bot.logged
    assert "Traceback" not in bot.logged


def test_a_lock_that_is_never_released_does_not_keep_the_service_from_stopping(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    config = write_config(tmp_path, arxiv, TERMINAL)
    data = tmp_path / "data"
    with held(data / "channels.lock"), held(data / "arxiv.pace"), running(config) as bot:
        bot.wait_until(lambda bot: "event=running" in bot.logged)
        assert bot.stop(signal.SIGTERM) == 0
    assert bot.logged.count("were not compared") == 1
    assert "Traceback" not in bot.logged
