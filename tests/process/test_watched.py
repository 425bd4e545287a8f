"""The real program as a host meets it: watched, reloaded, and never a token where none belongs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from tests.process import forked
from tests.process.world import Running, reward_models, running, write_config
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.serving import free_port

# Invented, in the shape of real ones.
DISCORD = "MTE0MjAwMDAwMDAwMDAwMDAw.GCANRY.discordCANARYdiscordCANARYdiscordCANAR"
SLACK_BOT = "xoxb-1111111111-2222222222-slackbotCANARYslackbotCANARY"
SLACK_APP = "xapp-1-A0CANARY00-3333333333-slackappcanaryslackappcanary"
WORKSPACE = {"ok": True, "team": "Lab", "team_id": "T01", "user_id": "U01", "bot_id": "B01"}
TOKENS = {"DISCORD_TOKEN": DISCORD, "SLACK_BOT_TOKEN": SLACK_BOT, "SLACK_APP_TOKEN": SLACK_APP}


class Recorder(BaseHTTPRequestHandler):
    """Notes what it was sent. Fails, and repeats it in its answer; but Slack says who it is."""

    requests: ClassVar[list[str]] = []
    failure = 500

    def _note(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        whole = f"{self.command} {self.path}\n{self.headers}\n{body}"
        self.requests.append(whole)
        known = self.path.endswith("/auth.test")
        failed = {"ok": False, "error": whole, "message": whole}
        answer = json.dumps(WORKSPACE if known else failed).encode()
        self.send_response(200 if known else self.failure)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = _note  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Say nothing; who wants to know reads the list of requests."""


class AtDiscord(Recorder):
    requests: ClassVar[list[str]] = []
    failure = 400  # its text is shown; a 500 would only be tried again


class AtSlack(Recorder):
    requests: ClassVar[list[str]] = []


@pytest.fixture
def recorders() -> Iterator[tuple[str, str]]:
    """What stands at Discord's address, and at Slack's."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in (AtDiscord, AtSlack)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    discord, slack = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    yield discord, slack
    for server in servers:
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    with reward_models(3) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, arxiv: ArxivStandin) -> Path:
    """The terminal follows one keyword."""
    return write_config(tmp_path, arxiv, {"console:": ["reward model"]})


def call(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.call(*words, "--config", str(config))


def test_a_token_is_seen_only_where_it_belongs(
    config: Path, recorders: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no output, no file, and no request but to its own platform, which echoes it and fails."""
    discord, slack = recorders
    config.write_text(
        config.read_text()
        + f'\n[discord]\napi_url = "{discord}/api/v10"\n'
        + f'gateway_url = "ws{discord.removeprefix("http")}"\n'
        + f'[slack]\napi_url = "{slack}/api/"\n'
        + '[[channels]]\nid = "discord:114200000000000001"\nkeywords = ["reward model"]\n'
        + '[[channels]]\nid = "slack:C0123456789"\nkeywords = ["reward model"]\n'
    )
    for name, token in TOKENS.items():
        monkeypatch.setenv(name, token)
    with running(config) as bot:
        bot.wait_until(
            lambda _: (
                bool(AtDiscord.requests)
                and any("apps.connections.open" in each for each in AtSlack.requests)
                and any("chat.postMessage" in each for each in AtSlack.requests)
            )
        )
        bot.stop(signal.SIGTERM)
    said = bot.said + bot.logged
    for words in (["check", "--json"], ["status"]):
        done = call(config, *words)
        said += done.stdout + done.stderr
    files = b"".join(path.read_bytes() for path in config.parent.rglob("*") if path.is_file())
    assert '"subject": "discord' in said
    for token in TOKENS.values():
        assert token not in said
        assert token.encode() not in files
    to_discord, to_slack = "".join(AtDiscord.requests), "".join(AtSlack.requests)
    assert DISCORD in to_discord
    assert SLACK_BOT in to_slack
    assert SLACK_APP in to_slack
    assert "xoxb-" not in to_discord
    assert "xapp-" not in to_discord
    assert DISCORD not in to_slack


def health(port: int) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
    except httpx.HTTPError:
        return None


def test_the_service_says_that_it_is_well_and_serves_its_page(
    config: Path,
) -> None:
    port, other, page = free_port(), free_port(), free_port()
    config.write_text(
        f'{config.read_text()}\n[health]\nlisten = "127.0.0.1:{port}"\n'
        f'[page]\nlisten = "127.0.0.1:{page}"\n'
    )
    before = call(config, "check", "--quick")
    assert before.returncode == 1
    assert f"Nothing answers at 127.0.0.1:{port}." in before.stdout
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3 and health(port) is not None)
        bot.wait_until(lambda bot: "event=sent" in bot.logged)
        answer = health(port)
        assert answer is not None
        assert (answer.status_code, answer.json()["problems"]) == (200, [])
        during = call(config, "check", "--quick")
        assert during.returncode == 0, during.stdout
        assert f"It runs and reports no problem (127.0.0.1:{port})." in during.stdout
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert 'daily_papers_posts{platform="console",state="sent"} 1.0' in metrics
        bot.wait_until(lambda _: (config.parent / "papers.html").is_file())
        served = httpx.get(f"http://127.0.0.1:{page}/", trust_env=False)
        assert (served.status_code, served.text.count("<article>")) == (200, 3)
        _reload(bot, config, port, other)
    assert health(other) is None


def _reload(bot: Running, config: Path, port: int, other: int) -> None:
    """SIGHUP moves it to another address, with the log in another form."""
    text = config.read_text().replace(f":{port}", f":{other}")
    config.write_text(f'{text}\n[log]\nformat = "json"\n')
    bot.process.send_signal(signal.SIGHUP)
    bot.wait_until(lambda _: health(other) is not None)
    assert health(port) is None
    bot.wait_until(lambda bot: '"event": "running"' in bot.logged)


def test_nothing_listens_unless_somebody_asked_for_it(config: Path) -> None:
    with running(config) as bot:
        bot.wait_until(lambda bot: len(bot.posted) == 3)
        descriptors = Path(f"/proc/{bot.process.pid}/fd")
        if not descriptors.exists():
            pytest.skip("no /proc on this system")
        own = {os.readlink(each) for each in descriptors.iterdir() if each.exists()}
        listening = {
            f"socket:[{line.split()[9]}]"
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            if line.split()[3] == "0A"
        }
        assert not own & listening
