"""Streaming XML, in pieces as they arrive: what all of arXiv's answers have in common.

Reads while the bytes arrive, and takes nothing on trust: no DTD (so no entities to expand and
nothing to load), no encoding but those that expat knows by itself (any other name would have Python
look for a codec), a cap on size, a cap on depth.

Straight on expat, without a tree: half the processor time of ElementTree's pull parser, a DTD can
be refused where it starts, and memory stays the same whatever is nested in what.
"""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, Final, Generic, NoReturn, TypeVar
from xml.parsers import expat

from bot.errors import SourceGarbled

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Decoded bytes. About three times the largest answer of arXiv's query API."""

MAX_TEXT_LENGTH: Final = 100_000
"""Characters of one element's text that are read. Five times what a paper keeps of its longest
field (``bot.model.papers.MAX_LENGTHS``), because white space is not yet collapsed."""

SAMPLE_BYTES: Final = 2048
"""How many bytes of a refused answer are kept for those who investigate it."""

# libexpat before 2.6.0 (in CPython 3.11 and 3.12) reads one huge token that comes in small pieces
# in quadratic time: 32 MiB in pieces of 64 KiB cost 12 s, in pieces of 1 MiB 1 s.
_PARSE_BYTES: Final = 1024 * 1024
_MAX_DEPTH: Final = 20  # a feed has 4 levels, a record 8
_ENCODINGS: Final = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1"})

_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Cn"})

T = TypeVar("T")


class XmlReader(ABC, Generic[T]):
    """Takes one answer in pieces of any size; for another one, and after an error, make a new one.

    A subclass says what an element means, in ``on_start`` and ``on_end``, and what the whole is, in
    ``result``; a ValueError out of ``on_end`` refuses the answer with its text. Names of elements
    are a namespace, ``}`` and the local name. ``max_bytes`` are decoded ones; more is refused.
    """

    max_bytes: ClassVar[int] = MAX_BODY_BYTES

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._parsed = 0
        self._sample = b""
        self._pieces: list[str] = []
        self._room = 0  # characters of the text that is being read
        self.depth = 0  # of the element that just began; 1 is the root
        self.captured = ""  # the element whose text is being kept
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._check_encoding
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        # Text is handled only inside of a captured element; the rest costs nothing.

    @property
    def sample(self) -> bytes:
        """How the answer begins."""
        return self._sample

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises SourceGarbled as soon as the answer can't be right."""
        self._size += len(chunk)
        if len(self._sample) < SAMPLE_BYTES:
            self._sample += chunk[: SAMPLE_BYTES - len(self._sample)]
        if self._size > self.max_bytes:
            self.refuse(f"the answer is larger than {self.max_bytes // 1024**2} MiB")
        self._waiting.append(chunk)
        if self._size >= self._parsed + _PARSE_BYTES:
            self._parse_waiting(last=False)

    def close(self) -> T:
        """Return the complete answer. Raises SourceGarbled, also if it was cut off."""
        if self._size <= SAMPLE_BYTES and not self._sample.strip():
            self.refuse("the answer is empty")
        self._parse_waiting(last=True)
        del self._parser  # it refers back to us, and would keep all the papers until a collection
        try:
            return self.result()
        except ValueError as error:
            self.refuse(str(error), error)

    # -- what a subclass says --------------------------------------------------------------------

    @abstractmethod
    def on_start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins, ``self.depth`` levels deep."""

    @abstractmethod
    def on_end(self, name: str, text: str | None) -> None:
        """An element ended; ``text`` is that of a captured one, with single spaces.

        ``name`` is what ``capture`` was given, or empty.
        """

    def on_nested(self) -> None:
        """An element begins inside of the captured one, whose text is then lost.

        Refuses the complete answer, unless the subclass makes less of it.
        """
        self.refuse(f"<{self.captured}> of {self.location()} has markup inside")

    @abstractmethod
    def result(self) -> T:
        """What the complete answer says. Raises ValueError if it lacks what must be there."""

    @abstractmethod
    def location(self) -> str:
        """What is being read, for those who investigate a refused answer."""

    def capture(self, name: str) -> None:
        """Keep the text of the element that just began, under this name: its first
        ``MAX_TEXT_LENGTH`` characters, and no more of them in memory."""
        self.captured = name
        self._pieces.clear()
        self._room = MAX_TEXT_LENGTH
        self._parser.CharacterDataHandler = self._keep_text

    def refuse(self, problem: str, cause: BaseException | None = None) -> NoReturn:
        """Refuse the answer."""
        raise SourceGarbled(f"arXiv's answer can't be read: {problem}.", sample=self._sample) from (
            cause
        )

    # --------------------------------------------------------------------------------------------

    def _parse_waiting(self, *, last: bool) -> None:
        piece = b"".join(self._waiting)
        self._waiting.clear()
        self._parsed = self._size
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as error:
            problem = "cut off, or not XML" if last else "not XML"
            self.refuse(f"the answer is {problem}: {error}", error)

    def _check_encoding(self, _: str, encoding: str | None, __: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            self.refuse(f"the answer is not XML in an encoding of arXiv's: {encoding[:40]!r}")

    def _refuse_doctype(self, *_: object) -> NoReturn:
        self.refuse("the answer has a DTD, which none needs")

    def _keep_text(self, text: str) -> None:
        if self._room > 0:
            self._pieces.append(text[: self._room])
            self._room -= len(text)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.depth += 1
        if self.captured:  # text behind an inner element would be lost without a word
            self.on_nested()
            self.captured = ""
            self._parser.CharacterDataHandler = None
        if self.depth > _MAX_DEPTH:
            self.refuse(f"the answer is nested more than {_MAX_DEPTH} levels deep")
        self.on_start(name, attributes)

    def _end(self, _: str) -> None:
        self.depth -= 1
        name, self.captured = self.captured, ""
        if name:
            self._parser.CharacterDataHandler = None
        try:
            self.on_end(name, _collapsed("".join(self._pieces)) if name else None)
        except ValueError as error:
            self.refuse(str(error), error)


def timestamp(text: str, location: str) -> datetime:
    """A time with its zone, as UTC. Raises ValueError with the location."""
    try:
        if _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{location} is not a time: {text!r}") from error
    raise ValueError(f"{location} is not a time: {text[:40]!r}")


def local_name(name: str) -> str:
    """The name of an element without its namespace, cut where it is absurdly long."""
    return name.rpartition("}")[2][:100]


def excerpt(text: str, most: int = 300) -> str:
    """What a foreign answer says, for a sentence of ours that people read: one line of so many
    characters, without control characters and marks that turn the direction of writing."""
    line = " ".join(text[: 4 * most].split())
    return "".join(c for c in line if unicodedata.category(c) not in _INVISIBLE)[:most]


def _collapsed(text: str) -> str:
    """The text with runs of white space as single spaces, and none at the ends."""
    # What is printable has no white space but the space. Most texts need nothing more.
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(text.split())
