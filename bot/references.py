"""References to commands and addresses in a text, which each platform shows in its own way.

``/papers resume`` is clicked on Discord, typed on Slack, and called differently at the command
line; and an address is shown as it is, while markup in text that others wrote is escaped. So a text
has both as references, between noncharacters: code points that Unicode reserves for use inside a
program (The Unicode Standard, 23.7). ``clean`` and ``without_references`` remove these from what
others wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMMAND, _CHANNEL, _ADDRESS, _END = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_NONCHARACTERS = dict.fromkeys(range(0xFDD0, 0xFDF0))
_REFERENCE = re.compile(
    f"{_COMMAND}([^{_COMMAND}-{_END}]*){_CHANNEL}([^{_COMMAND}-{_END}]*){_END}"
    f"|{_ADDRESS}(https?://[^{_COMMAND}-{_END}\\s]*){_END}"
)


@dataclass(frozen=True, slots=True)
class CommandReference:
    """A command (``add reward model``), and the channel that it is about; empty if none is
    named."""

    words: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a page or a message, to be opened or copied."""

    url: str


def refer_to(words: str, channel: str = "") -> str:
    """A reference to a command, to be put into a text."""
    words, channel = without_references(words), without_references(channel)
    return f"{_COMMAND}{words}{_CHANNEL}{channel}{_END}"


def address(url: str) -> str:
    """A reference to an address, to be put into a text. One that is not HTTP(S) becomes plain
    text."""
    url = without_references(url)
    return f"{_ADDRESS}{url}{_END}"


def split_references(text: str) -> Iterator[str | CommandReference | Address]:
    """The parts of a text, in order. References that were truncated are plain text."""
    end = 0
    for found in _REFERENCE.finditer(text):
        if plain := without_references(text[end : found.start()]):
            yield plain
        end = found.end()
        words, channel, url = found.groups()
        yield Address(url) if url else CommandReference(words, channel)
    if plain := without_references(text[end:]):
        yield plain


def with_references(
    text: str,
    command: Callable[[CommandReference], str],
    plain: Callable[[str], str] = str,
    address: Callable[[Address], str] = lambda address: address.url,
) -> str:
    """The text with each reference replaced by what ``command`` or ``address`` returns for it, and
    the rest by what ``plain`` returns."""
    return "".join(
        plain(piece)
        if isinstance(piece, str)
        else address(piece)
        if isinstance(piece, Address)
        else command(piece)
        for piece in split_references(text)
    )


def without_references(text: str) -> str:
    """The text with its references turned into plain words."""
    return text.translate(_NONCHARACTERS)
