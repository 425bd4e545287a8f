"""The real service with somebody who waits for its ping, and calls the host when it does not come.

The program runs with a clock that the test moves (``tests.drill.program``); what it waits for in
between is real.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.process.world import Running, running, write_config
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

TUESDAY = datetime(2026, 3, 3, 8, 5, tzinfo=UTC)
WEDNESDAY, THURSDAY = TUESDAY + timedelta(days=1), TUESDAY + timedelta(days=2)
SECRET = "invented-check-id"  # anybody who knows the address can report the bot as healthy


class Watcher(ThreadingHTTPServer):
    """Takes pings, or answers with the statuses that are in ``refusals`` first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.now = TUESDAY
        self.pings: list[datetime] = []
        self.refusals: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/ping/{SECRET}"


class _Asked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Watcher)
        assert self.path == f"/ping/{SECRET}"
        server.pings.append(server.now)
        self.send_response(server.refusals.pop(0) if server.refusals else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing; who wants to know reads the list of pings."""


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    with Watcher() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Days:
    """An arXiv that announces every night, and the time that it and the program see."""

    def __init__(self, folder: Path, watcher: Watcher) -> None:
        self._watcher = watcher
        self._file = folder / "time"
        self.move_to(TUESDAY)
        papers = [
            _announced(number, TUESDAY + timedelta(days=number - 2)) for number in range(1, 6)
        ]
        self.arxiv = ArxivStandin(papers, lambda: watcher.now)
        self.config = folder / "bot.toml"

    @contextmanager
    def lived(self) -> Iterator[Running]:
        with self.arxiv:
            health = f'[health]\nlisten = ""\nping_url = "{self._watcher.url}"\n'
            follow = {"console:": ["reward model"]}
            write_config(self.config.parent, self.arxiv, follow, health)
            self.config.write_text(self.config.read_text().replace('"00:00"', '"08:00"'))
            with running(self.config, module="tests.drill.program", words=[str(self._file)]) as bot:
                yield bot
        assert SECRET not in bot.logged
        assert SECRET not in bot.said

    def follow(self, keyword: str) -> None:
        """Lets the program collect at once, whatever the time."""
        self.config.write_text(self.config.read_text().replace('"]', f'", "{keyword}"]'))

    def move_to(self, time: datetime) -> None:
        self._watcher.now = time
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(time.timestamp()))
        fresh.replace(self._file)

    def pinged(self, bot: Running, *times: datetime) -> None:
        """Wait for the ping that comes once it is the last of these; there were no others."""
        self.move_to(times[-1])
        bot.wait_until(lambda _: self._watcher.pings[-1:] == [times[-1]])
        assert self._watcher.pings == [*times]

    def collected(self, bot: Running, *, times: int, complete: bool) -> None:
        """Wait until so many collects have ended so."""
        bot.wait_until(lambda bot: bot.logged.count(f"event=collect complete={complete}") == times)


def _announced(number: int, at: datetime) -> StandinPaper:
    submitted = at - timedelta(hours=15)
    return StandinPaper(
        id=f"2603.{number:05d}", title=f"Reward model {number}", abstract="We look.",
        authors=("Ada Example",), categories=("cs.LG",), published=submitted,
        visible_at=at - timedelta(hours=6),
    )  # fmt: skip


def test_each_good_day_is_told_once(tmp_path: Path, watcher: Watcher) -> None:
    days = Days(tmp_path, watcher)
    with days.lived() as bot:
        days.pinged(bot, TUESDAY)
        days.move_to(TUESDAY + timedelta(hours=1))
        days.follow("graph network")
        days.collected(bot, times=2, complete=True)
        days.pinged(bot, TUESDAY, WEDNESDAY)
        days.pinged(bot, TUESDAY, WEDNESDAY, THURSDAY)


def test_who_refused_the_ping_is_asked_again(tmp_path: Path, watcher: Watcher) -> None:
    watcher.refusals += [503, 404]
    again = [TUESDAY + timedelta(minutes=11), TUESDAY + timedelta(minutes=22)]
    days = Days(tmp_path, watcher)
    with days.lived() as bot:
        days.pinged(bot, TUESDAY)
        days.pinged(bot, TUESDAY, again[0])
        days.pinged(bot, TUESDAY, *again)
        bot.wait_until(lambda bot: 'event="ping sent"' in bot.logged)
    assert 'event="ping refused" status=503 remedy="check [health] ping_url"' in bot.logged
    assert 'event="ping refused" status=404' in bot.logged


def test_a_day_without_a_whole_answer_is_never_told(tmp_path: Path, watcher: Watcher) -> None:
    days = Days(tmp_path, watcher)
    days.arxiv.busy = True
    with days.lived() as bot:
        days.collected(bot, times=1, complete=False)
        days.follow("graph network")
        days.collected(bot, times=2, complete=False)
        days.arxiv.busy = False
        days.move_to(WEDNESDAY)
        days.follow("world model")
        days.pinged(bot, WEDNESDAY)
