"""The keyword that a form makes: from a phrase, the field to search, and categories."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import UserError
from bot.keywords import parse
from bot.keywords.lexer import TokenKind, lex, mistake
from bot.keywords.parser import read


def composed(phrase: str, field: str = "", categories: Sequence[str] = ()) -> str:
    """The keyword as it would be typed. ``phrase`` may be any expression, and ``field`` holds for
    all parts of it that don't name a field themselves, exclusions included. A paper has to be in
    one of the ``categories``, if any are given.

    Raises UserError, which points at the place in the phrase if the mistake is there.
    """
    if not phrase.strip() or not (field or categories):
        parse(phrase)
        return phrase
    _check_parentheses(phrase)
    before = f"{field}:(" if field else "("
    either = " OR ".join(f"cat:{each}" for each in categories)
    after = f") AND ({either})" if len(categories) > 1 else f") AND {either}" if either else ")"
    keyword = f"{before}{phrase}{after}"
    try:
        parse(keyword)
    except UserError as error:
        if error.position is None or "\n" not in str(error):
            raise
        place = min(max(error.position - len(before), 0), len(phrase))
        raise mistake(phrase, place, str(error).partition("\n")[0]) from error
    return keyword


def _check_parentheses(phrase: str) -> None:
    """Raises UserError if the parentheses of the phrase are not balanced: within the parentheses
    that ``composed`` adds, it would mean something else."""
    depth = 0
    for token in lex(phrase):
        depth += (token.kind is TokenKind.OPEN) - (token.kind is TokenKind.CLOSE)
        if depth < 0:
            break
    if depth:
        read(phrase)
