"""Records of arXiv's OAI-PMH server as data, and the XML in which it answers.

Elements, their order and their namespaces are those of recorded answers (September 2026) and of
arXiv's public server source (arXiv/oaipmh at 27ad99e, 2026-08-11). A record is data until the end,
so that a fault can take something out of it. TeX is not turned into UTF-8: a ``StandinPaper`` holds
text that was turned already, so ``arXivRaw`` differs from the live one in that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final
from xml.sax.saxutils import escape

from tests.wire.arxiv_feed import StandinPaper

NAMESPACE: Final = "http://www.openarchives.org/OAI/2.0/"
BASE_URL: Final = "http://oaipmh.arxiv.org/oai"  # what it calls itself, whatever was asked
LICENSE: Final = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"
ID_PREFIX: Final = "oai:arXiv.org:"

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PHYSICS: Final = (
    *("astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph"),
    *("nlin", "nucl-ex", "nucl-th", "physics", "quant-ph"),
)
_GROUPS: Final = ("cs", "econ", "eess", "math", "physics", "q-bio", "q-fin", "stat")
ARCHIVES: Final = {name: name for name in _GROUPS} | dict.fromkeys(_PHYSICS, "physics")
_TWINS: Final = {  # one category under two names: a paper in one is in both sets
    "math.MP": "math-ph",
    "math.IT": "cs.IT",
    "math.NA": "cs.NA",
    "eess.SY": "cs.SY",
    "stat.TH": "math.ST",
    "q-fin.EC": "econ.GN",
}
_BOTH_WAYS: Final = _TWINS | {old: new for new, old in _TWINS.items()}
_SUFFIXES: Final = frozenset({"Jr", "Jr.", "Sr", "Sr.", "II", "III", "IV"})


@dataclass(frozen=True)
class Element:
    """One element; it holds text or other elements, never both.

    A record remembers its text: every morning most records are asked for again.
    """

    name: str
    content: str | tuple[Element, ...] = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def parts(self, name: str) -> list[Element]:
        """The elements of this name directly in it."""
        if isinstance(self.content, str):
            return []
        return [each for each in self.content if each.name == name]

    def inside(self, change: Change) -> Element:
        """The same with ``change`` done to everything in it, at every depth."""
        if isinstance(self.content, str):
            return self
        content = tuple(new.inside(change) for each in self.content for new in change(each))
        return replace(self, content=content)

    def render(self, depth: int = 1) -> str:
        if self.name != "record":
            return self._render(depth)
        texts: dict[int, str] = self.__dict__.setdefault("_texts", {})
        if depth not in texts:
            texts[depth] = self._render(depth)
        return texts[depth]

    def _render(self, depth: int) -> str:
        pad = "    " * depth
        given = "".join(f' {name}="{_escape(value)}"' for name, value in self.attributes.items())
        if not self.content:
            return f"{pad}<{self.name}{given}/>\n"
        if isinstance(self.content, str):
            return f"{pad}<{self.name}{given}>{_escape(self.content)}</{self.name}>\n"
        inner = "".join(each.render(depth + 1) for each in self.content)
        return f"{pad}<{self.name}{given}>\n{inner}{pad}</{self.name}>\n"


Change = Callable[[Element], Iterable[Element]]


@dataclass(frozen=True, slots=True)
class Row:
    """A paper as the index has it. ``edited``: its metadata changed after this announcement."""

    paper: StandinPaper
    versions: tuple[tuple[int, datetime], ...]
    day: date
    edited: bool = False

    @property
    def sets(self) -> list[str]:
        named = []
        for category in self.paper.categories:
            named += [category, *(_BOTH_WAYS[each] for each in [category] if each in _BOTH_WAYS)]
        return [set_of(category) for category in dict.fromkeys(named)]

    def in_set(self, wanted: str) -> bool:
        return any(each == wanted or each.startswith(f"{wanted}:") for each in self.sets)


def document(now: datetime, request: Mapping[str, str], inner: Element) -> bytes:
    """The complete answer. ``request`` is what it repeats of the request."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<OAI-PMH xmlns="{NAMESPACE}" \n'
        f'         xmlns:xsi="{_XSI}"\n'
        f'         xsi:schemaLocation="{NAMESPACE} {NAMESPACE}OAI-PMH.xsd">\n'
        f"    <responseDate>{moment(now)}</responseDate>\n"
        f"{Element('request', BASE_URL, request).render()}"
        f"{inner.render()}</OAI-PMH>\n"
    ).encode()


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def set_of(category: str) -> str:
    """``cs.CL`` is ``cs:cs:CL``; ``hep-th``, which has no parts, is ``physics:hep-th``."""
    archive = category.partition(".")[0]
    return f"{ARCHIVES.get(archive, archive)}:{category.replace('.', ':')}"


def record_of(row: Row, prefix: str, affiliations: Mapping[str, Sequence[str]]) -> Element:
    """A ``record`` of ``header`` and ``metadata``, in the format ``prefix``."""
    header = (
        Element("identifier", f"{ID_PREFIX}{row.paper.id}"),
        Element("datestamp", f"{row.day}"),
        *(Element("setSpec", each) for each in row.sets),
    )
    fields = _arxiv_raw(row) if prefix == "arXivRaw" else _arxiv(row, affiliations)
    namespace = f"http://arxiv.org/OAI/{prefix}/"
    metadata = Element(
        prefix,
        tuple(fields),
        {
            "xmlns": namespace,
            "xmlns:xsi": _XSI,
            "xsi:schemaLocation": f"{namespace} https://oaipmh.arxiv.org/OAI/{prefix}.xsd",
        },
    )
    return Element("record", (Element("header", header), Element("metadata", (metadata,))))


def _arxiv(row: Row, affiliations: Mapping[str, Sequence[str]]) -> list[Element]:
    """``updated`` is in a replaced or edited record only, as in every recorded answer."""
    paper = row.paper
    changed = paper.version > 1 or row.edited
    return [
        Element("id", paper.id),
        Element("created", f"{paper.submitted.astimezone(UTC):%Y-%m-%d}"),
        *([Element("updated", f"{row.day}")] if changed else []),
        Element("authors", tuple(_author(each, affiliations) for each in paper.authors)),
        Element("title", paper.title),
        Element("categories", " ".join(paper.categories)),
        *_optional(paper),
    ]


def _arxiv_raw(row: Row) -> list[Element]:
    paper = row.paper
    return [
        Element("id", paper.id),
        Element("submitter", paper.authors[0] if paper.authors else ""),
        *(
            Element(
                "version",
                (
                    Element("date", f"{at.astimezone(UTC):%a, %d %b %Y %H:%M:%S} GMT"),
                    Element("size", "100kb"),
                ),
                {"version": f"v{number}"},
            )
            for number, at in row.versions
        ),
        Element("title", paper.title),
        Element("authors", ", ".join(paper.authors)),
        Element("categories", " ".join(paper.categories)),
        *_optional(paper),
    ]


def _optional(paper: StandinPaper) -> list[Element]:
    named = {
        "comments": paper.comment,
        "journal-ref": paper.journal_ref,
        "doi": paper.doi,
        "license": LICENSE,
        "abstract": paper.abstract,
    }
    return [Element(name, text) for name, text in named.items() if text]


def _author(name: str, affiliations: Mapping[str, Sequence[str]]) -> Element:
    keyname, forenames, suffix = split_name(name)
    named = {"keyname": keyname, "forenames": forenames, "suffix": suffix}
    parts = [Element(part, text) for part, text in named.items() if text]
    parts += [Element("affiliation", each) for each in affiliations.get(name, ())]
    return Element("author", tuple(parts))


def split_name(name: str) -> tuple[str, str, str]:
    """Key name, forenames, suffix. A collaboration is all key name; ``von`` belongs to it."""
    words = name.split()
    if not words or words[-1] in {"Collaboration", "Consortium"}:
        return name, "", ""
    suffix = words.pop() if len(words) > 2 and words[-1] in _SUFFIXES else ""
    first = len(words) - 1
    while first > 0 and words[first - 1].islower():
        first -= 1
    return " ".join(words[first:]), " ".join(words[:first]), suffix


def _escape(text: str) -> str:
    """Quotes are numeric references, in text too."""
    return escape(text).replace("'", "&#39;").replace('"', "&#34;")
