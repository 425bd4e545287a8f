"""What a keyword means, as a tree. Does not read text, does not look at papers.

``Not`` is only ever directly around a leaf. ``all_of``, ``any_of`` and ``negated`` ensure that, and
build trees without duplicates and without nested operators of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from bot.model.categories import second_name


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words next to each other. ``field``: ``""`` (title or abstract), ``ti``, ``abs`` or ``co``.

    ``terms`` is what must be in the text (see ``tokens.terms``), ``words`` the same words unstemmed
    and without stop words, ``identity`` their canonical form (see ``tokens.identity``), and
    ``spellings`` the ways to write them in a query to arXiv.
    """

    field: str
    terms: tuple[str, ...]
    words: tuple[str, ...]
    identity: str
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """A word that begins with ``start``, unstemmed. ``field``: ``""`` (title or abstract), ``ti``
    or ``abs``.

    Exactly ``least`` more letters follow, or at least so many if ``open_ended``.
    """

    field: str
    start: str
    least: int
    open_ended: bool


@dataclass(frozen=True, slots=True)
class Author:
    """The parts of one author's name, folded; a single letter is an initial."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A category in lower case, with ``*`` and ``?`` as in file names. Without a dot: an archive.

    ``pattern`` is the canonical name of a category that has several. ``typed`` is the other name,
    if a person typed that one; it is not part of the meaning.
    """

    pattern: str
    typed: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Anywhere:
    """``all:``, that is in title, abstract, authors, comment or categories.

    ``phrase`` is searched in title and abstract, ``comment`` are the same words unstemmed, for the
    comment. ``author`` and ``category`` are ``None`` if the words can't be a name or a category.
    """

    phrase: Phrase
    comment: Phrase
    author: Author | None
    category: Category | None


_LOWER_CASE = frozenset({"physics", "cond-mat"})  # archives whose sections are in lower case
_OTHER_HALF = {"ti": "abs", "abs": "ti"}

Leaf: TypeAlias = Phrase | Prefix | Author | Category | Anywhere


@dataclass(frozen=True, slots=True)
class Not:
    item: Leaf


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Expression, ...]


Expression: TypeAlias = Leaf | Not | And | Or


def canonical(tree: Expression) -> str:
    """A text that is the same for every tree of the same meaning. It can be read, but not parsed
    again, because its words are stems."""
    match tree:
        case And(items):
            return " AND ".join(sorted(map(_operand, items)))
        case Or(items):
            return " OR ".join(sorted(map(_operand, items)))
        case Not(item):
            return f"NOT {canonical(item)}"
        case Phrase():
            return _prefixed(tree.field, f'"{tree.identity}"')
        case Prefix():
            wildcards = "?" * tree.least + "*" * tree.open_ended
            return _prefixed(tree.field, tree.start + wildcards)
        case Author():
            return f'au:"{" ".join(min(rotations(tree.parts)))}"'
        case Category():
            return f"cat:{tree.pattern}"
        case Anywhere(_, comment, author, _):
            name = " ".join(author.parts) if author else comment.identity
            return f'all:"{comment.identity}"' + (
                f' by "{name}"' if name != comment.identity else ""
            )


def shown(leaf: Leaf) -> str:
    """A leaf as a person could write it: ``survey``, ``ti:"graph network"``, ``cat:cs.LG``."""
    match leaf:
        case Phrase(field):
            words = leaf.spellings[0]
            return _prefixed(field, f'"{words}"' if " " in words else words)
        case Category(pattern):
            return f"cat:{category_name(pattern)}"
        case Anywhere(phrase):
            return f"all:{shown(phrase)}"
        case _:
            return canonical(leaf)


def category_name(pattern: str) -> str:
    """As arXiv spells categories, to the letter: cs.LG, physics.flu-dyn, hep-th."""
    archive, dot, section = pattern.partition(".")
    return archive + dot + (section if archive in _LOWER_CASE else section.upper())


def category_names(pattern: str) -> str:
    """As ``category_name``, with the second name of a category that has two."""
    second = second_name(pattern)
    return category_name(pattern) + (f" (also called {second})" if second else "")


def _operand(tree: Expression) -> str:
    text = canonical(tree)
    return f"({text})" if isinstance(tree, And | Or) else text


def _prefixed(field: str, text: str) -> str:
    return f"{field}:{text}" if field else text


def rotations(parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The parts of a name, beginning at each of them in turn: it is the same person whether the
    family name comes first or last."""
    for start in range(len(parts)):
        yield parts[start:] + parts[:start]


def negated(tree: Expression) -> Expression:
    match tree:
        case Not(item):
            return item
        case And(items):
            return any_of(negated(item) for item in items)
        case Or(items):
            return all_of(negated(item) for item in items)
        case _:
            return Not(tree)


def all_of(items: Iterable[Expression]) -> Expression:
    """The conjunction of the items, of which there must be at least one; of a single item, the item
    itself."""
    flat = [part for item in items for part in (item.items if isinstance(item, And) else (item,))]
    kept = _without_doubles(_both_halves(flat, excluded=True))
    return kept[0] if len(kept) == 1 else And(tuple(kept))


def any_of(items: Iterable[Expression]) -> Expression:
    """The disjunction of the items, of which there must be at least one; of a single item, the item
    itself."""
    flat = [part for item in items for part in (item.items if isinstance(item, Or) else (item,))]
    kept = _without_doubles(_both_halves(flat, excluded=False))
    return kept[0] if len(kept) == 1 else Or(tuple(kept))


def _both_halves(items: list[Expression], *, excluded: bool) -> list[Expression]:
    """The items, with ``ti:x OR abs:x`` simplified to ``x``; or, if ``excluded``, with
    ``NOT ti:x AND NOT abs:x`` simplified to ``NOT x``."""
    present = {canonical(item) for item in items}
    merged: list[Expression] = []
    for item in items:
        leaf = item.item if isinstance(item, Not) else item
        if (
            isinstance(item, Not) is excluded
            and isinstance(leaf, Phrase | Prefix)
            and leaf.field in _OTHER_HALF
        ):
            other = replace(leaf, field=_OTHER_HALF[leaf.field])
            if canonical(Not(other) if excluded else other) in present:
                whole = replace(leaf, field="")
                item = Not(whole) if excluded else whole
        merged.append(item)
    return merged


def _without_doubles(items: list[Expression]) -> list[Expression]:
    kept: dict[str, Expression] = {}
    for item in items:
        kept.setdefault(canonical(item), item)
    return list(kept.values())


def leaves(tree: Expression) -> Iterator[tuple[Leaf, bool]]:
    """Every leaf as it was written, and whether it is wanted (not excluded)."""
    match tree:
        case And(items) | Or(items):
            for item in items:
                yield from leaves(item)
        case Not(item):
            yield item, False
        case _:
            yield tree, True


def contradictions(tree: Expression) -> Iterator[Leaf]:
    """Leaves that one ``And`` both wants and excludes, so that it can never be true."""
    match tree:
        case And(items):
            wanted = {canonical(item) for item in items}
            for item in items:
                if isinstance(item, Not) and canonical(item.item) in wanted:
                    yield item.item
                yield from contradictions(item)
        case Or(items):
            for item in items:
                yield from contradictions(item)
