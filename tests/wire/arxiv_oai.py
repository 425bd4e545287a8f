"""The OAI-PMH side of our arXiv: verbs, dates, sets, tokens and errors.

As arXiv's public server source has them (arXiv/oaipmh at 27ad99e, 2026-08-11), its slips too: a
token that spans days starts again at its last day, so records may repeat, or be lost, when data
changes meanwhile; and a ``from`` later than today is a bad argument, not an empty list. Stricter
than arXiv in one thing: a token must have been handed out here, and today. ``oai_dc`` and
``arXivOld`` are not spoken (``cannotDisseminateFormat``). There is no cache, and no TeX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import parse_qsl

from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import Reply
from tests.wire.oai_requests import (
    EARLIEST,
    PREFIXES,
    Arguments,
    OaiError,
    metadata_prefix,
    named,
    paper_id,
    selection,
    token_parts,
    token_text,
)
from tests.wire.oai_xml import (
    ARCHIVES,
    BASE_URL,
    Element,
    Row,
    document,
    moment,
    record_of,
)

PATH: Final = "/oai"
_XML: Final = {"Content-Type": "text/xml"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. ``token`` is None for no element, and empty for the end of a chain.

    ``arguments`` and ``skip`` are what this page was asked with, for a token that leads here.
    """

    verb: str
    request: Mapping[str, str]
    records: tuple[Element, ...]
    token: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0


Change = Callable[[Listing], Listing]


class OaiService:
    """Answers over the papers of a stand-in; it has no HTTP of its own.

    ``records`` and ``identifiers`` are the page sizes of the two list verbs. ``previous`` is the
    page answered last. ``affiliations`` are by author; arXiv's present server gives none.
    """

    def __init__(
        self, papers: Callable[[], Iterable[StandinPaper]], now: Callable[[], datetime]
    ) -> None:
        self.records = 1300  # seen in a harvest of July 2026; the source says 2,500
        self.identifiers = 20_000
        self.previous: tuple[Element, ...] = ()
        self.affiliations: dict[str, Sequence[str]] = {}
        self._records: dict[tuple[object, ...], Element] = {}
        self._papers = papers
        self._now = now
        self._edits: dict[str, list[datetime]] = {}
        self._shown: dict[tuple[str, int], tuple[datetime, bool]] = {}
        self._issued: dict[str, datetime] = {}  # token -> when it ends

    def restamp(self, paper_id: str, at: datetime) -> None:
        """At that moment the paper's metadata is edited; its datestamp is then that day."""
        self._edits.setdefault(paper_id, []).append(at)

    def index_after(
        self, paper_id: str, at: datetime, *, version: int = 1, backdated: bool = False
    ) -> None:
        """This side shows the version from ``at`` on, before or after the query API does.

        Its datestamp is the day of ``at``, or if ``backdated`` still the day of ``visible_at``.
        """
        self._shown[paper_id, version] = (at, backdated)

    def answer(self, query: str, change: Change = lambda listing: listing) -> Reply:
        """``query`` is url-encoded, as it came. ``change`` is done to every page of records."""
        try:
            return Reply(200, self._body(query, change), _XML)
        except OaiError as error:
            return error_reply(self._now(), error)

    def token(self, arguments: Mapping[str, str], skip: int) -> str:
        """A token for the page behind ``skip``; good until midnight UTC."""
        token = token_text(arguments, skip)
        self._issued[token] = self._midnight()
        return token

    def _midnight(self) -> datetime:
        tomorrow = self._now().astimezone(UTC).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time(), UTC)

    def _body(self, query: str, change: Change) -> bytes:
        pairs = parse_qsl(query, keep_blank_values=True)
        given = dict(pairs)
        if len(given) != len(pairs):
            raise OaiError("badArgument", "an argument is repeated")
        verb = given.get("verb", "")
        match verb:
            case "ListRecords" | "ListIdentifiers":
                return self._rendered(change(self._list(given)))
            case "GetRecord":
                return self._rendered(change(self._get(given)))
            case "Identify":
                inner = self._identify(given)
            case "ListMetadataFormats":
                inner = self._formats(given)
            case "ListSets":
                inner = self._sets(given)
            case _:
                raise OaiError("badVerb")
        return document(self._now(), given, Element(verb, tuple(inner)))

    def _rendered(self, page: Listing) -> bytes:
        shown = list(page.records)
        if page.verb == "ListIdentifiers":
            shown = [part for record in shown for part in record.parts("header")]
        if page.token is not None:
            until = {"expirationDate": moment(self._midnight())} if page.token else {}
            shown.append(Element("resumptionToken", page.token, until))
        return document(self._now(), page.request, Element(page.verb, tuple(shown)))

    def rows(self) -> list[Row]:
        """What is shown now: the newest version of each paper, by datestamp and then id."""
        now = self._now()
        shown: dict[str, dict[int, tuple[StandinPaper, datetime]]] = {}
        for paper in self._papers():
            at, backdated = self._shown.get((paper.id, paper.version), (paper.visible_at, False))
            if at <= now:
                stamp = paper.visible_at if backdated else at
                shown.setdefault(paper.id, {})[paper.version] = (paper, stamp)
        rows = [self._row(versions) for versions in shown.values()]
        return sorted(rows, key=lambda row: (row.day, row.paper.id))

    def _row(self, versions: dict[int, tuple[StandinPaper, datetime]]) -> Row:
        paper, stamp = versions[max(versions)]
        edits = [at for at in self._edits.get(paper.id, []) if stamp < at <= self._now()]
        history = {1: paper.published} | {
            number: version.submitted for number, (version, _) in sorted(versions.items())
        }
        day = max([stamp, *edits]).astimezone(UTC).date()
        return Row(paper, tuple(history.items()), day, edited=bool(edits))

    def _list(self, given: Arguments) -> Listing:
        resumed = "resumptionToken" in given
        arguments, skip = self._resumed(given) if resumed else (given, 0)
        request = given if resumed else named(given)
        asked = selection(arguments, self._now().astimezone(UTC).date(), request)
        rows = [
            row
            for row in self.rows()
            if asked.since <= row.day <= asked.until and (not asked.set or row.in_set(asked.set))
        ]
        limit = self.identifiers if given["verb"] == "ListIdentifiers" else self.records
        page, beyond = rows[skip : skip + limit], rows[skip + limit : skip + limit + 1]
        if not page:
            raise OaiError("noRecordsMatch", request=request)
        token = "" if resumed else None
        if beyond and page[0].day == beyond[0].day:
            token = self.token(arguments, skip + limit)
        elif beyond:
            last = beyond[0].day
            again = {**arguments, "from": f"{last}"}
            token = self.token(again, sum(row.day == last for row in page))
            request = given if resumed else named(again)  # one of arXiv's slips
        self.previous = tuple(self._record(row, asked.prefix) for row in page)
        return Listing(given["verb"], request, self.previous, token, arguments, skip)

    def _resumed(self, given: Arguments) -> tuple[Arguments, int]:
        arguments, skip = token_parts(given)
        ends = self._issued.get(token_text(arguments, skip))
        if ends is None or self._now() >= ends:
            raise OaiError("badResumptionToken", "it expired, or was never given out", given)
        return arguments, skip

    def _get(self, given: Arguments) -> Listing:
        if given.keys() != {"verb", "identifier", "metadataPrefix"}:
            raise OaiError("badArgument", "identifier and metadataPrefix, and nothing else")
        row = self._known(given)
        prefix = metadata_prefix(given, given)
        return Listing("GetRecord", given, (self._record(row, prefix),))

    def _record(self, row: Row, prefix: str) -> Element:
        affiliations = tuple(tuple(self.affiliations.get(each, ())) for each in row.paper.authors)
        key = (row, prefix, affiliations)
        if key not in self._records:
            self._records[key] = record_of(row, prefix, self.affiliations)
        return self._records[key]

    def _known(self, given: Arguments) -> Row:
        wanted = paper_id(given)
        for row in self.rows():
            if row.paper.id == wanted:
                return row
        raise OaiError("idDoesNotExist", request=given)

    def _identify(self, given: Arguments) -> list[Element]:
        if given.keys() != {"verb"}:
            raise OaiError("badArgument", "Identify takes no arguments")
        facts = {
            "repositoryName": "arXiv",
            "baseURL": BASE_URL.replace("http:", "https:"),
            "protocolVersion": "2.0",
            "adminEmail": "help@arxiv.org",
            "earliestDatestamp": f"{EARLIEST}",
            "deletedRecord": "persistent",
            "granularity": "YYYY-MM-DD",
        }
        return [Element(name, text) for name, text in facts.items()]

    def _formats(self, given: Arguments) -> list[Element]:
        if not given.keys() <= {"verb", "identifier"}:
            raise OaiError("badArgument", "ListMetadataFormats takes an identifier only")
        if "identifier" in given:
            self._known(given)
        return [
            Element(
                "metadataFormat",
                (
                    Element("metadataPrefix", prefix),
                    Element("schema", f"https://oaipmh.arxiv.org/OAI/{prefix}.xsd"),
                    Element("metadataNamespace", f"http://arxiv.org/OAI/{prefix}/"),
                ),
            )
            for prefix in PREFIXES
        ]

    def _sets(self, given: Arguments) -> list[Element]:
        """Groups, archives, and of the categories those in use; the names are the ids."""
        if given.keys() != {"verb"}:
            raise OaiError("badArgument", "ListSets takes no arguments, and gives out no tokens")
        names = dict.fromkeys(ARCHIVES.values())
        names |= dict.fromkeys(f"{group}:{archive}" for archive, group in ARCHIVES.items())
        names |= dict.fromkeys(sorted({each for row in self.rows() for each in row.sets}))
        return [
            Element("set", (Element("setSpec", name), Element("setName", name))) for name in names
        ]


def error_reply(now: datetime, error: OaiError) -> Reply:
    text = Element("error", error.text, {"code": error.code})
    return Reply(200, document(now, error.request, text), _XML)
