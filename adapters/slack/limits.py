"""How much one message may hold, by the published limits and an undocumented one. Pure.

Published (docs.slack.dev, reference/block-kit/blocks and chat.postMessage, November 2026): 50
blocks, 150 characters in a header, 3,000 in a section, 75 in a button's label, a top-level text of
4,000 at best. Whether ``&`` counts there as one character or as the five of ``&amp;``, and one
outside the Basic Multilingual Plane as one or two, is not known: here they count as the most.
Undocumented: chat.postMessage answers ``msg_blocks_too_long`` from about 11,300 characters over all
blocks (slackapi/bolt-js #2509 and #2867, where Slack's staff name 12,000 "with a buffer").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from bot.text import shorten_to_fit

BLOCKS: Final = 50
CHARACTERS: Final = 9000  # over all blocks of a message
TEXT: Final = 4000  # of the top-level text
SECTION: Final = 3000
HEADER: Final = 150
LABEL: Final = 75
VIEW_TITLE: Final = 24
CHART_TITLE: Final = 50
CHART_LABEL: Final = 20
MAX_CATEGORIES: Final = 20  # of a chart
MAX_CHARTS: Final = 2  # in a message

Block = dict[str, Any]

COUNTED: Final = frozenset({"text", "url", "accessibility_label", "value", "fallback"})


def strings(part: object) -> Iterator[str]:
    """The texts of blocks that count: what people read or open, and what buttons carry."""
    if isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, str):
                if name in COUNTED:
                    yield value
            else:
                yield from strings(value)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from strings(each)


def escaped(text: str) -> str:
    """The three characters that mean something in Slack's texts, as it wants them written."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def units(text: str) -> int:
    """Characters on the safe side, of a text that is escaped: in units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def length(text: str) -> int:
    """The same of a text that is not yet escaped."""
    return units(escaped(text))


def cut(text: str, most: int) -> str:
    """Shortened, where it is longer than ``most`` (see ``length``). The text is not yet escaped."""
    return shorten_to_fit(text, lambda part: length(part) <= most)


def weight(blocks: object) -> int:
    """Characters over all blocks, on the safe side. What is escaped already counts as more."""
    return sum(map(length, strings(blocks)))


def fits(blocks: Sequence[Block]) -> bool:
    """Whether one message can hold all of these."""
    return within(len(blocks), weight(blocks))


def within(count: int, weight: int) -> bool:
    """The same for ``count`` blocks of this total weight. Weights can be added."""
    return count <= BLOCKS and weight <= CHARACTERS
