"""The real program where the machine's environment holds what nobody can understand."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
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
