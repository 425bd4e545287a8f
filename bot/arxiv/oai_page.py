"""Bytes of an OAI-PMH answer of arXiv → records. The answer is understood whole, or refused.

A single record that can't be read does not refuse the others: it is named, so that its paper can be
looked up elsewhere. What a record does not say is left open, never invented: the format ``arXiv``
has neither the version nor the day of the first one (facts of arXiv, 8: ``created`` is the
submission of the present version, seen in 2510.07502).

The form of the answers: arXiv's public server source (arXiv/oaipmh at 27ad99e, 2026-08-11) and
recorded answers of September 2026; a page has 2,500 records or 20,000 identifiers at most. A list
without a record is an error there (``noRecordsMatch``), so that an empty one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final, NamedTuple

from bot.arxiv.ids import identify, serial_of
from bot.arxiv.xml_stream import XmlReader, excerpt, local_name, timestamp
from bot.model import VERSION_UNKNOWN, Paper, Unmatched
from bot.model.papers import MAX_AUTHORS, MAX_CATEGORIES, MAX_NAME_LENGTH
from bot.ports import Wanted

MAX_PAGE_BYTES: Final = 64 * 1024 * 1024
"""Decoded bytes. In arXiv's layout 2,500 records have 11 MB (reckoned from 5,345 papers of April
2026), and each paper of a collaboration of 3,000 has 0.7 MB more."""

_ROOT: Final = "http://www.openarchives.org/OAI/2.0/}OAI-PMH"
_FORMAT: Final = "arXiv"
_IDENTIFIER: Final = re.compile(r"oai:arXiv\.org:(.+)")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LISTS: Final = frozenset({"ListRecords", "ListIdentifiers"})
_FIELDS: Final = frozenset(
    {"id", "created", "title", "categories", "abstract", "comments", "journal-ref", "doi"}
)
_NAMES: Final = frozenset({"keyname", "forenames", "suffix"})


class OaiPage(NamedTuple):
    """One answer. ``ids`` are those of all its records, also of the deleted and the damaged ones.

    The papers have version ``VERSION_UNKNOWN``, and ``published`` is the day on which their present
    version was submitted. ``damaged`` holds the ids of records that can't be read (empty where even
    that can't be), with what is wrong. ``token`` asks for the next page; empty on the last one.
    ``unmatched`` is what is known of papers that were selected but for not being wanted.
    ``error`` is a code of OAI-PMH with its text, or several codes; then there is nothing else.
    ``answered`` is the server's own time, ``verb`` what it says that it answers.
    """

    answered: datetime
    verb: str = ""
    papers: tuple[Paper, ...] = ()
    revised: tuple[Paper, ...] = ()
    unmatched: Unmatched = Unmatched()
    ids: tuple[str, ...] = ()
    damaged: tuple[tuple[str, str], ...] = ()
    token: str = ""
    error: tuple[str, str] | None = None


class Selection(NamedTuple):
    """Which papers of a page are kept in memory: those whose serial is not below ``floor``, and of
    these the ``wanted`` ones (``None``: all). What is not wanted is counted. Those ``posted`` (ids)
    are kept beside, whatever their age."""

    floor: int = 0
    wanted: Wanted | None = None
    posted: Collection[str] = ()


@dataclass(slots=True)
class _Record:
    """The parts of one record, while they are read."""

    number: int
    deleted: bool = False
    identifiers: list[str] = field(default_factory=list)
    format: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    authors: list[str] = field(default_factory=list)
    author: dict[str, str] = field(default_factory=dict)  # names of the one that is being read
    damage: str = ""

    @property
    def location(self) -> str:
        return f"record {self.number} ({excerpt(', '.join(self.identifiers), 100)})"

    def add_text(self, name: str, text: str) -> None:
        """A second text of one name damages the record."""
        if name == "identifier":
            self.identifiers.append(text)
            return
        held = self.author if name in _NAMES else self.texts
        if name in held:
            self.damage = f"has two <{name}>"
        held[name] = text

    def end_author(self) -> None:
        parts = (self.author.get(part, "") for part in ("forenames", "keyname", "suffix"))
        if len(self.authors) < MAX_AUTHORS:
            self.authors.append(" ".join(filter(None, parts))[: MAX_NAME_LENGTH + 1])
        self.author.clear()

    def paper_id(self) -> str:
        """Raises ValueError if the header does not name one paper."""
        if len(self.identifiers) > 1:
            raise ValueError(f"{self.location} names {len(self.identifiers)} papers")
        found = _IDENTIFIER.fullmatch("".join(self.identifiers))
        try:
            return identify(found[1] if found else "")[0]
        except ValueError as error:
            raise ValueError(f"{self.location} does not name a paper of arXiv") from error

    def paper(self) -> Paper:
        """Raises ValueError if anything that must be there is not."""
        texts = self.texts
        if self.format != _FORMAT:
            raise ValueError(f"{self.location} has no metadata of the format {_FORMAT}")
        if self.damage:
            raise ValueError(f"{self.location} {self.damage}")
        for name in ("id", "created", "title", "categories", "abstract"):
            if not texts.get(name):
                raise ValueError(f"{self.location} has no <{name}>")
        if not self.authors or not all(self.authors):
            raise ValueError(f"{self.location} has no author, or one without a name")
        paper_id = self.paper_id()
        if texts["id"] != paper_id:
            raise ValueError(f"{self.location} holds the paper {texts['id'][:100]!r}")
        submitted = _day(texts["created"], self.location)
        categories = tuple(texts["categories"].split(maxsplit=MAX_CATEGORIES)[:MAX_CATEGORIES])
        return Paper(
            id=paper_id,
            version=VERSION_UNKNOWN,
            serial=serial_of(paper_id),
            title=texts["title"],
            abstract=texts["abstract"],
            authors=tuple(self.authors),
            categories=categories,
            primary_category=categories[0],
            published=submitted,
            updated=submitted,
            url=f"https://arxiv.org/abs/{paper_id}",
            pdf_url=f"https://arxiv.org/pdf/{paper_id}",
            comment=texts.get("comments", ""),
            journal_ref=texts.get("journal-ref", ""),
            doi=texts.get("doi", ""),
        )


EVERYTHING: Final = Selection()


class OaiReader(XmlReader[OaiPage]):
    """Takes one answer in pieces of any size. Use it once; after an error it is of no more use."""

    max_bytes = MAX_PAGE_BYTES

    def __init__(self, selection: Selection = EVERYTHING) -> None:
        super().__init__()
        self._selection = selection
        self._unmatched = Unmatched()
        self._path: list[str] = []  # the elements that are open, by local name
        self._texts: dict[str, str] = {}
        self._verb = ""
        self._codes: list[str] = []
        self._record: _Record | None = None
        self._records = 0
        self._papers: list[Paper] = []
        self._revised: list[Paper] = []
        self._ids: list[str] = []
        self._damaged: list[tuple[str, str]] = []

    def on_start(self, name: str, attributes: Mapping[str, str]) -> None:
        plain = local_name(name)
        self._path.append(plain)
        match self._path[1:]:
            case []:
                if name != _ROOT:
                    self.refuse(f"the answer is not one of OAI-PMH but <{plain}>")
            case ["responseDate"]:
                self.capture(plain)
            case ["error"]:
                self._codes.append(excerpt(attributes.get("code", ""), 100) or "unknown")
                self.capture(plain)
            case [verb]:
                self._verb = verb if verb in _LISTS else self._verb
            case [_, "resumptionToken"]:
                self.capture(plain)
            case [_, "record"] | [_, "header"]:
                self._records += 1
                self._record = _Record(self._records, deleted=_is_deleted(attributes))
            case [_, "record", *inside] if self._record is not None:
                self._start_in_record(self._record, inside, attributes)
            case [_, "header", "identifier"]:
                self.capture("identifier")

    def on_end(self, name: str, text: str | None) -> None:
        path = self._path[1:]
        self._path.pop()
        record = self._record
        if text is None:
            if record is not None and path[1:] in (["record"], ["header"]):
                self._record = None
                self._add(record)
            elif record is not None and path[4:] == ["authors", "author"]:
                record.end_author()
        elif record is not None:
            record.add_text(name, text)
        elif name in self._texts and name != "error":
            raise ValueError(f"the answer has two <{name}>")
        else:
            self._texts[name] = text

    def on_nested(self) -> None:
        if self._record is None:
            super().on_nested()
        else:
            self._record.damage = f"has markup inside <{self.captured}>"

    def result(self) -> OaiPage:
        answered = timestamp(self._texts.get("responseDate", ""), "<responseDate> of the answer")
        token = self._texts.get("resumptionToken", "")
        if self._codes:
            if self._records or token:
                raise ValueError(f"the answer has records, and the error {self._codes[0]!r}")
            codes = ", ".join(dict.fromkeys(self._codes))
            return OaiPage(answered, error=(codes, excerpt(self._texts.get("error", ""))))
        if not self._verb:
            raise ValueError("the answer has neither a list nor an error")
        if not self._records and not token:
            raise ValueError("the answer is an empty list")
        return OaiPage(
            answered=answered,
            verb=self._verb,
            papers=tuple(self._papers),
            revised=tuple(self._revised),
            unmatched=self._unmatched,
            ids=tuple(self._ids),
            damaged=tuple(self._damaged),
            token=token,
        )

    def location(self) -> str:
        return "the answer" if self._record is None else self._record.location

    def _start_in_record(
        self, record: _Record, inside: list[str], attributes: Mapping[str, str]
    ) -> None:
        match inside:
            case ["header"]:
                record.deleted = _is_deleted(attributes)
            case ["header", "identifier"]:
                self.capture("identifier")
            case ["metadata", found]:
                record.format = found
            case _ if record.format != _FORMAT:
                pass
            case ["metadata", _, taken] if taken in _FIELDS:
                self.capture(taken)
            case ["metadata", _, "authors", "author", taken] if taken in _NAMES:
                self.capture(taken)

    def _add(self, record: _Record) -> None:
        """A record that can't be read is named and left out."""
        paper_id = ""
        try:
            paper_id = record.paper_id()
            self._ids.append(paper_id)
            if not record.deleted and "ListIdentifiers" not in self._path:
                self._select(record.paper())
        except ValueError as error:
            self._damaged.append((paper_id, str(error)))

    def _select(self, paper: Paper) -> None:
        """As each record is read, so that a page costs no more memory than what is kept of it."""
        selection = self._selection
        is_recent = paper.serial >= selection.floor
        if is_recent and (selection.wanted is None or selection.wanted(paper)):
            self._papers.append(paper)
            return
        if paper.id in selection.posted:
            self._revised.append(paper)
        if is_recent:
            self._unmatched += Unmatched(1, paper.serial, paper.published)


def read(body: bytes) -> OaiPage:
    """A complete answer at once. Raises SourceGarbled."""
    reader = OaiReader()
    reader.feed(body)
    return reader.close()


def _is_deleted(attributes: Mapping[str, str]) -> bool:
    return attributes.get("status") == "deleted"


def _day(text: str, location: str) -> datetime:
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(0), UTC)
    except ValueError as error:
        raise ValueError(f"{location} has a <created> that is no day: {text!r}") from error
    raise ValueError(f"{location} has a <created> that is no day: {text[:40]!r}")
