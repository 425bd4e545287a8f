"""Requests to arXiv's query API. Pure: keywords and windows in, requests out.

Decisions rest on arXiv's public server source (arXiv/arxiv-search at 764d7eb, 2026-07-01) and its
user manual (info.arxiv.org/help/api/user-manual, November 2026):

- 2,000 papers an answer ("slices of at most 2000"), and never past the 10,000th, where the server
  answers 500.
- Operators have no precedence and associate to the right, so everything is in parentheses.
- ``submittedDate:[A TO B]`` is GMT, by minutes, both ends included, and means version 1. Its
  minutes are those of whole days, so that the address stays the same all day: identical addresses
  may be answered from a cache, and a repetition costs arXiv less.
- How long an address may be is not known: GET to 4,000 bytes, the smallest limit read in a
  configuration of theirs, else POST.
- A union has at most 100 keywords, because the server's parser is recursive (900 operators in a
  chain work, 1,000 end in a 500), and at most 1,000 leaf clauses, because its search engine allows
  1,024 in one Boolean [inferred]: a phrase costs 2, an ``all:`` 55.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from urllib.parse import quote_plus, urlencode

from bot.model import Keyword
from bot.model.subscriptions import MAX_CLAUSES

PAGE_SIZE: Final = 2000
MAX_ROW: Final = 10_000
MAX_URL_LENGTH: Final = 4000
MAX_KEYWORDS: Final = 100

_FIRST_PAPER: Final = date(1991, 8, 1)  # arXiv began that month
_MINUTE: Final = timedelta(minutes=1)
_OR: Final = " OR "


class Window(NamedTuple):
    """Minutes of submission, both included; seconds are zero."""

    first: datetime
    last: datetime

    @classmethod
    def of_days(cls, since: datetime, now: datetime) -> Window:
        """From the start of ``since``'s day (UTC) to the end of today's, fixed for all of today."""
        today = now.astimezone(UTC).date()
        first = max(_FIRST_PAPER, min(since.astimezone(UTC).date(), today))
        return cls(
            datetime.combine(first, time(0, 0), UTC), datetime.combine(today, time(23, 59), UTC)
        )

    def holds(self, moment: datetime) -> bool:
        return self.first <= moment < self.last + _MINUTE

    def halves(self) -> tuple[Window, Window]:
        """Two windows that meet and do not overlap. Raises ValueError for a single minute."""
        minutes = (self.last - self.first) // _MINUTE
        if minutes < 1:
            raise ValueError("a minute can't be halved")
        middle = self.first + minutes // 2 * _MINUTE
        return Window(self.first, middle), Window(middle + _MINUTE, self.last)

    @property
    def clause(self) -> str:
        return f"submittedDate:[{self.first:%Y%m%d%H%M} TO {self.last:%Y%m%d%H%M}]"


class SearchRequest(NamedTuple):
    """One request to the query API. ``max_results`` is how many papers it asks for at most."""

    search_query: str
    start: int = 0
    max_results: int = PAGE_SIZE
    ids: tuple[str, ...] = ()
    newest_first: bool = True

    def encoded(self) -> str:
        """As the query of an address, or as the body of a form."""
        fields = [("search_query", self.search_query)] if self.search_query else []
        if self.ids:
            fields.append(("id_list", ",".join(self.ids)))
        fields += [("start", str(self.start)), ("max_results", str(self.max_results))]
        if self.newest_first:
            fields += [("sortBy", "submittedDate"), ("sortOrder", "descending")]
        return urlencode(fields)


def window_request(keywords: Sequence[Keyword], window: Window, start: int = 0) -> SearchRequest:
    """All papers of a window that may match one of the keywords."""
    return SearchRequest(f"{_union(keywords)} AND {window.clause}", start=start)


def probe_request(window: Window, max_results: int = 1) -> SearchRequest:
    """The newest papers of a window, whatever they are about: there must be some in two weeks."""
    return SearchRequest(window.clause, max_results=max_results)


def newest_request(keyword: Keyword, max_results: int) -> SearchRequest:
    """The newest papers that may match one keyword, of whatever age."""
    return SearchRequest(keyword.query, max_results=max_results)


def lookup_request(ids: Sequence[str]) -> SearchRequest:
    """The given papers, whatever they are about; arXiv leaves out those that it does not know."""
    return SearchRequest("", max_results=len(ids), ids=tuple(ids), newest_first=False)


def batches(keywords: Sequence[Keyword], window: Window, url: str) -> Iterator[tuple[Keyword, ...]]:
    """The keywords once each, in a stable order, in as few requests as the limits allow.

    A keyword that breaks a limit by itself is a batch of its own.
    """
    batch: list[Keyword] = []
    # What is around the keywords; a single one has less, and is never checked.
    around = len(address(url, SearchRequest(f"() AND {window.clause}").encoded()))
    clauses = length = 0
    by_canonical = {keyword.canonical: keyword for keyword in keywords}
    for _, keyword in sorted(by_canonical.items()):
        added = len(quote_plus(_enclosed(keyword.query)))
        if batch and (
            len(batch) == MAX_KEYWORDS
            or clauses + keyword.clauses > MAX_CLAUSES
            or length + len(quote_plus(_OR)) + added > MAX_URL_LENGTH
        ):
            yield tuple(batch)
            batch.clear()
        length = length + len(quote_plus(_OR)) + added if batch else around + added
        clauses = clauses + keyword.clauses if batch else keyword.clauses
        batch.append(keyword)
    if batch:
        yield tuple(batch)


def address(url: str, encoded: str) -> str:
    """The whole address of a GET."""
    return f"{url}{'&' if '?' in url else '?'}{encoded}"


def _union(keywords: Sequence[Keyword]) -> str:
    queries = [_enclosed(keyword.query) for keyword in keywords]
    return queries[0] if len(queries) == 1 else f"({_OR.join(queries)})"


def _enclosed(query: str) -> str:
    """The query in parentheses, once: it has them already if the first one closes at its end."""
    depth = 0
    quoted = False
    for place, character in enumerate(query):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return query if 0 < place == len(query) - 1 else f"({query})"
    return f"({query})"
