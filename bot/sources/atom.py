"""Bytes of an arXiv query answer → papers. Strict: an answer is understood whole, or refused.

Reads while the bytes come in, and takes nothing on trust: no DTD (so no entities to expand and
nothing to load), a cap on size, a cap on depth. Does not ask whether the answer is the right one
for the question; ``bot.sources.verdicts`` does.

The form of the answers: arXiv's public server source and recorded answers of April to August 2026
(arXiv/arxiv-search, "classic_api"; a feed of 2,000 entries has 4 to 6 MB).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
from xml.parsers import expat

from bot.errors import SourceGarbled
from bot.model import Paper
from bot.sources.ids import serial_of, split_id

LARGEST_BODY: Final = 16 * 1024 * 1024
"""Decoded bytes. About three times the largest feed that arXiv sends; memory stays near twice."""

SAMPLE: Final = 2048
"""How many bytes of a refused answer are kept for whoever looks into it."""

# libexpat before 2.6.0 (in CPython 3.11 and 3.12) reads one huge token that comes in small pieces
# in quadratic time: 32 MiB in pieces of 64 KiB cost 12 s, in pieces of 1 MiB 1 s.
_PIECE: Final = 1024 * 1024
_DEEPEST: Final = 20  # a feed has 4 levels

_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_ARXIV: Final = "{http://arxiv.org/schemas/atom}"
_OPENSEARCH: Final = "{http://a9.com/-/spec/opensearch/1.1/}"
_NUMBERS: Final = tuple(
    _OPENSEARCH + name for name in ("totalResults", "startIndex", "itemsPerPage")
)
_REQUIRED: Final = frozenset(
    _ATOM + name for name in ("id", "title", "summary", "published", "updated")
)
_OPTIONAL: Final = frozenset(_ARXIV + name for name in ("comment", "journal_ref", "doi"))

_ABSTRACT_PAGE: Final = re.compile(r"https?://(?:[a-z]+\.)?arxiv\.org/abs/(.+)", re.ASCII)
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)


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
        self._pull: XMLPullParser[Element] = XMLPullParser(events=("start", "end"))
        # ElementTree's parser has no hook for a DTD, so a bare expat reads ahead of it until the
        # root element starts. After that no DTD can follow.
        self._guard = expat.ParserCreate()
        self._guard.StartDoctypeDeclHandler = self._refuse_doctype
        self._guard.StartElementHandler = self._stop_guarding
        self._guarding = True
        self._waiting = bytearray()
        self._size = 0
        self._sample = b""
        self._root: Element | None = None
        self._depth = 0
        self._texts: dict[str, str] = {}
        self._papers: list[Paper] = []
        self._entries = 0
        self._error: str | None = None

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
        rest = memoryview(chunk)
        while rest:
            room = _PIECE - len(self._waiting)
            self._waiting += rest[:room]
            rest = rest[room:]
            if len(self._waiting) == _PIECE:
                self._parse_waiting()

    def close(self) -> Feed:
        """The answer, now that all of it is there. Raises SourceGarbled, also if it was cut off."""
        if not self._sample.strip():
            self._garbled("the answer is empty")
        self._parse_waiting()
        try:
            self._pull.close()
            self._take_events()
        except (ParseError, ValueError, LookupError) as error:
            self._garbled(f"the answer is cut off or not XML: {error}", error)
        total, start, items_per_page = (self._number(name) for name in _NUMBERS)
        return Feed(
            papers=() if self._error is not None else tuple(self._papers),
            total=total,
            start=start,
            items_per_page=items_per_page,
            updated=self._time(self._texts.get(_ATOM + "updated", ""), "the feed's <updated>"),
            title=self._texts.get(_ATOM + "title", ""),
            error=self._error,
        )

    def _parse_waiting(self) -> None:
        piece = bytes(self._waiting)
        self._waiting.clear()
        try:
            if self._guarding:
                self._guard.Parse(piece, False)
            self._pull.feed(piece)
            self._take_events()
        # Beside its own errors, expat lets through what Python's codecs raise for the encoding
        # that the XML declaration names.
        except (expat.ExpatError, ParseError, ValueError, LookupError) as error:
            self._garbled(f"the answer is not XML: {error}", error)

    def _refuse_doctype(self, *_: object) -> NoReturn:
        self._garbled("the answer has a DTD, which no feed needs")

    def _stop_guarding(self, *_: object) -> None:
        self._guarding = False
        self._guard.StartDoctypeDeclHandler = None
        self._guard.StartElementHandler = None

    def _take_events(self) -> None:
        # Only comments and the like would come in another form; they were not asked for.
        events = cast("Iterator[tuple[str, Element]]", self._pull.read_events())
        for event, element in events:
            if event == "start":
                self._depth += 1
                if self._depth > _DEEPEST:
                    self._garbled(f"the answer is nested more than {_DEEPEST} levels deep")
                if self._root is None:
                    self._begin(element)
            else:
                self._depth -= 1
                if self._depth == 1 and self._root is not None:
                    self._take(element)
                    self._root.clear()  # else the whole tree stays in memory

    def _begin(self, root: Element) -> None:
        if root.tag != _ATOM + "feed":
            self._garbled(f"the answer is not an Atom feed but <{root.tag[:100]}>")
        self._root = root

    def _take(self, element: Element) -> None:
        if element.tag == _ATOM + "entry":
            self._entries += 1
            self._take_entry(element)
        elif element.tag in {_ATOM + "title", _ATOM + "updated", *_NUMBERS}:
            self._texts[element.tag] = self._text(element, "the feed")

    def _take_entry(self, entry: Element) -> None:
        place = f"entry {self._entries}"
        texts: dict[str, str] = {}
        for child in entry:
            if child.tag in _REQUIRED:
                if child.tag in texts:
                    self._garbled(f"{place} has two <{_local(child)}>")
                texts[child.tag] = self._text(child, place)
            elif child.tag in _OPTIONAL:
                texts.setdefault(child.tag, self._text(child, place))
        link = texts.get(_ATOM + "id", "")
        if "/api/errors" in link:
            self._error = texts.get(_ATOM + "summary") or link
            return
        place = f"{place} ({link[:100]})"
        for tag in _REQUIRED - texts.keys():
            self._garbled(f"{place} has no <{tag.removeprefix(_ATOM)}>")
        self._papers.append(self._paper(entry, texts, place))

    def _paper(self, entry: Element, texts: dict[str, str], place: str) -> Paper:
        address = _ABSTRACT_PAGE.fullmatch(texts[_ATOM + "id"])
        try:
            paper_id, version = split_id(address[1] if address else "")
        except ValueError as error:
            self._garbled(f"the id of {place} is not that of a paper", error)
        if not texts[_ATOM + "title"]:
            self._garbled(f"{place} has an empty title")
        published = self._time(texts[_ATOM + "published"], f"<published> of {place}")
        updated = self._time(texts[_ATOM + "updated"], f"<updated> of {place}")
        categories = tuple(self._terms(entry.iterfind(_ATOM + "category"), place))
        primary = tuple(self._terms(entry.iterfind(_ARXIV + "primary_category"), place))
        authors = tuple(
            self._text(name, place) for name in entry.iterfind(f"{_ATOM}author/{_ATOM}name")
        )
        if not categories:
            self._garbled(f"{place} has no <category>")
        if not authors or not all(authors):
            self._garbled(f"{place} has no author, or one without a name")
        if version is None:
            # In every recorded entry "first version" and "published == updated" go together.
            version = 1 if published == updated else 2
        return Paper(
            id=paper_id,
            version=version,
            serial=serial_of(paper_id),
            title=texts[_ATOM + "title"],
            abstract=texts[_ATOM + "summary"],
            authors=authors,
            categories=categories,
            primary_category=(primary or categories)[0],
            published=published,
            updated=updated,
            url=f"https://arxiv.org/abs/{paper_id}",
            pdf_url=f"https://arxiv.org/pdf/{paper_id}",
            comment=texts.get(_ARXIV + "comment", ""),
            journal_ref=texts.get(_ARXIV + "journal_ref", ""),
            doi=texts.get(_ARXIV + "doi", ""),
        )

    def _terms(self, elements: Iterable[Element], place: str) -> Iterable[str]:
        for element in elements:
            term = " ".join(element.get("term", "").split())
            if not term:
                self._garbled(f"{place} has a <{_local(element)}> without a term")
            yield term

    def _text(self, element: Element, place: str) -> str:
        if len(element):  # text behind an inner element would be lost without a word
            self._garbled(f"<{_local(element)}> of {place} has markup inside")
        return " ".join((element.text or "").split())

    def _number(self, tag: str) -> int:
        text = self._texts.get(tag, "")
        if not re.fullmatch(r"[0-9]{1,12}", text):
            self._garbled(f"the feed has no usable <{tag.removeprefix(_OPENSEARCH)}>")
        return int(text)

    def _time(self, text: str, place: str) -> datetime:
        if not _TIMESTAMP.fullmatch(text):
            self._garbled(f"{place} is not a time: {text[:40]!r}")
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            self._garbled(f"{place} is not a time: {text!r}", error)

    def _garbled(self, problem: str, cause: BaseException | None = None) -> NoReturn:
        raise SourceGarbled(f"arXiv's answer can't be read: {problem}.", sample=self._sample) from (
            cause
        )


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2][:100]
