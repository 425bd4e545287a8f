"""Bytes of an arXiv query answer → papers. Strict: an answer is understood whole, or refused.

Does not ask whether the answer is the right one for the question; ``bot.arxiv.responses`` does.

The form of the answers: arXiv's public server source and recorded answers of April to August 2026
(arXiv/arxiv-search, "classic_api"; a feed of 2,000 entries has 4 to 6 MB).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.arxiv.atom_entry import OPTIONAL, REQUIRED, Entry, timestamp
from bot.arxiv.xml_stream import XmlReader, local
from bot.model import Paper
from bot.model.papers import MOST_CATEGORIES

# expat writes a name as its namespace, a separator of our choice, and the local name.
_ATOM: Final = "http://www.w3.org/2005/Atom}"
_ARXIV: Final = "http://arxiv.org/schemas/atom}"
_OPENSEARCH: Final = "http://a9.com/-/spec/opensearch/1.1/}"

_FEED: Final = _ATOM + "feed"
_ENTRY: Final = _ATOM + "entry"
_AUTHOR: Final = _ATOM + "author"
_NAME: Final = _ATOM + "name"
_CATEGORY: Final = _ATOM + "category"
_PRIMARY: Final = _ARXIV + "primary_category"

_NUMBERS: Final = ("totalResults", "startIndex", "itemsPerPage")
# Elements whose text is kept, and under which name.
_OF_FEED: Final = {_OPENSEARCH + n: n for n in _NUMBERS} | {
    _ATOM + n: n for n in ("title", "updated")
}
_OF_ENTRY: Final = {_ATOM + n: n for n in REQUIRED} | {_ARXIV + n: n for n in OPTIONAL}


@dataclass(frozen=True, slots=True)
class AtomFeed:
    """One answer of the query API, as it stands there. ``updated`` is the moment of the answer.

    ``total`` is how many papers the server says match, over all pages. ``error`` is arXiv's
    message where the answer is an error feed, whatever its HTTP status; then there are no papers.
    """

    papers: tuple[Paper, ...]
    total: int
    start: int
    items_per_page: int
    updated: datetime
    title: str
    error: str | None = None


def read(body: bytes) -> AtomFeed:
    """A whole answer at once. Raises SourceGarbled."""
    reader = AtomReader()
    reader.feed(body)
    return reader.close()


class AtomReader(XmlReader[AtomFeed]):
    """Takes one answer in pieces of any size. Use it once; after an error it is of no more use."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[str, str] = {}
        self._entry: Entry | None = None
        self._in_author = False
        self._entries = 0
        self._papers: list[Paper] = []
        self._error: str | None = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        match self.depth:
            case 3:
                if self._entry is not None:
                    self._start_in_entry(self._entry, name, attributes)
            case 2:
                self._start_in_feed(name)
            case 1:
                if name != _FEED:
                    self.garbled(f"the answer is not an Atom feed but <{local(name)}>")
            case 4:
                if self._in_author and name == _NAME:
                    self.take("name")

    def end(self, name: str, text: str | None) -> None:
        entry = self._entry
        if text is not None:
            if entry is None:
                self._texts[name] = text
            elif name == "name":
                entry.name(text)
            else:
                entry.keep(name, text)
        elif self.depth == 1 and entry is not None:
            self._entry = None
            self._error = self._error or entry.error
            if entry.error is None:
                self._papers.append(entry.paper())

    def result(self) -> AtomFeed:
        total, start, items_per_page = (self._number(name) for name in _NUMBERS)
        return AtomFeed(
            papers=() if self._error is not None else tuple(self._papers),
            total=total,
            start=start,
            items_per_page=items_per_page,
            updated=timestamp(self._texts.get("updated", ""), "<updated> of the feed"),
            title=self._texts.get("title", ""),
            error=self._error,
        )

    def place(self) -> str:
        return "the feed" if self._entry is None else self._entry.place

    def _start_in_feed(self, name: str) -> None:
        if name == _ENTRY:
            self._entries += 1
            self._entry = Entry(self._entries)
        elif taken := _OF_FEED.get(name):
            self.take(taken)

    def _start_in_entry(self, entry: Entry, name: str, attributes: Mapping[str, str]) -> None:
        self._in_author = name == _AUTHOR
        if taken := _OF_ENTRY.get(name):
            self.take(taken)
        elif self._in_author:
            entry.people += 1
        elif name == _CATEGORY:
            if len(entry.categories) < MOST_CATEGORIES:
                entry.categories.append(self._term(attributes, name))
        elif name == _PRIMARY:
            entry.primary = entry.primary or self._term(attributes, name)

    def _term(self, attributes: Mapping[str, str], name: str) -> str:
        term = attributes.get("term", "").strip()
        if not term:
            self.garbled(f"{self.place()} has a <{local(name)}> without a term")
        return term

    def _number(self, name: str) -> int:
        text = self._texts.get(name, "")
        if not re.fullmatch(r"[0-9]{1,12}", text):
            raise ValueError(f"the feed has no usable <{name}>")
        return int(text)
