"""The real program reads everything that arXiv announced, and posts what matches."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import SystemClock
from tests.process import forked
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_server import ArxivServer

DAY = timedelta(days=1)


class ArxivsClock(SystemClock):
    """``ahead`` of ours, so that an evening comes when the test wants it."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def call(folder: Path, *words: str) -> str:
    done = forked.call(*words, "--config", str(folder / "bot.toml"))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("plan", ["harvest", "union"])
def test_status_says_how_many_papers_were_announced_and_each_comes_once(
    tmp_path: Path, plan: str
) -> None:
    now = datetime.now(UTC)
    month = f"{now:%y%m}"

    def paper(number: int, title: str, visible_at: datetime, days: int = 2) -> StandinPaper:
        return StandinPaper(
            id=f"{month}.{number:05d}", title=title, abstract="We look.", authors=("Ada Example",),
            categories=("cs.LG",), published=now - days * DAY, visible_at=visible_at,
        )  # fmt: skip

    evening = now + timedelta(hours=1)
    clock = ArxivsClock()
    papers = [paper(n, f"Reward model {n}", now - DAY) for n in range(1, 4)]
    papers += [paper(n, f"Something else {n}", evening) for n in range(4, 20) if n != 7]
    papers += [paper(20, "A reward model", evening), paper(21, "A reward model, held", evening, 99)]
    with ArxivServer(papers, clock) as arxiv:
        (tmp_path / "bot.toml").write_text(
            f'[schedule]\npost_at = "00:00"\ndays = "daily"\n[arxiv]\nurl = "{arxiv.url}"\n'
            f'oai_url = "{arxiv.oai_url}"\nplan = "{plan}"\ninterval = 0\n'
            '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n'
        )
        for _ in range(2):
            call(tmp_path, "once")
        clock.ahead = timedelta(hours=2)
        shown = call(tmp_path, "once", "--now")
        assert shown.count(f"{month}.00020") == 2, "its address and its number, once each"
        assert (f"{month}.00021" in shown) is (plan == "harvest")
        assert "Something else" not in shown
        status = json.loads(call(tmp_path, "status", "--json"))["last_run"]
        assert status["announced"] == 18
        assert status["missing"] == (1 if plan == "harvest" else 0)
        assert call(tmp_path, "once", "--now") == ""
