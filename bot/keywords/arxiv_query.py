"""The query that a keyword stands for, in arXiv's query language. Sends nothing.

arXiv's parser (``classic_search_query.py`` and ``query_parser.py`` of arXiv/arxiv-search 764d7eb,
read 2026-11) knows no precedence and groups from the right, and knows exclusion only as
``a ANDNOT b``. So every operation is in parentheses, and what can only be expressed as "all papers
except these" is rewritten with ANDNOT.

The answer is a superset of what the keyword matches. A wanted leaf is queried at least as widely
as we match; an excluded one at most as widely, or not at all. ``_wide`` and ``_narrow`` say where
the two differ. One gap remains: if a character joins words without spaces (``k_means``), arXiv sees
one word and does not find ``means``, although we would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

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
    category_name,
)
from bot.keywords.categories import has_wildcard, merged_into
from bot.keywords.names import begins_with_initial
from bot.keywords.stemming import stemmed_prefix

ALL_CLAUSES = 55  # leaf clauses of one all: term on arXiv's side


@dataclass(frozen=True, slots=True)
class ArxivQuery:
    """A query for a set of papers, and its cost at arXiv in clauses. ``inverted``: the set is all
    papers except those that the query finds."""

    query: str
    clauses: int
    inverted: bool = False


def arxiv_query(tree: Expression) -> ArxivQuery | None:
    """A query for at least the papers of ``tree``; ``None`` if it could only be for all papers.

    The result is neither ``None`` nor inverted exactly if the keyword does not only exclude: if no
    paper can match for which not a single leaf is true.
    """
    match tree:
        case And(items):
            narrower = [part for part in map(arxiv_query, items) if part is not None]
            return _all_of(narrower) if narrower else None
        case Or(items):
            parts = [arxiv_query(item) for item in items]
            known = [part for part in parts if part is not None]
            return _any_of(known) if len(known) == len(parts) else None
        case Not(item):
            part = _narrow(item)
            return part and ArxivQuery(part.query, part.clauses, inverted=True)
        case _:
            return _wide(tree)


def _all_of(parts: Sequence[ArxivQuery]) -> ArxivQuery:
    return _joined(parts, "AND", "OR", lambda part: not part.inverted)


def _any_of(parts: Sequence[ArxivQuery]) -> ArxivQuery:
    if any(part.inverted for part in parts):  # a or not b: not (b and not a)
        turned = _joined(parts, "AND", "OR", lambda part: part.inverted)
        return ArxivQuery(turned.query, turned.clauses, inverted=True)
    return _joined(parts, "OR", "OR", lambda part: True)


def _joined(
    parts: Sequence[ArxivQuery], within: str, without: str, belongs: Callable[[ArxivQuery], bool]
) -> ArxivQuery:
    """The parts that ``belongs`` accepts, joined by ``within``, minus the others, joined by
    ``without``. If it accepts none: all papers minus the others.
    """
    inside = [part.query for part in parts if belongs(part)]
    outside = [part.query for part in parts if not belongs(part)]
    clauses = sum(part.clauses for part in parts)
    if not inside:
        return ArxivQuery(_chain(outside, without), clauses, inverted=True)
    query = _chain(inside, within)
    return ArxivQuery(f"({query} ANDNOT {_chain(outside, without)})" if outside else query, clauses)


def _chain(queries: Sequence[str], operator: str) -> str:
    """The queries joined by one operator. All are the same operator, so it does not matter that
    arXiv groups from the right."""
    return queries[0] if len(queries) == 1 else f"({f' {operator} '.join(queries)})"


def _either(terms: Sequence[str], clauses: int | None = None) -> ArxivQuery:
    return ArxivQuery(_chain(terms, "OR"), len(terms) if clauses is None else clauses)


def _wide(leaf: Leaf) -> ArxivQuery:
    """A query for at least the papers of this leaf."""
    match leaf:
        case Phrase(field):
            return _either(
                [f'{prefix}:"{words}"' for words in leaf.spellings for prefix in _fields(field)]
            )
        case Prefix(field):
            # arXiv compares wildcards with stems: "generative*" would not find "generative".
            start = stemmed_prefix(leaf.start)
            return _either([f"{prefix}:{start}*" for prefix in _fields(field)])
        case Author(parts):
            # In quotes, arXiv wants every part in one author's full name, in any order. Initials
            # are left out: it has them as words of their own only where the author wrote them so.
            words = [part for part in parts if len(part) > 1]
            sure = [part for part in words if not begins_with_initial(part)]
            return _either([f'au:"{" ".join(sure or words)}"'])
        case Category(pattern):
            return _categories(pattern, _wide_category(pattern))
        case Anywhere():
            first, *others = leaf.phrase.spellings
            terms = [f'{prefix}:"{words}"' for words in others for prefix in ("ti", "abs", "co")]
            if leaf.author is not None and " ".join(leaf.author.parts) != first:
                terms.append(_wide(leaf.author).query)  # only in names "jean-pierre" is one word
            if leaf.category is not None:  # arXiv's all: searches names of categories, not cs.LG
                terms.append(_wide(leaf.category).query)
            return _either([f'all:"{first}"', *terms], ALL_CLAUSES + ",".join(terms).count(":"))


def _narrow(leaf: Leaf) -> ArxivQuery | None:
    """A query for at most the papers of this leaf; ``None`` if arXiv might find more."""
    match leaf:
        case Phrase(field):
            return _either([f'{prefix}:"{leaf.spellings[0]}"' for prefix in _fields(field)])
        case Category(pattern):
            if not has_wildcard(pattern) and "." not in pattern:
                return _categories(pattern, f"{pattern}.*")
            archive = pattern.partition(".")[0]
            return None if has_wildcard(archive) else _categories(pattern, category_name(pattern))
        case _:
            return None


def _fields(field: str) -> tuple[str, ...]:
    return (field,) if field else ("ti", "abs")


def _categories(pattern: str, name: str) -> ArxivQuery:
    """A query for ``name``, and for the merged categories of the pattern that it does not find by
    itself.

    arXiv's index has one name of each merged category, to judge by its answers the canonical one;
    both are queried.
    """
    others = (each for each in merged_into(pattern) if not fnmatchcase(each.lower(), name.lower()))
    return _either([f"cat:{each}" for each in (name, *others)])


def _wide_category(pattern: str) -> str:
    archive, dot, _ = pattern.partition(".")
    if has_wildcard(archive):
        return re.split(r"[*?]", archive)[0] + "*"
    return category_name(pattern) if dot else f"{archive}*"
