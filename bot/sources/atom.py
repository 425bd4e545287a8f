"""Bytes of an arXiv query answer → papers. Strict: an answer is understood whole, or refused.

Reads while the bytes come in, and takes nothing on trust: no DTD (so no entities to expand and
nothing to load), a cap on size, a cap on depth. Does not ask whether the answer is the right one
for the question; ``bot.sources.verdicts`` does.

Straight on expat, without a tree: half the processor time of ElementTree's pull parser, a DTD can
be refused where it starts, and memory stays the same whatever is nested in what.

The form of the answers: arXiv's public server source and recorded answers of April to August 2026
(arXiv/arxiv-search, "classic_api"; a feed of 2,000 entries has 4 to 6 MB).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn
from xml.parsers import expat

from bot.errors import SourceGarbled
from bot.model import Paper
from bot.sources.entry import OPTIONAL, REQUIRED, Entry, timestamp

LARGEST_BODY: Final = 16 * 1024 * 1024
"""Decoded bytes. About three times the largest feed that arXiv sends."""

SAMPLE: Final = 2048
"""How many bytes of a refused answer are kept for whoever looks into it."""

# libexpat before 2.6.0 (in CPython 3.11 and 3.12) reads one huge token that comes in small pieces
# in quadratic time: 32 MiB in pieces of 64 KiB cost 12 s, in pieces of 1 MiB 1 s.
_PIECE: Final = 1024 * 1024
_DEEPEST: Final = 20  # a feed has 4 levels

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
class Feed:
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


def read(body: bytes) -> Feed:
    """A whole answer at once. Raises SourceGarbled."""
    reader = AtomReader()
    reader.feed(body)
    return reader.close()


class AtomReader:
    """Takes one answer in pieces of any size. Use it once; after an error it is of no more use."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._parsed = 0
        self._sample = b""
        self._depth = 0
        self._pieces: list[str] = []
        self._taking = ""  # the element whose text is being read
        self._texts: dict[str, str] = {}
        self._entry: Entry | None = None
        self._in_author = False
        self._entries = 0
        self._papers: list[Paper] = []
        self._error: str | None = None
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._pieces.append

    @property
    def sample(self) -> bytes:
        """How the answer begins."""
        return self._sample

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises SourceGarbled as soon as the answer can't be right."""
        self._size += len(chunk)
        if len(self._sample) < SAMPLE:
            self._sample += chunk[: SAMPLE - len(self._sample)]
        if self._size > LARGEST_BODY:
            self._garbled(f"the answer is larger than {LARGEST_BODY // 1024**2} MiB")
        self._waiting.append(chunk)
        if self._size >= self._parsed + _PIECE:
            self._parse_waiting(last=False)

    def close(self) -> Feed:
        """The answer, now that all of it is there. Raises SourceGarbled, also if it was cut off."""
        if not self._sample.strip():
            self._garbled("the answer is empty")
        self._parse_waiting(last=True)
        del self._parser  # it refers back to us, and would keep all the papers until a collection
        total, start, items_per_page = (self._number(name) for name in _NUMBERS)
        try:
            updated = timestamp(self._texts.get("updated", ""), "<updated> of the feed")
        except ValueError as error:
            self._garbled(str(error), error)
        return Feed(
            papers=() if self._error is not None else tuple(self._papers),
            total=total,
            start=start,
            items_per_page=items_per_page,
            updated=updated,
            title=self._texts.get("title", ""),
            error=self._error,
        )

    def _parse_waiting(self, *, last: bool) -> None:
        piece = b"".join(self._waiting)
        self._waiting.clear()
        self._parsed = self._size
        try:
            self._parser.Parse(piece, last)
        # Beside its own errors, expat lets through what Python's codecs raise for the encoding
        # that the XML declaration names.
        except (expat.ExpatError, ValueError, LookupError) as error:
            problem = "cut off, or not XML" if last else "not XML"
            self._garbled(f"the answer is {problem}: {error}", error)

    def _refuse_doctype(self, *_: object) -> NoReturn:
        self._garbled("the answer has a DTD, which no feed needs")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        depth = self._depth = self._depth + 1
        if self._taking:  # text behind an inner element would be lost without a word
            self._garbled(f"<{self._taking}> of {self._place} has markup inside")
        match depth:
            case 3:
                if self._entry is not None:
                    self._start_in_entry(self._entry, name, attributes)
            case 2:
                self._start_in_feed(name)
            case 1:
                if name != _FEED:
                    self._garbled(f"the answer is not an Atom feed but <{_local(name)}>")
            case 4:
                if self._in_author and name == _NAME:
                    self._take("name")
            case _ if depth > _DEEPEST:
                self._garbled(f"the answer is nested more than {_DEEPEST} levels deep")

    def _start_in_feed(self, name: str) -> None:
        if name == _ENTRY:
            self._entries += 1
            self._entry = Entry(self._entries)
        elif taken := _OF_FEED.get(name):
            self._take(taken)

    def _start_in_entry(self, entry: Entry, name: str, attributes: Mapping[str, str]) -> None:
        self._in_author = name == _AUTHOR
        if taken := _OF_ENTRY.get(name):
            self._take(taken)
        elif self._in_author:
            entry.people += 1
        elif name == _CATEGORY:
            entry.categories.append(self._term(attributes, name))
        elif name == _PRIMARY:
            entry.primary = entry.primary or self._term(attributes, name)

    def _take(self, name: str) -> None:
        self._taking = name
        self._pieces.clear()

    def _end(self, _: str) -> None:
        self._depth -= 1
        entry = self._entry
        try:
            if self._taking:
                name, self._taking = self._taking, ""
                text = _collapsed("".join(self._pieces))
                if entry is None:
                    self._texts[name] = text
                elif name == "name":
                    entry.names.append(text)
                else:
                    entry.keep(name, text)
            elif self._depth == 1 and entry is not None:
                self._entry = None
                self._error = self._error or entry.error
                if entry.error is None:
                    self._papers.append(entry.paper())
        except ValueError as error:
            self._garbled(str(error), error)

    @property
    def _place(self) -> str:
        return "the feed" if self._entry is None else self._entry.place

    def _term(self, attributes: Mapping[str, str], name: str) -> str:
        term = attributes.get("term", "").strip()
        if not term:
            self._garbled(f"{self._place} has a <{_local(name)}> without a term")
        return term

    def _number(self, name: str) -> int:
        text = self._texts.get(name, "")
        if not re.fullmatch(r"[0-9]{1,12}", text):
            self._garbled(f"the feed has no usable <{name}>")
        return int(text)

    def _garbled(self, problem: str, cause: BaseException | None = None) -> NoReturn:
        raise SourceGarbled(f"arXiv's answer can't be read: {problem}.", sample=self._sample) from (
            cause
        )


def _collapsed(text: str) -> str:
    """White space as single spaces, none at the ends."""
    # What is printable has no white space but the space. Most texts need nothing more.
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(text.split())


def _local(name: str) -> str:
    return name.rpartition("}")[2][:100]
