"""Why one paper matches one keyword, or what is missing. Looks at every leaf, without an index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from bot.keywords import expression, tokens
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
    category_names,
    shown,
)
from bot.keywords.categories import is_in_category
from bot.keywords.names import name_parts
from bot.keywords.tokens import GAP, stems, surfaces
from bot.matching.leaves import begins, first_field, is_called, stands_in
from bot.model import Keyword, Paper

_EXCLUDED = 0.9  # closeness: everything wanted is there, and so is something excluded
_SCATTERED = 0.8  # all words are there, but not next to each other
_SOME = 0.7  # times the share of the words that are there


class Explanation(NamedTuple):
    """``field`` says where it matched, ``reason`` in a sentence why it did not.

    ``closeness`` is 1 for a match and 0 if nothing wanted was found; the closest keyword is the
    one with the largest.
    """

    matched: bool
    field: str
    reason: str
    closeness: float


def explain(keyword: Keyword, paper: Paper) -> Explanation:
    """Why a paper matches a keyword, or why not. Agrees with ``Matcher``."""
    return _explain(expression(keyword), _view(paper))


class _View:
    """A paper, cut into words once."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper

    @cached_property
    def title(self) -> list[str]:
        return stems(self.paper.title)

    @cached_property
    def abstract(self) -> list[str]:
        return stems(self.paper.abstract)

    @cached_property
    def comment(self) -> list[str]:
        return surfaces(self.paper.comment)

    @cached_property
    def names(self) -> list[list[str]]:
        return [name_parts(name) for name in self.paper.authors]

    def texts(self, field: str) -> dict[str, list[str]]:
        """The texts that a phrase's field stands for."""
        match field:
            case "ti":
                return {"title": self.title}
            case "abs":
                return {"abstract": self.abstract}
            case "co":
                return {"comment": self.comment}
            case _:
                return {"title": self.title, "abstract": self.abstract}

    def unstemmed(self, field: str) -> dict[str, list[str]]:
        return {name: surfaces(getattr(self.paper, name)) for name in self.texts(field)}


@lru_cache(maxsize=64)
def _view(paper: Paper) -> _View:
    """Cached, because many keywords are explained against the same few papers."""
    return _View(paper)


def _found_in(leaf: Leaf, view: _View) -> str:
    """The first field where a leaf is true; empty if it is not."""
    match leaf:
        case Phrase(field, terms):
            texts = view.texts(field).items()
            return next((name for name, text in texts if stands_in(terms, text)), "")
        case Prefix(field):
            unstemmed = view.unstemmed(field).items()
            return next(
                (name for name, text in unstemmed if any(begins(leaf, word) for word in text)), ""
            )
        case Author():
            return "authors" if any(is_called(leaf, name) for name in view.names) else ""
        case Category(pattern):
            names = view.paper.categories
            return "categories" if any(is_in_category(pattern, name) for name in names) else ""
        case Anywhere():
            parts = (leaf.phrase, leaf.author, leaf.comment, leaf.category)
            found = (_found_in(part, view) for part in parts if part is not None)
            return next(filter(None, found), "")


def _explain(tree: Expression, view: _View) -> Explanation:
    match tree:
        case And(items):
            return _all_of([(item, _explain(item, view)) for item in items])
        case Or(items):
            parts = [_explain(item, view) for item in items]
            true = [part for part in parts if part.matched]
            if true:
                return Explanation(True, first_field(part.field for part in true), "", 1)
            return max(parts, key=lambda part: part.closeness)
        case Not(leaf):
            field = _found_in(leaf, view)
            reason = f"excluded by NOT {shown(leaf)} ({field})" if field else ""
            return Explanation(not field, "", reason, 0 if field else 1)
        case _:
            field = _found_in(tree, view)
            if field:
                return Explanation(True, field, "", 1)
            return _missing(tree, view)


def _all_of(parts: Sequence[tuple[Expression, Explanation]]) -> Explanation:
    false = [(item, part) for item, part in parts if not part.matched]
    if not false:
        return Explanation(True, first_field(part.field for _, part in parts), "", 1)
    wanted = [part for item, part in parts if not isinstance(item, Not)]
    reasons = [part.reason for item, part in false if not isinstance(item, Not)]
    if not reasons:
        return Explanation(False, "", false[0][1].reason, _EXCLUDED)
    closeness = sum(part.closeness for part in wanted) / len(wanted)
    return Explanation(False, "", reasons[0], min(closeness, _SCATTERED))


def _missing(leaf: Leaf, view: _View) -> Explanation:
    """Why a leaf does not hold."""
    match leaf:
        case Phrase(field, terms, words):
            return _missing_words(field, terms, words, view)
        case Anywhere():
            return _missing(leaf.phrase, view)
        case Prefix():
            return Explanation(False, "", f"no word is like {shown(leaf)}", 0)
        case Author(parts):
            return Explanation(False, "", f"no author is called {' '.join(parts)}", 0)
        case Category(pattern):
            return Explanation(False, "", f"category is not {category_names(pattern)}", 0)


def _missing_words(
    field: str, terms: Sequence[str], words: Sequence[str], view: _View
) -> Explanation:
    where = {"ti": " in the title", "abs": " in the abstract", "co": " in the comment"}
    place = where.get(field, "")
    present = {word for text in view.texts(field).values() for word in text}
    solid = [term for term in terms if term != GAP]
    absent = [
        f"'{word}'"
        for word in words
        if not present.issuperset(tokens.terms([word], stemmed=field != "co"))
    ]
    if not absent:
        reason = f"all words are there{place}, but not next to each other"
        return Explanation(False, "", reason, _SCATTERED)
    missing = f"{absent[0]} is" if len(absent) == 1 else f"the words {', '.join(absent)} are"
    share = sum(term in present for term in solid) / len(solid)
    return Explanation(False, "", f"{missing} missing{place}", _SOME * share)
