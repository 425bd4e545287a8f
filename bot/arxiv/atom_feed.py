"""Bytes of an answer of arXiv's query API → papers. Strict: it is understood whole, or refused.

Does not ask whether the answer is the right one for the request; ``bot.arxiv.responses`` does.

The form of the answers: arXiv's public server source and recorded answers of April to August 2026
(arXiv/arxiv-search, "classic_api"; a feed of 2,000 entries has 4 to 6 MB).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from bot.arxiv.ids import identify
from bot.arxiv.xml_stream import XmlReader, excerpt, local_name, timestamp
from bot.model import Paper
from bot.model.papers import MAX_AUTHORS, MAX_CATEGORIES, MAX_NAME_LENGTH

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
_REQUIRED: Final = ("id", "title", "summary", "published", "updated")
_OPTIONAL: Final = ("comment", "journal_ref", "doi")
# Elements whose text is kept, and under which name.
_TEXTS_OF_FEED: Final = {_OPENSEARCH + n: n for n in _NUMBERS} | {_ATOM + "updated": "updated"}
_TEXTS_OF_ENTRY: Final = {_ATOM + n: n for n in _REQUIRED} | {_ARXIV + n: n for n in _OPTIONAL}

_ABSTRACT_PAGE: Final = re.compile(r"https?://(?:[a-z]+\.)?arxiv\.org/abs/(.+)", re.ASCII)


class AtomFeed(NamedTuple):
    """One answer of the query API. ``updated`` is the moment of the answer.

    ``total`` is how many papers the server says match, over all pages. ``error`` is arXiv's
    message where the answer is an error feed, whatever its HTTP status; then there are no papers.
    """

    papers: tuple[Paper, ...]
    total: int
    start: int
    updated: datetime
    error: str | None = None


def read(body: bytes) -> AtomFeed:
    """A complete answer at once. Raises SourceGarbled."""
    reader = AtomReader()
    reader.feed(body)
    return reader.close()


class AtomReader(XmlReader[AtomFeed]):
    """Takes one answer in pieces of any size. One reader reads one answer."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[str, str] = {}
        self._entry: _Entry | None = None
        self._in_author = False
        self._entries = 0
        self._papers: list[Paper] = []
        self._error: str | None = None

    def on_start(self, name: str, attributes: Mapping[str, str]) -> None:
        match self.depth:
            case 3:
                if self._entry is not None:
                    self._start_in_entry(self._entry, name, attributes)
            case 2:
                self._start_in_feed(name)
            case 1:
                if name != _FEED:
                    self.refuse(f"the answer is not an Atom feed but <{local_name(name)}>")
            case 4:
                if self._in_author and name == _NAME:
                    self.capture("name")

    def on_end(self, name: str, text: str | None) -> None:
        entry = self._entry
        if text is not None:
            if entry is None:
                self._texts[name] = text
            elif name == "name":
                entry.add_author(text)
            else:
                entry.add_text(name, text)
        elif self.depth == 1 and entry is not None:
            self._entry = None
            self._error = self._error or entry.error
            if entry.error is None:
                self._papers.append(entry.paper())

    def result(self) -> AtomFeed:
        total, start, _ = (self._number(name) for name in _NUMBERS)
        return AtomFeed(
            papers=() if self._error is not None else tuple(self._papers),
            total=total,
            start=start,
            updated=timestamp(self._texts.get("updated", ""), "<updated> of the feed"),
            error=self._error,
        )

    def location(self) -> str:
        return "the feed" if self._entry is None else self._entry.location

    def _start_in_feed(self, name: str) -> None:
        if name == _ENTRY:
            self._entries += 1
            self._entry = _Entry(self._entries)
        elif captured := _TEXTS_OF_FEED.get(name):
            self.capture(captured)

    def _start_in_entry(self, entry: _Entry, name: str, attributes: Mapping[str, str]) -> None:
        self._in_author = name == _AUTHOR
        if captured := _TEXTS_OF_ENTRY.get(name):
            self.capture(captured)
        elif self._in_author:
            entry.authors_begun += 1
        elif name == _CATEGORY:
            if len(entry.categories) < MAX_CATEGORIES:
                entry.categories.append(self._term(attributes, name))
        elif name == _PRIMARY:
            entry.primary_category = entry.primary_category or self._term(attributes, name)

    def _term(self, attributes: Mapping[str, str], name: str) -> str:
        term = attributes.get("term", "").strip()
        if not term:
            self.refuse(f"{self.location()} has a <{local_name(name)}> without a term")
        return term

    def _number(self, name: str) -> int:
        text = self._texts.get(name, "")
        if not re.fullmatch(r"[0-9]{1,12}", text):
            raise ValueError(f"the feed has no usable <{name}>")
        return int(text)


@dataclass(slots=True)
class _Entry:
    """The parts of one paper, while they are read. ``authors_begun`` counts <author> elements,
    ``authors_named`` those with a name."""

    number: int
    texts: dict[str, str] = field(default_factory=dict)
    authors_begun: int = 0
    authors_named: int = 0
    authors: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    primary_category: str = ""

    @property
    def location(self) -> str:
        """Where it is, for those who investigate a refused answer."""
        link = self.texts.get("id", "")
        return f"entry {self.number} ({excerpt(link, 100)})" if link else f"entry {self.number}"

    @property
    def error(self) -> str | None:
        """arXiv's message, if this entry is an error and not a paper."""
        link = self.texts.get("id", "")
        return excerpt(self.texts.get("summary") or link) if "/api/errors" in link else None

    def add_text(self, name: str, text: str) -> None:
        """Raises ValueError if the entry then has two texts of one name that it needs."""
        if name not in self.texts:
            self.texts[name] = text
        elif name in _REQUIRED:
            raise ValueError(f"{self.location} has two <{name}>")

    def add_author(self, name: str) -> None:
        """Those beyond the most that a paper may have are counted, and not kept."""
        self.authors_named += bool(name)
        if len(self.authors) < MAX_AUTHORS:
            self.authors.append(name[: MAX_NAME_LENGTH + 1])

    def paper(self) -> Paper:
        """Raises ValueError, with the location, if anything that must be there is not."""
        texts = self.texts
        for name in _REQUIRED:
            if name not in texts:
                raise ValueError(f"{self.location} has no <{name}>")
        if not texts["title"]:
            raise ValueError(f"{self.location} has an empty title")
        if not self.categories:
            raise ValueError(f"{self.location} has no <category>")
        are_named = self.authors_named == self.authors_begun and all(self.authors)
        if not self.authors or not are_named:
            raise ValueError(f"{self.location} has no author, or one without a name")
        page = _ABSTRACT_PAGE.fullmatch(texts["id"])
        try:
            paper_id, version, serial = identify(page[1] if page else "")
        except ValueError as error:
            raise ValueError(f"the id of {self.location} is not that of a paper") from error
        published = updated = self._time("published")
        if texts["updated"] != texts["published"]:  # it has been revised, which most have not
            updated = self._time("updated")
        if version is None:
            # In every recorded entry "first version" and "published == updated" go together.
            version = 1 if published == updated else 2
        return Paper(
            id=paper_id,
            version=version,
            serial=serial,
            title=texts["title"],
            abstract=texts["summary"],
            authors=tuple(self.authors),
            categories=tuple(self.categories),
            primary_category=self.primary_category or self.categories[0],
            published=published,
            updated=updated,
            url=f"https://arxiv.org/abs/{paper_id}",
            pdf_url=f"https://arxiv.org/pdf/{paper_id}",
            comment=texts.get("comment", ""),
            journal_ref=texts.get("journal_ref", ""),
            doi=texts.get("doi", ""),
        )

    def _time(self, name: str) -> datetime:
        return timestamp(self.texts[name], f"<{name}> of {self.location}")
