"""What ``daily-papers check`` finds, and the remedy it names; the real program where it can be."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.keywords import parse
from bot.model import Person
from bot.model.zotero import ZoteroConnection, ZoteroLibrary
from bot.vault import new_key
from tests.fakes import START
from tests.process import forked
from tests.process.world import standin_paper
from tests.store.database import opened
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import TOKEN

MINE = "discord:1142000000000000009"


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    with ArxivStandin([standin_paper(9, "Gardens")], lambda: datetime.now(UTC)) as server:
        yield server


def check(
    folder: Path, arxiv: ArxivStandin, more: str = "", *words: str, **environ: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    config = folder / "bot.toml"
    if not config.exists():
        config.write_text(f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n{more}')
    environ = {"PATH": os.environ["PATH"], **environ}
    done = forked.call("check", "--json", "--config", str(config), *words, env=environ)
    assert done.stdout, done.stderr
    return done.returncode, {each["subject"]: each for each in json.loads(done.stdout)}


def test_a_sound_installation_has_nothing_to_fix(tmp_path: Path, arxiv: ArxivStandin) -> None:
    status, found = check(tmp_path, arxiv)
    assert status == 0
    assert set(found) == {"bot.toml", "data files", "data", "database", "clock", "arxiv"}
    assert all(each["ok"] for each in found.values())


def test_what_a_person_follows_for_themselves_is_counted_as_no_channel(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    with closing(opened(tmp_path / "daily-papers.sqlite3")) as store:
        for channel, private in (("discord:1142000000000000000", False), (MINE, True)):
            person = Person("Ada", "discord:7", private=private)
            asyncio.run(store.follow(channel, parse("reward model"), person, START))
    _, found = check(tmp_path, arxiv, "", "--quick")
    assert found["database"]["text"].endswith("0 papers, 1 channel, 1 private conversation.")
    assert MINE not in json.dumps(found)


def test_only_an_arxiv_that_was_asked_is_said_to_have_answered(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    arxiv.add(standin_paper(1, "A reward model for gardens"))
    config = tmp_path / "bot.toml"
    config.write_text(f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n')
    assert forked.call("once", cwd=tmp_path).returncode == 0
    _, found = check(tmp_path, arxiv)
    assert "had nothing to ask arXiv" in found["delivery"]["text"]
    assert "nothing to ask arXiv" in forked.call("status", cwd=tmp_path).stdout
    with config.open("a") as file:
        file.write('[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n')
    assert forked.call("once", cwd=tmp_path).returncode == 0
    _, found = check(tmp_path, arxiv)
    assert "arXiv's last complete answer: 20" in found["delivery"]["text"]
    assert "No post is waiting." in found["delivery"]["text"]


def test_quick_asks_nobody(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = tmp_path / "bot.toml"
    config.write_text('[arxiv]\nurl = "http://127.0.0.1:9/api/query"\ninterval = 0\n')
    status, found = check(tmp_path, arxiv, "", "--quick")
    assert status == 0
    assert "arxiv" not in found


def test_an_arxiv_out_of_reach_is_named_with_a_remedy(tmp_path: Path, arxiv: ArxivStandin) -> None:
    config = tmp_path / "bot.toml"
    config.write_text('[arxiv]\nurl = "http://127.0.0.1:9/api/query"\ninterval = 0\n')
    status, found = check(tmp_path, arxiv)
    assert status == 1
    assert not found["arxiv"]["ok"]
    assert "network" in found["arxiv"]["remedy"]


def test_a_harvest_that_can_not_be_read_is_named_and_the_rest_continues(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    """The demo's stand-in has no OAI-PMH: it says 404 there."""
    more = f'oai_url = "{arxiv.url.replace("/api/query", "/oai")}"\n'
    status, found = check(tmp_path, arxiv, more)
    assert status == 1
    assert found["arxiv"]["ok"]
    assert not found["arxiv, harvest"]["ok"]
    assert "[arxiv] oai_url" in found["arxiv, harvest"]["remedy"]
    assert "404" in found["arxiv, harvest"]["text"]


def test_files_that_others_may_read_or_write_are_named(tmp_path: Path, arxiv: ArxivStandin) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o644)
    with DiscordServer() as server:
        config = tmp_path / "bot.toml"
        config.write_text(f'[arxiv]\nurl = "{arxiv.url}"\ninterval = 0\n{server.settings}')
        config.chmod(0o666)
        (tmp_path / "channels.lock").touch(0o644)
        status, found = check(tmp_path, arxiv, DISCORD_TOKEN_FILE=str(secret))
    assert status == 1
    assert found["DISCORD_TOKEN"]["remedy"] == f"chmod 600 {secret}"
    assert found["bot.toml"]["remedy"].startswith("chmod go-w")
    assert found["data files"]["remedy"] == f"chmod 600 {tmp_path / 'channels.lock'}"
    assert TOKEN not in json.dumps(found)


def test_each_channel_is_asked_about_and_the_invitation_is_printed(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    with DiscordServer() as server:
        fine, closed = server.open_channel(), server.open_channel()
        server.closed[closed] = 50001
        blocks = "".join(
            f'[[channels]]\nid = "discord:{each}"\nkeywords = ["reward model"]\n'
            for each in (fine, closed)
        )
        status, found = check(tmp_path, arxiv, server.settings + blocks, DISCORD_TOKEN=TOKEN)
    assert status == 1
    assert "scope=bot+applications.commands" in found["discord"]["text"]
    assert found[f"discord:{fine}"]["ok"]
    assert "View Channel" in found[f"discord:{closed}"]["text"]


def test_a_damaged_database_is_found(tmp_path: Path, arxiv: ArxivStandin) -> None:
    check(tmp_path, arxiv)
    file = tmp_path / "daily-papers.sqlite3"
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 3 + 2000] = os.urandom(2000)
    file.write_bytes(bytes(data))
    done = forked.call("check", cwd=tmp_path)
    assert done.returncode == 1
    assert "damaged" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_libraries_that_nothing_can_be_sent_to_are_counted(
    tmp_path: Path, arxiv: ArxivStandin
) -> None:
    ada = Person("Ada", "discord:7")
    library = ZoteroLibrary("users/7", "muster")
    connection = ZoteroConnection(ada.id, False, MINE, library, ada, START)
    with closing(opened(tmp_path / "daily-papers.sqlite3")) as store:
        asyncio.run(store.connect_zotero(connection, "sealed", START))
    _, found = check(tmp_path, arxiv, "", "--quick")
    assert not found["zotero"]["ok"]
    assert found["zotero"]["text"].startswith("1 library is connected, but nothing can be sent")
    _, found = check(tmp_path, arxiv, "", "--quick", SECRET_KEY=new_key())
    assert "zotero" not in found
