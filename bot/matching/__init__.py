"""Whether papers match keywords: many keywords at once, the same answer as one by one.

Fetches nothing and decides nothing about what is new. ``explain`` looks at one keyword and
one paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from bot.keywords import expression, plain_terms
from bot.keywords.ast import (
    And,
    Anywhere,
    Author,
    Category,
    Expression,
    Leaf,
    Not,
    Or,
    Phrase,
    Prefix,
)
from bot.keywords.categories import is_in_category
from bot.keywords.names import name_parts
from bot.keywords.tokens import stems, surfaces
from bot.matching.explanation import Explanation, explain
from bot.matching.index import Phrases, Prefixes
from bot.matching.leaves import first_field, is_called
from bot.model import Hit, Keyword, Paper

__all__ = ["Explanation", "Matcher", "explain"]

# Where each number was found first: title before abstract before authors …
_Found: TypeAlias = dict[int, str]


class Matcher:
    """Many keywords against many papers. Built once; keywords of the same meaning count once.

    Every leaf has a number. A keyword that is a single leaf has its own number there, so that
    finding the leaf is finding the keyword. Of a keyword with more, only leaves without which it
    can't match trigger its evaluation.
    """

    def __init__(self, keywords: Iterable[Keyword]) -> None:
        """Raises UserError for a keyword that ``bot.keywords.parse`` would refuse."""
        self.keywords = tuple({keyword.canonical: keyword for keyword in keywords}.values())
        self._canonicals = [keyword.canonical for keyword in self.keywords]
        self._leaves = _Leaves()
        self._numbers: dict[Leaf, int] = {}
        self._compounds: dict[int, _Node] = {}
        self._triggers: dict[int, list[int]] = {}
        for number, keyword in enumerate(self.keywords):
            terms = plain_terms(keyword)
            if terms is not None:
                self._leaves.anywhere_in_text.add(terms, number)
            else:
                self._add(expression(keyword), number)

    def match(self, paper: Paper) -> list[Hit]:
        """One hit for each keyword that the paper matches, in the keywords' order."""
        found = self._leaves.find(paper)
        if self._compounds and found:
            self._evaluate(found)
        count = len(self.keywords)
        return [
            Hit(paper.id, self._canonicals[number], found[number])
            for number in sorted(found)
            if number < count
        ]

    def _evaluate(self, found: _Found) -> None:
        """Adds the compound keywords that are true."""
        triggered = {compound for number in found for compound in self._triggers.get(number, ())}
        for compound in triggered:
            field = _field(self._compounds[compound], found)
            if field is not None:
                found[compound] = field

    def _add(self, tree: Expression, number: int) -> None:
        if not isinstance(tree, And | Or | Not):
            self._leaves.add(tree, number)
            return
        self._compounds[number] = self._numbered(tree)
        _, needed = _cover(tree)
        for leaf in needed:
            self._triggers.setdefault(self._numbers[leaf], []).append(number)

    def _numbered(self, tree: Expression) -> _Node:
        match tree:
            case And(items):
                return _Node("and", tuple(self._numbered(item) for item in items))
            case Or(items):
                return _Node("or", tuple(self._numbered(item) for item in items))
            case Not(item):
                return _Node("not", (), self._number(item))
            case _:
                return _Node("leaf", (), self._number(tree))

    def _number(self, leaf: Leaf) -> int:
        """The same number for the same leaf of several compounds."""
        if leaf not in self._numbers:
            self._numbers[leaf] = len(self.keywords) + len(self._numbers)
            self._leaves.add(leaf, self._numbers[leaf])
        return self._numbers[leaf]


@dataclass(frozen=True, slots=True)
class _Node:
    """A tree whose leaves are numbers."""

    kind: str
    items: tuple[_Node, ...]
    number: int = -1


def _field(node: _Node, found: _Found) -> str | None:
    """The field in which it was found first; ``""`` if only exclusions hold, ``None`` if not
    true."""
    if node.kind == "leaf":
        return found.get(node.number)
    if node.kind == "not":
        return None if node.number in found else ""
    fields = [_field(item, found) for item in node.items]
    if node.kind == "and" and None in fields:
        return None
    true = [field for field in fields if field is not None]
    return first_field(true) if true else None


def _cover(tree: Expression) -> tuple[float, frozenset[Leaf]]:
    """Leaves of which at least one is true whenever the tree is: the rarest choice; and how common
    they are."""
    match tree:
        case And(items):
            return min(map(_cover, items), key=lambda cover: cover[0])
        case Or(items):
            covers = [_cover(item) for item in items]
            return sum(cost for cost, _ in covers), frozenset().union(*(some for _, some in covers))
        case Not():
            return inf, frozenset()
        case Phrase(_, terms) | Anywhere(Phrase(_, terms)):
            return 1 / len(terms), frozenset({tree})
        case Category():
            return 1000, frozenset({tree})
        case _:
            return 1, frozenset({tree})


class _Leaves:
    """All leaves, by where they are looked for."""

    def __init__(self) -> None:
        self.anywhere_in_text = Phrases()
        self._titles, self._abstracts, self._comments = Phrases(), Phrases(), Phrases()
        self._title_prefixes, self._abstract_prefixes = Prefixes(), Prefixes()
        self._authors: dict[str, list[tuple[Author, int]]] = {}
        self._categories: list[tuple[Category, int]] = []
        self._members: dict[str, list[int]] = {}  # a category's numbers, once it has been seen

    def add(self, leaf: Leaf, number: int) -> None:
        match leaf:
            case Phrase(field, terms):
                phrases = {"ti": self._titles, "abs": self._abstracts, "co": self._comments}
                phrases.get(field, self.anywhere_in_text).add(terms, number)
            case Prefix(field):
                if field != "abs":
                    self._title_prefixes.add(leaf, number)
                if field != "ti":
                    self._abstract_prefixes.add(leaf, number)
            case Author(parts):
                longest = max(parts, key=len)
                self._authors.setdefault(longest, []).append((leaf, number))
            case Category():
                self._categories.append((leaf, number))
            case Anywhere(phrase, comment, author, category):
                for part in (phrase, comment, author, category):
                    if part is not None:
                        self.add(part, number)

    def find(self, paper: Paper) -> _Found:
        found: _Found = {}
        if self._categories:
            found |= dict.fromkeys(self._of_categories(paper.categories), "categories")
        if self._comments:
            found |= dict.fromkeys(self._comments.find(surfaces(paper.comment)), "comment")
        if self._authors:
            found |= dict.fromkeys(self._of_authors(paper.authors), "authors")
        abstract = self._of_text(paper.abstract, self._abstracts, self._abstract_prefixes)
        found |= dict.fromkeys(abstract, "abstract")
        title = self._of_text(paper.title, self._titles, self._title_prefixes)
        found |= dict.fromkeys(title, "title")
        return found

    def _of_text(self, text: str, phrases: Phrases, prefixes: Prefixes) -> list[int]:
        words = stems(text)
        found = self.anywhere_in_text.find(words)
        if phrases:
            found += phrases.find(words)
        if prefixes:
            found += prefixes.find(surfaces(text))
        return found

    def _of_authors(self, names: Sequence[str]) -> list[int]:
        found = []
        for name in names:
            parts = name_parts(name)
            for part in parts:
                for author, number in self._authors.get(part, ()):
                    if is_called(author, parts):
                        found.append(number)
        return found

    def _of_categories(self, names: Sequence[str]) -> list[int]:
        for name in names:
            if name not in self._members:
                self._members[name] = [
                    number
                    for leaf, number in self._categories
                    if is_in_category(leaf.pattern, name)
                ]
        return [number for name in names for number in self._members[name]]
