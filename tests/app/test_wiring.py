"""The bot as it is built from bot.toml, over a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot import config as configuration
from bot.app.wiring import open_bot
from tests.fakes import FakeClock


def test_a_start_with_other_posting_days_makes_no_day_a_missed_one(tmp_path: Path) -> None:
    async def start(days: str, *, serving: bool = True) -> bool:
        path = tmp_path / "bot.toml"
        path.write_text(
            f'[bot]\ntimezone = "UTC"\n[schedule]\ndays = "{days}"\n'
            '[arxiv]\ncontact = "https://papers.uni-anywhere.edu/about"\n'
            '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n'
        )
        config = configuration.load(path, {}, need_secrets=False, needs_contact=False)
        clock = FakeClock()
        async with open_bot(config, serving=serving, connect=False, clock=clock) as bot:
            [view] = (await bot.store.state()).channels
            return view.rescheduled

    assert not asyncio.run(start("mon-fri"))
    assert not asyncio.run(start("mon-fri"))
    assert not asyncio.run(start("daily", serving=False)), "a look at it is no start"
    assert asyncio.run(start("daily"))
