"""In which archives of arXiv a keyword can find papers at all."""

from __future__ import annotations

from typing import Final

from bot.keywords import expression
from bot.keywords.ast import And, Category, Expression, Or
from bot.model import Keyword
from bot.model.categories import ARCHIVES

_ANYWHERE: Final[frozenset[str]] = frozenset()


def archives(keyword: Keyword) -> frozenset[str]:
    """A paper that matches is in one of these, be it by a cross-list or by the second name of its
    category: arXiv's sets hold a merged category under both names. Empty: it may be anywhere."""
    if "cat:" not in keyword.canonical:
        return _ANYWHERE  # quickly, as most keywords are
    return _confined(expression(keyword))


def _confined(tree: Expression) -> frozenset[str]:
    match tree:
        case Category(pattern):
            archive = pattern.partition(".")[0]
            return frozenset({archive}) if archive in ARCHIVES else _ANYWHERE
        case And(items):
            return min(filter(None, map(_confined, items)), key=len, default=_ANYWHERE)
        case Or(items):
            parts = [_confined(item) for item in items]
            return frozenset().union(*parts) if all(parts) else _ANYWHERE
        case _:
            return _ANYWHERE
