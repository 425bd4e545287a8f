"""The real program in Slack's HTTP mode: installed, a command in, a digest out, removed."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from urllib.parse import quote

from bot.store import FILE
from bot.vault import new_key
from tests.process.world import TIMEOUT_SECONDS, World, running, write_config
from tests.wire.serving import free_port
from tests.wire.slack_http import SIGNING_SECRET, SlackHttp
from tests.wire.slack_server import CLIENT_ID, CLIENT_SECRET, SlackServer

TEAM, ROOM = "T0123456789", "C0123456789"
HERE = f"{TEAM}/{ROOM}"


def installed(slack: SlackServer, http: SlackHttp) -> int:
    """A browser that lets the workspace install the app; the status of the last page."""
    _, page, headers = http.get("/slack/install")
    found = re.search(r"state=([\w%-]+)", page)
    assert found, page
    code = slack.consent(TEAM)
    path = f"/slack/oauth_redirect?code={quote(code)}&state={found[1]}"
    status, _, _ = http.get(path, cookie=headers["Set-Cookie"].partition(";")[0])
    return status


def test_a_workspace_installs_the_app_gets_a_digest_and_removes_it_again(tmp_path: Path) -> None:
    slack = SlackServer()
    port = free_port()
    secrets = {
        "SLACK_SIGNING_SECRET": SIGNING_SECRET, "SLACK_CLIENT_ID": CLIENT_ID,
        "SLACK_CLIENT_SECRET": CLIENT_SECRET, "SECRET_KEY": new_key(),
    }  # fmt: skip
    http = SlackHttp(slack, port)
    with World(tmp_path, "slack", slack, [], secrets) as world:
        section = f'mode = "http"\nlisten = "127.0.0.1:{port}"\nteams = ["{TEAM}"]\n'
        write_config(tmp_path, world.arxiv, {}, slack.settings + section)
        slack.room(ROOM, TEAM)
        with running(world.config, env=secrets) as bot:
            bot.wait_until(lambda bot: "slack listening" in bot.logged)
            assert installed(slack, http) == 200
            name = http.command("add reward model", ROOM, team_id=TEAM)
            slack.wait_for(lambda: bool(slack.answers[name]))
            assert "now follows" in json.dumps(slack.answers[name])
            slack.wait_for(lambda: len(slack.papers(HERE)) == 3, TIMEOUT_SECONDS)
            bot.wait_until(lambda _: f'id = "slack:{HERE}"' in world.config.read_text())
            slack.uninstall(TEAM)
            event = {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1"}
            http.envelope("events_api", {**event, "event": {"type": "app_uninstalled"}})
            bot.wait_until(lambda bot: "the app was removed" in bot.logged)
            gone = json.loads(world.call("status", "--json").stdout)
            assert [each["channel"] for each in gone["archived"]] == [f"slack:{HERE}"]
            assert gone["channels"] == []
            bot.wait_until(lambda _: HERE not in world.config.read_text())
            assert installed(slack, http) == 200
            back = json.loads(world.call("status", "--json").stdout)
            assert [each["channel"] for each in back["channels"]] == [f"slack:{HERE}"]
            assert bot.stop(signal.SIGTERM) == 0
        assert set(slack.papers(HERE).values()) == {1}, "and nothing twice after it was back"
        [database] = tmp_path.rglob(FILE)
        assert b"xoxb-" not in database.read_bytes()
        assert "xoxb-wire-T" not in bot.said + bot.logged
