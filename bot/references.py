"""Commands and addresses named in a text, for each place to show in the way that works there.

``/papers resume`` is pressed on Discord, typed on Slack, and called otherwise at the command line;
and an address is shown whole, while text of others around it is made to mean nothing. So a text
carries both as references, between noncharacters: code points that Unicode reserves for use inside
a program (The Unicode Standard, 23.7). ``clean`` and ``without_references`` take these out of what
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
    """What to say (``add reward model``), and the channel that it is about, empty where any."""

    words: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Of a page or a message, to be opened and copied."""

    url: str


def refer_to(words: str, channel: str = "") -> str:
    """A command, to be put into a text."""
    words, channel = without_references(words), without_references(channel)
    return f"{_COMMAND}{words}{_CHANNEL}{channel}{_END}"


def address(url: str) -> str:
    """An address, to be put into a text. One that is not of the web stays a word like others."""
    url = without_references(url)
    return f"{_ADDRESS}{url}{_END}"


def split_references(text: str) -> Iterator[str | CommandReference | Address]:
    """A text in its order. References that were cut through are plain text."""
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
    """The text with each reference as it is shown somewhere, and the rest through ``plain``."""
    return "".join(
        plain(piece)
        if isinstance(piece, str)
        else address(piece)
        if isinstance(piece, Address)
        else command(piece)
        for piece in split_references(text)
    )


def without_references(text: str) -> str:
    """The same words; a reference in it is words like others."""
    return text.translate(_NONCHARACTERS)
