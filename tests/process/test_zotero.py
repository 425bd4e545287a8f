"""The real program and a small Zotero: connected in the chat, and killed while it sends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bot.clock import SystemClock
from bot.model import Paper, Person
from bot.model.zotero import ZOTERO_KEY, ZoteroConnection, ZoteroLibrary
from bot.store import FILE
from bot.vault import EncryptedVault, new_key
from tests.builders import paper
from tests.process import forked
from tests.process.world import TIMEOUT_SECONDS, World, reward_models, running, write_config
from tests.store import postgres
from tests.store.database import opened_on_postgres
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, SlackServer
from tests.wire.zotero_server import KEY, USER, ZoteroServer


def test_what_is_saved_arrives_once_over_a_kill_and_the_key_is_nowhere_to_be_read(
    tmp_path: Path,
) -> None:
    slack = SlackServer()
    room = slack.open_room()
    secrets = {
        "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SECRET_KEY": new_key(),
    }  # fmt: skip
    with ZoteroServer() as zotero, World(tmp_path, "slack", slack, [room], secrets) as world:
        text = world.config.read_text()
        world.config.write_text(f'[zotero]\napi_url = "{zotero.url}"\n{text}')
        log = tmp_path / "log"
        with log.open("ab") as written, world.start("-v", "run", log=written) as bot:
            slack.socket.wait_for_client()
            slack.socket.command("zotero connect", room)
            slack.wait_for(lambda: bool(slack.views))
            values = {"key": {"key": {"value": KEY}}, "library": {"library": {"value": None}}}
            slack.socket.submit(slack.views[-1], values, room)
            slack.wait_for(lambda: "library of muster" in json.dumps(slack.views))
            slack.wait_for(lambda: len(slack.papers(room)) == 3, TIMEOUT_SECONDS)
            zotero.storing = 1.0  # so that it is stored after the kill
            for paper_id in slack.papers(room):
                name = slack.socket.command(f"save {paper_id}", room)
                slack.wait_for(lambda name=name: bool(slack.answers[name]))  # type: ignore[misc]
            zotero.wait_for(lambda: any(seen.method == "POST" for seen in zotero.seen))
            bot.send_signal(signal.SIGKILL)
        zotero.storing = 0.0
        with log.open("ab") as written, world.start("-v", "run", log=written) as bot:
            zotero.wait_for(lambda: len(zotero.titles()) == 3, TIMEOUT_SECONDS)
            # A paper that arrived before the kill is compared, and settled, behind the others.
            wait_for_papers_to_be_settled(tmp_path)
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        assert sorted(Counter(zotero.titles()).values()) == [1, 1, 1]
        backup = tmp_path / "backup.sqlite3"
        said = [world.call("backup", str(backup)), world.call("status"), world.call("zotero")]
        said += [world.call("status", "--json")]
        assert "1 person has connected a library" in said[2].stdout
        assert backup.is_file()
        shown = "".join(each.stdout + each.stderr for each in said)
        files = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
        assert KEY not in shown
        assert not any(KEY.encode() in each for each in files)
        assert any(ZOTERO_KEY.encode() in each for each in files)


def wait_for_papers_to_be_settled(folder: Path) -> None:
    [path] = folder.rglob(FILE)
    give_up = time.monotonic() + TIMEOUT_SECONDS
    with closing(sqlite3.connect(path)) as db:
        while [*db.execute("select 1 from zotero_outbox where state != 'sent'")]:
            assert time.monotonic() < give_up, (folder / "log").read_text()
            time.sleep(0.02)


def test_two_processes_send_each_paper_once_and_one_goes_on_when_the_other_is_killed(
    tmp_path: Path,
) -> None:
    secret = new_key()
    papers = [paper(n, f"Paper {n}") for n in range(1, 121)]  # three batches
    with (
        postgres.database(empty=True) as url,
        ZoteroServer() as zotero,
        reward_models(0) as arxiv,
    ):
        environ = {"DATABASE_URL": url, "SECRET_KEY": secret}
        more = f'[zotero]\napi_url = "{zotero.url}"\n'
        configs = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            configs.append(write_config(tmp_path / name, arxiv, {"console:": ["x y"]}, more))
        forked.call("status", "--config", str(configs[0]), env={**os.environ, **environ})
        asyncio.run(connected_and_saved(url, secret))
        with running(configs[0], env=environ, words=("-v",)) as first:
            first.wait_until(lambda bot: "took role=zotero" in bot.logged)
            with running(configs[1], env=environ, words=("-v",)) as second:
                second.wait_until(lambda bot: "running stop_with" in bot.logged)
                zotero.storing = 1.0
                asyncio.run(connected_and_saved(url, secret, papers))
                zotero.wait_for(lambda: any(seen.method == "POST" for seen in zotero.seen))
                first.process.kill()
                first.process.wait()
                assert "took role=zotero" not in second.logged
                zotero.storing = 0.0
                postgres.let_leases_run_out(url)
                second.wait_until(lambda bot: "took role=zotero" in bot.logged)
                zotero.wait_for(lambda: len(zotero.titles()) == len(papers), TIMEOUT_SECONDS)
                second.wait_until(lambda bot: bot.logged.count("zotero sent") >= 3)
                assert second.stop(signal.SIGTERM) == 0
        assert Counter(zotero.titles()) == Counter({each.title: 1 for each in papers})
        assert KEY not in first.logged + second.logged


async def connected_and_saved(url: str, secret: str, papers: Sequence[Paper] = ()) -> None:
    """What a person does in a chat, where there is none."""
    store = opened_on_postgres(url)
    ada, clock = Person("Ada", "console:ada"), SystemClock()
    if papers:
        await store.save_all("console:", papers, ada, clock.now())
    else:
        vault = EncryptedVault([secret], store, clock)
        library = ZoteroLibrary(f"users/{USER}", "muster")
        connection = ZoteroConnection(ada.id, False, "console:", library, ada, clock.now())
        sealed = vault.seal(ZOTERO_KEY, ada.id, KEY)
        await store.connect_zotero(connection, sealed, clock.now())
    store.close()
