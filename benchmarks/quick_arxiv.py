"""The test stand-in of arXiv with an index, so that it searches 10,000 papers without delay.

Everything else is the stand-in's: HTTP, grammar, limits, OAI-PMH. Knows ``ti:``, ``abs:`` and
``submittedDate:``, and only plain words: no stop words, possessives, accents or wildcards.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import snowballstemmer

from bot.model import Keyword
from bot.ports import Clock
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_query_grammar import Dates, Node, QueryError, Term, parse_query
from tests.wire.arxiv_search import Searchable
from tests.wire.arxiv_server import ArxivServer

_WORD: Final = re.compile(r"[a-z0-9]+")
_STEMMER: Final = snowballstemmer.stemmer("porter")
_PLACES: Final = 1 << 12  # words in a field, at most


class QuickArxiv(ArxivServer):
    """Finds what the slow one finds, in the texts that this module knows; add no papers to it."""

    def __init__(self, papers: Sequence[StandinPaper], clock: Clock) -> None:
        super().__init__(papers, clock)
        self._numbers = {(paper.id, paper.version): n for n, paper in enumerate(papers)}
        self._published = [paper.published.replace(second=0, microsecond=0) for paper in papers]
        self._postings = {
            "ti": _postings(paper.title for paper in papers),
            "abs": _postings(paper.abstract for paper in papers),
        }

    def search(
        self, node: Node, among: Sequence[Searchable], *, phrases: bool = True
    ) -> list[Searchable]:
        if not phrases:
            return super().search(node, among, phrases=phrases)
        found = self._found(node)
        return [each for each in among if self._numbers[each.paper.id, each.paper.version] in found]

    def assert_searches_well(self, keywords: Sequence[Keyword], papers: int = 300) -> None:
        """Hold the index against the stand-in's own searching, which shares no line with it."""
        some = list(self._current().values())[-papers:]
        found: list[Searchable] = []
        for keyword in keywords:
            node = parse_query(keyword.query)
            expected = ArxivServer.search(self, node, some)
            assert self.search(node, some) == expected, keyword.text
            found += expected
        assert found

    def _found(self, node: Node) -> set[int]:
        """By their numbers."""
        if isinstance(node, Dates):
            return {n for n, at in enumerate(self._published) if node.first <= at <= node.last}
        if isinstance(node, Term):
            return self._phrase(node)
        left, right = self._found(node.left), self._found(node.right)
        if node.operator == "OR":
            return left | right
        return left & right if node.operator == "AND" else left - right

    def _phrase(self, term: Term) -> set[int]:
        postings = self._postings.get(term.field)
        words = _WORD.findall(term.text)
        if postings is None or (len(words) > 1 and not term.quoted):
            raise QueryError(f"this stand-in does not search for {term.field}:{term.text}")
        # where the phrase would begin, by each of its words; the rarest first
        starts = sorted(
            ((postings.get(_stem(word), array("L")), offset) for offset, word in enumerate(words)),
            key=lambda each: len(each[0]),
        )
        rarest, offset = starts[0]
        found = {place - offset for place in rarest}
        for places, offset in starts[1:]:
            found.intersection_update(place - offset for place in places)
        return {place // _PLACES for place in found}


def _postings(texts: Iterable[str]) -> dict[str, array[int]]:
    """Stem → where it stands: the number of the text times ``_PLACES``, plus the word's place."""
    postings: dict[str, array[int]] = {}
    for number, text in enumerate(texts):
        for place, word in enumerate(_WORD.findall(text.lower())):
            postings.setdefault(_stem(word), array("L")).append(number * _PLACES + place)
    return postings


@cache
def _stem(word: str) -> str:
    return _STEMMER.stemWord(word)
