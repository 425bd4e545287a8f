"""Papers of the local stand-in for arXiv, and the Atom feed in which it answers.

Element order, escaping and the feed's id are those of recorded answers (April to August 2026).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

_HEAD = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
    ' xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">\n'
)


@dataclass(frozen=True, slots=True)
class StandinPaper:
    """One version of a paper. It is announced, and so becomes visible, at ``visible_at``."""

    id: str
    title: str
    abstract: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    published: datetime
    visible_at: datetime
    version: int = 1
    updated: datetime | None = None
    primary_category: str = ""
    comment: str = ""
    journal_ref: str = ""
    doi: str = ""

    @property
    def submitted(self) -> datetime:
        """When this version was submitted."""
        return self.updated or self.published


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer, and the request as the feed repeats it."""

    papers: Sequence[StandinPaper]
    total: int
    search_query: str = ""
    id_list: str = ""
    start: int = 0
    rows: int = 10


def render_page(page: Page, now: datetime) -> bytes:
    """The answer to a good request."""
    asked = (
        f"search_query={page.search_query}&id_list={page.id_list}"
        f"&start={page.start}&max_results={page.rows}"
    )
    # Not a checksum of the content but of the request, as arXiv makes it.
    digest = hashlib.sha1(asked.encode(), usedforsecurity=False).digest()
    feed_id = base64.b64encode(digest).decode().rstrip("=")
    link = (
        f"https://arxiv.org/api/query?search_query={page.search_query}"
        f"&start={page.start}&max_results={page.rows}&id_list={page.id_list}"
    )
    head = (
        f"  <id>https://arxiv.org/api/{feed_id}</id>\n"
        f"  <title>arXiv Query: {escape(asked)}</title>\n"
        f"  <updated>{_time(now)}</updated>\n"
        f'  <link href={_attribute(link)} type="application/atom+xml"/>\n'
        f"  <opensearch:itemsPerPage>{page.rows}</opensearch:itemsPerPage>\n"
        f"  <opensearch:totalResults>{page.total}</opensearch:totalResults>\n"
        f"  <opensearch:startIndex>{page.start}</opensearch:startIndex>\n"
    )
    entries = "".join(_entry(paper) for paper in page.papers)
    return f"{_HEAD}{head}{entries}</feed>\n".encode()


def render_error(message: str, now: datetime) -> bytes:
    """The answer to a bad request; it comes with status 400."""
    link = _attribute(f"https://arxiv.org/api/errors#{message.replace(' ', '_')}")
    return (
        f"{_HEAD}  <id>https://arxiv.org/</id>\n"
        "  <title>arXiv Search Results</title>\n"
        f"  <updated>{_time(now)}</updated>\n"
        "  <opensearch:itemsPerPage>1</opensearch:itemsPerPage>\n"
        "  <opensearch:totalResults>1</opensearch:totalResults>\n"
        "  <opensearch:startIndex>0</opensearch:startIndex>\n"
        f"  <entry>\n    <id>{link[1:-1]}</id>\n    <title>Error</title>\n"
        f"    <updated>{_time(now)}</updated>\n"
        f'    <link href={link} rel="alternate" type="text/html"/>\n'
        f"    <summary>{escape(message)}</summary>\n"
        "    <author>\n      <name>arXiv api core</name>\n    </author>\n  </entry>\n</feed>\n"
    ).encode()


@lru_cache(maxsize=10_000)  # every morning most of it is asked for again
def _entry(paper: StandinPaper) -> str:
    versioned = f"{paper.id}v{paper.version}"
    lines = [
        "  <entry>",
        f"    <id>http://arxiv.org/abs/{versioned}</id>",
        f"    <title>{escape(paper.title)}</title>",
        f"    <updated>{_time(paper.submitted)}</updated>",
        f'    <link href="https://arxiv.org/abs/{versioned}" rel="alternate" type="text/html"/>',
        f'    <link href="https://arxiv.org/pdf/{versioned}" rel="related"'
        ' type="application/pdf" title="pdf"/>',
        f"    <summary>{escape(paper.abstract)}</summary>",
        *(
            f'    <category term={_attribute(each)} scheme="http://arxiv.org/schemas/atom"/>'
            for each in paper.categories
        ),
        f"    <published>{_time(paper.published)}</published>",
    ]
    if paper.comment:
        lines.append(f"    <arxiv:comment>{escape(paper.comment)}</arxiv:comment>")
    primary = _attribute(paper.primary_category or paper.categories[0])
    lines.append(f"    <arxiv:primary_category term={primary}/>")
    if paper.journal_ref:
        lines.append(f"    <arxiv:journal_ref>{escape(paper.journal_ref)}</arxiv:journal_ref>")
    for author in paper.authors:
        lines += ["    <author>", f"      <name>{escape(author)}</name>", "    </author>"]
    if paper.doi:
        lines.append(f"    <arxiv:doi>{escape(paper.doi)}</arxiv:doi>")
        lines += [
            f'    <link rel="related" href={_attribute(f"https://doi.org/{each}")} title="doi"/>'
            for each in paper.doi.split()
        ]
    return "\n".join([*lines, "  </entry>", ""])


def _attribute(text: str) -> str:
    """Always in double quotes; quoteattr alone would choose."""
    return quoteattr(text, {'"': "&quot;"})


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
