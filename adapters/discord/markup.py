"""Text of others as Discord shows it: word for word, whatever stands in it. Pure.

Nothing in it mentions, links, previews or formats. Invisible characters that could undo this were
taken away before (``bot.text``).
"""

from __future__ import annotations

import re
from typing import Final

# What Discord's Markdown obeys anywhere in a line (support.discord.com, Markdown Text 101).
_ANYWHERE: Final = re.compile(r"[\\*_~`|<\[\]]")
_AT_LINE_START: Final = re.compile(r"(?m)^(\s*)([#>+-]|\d+(?=\.))")
_SHORTCODE: Final = re.compile(r":(?=[\w+-]+:)")  # :tada:
# A zero-width space: the text looks the same, and is no mention, link or invitation any more.
BREAK: Final = "\u200b"
_LINKS: Final = re.compile(r"(?i)(?<=:)(?=//)|(?<=discord)(?=\.(?:gg|com|new)\b)|(?<=@)(?=\S)")


def inert(text: str) -> str:
    """The same words, and nothing but words."""
    text = _ANYWHERE.sub(r"\\\g<0>", _LINKS.sub(BREAK, text))
    text = _AT_LINE_START.sub(lambda found: f"{found[1]}{_escaped(found[2])}", text)
    return _SHORTCODE.sub(r"\\:", text)


def _escaped(mark: str) -> str:
    """A number keeps its digits: it is the full stop behind it that makes a list of them."""
    return f"{mark}{BREAK}" if mark.isdecimal() else f"\\{mark}"


def link(title: str, url: str) -> str:
    """A title that leads somewhere. ``url`` is ours; of it only what could end the link is lost."""
    return f"[{inert(title)}]({url.translate(_IN_ADDRESS)})"


_IN_ADDRESS: Final = str.maketrans({"(": "%28", ")": "%29", " ": "%20", "<": "%3C", ">": "%3E"})
