"""How threads are named, and which threads a name refers to. Pure.

The thread of a day's messages is named after the day. That of a paper is recognized by the id at
the end of its name: titles change, and several papers may have the same title.
"""

from __future__ import annotations

import re
from typing import Final

from bot.model import Paper
from bot.text import shorten

# 100 characters at most (docs, resources/channel, 2026-08-06), including " (2)" in a forum.
MAX_LENGTH: Final = 92
_BEFORE_ID: Final = " · "


def name_of(paper: Paper) -> str:
    behind = f"{_BEFORE_ID}{paper.id}"
    return f"{shorten(paper.title, MAX_LENGTH - len(behind))}{behind}"


def is_named(found: str, name: str) -> bool:
    """Whether a thread has this name, or is about the same paper. A number may follow: " (2)"."""
    title, *paper_id = name.rsplit(_BEFORE_ID, 1)
    expected = ".*" + re.escape(_BEFORE_ID + paper_id[0]) if paper_id else re.escape(title)
    return re.fullmatch(expected + r"(?: \(\d+\))?", found, re.DOTALL) is not None
