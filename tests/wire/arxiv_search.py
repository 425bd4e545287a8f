"""Which papers a query finds, as arXiv's search engine would say; for the local stand-in.

Elasticsearch's built-in ``english`` analysis: lower case, possessive ``'s`` and 33 stop words
removed, Porter stems; a quoted term is a phrase of stems, and a stop word in it leaves a gap that
any word fills. Written apart from ``bot.matching``, so that one can be tested against the other.

Words are runs of letters and digits: a dot inside a word (``node.js``) separates here, while
arXiv's own tokenizer may keep it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, cached_property, lru_cache
from typing import Final

import snowballstemmer

from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_query_grammar import Dates, Node, Term

_WORD: Final = re.compile(r"[^\W_]+")
_POSSESSIVE: Final = re.compile(r"['’]s\b", re.IGNORECASE)
_STOPS: Final = """a an and are as at be but by for if in into is it no not of on or such that the
their then there these they this to was will with"""
_STOP_WORDS: Final = frozenset(_STOPS.split())
_STEMMER: Final = snowballstemmer.stemmer("porter")

Places = Mapping[str, Sequence[int]]  # a word → where it stands
Cut = Callable[[str], list[str]]  # a text → its words; stop words are empty, and keep their place


class Searchable:
    """One paper, taken apart when a query first needs it."""

    def __init__(self, paper: StandinPaper) -> None:
        self.paper = paper
        self._known: dict[tuple[str, str, bool], bool] = {}  # the same is asked morning by morning

    @cached_property
    def _stems(self) -> Mapping[str, Places]:
        paper = self.paper
        texts = {"ti": paper.title, "abs": paper.abstract, "co": paper.comment}
        return {field: _stems_of(text) for field, text in texts.items()}

    @cached_property
    def _authors(self) -> list[Places]:
        return [_places(_folded(author)) for author in self.paper.authors]

    @cached_property
    def _combined(self) -> frozenset[str]:
        paper = self.paper
        texts = [paper.title, paper.abstract, paper.comment, paper.id, paper.journal_ref, paper.doi]
        return frozenset(_folded(" ".join([*texts, *paper.authors, *paper.categories])))

    def found_by(self, node: Node, *, phrases: bool = True) -> bool:
        """Whether the query finds the paper.

        With ``phrases`` off, quotes mean nothing and the words may stand anywhere in the field,
        as on arXiv between 2025-11-13 and 2025-12-09.
        """
        if isinstance(node, Dates):
            return node.first <= self.paper.published.replace(second=0, microsecond=0) <= node.last
        if isinstance(node, Term):
            asked = (node.field, node.text, node.quoted and phrases)
            if asked not in self._known:
                self._known[asked] = self._found_in(*asked)
            return self._known[asked]
        left = self.found_by(node.left, phrases=phrases)
        if node.operator == "OR":
            return left or self.found_by(node.right, phrases=phrases)
        return left and self.found_by(node.right, phrases=phrases) == (node.operator == "AND")

    def _found_in(self, field: str, text: str, phrase: bool) -> bool:
        paper = self.paper
        match field:
            case "ti" | "abs" | "co":
                return _has(self._stems[field], text, _stemmed, phrase)
            case "au":
                return any(_has(author, text, _folded, phrase) for author in self._authors)
            case "cat":
                return any(fnmatchcase(category, text) for category in paper.categories)
            case "id":
                return fnmatchcase(paper.id, text)
            case "jr" | "doi" | "rn":
                words = {"jr": paper.journal_ref, "doi": paper.doi, "rn": ""}[field]
                return _has(_places(_folded(words)), text, _folded, phrase)
        words_of_all = [word for word in _folded(text) if word not in _STOP_WORDS]
        if words_of_all and self._combined.issuperset(words_of_all):
            return True
        return any(self._found_in(each, text, phrase) for each in ("ti", "abs", "co", "au", "cat"))


def _has(places: Places, text: str, cut: Cut, phrase: bool) -> bool:
    if not phrase and re.search(r"[*?]", text):
        return any(fnmatchcase(word, text.lower()) for word in places)
    wanted = [(offset, word) for offset, word in enumerate(cut(text)) if word]
    if not all(word in places for _, word in wanted) or not wanted:
        return False
    if not phrase:
        return True
    first, word = wanted[0]
    return any(
        all(place - first + offset in places[each] for offset, each in wanted)
        for place in places[word]
    )


def _places(words: Iterable[str]) -> Places:
    found: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if word:
            found.setdefault(word, []).append(place)
    return found


@lru_cache(maxsize=20_000)  # all servers of a test process are given the same papers
def searchable(paper: StandinPaper) -> Searchable:
    return Searchable(paper)


def _stems_of(text: str) -> Places:
    return _places(_stemmed(text))


def _stemmed(text: str) -> list[str]:
    words = _WORD.findall(_POSSESSIVE.sub("", text).lower())
    return ["" if word in _STOP_WORDS else _stem(word) for word in words]


@cache
def _stem(word: str) -> str:
    return _STEMMER.stemWord(word)


def _folded(text: str) -> list[str]:
    """Words without accents, as in names and in ``all:``."""
    plain = unicodedata.normalize("NFKD", text)
    return _WORD.findall("".join(each for each in plain if not unicodedata.combining(each)).lower())
