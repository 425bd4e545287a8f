"""The last line of ``once``."""

from __future__ import annotations

import pytest

from bot.app.bot import RunSummary
from bot.cli.work import outcome


@pytest.mark.parametrize(
    ("papers", "news", "most_saved", "said"),
    [
        (0, 0, False, "Posted nothing; nothing waiting."),
        (0, 0, True, "Posted the week's most saved papers to 1 channel; nothing waiting."),
        (2, 1, False, "Posted 2 papers and 1 piece of news to 1 channel; nothing waiting."),
        (2, 1, True, "Posted 2 papers, 1 piece of news and the week's most saved papers to"),
    ],
)
def test_once_names_all_that_it_posted(papers: int, news: int, most_saved: bool, said: str) -> None:
    summary = RunSummary(True, papers, news, 1, 0, 0, 0, most_saved=most_saved)
    assert outcome(summary, 0, dry_run=False).startswith(said)
