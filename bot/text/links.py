"""Addresses in the texts of papers: where authors say that their code is.

Takes text that is ready to be shown (``bot.text.displayed``), in which LaTeX's ``\\url`` and
``\\href`` are plain addresses already. Requests none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MAX_ADDRESS_LENGTH: Final = 500  # characters; a longer one stays text

# An address ends before what no address holds unescaped (RFC 3986, 2: also `{`, `}`, `|`, `^`),
# before a dollar of a formula, and before the next address that follows a comma without a blank.
_ADDRESS = re.compile(r"\bhttps?://(?:(?![,;]?https?://)[!#%-;=?-\[\]_a-z~])+", re.IGNORECASE)
_PUNCTUATION: Final = ".,;:!?'*_~-"
_BRACKETS = {")": "(", "]": "["}
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]\.?", re.I)


@dataclass(frozen=True, slots=True)
class Link:
    """An address as it is in a text; it can be followed as it is."""

    url: str


def with_links(text: str) -> Iterator[str | Link]:
    """The text in its order. Punctuation and brackets around an address are text; so is what only
    looks like one: without a host's name, or with a user's before it (``https://arxiv.org@x.y``),
    which would lead elsewhere than people read."""
    end = 0
    for found in _ADDRESS.finditer(text):
        url = without_punctuation(found[0], _PUNCTUATION)
        if not _can_be_followed(url):
            continue
        if before := text[end : found.start()]:
            yield before
        yield Link(url)
        end = found.start() + len(url)
    if rest := text[end:]:
        yield rest


def without_punctuation(url: str, punctuation: str) -> str:
    """Without the sentence's punctuation at its end; a bracket stays where the address opens it."""
    while url and (
        url[-1] in punctuation
        or (url[-1] in _BRACKETS and url.count(url[-1]) > url.count(_BRACKETS[url[-1]]))
    ):
        url = url[:-1]
    return url


def _can_be_followed(url: str) -> bool:
    if len(url) > MAX_ADDRESS_LENGTH:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # a port that is none, a bracket without its partner
        return False
    plain = parts.username is None and parts.password is None
    return plain and host is not None and _HOST.fullmatch(host) is not None
