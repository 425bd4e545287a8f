"""Which categories a pattern matches, by all of their names, and notices about unknown ones.

A merged category is in the archives of both of its names, because arXiv lists it in both: so
``cat:cs.*`` finds what ``cat:cs.SY`` finds. Patterns are in lower case, with ``*`` and ``?`` as in
file names; one without a dot is a whole archive.
"""

from __future__ import annotations

import difflib
import re
from fnmatch import fnmatchcase

from bot.keywords.ast import Category, Expression, category_name, leaves
from bot.model.categories import ARCHIVES, CATEGORIES, SUBSUMED, canonical_category, second_name


def has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def is_in_category(pattern: str, name: str) -> bool:
    """Whether the pattern matches a paper's category by any of its names."""
    return any(_is_in(pattern, each.lower()) for each in names(name))


def names(name: str) -> tuple[str, ...]:
    """All names of a category: the given one first, and the canonical one among them.

    The names of archives that take no papers any more are not added: their papers have the new name
    by now.
    """
    canonical = canonical_category(name)
    return tuple(dict.fromkeys(filter(None, (name, canonical, second_name(canonical)))))


def _is_in(pattern: str, name: str) -> bool:
    if has_wildcard(pattern):
        return fnmatchcase(name, pattern)
    return name == pattern or ("." not in pattern and name.startswith(f"{pattern}."))


def merged_into(pattern: str) -> tuple[str, ...]:
    """Both names of each merged category that the pattern matches."""
    merged = (names(each) for each in CATEGORIES if second_name(each))
    return tuple(
        name
        for pair in merged
        if any(_is_in(pattern, each.lower()) for each in pair)
        for name in pair
    )


def notices(tree: Expression) -> tuple[str, ...]:
    """Notices for whoever typed a keyword with categories, a sentence each.

    An unknown category is not an error, because arXiv may have added it since this was written.
    """
    typed = (leaf for leaf, _ in leaves(tree) if isinstance(leaf, Category))
    return tuple(dict.fromkeys(filter(None, map(_notice, typed))))


def _notice(category: Category) -> str:
    pattern = category.pattern
    if category.typed in SUBSUMED:
        return f"arXiv's {category.typed} is now {category_name(pattern)}, which is followed."
    if pattern in ARCHIVES or any(is_in_category(pattern, each) for each in CATEGORIES):
        return ""
    near = _nearest(re.sub(r"[*?]", "", pattern))
    hint = f"Did you mean {near}?" if near else "All of them: arxiv.org/category_taxonomy"
    return f"arXiv has no category {category_name(pattern)} that this version knows. {hint}"


def _nearest(typed: str) -> str:
    """The known category that is probably meant; empty if none is like it."""
    known = {each.lower(): each for each in (*CATEGORIES, *sorted(ARCHIVES))}
    section = typed.rpartition(".")[2]
    named_so = [low for low in known if low.rpartition(".")[2] == section]
    alike = difflib.get_close_matches(typed, known, n=1)
    found = [low for low in (typed.replace(".", "-"), *named_so, *alike) if low in known]
    return known[found[0]] if found else ""
