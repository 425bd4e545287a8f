"""How threads are named, and which of them a name means. Pure.

The thread of a day's messages has the day for its name. That of a paper is known by the id at the
end of its name: titles change, and several papers may have the same.
"""

from __future__ import annotations

import re
from typing import Final

from bot.model import Paper
from bot.text import shorten

# 100 characters at most (docs, resources/channel, 2026-08-06), with " (2)" behind it in a forum.
MAX_LENGTH: Final = 92
_BEFORE_ID: Final = " · "


def name_of(paper: Paper) -> str:
    behind = f"{_BEFORE_ID}{paper.id}"
    return f"{shorten(paper.title, MAX_LENGTH - len(behind))}{behind}"


def is_named(found: str, name: str) -> bool:
    """Whether a thread has this name, or is about the same paper; perhaps with a number behind."""
    title, *paper_id = name.rsplit(_BEFORE_ID, 1)
    expected = ".*" + re.escape(_BEFORE_ID + paper_id[0]) if paper_id else re.escape(title)
    return re.fullmatch(expected + r"(?: \(\d+\))?", found, re.DOTALL) is not None
