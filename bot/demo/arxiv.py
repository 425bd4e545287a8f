"""An arXiv in memory for the demo: a list of papers, behind the HTTP client that the bot uses.

Knows no query language. It answers with all papers of the dates that a request names, newest first,
because what matches is decided by ``bot.matching`` anyway. ``tests/wire`` has a server that speaks
arXiv's protocol.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

import httpx

from bot.demo.sample import DemoPaper

URL: Final = "http://arxiv.invalid/api/query"  # RFC 6761: this name never exists

_ATOM: Final = "http://www.w3.org/2005/Atom"
_ARXIV: Final = "http://arxiv.org/schemas/atom"
_OPENSEARCH: Final = "http://a9.com/-/spec/opensearch/1.1/"
_DATES: Final = re.compile(r"submittedDate:\[(\d{12}) TO (\d{12})\]")

# Throttling that a careless program takes for "no papers" (openags/paper-search-mcp PR #81, 2026).
_BUSY: Final = b"Rate exceeded.\n"


class DemoArxiv:
    """Hand ``transport`` to the HTTP client. While ``busy`` it answers as arXiv does to those who
    send requests too often.

    A paper exists from its ``visible_at`` on, measured by ``now``; of several versions the newest
    one is listed.
    """

    def __init__(self, papers: Sequence[DemoPaper], now: Callable[[], datetime]) -> None:
        self._papers = papers
        self._now = now
        self.busy = False
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.busy:
            return httpx.Response(200, content=_streamed(_BUSY))
        query = httpx.QueryParams(request.content.decode() or request.url.query)
        papers = self._found(query)
        start, most = int(query.get("start", 0)), int(query.get("max_results", 10))
        body = _feed(papers[start : start + most], len(papers), start, most, self._now())
        return httpx.Response(200, content=_streamed(body))

    def _found(self, query: httpx.QueryParams) -> list[DemoPaper]:
        """All that is announced, within the dates or among the ids that the request names."""
        newest: dict[str, DemoPaper] = {}
        for paper in sorted(self._papers, key=lambda paper: paper.version):
            if paper.visible_at <= self._now():
                newest[paper.id] = paper
        found = sorted(newest.values(), key=lambda paper: (paper.published, paper.id), reverse=True)
        if ids := query.get("id_list"):
            found = [paper for paper in found if paper.id in ids.split(",")]
        if dates := _DATES.search(query.get("search_query", "")):
            first, last = dates.groups()
            found = [paper for paper in found if first <= f"{paper.published:%Y%m%d%H%M}" <= last]
        return found


async def _streamed(body: bytes) -> AsyncIterator[bytes]:
    """A body that has not been read yet, as the bot expects of every answer; given bytes, httpx
    reads them at once."""
    yield body


def _feed(papers: Sequence[DemoPaper], total: int, start: int, most: int, now: datetime) -> bytes:
    feed = Element(f"{{{_ATOM}}}feed")
    _add(feed, _ATOM, "title", "arXiv Query")
    _add(feed, _ATOM, "updated", _time(now))
    for name, number in (("totalResults", total), ("startIndex", start), ("itemsPerPage", most)):
        _add(feed, _OPENSEARCH, name, str(number))
    for paper in papers:
        entry = SubElement(feed, f"{{{_ATOM}}}entry")
        _add(entry, _ATOM, "id", f"http://arxiv.org/abs/{paper.id}v{paper.version}")
        _add(entry, _ATOM, "title", paper.title)
        _add(entry, _ATOM, "summary", paper.abstract)
        _add(entry, _ATOM, "published", _time(paper.published))
        _add(entry, _ATOM, "updated", _time(paper.updated or paper.published))
        for name in paper.authors:
            _add(SubElement(entry, f"{{{_ATOM}}}author"), _ATOM, "name", name)
        for category in paper.categories:
            SubElement(entry, f"{{{_ATOM}}}category", term=category)
        if paper.comment:
            _add(entry, _ARXIV, "comment", paper.comment)
    text: bytes = tostring(feed, encoding="utf-8")
    return text


def _add(parent: Element, namespace: str, name: str, text: str) -> None:
    SubElement(parent, f"{{{namespace}}}{name}").text = text


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
