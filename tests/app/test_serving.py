"""A database server that does not answer is waited for, and whoever asks hears why."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from bot import config as configuration
from bot.app.reloads import Reloads
from bot.app.serving import open_when_available
from bot.app.wiring import build_service
from bot.config import Config
from bot.errors import ConfigError
from tests.fakes import FakeClock
from tests.store import postgres
from tests.wire.serving import free_port


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database(empty=True) as made:
        yield made


class Waiting(FakeClock):
    """Between two attempts ``after`` is called with the number of seconds that have passed."""

    def __init__(self, after: Callable[[float], None]) -> None:
        super().__init__()
        self._began = self.monotonic()
        self._after = after

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.to_thread(self._after, self.monotonic() - self._began)


def load(folder: Path, url: str, more: str = "") -> Config:
    path = folder / "bot.toml"
    path.write_text(
        f'[bot]\ntimezone = "UTC"\ndata = "data"\n[arxiv]\ncontact = "https://papers.uni-anywhere.edu/about"\n{more}'
    )
    return configuration.load(path, {"DATABASE_URL": url}, need_secrets=True, needs_contact=True)


def test_a_server_that_is_gone_for_ten_minutes_at_the_start_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = postgres.Server()
    server.stop()
    config = load(tmp_path, server.url())

    def after(seconds: float) -> None:
        if seconds >= 600 and not server.runs:
            server.start()

    async def start() -> float:
        clock = Waiting(after)
        began = clock.monotonic()
        async with open_when_available(config, Reloads(lambda: config), clock) as bot:
            assert await bot.store.subscriptions() == ()
        return clock.monotonic() - began

    try:
        assert 600 <= asyncio.run(start()) < 620
    finally:
        server.close()
    said = [each.getMessage() for each in caplog.records]
    waits = [each for each in said if each.startswith("waits for=database")]
    assert 10 <= len(waits) <= 11, "once a minute"
    assert "does not answer (Connection refused)" in waits[0]
    assert "the database answers" in said
    assert server.url() not in "".join(said)


def test_while_it_waits_the_health_check_says_why_and_a_signal_rereads_the_file(
    tmp_path: Path, url: str
) -> None:
    port = free_port()
    health = f'[health]\nlisten = "127.0.0.1:{port}"\n'
    config = load(tmp_path, f"postgresql://postgres@127.0.0.1:{free_port()}/papers", health)
    told: list[tuple[int, list[str]]] = []

    def ask(_: float) -> None:
        with pytest.raises(HTTPError) as answer:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10)
        with answer.value as error:
            told.append((error.code, json.load(error)["problems"]))
        os.kill(os.getpid(), signal.SIGHUP)

    async def start() -> None:
        reloads = Reloads(lambda: load(tmp_path, url))
        with reloads.in_loop():
            async with open_when_available(config, reloads, Waiting(ask)) as bot:
                assert bot.config.health is None, "as the file is now"

    asyncio.run(start())
    assert len(told) <= 3, "the signal arrives between two attempts"
    code, [problem] = told[0]
    assert code == 503
    assert "does not answer (Connection refused)" in problem


def test_a_file_that_becomes_wrong_while_the_bot_starts_anew_does_not_end_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(tmp_path, "")

    async def start(*, resuming: bool) -> None:
        reloads = Reloads(lambda: config)
        opening = open_when_available(config, reloads, FakeClock(), resuming=resuming)
        async with opening as bot:
            assert await bot.store.subscriptions() == ()

    (tmp_path / "bot.toml").write_text("half a")
    asyncio.run(start(resuming=True))
    assert "an edit was not taken over" in caplog.text
    with pytest.raises(ConfigError):
        asyncio.run(start(resuming=False))


def test_a_signal_between_the_waiting_and_the_service_rereads_the_file(
    tmp_path: Path, url: str
) -> None:
    server = f"postgresql://postgres@127.0.0.1:{free_port()}/papers"
    files = [load(tmp_path, url), load(tmp_path, url, "[schedule]\npost_at = '09:00'\n")]

    async def start() -> Config | None:
        reloads = Reloads(lambda: files.pop(0))

        def hang_up(_: float) -> None:
            os.kill(os.getpid(), signal.SIGHUP)

        with reloads.in_loop():
            async with open_when_available(
                load(tmp_path, server), reloads, Waiting(hang_up)
            ) as bot:
                assert bot.config.schedule.values["post_at"] == "08:00"
                hang_up(0)  # it answers, and nobody listens to signals yet
                return await build_service(bot, reloads).run()

    following = asyncio.run(start())
    assert following is not None
    assert following.schedule.values["post_at"] == "09:00"
