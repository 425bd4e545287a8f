"""Notices for whoever typed a keyword: where it probably does not mean what they think.

None of these is an error: the keyword is followed as it is. What a notice suggests is always a
valid keyword itself.
"""

from __future__ import annotations

import re

from bot.errors import UserError
from bot.keywords import categories, expression, parse
from bot.model import Keyword

# Text in quotes is meant literally. A comma between digits separates nothing: "1,3-butadiene".
_QUOTED = re.compile(r'"[^"]*"')
_AUTHOR = re.compile(r"\b(?:au|author):", re.IGNORECASE)
_COMMA = re.compile(r"(?<!\d),|,(?!\d)")
_ONE_WORD = re.compile(r'"[^" ]+"|[^": ]+\*')  # in the canonical form
_LOWER_CASE_OPERATOR = re.compile(r"(?<=\s)(?:and|or)(?=\s)")


def notices(keyword: Keyword) -> tuple[str, ...]:
    """The notices, a sentence each: about a comma that separates nothing, ``and`` and ``or`` in
    lower case, and categories that arXiv does not have or has renamed."""
    tree = expression(keyword)
    found = (_comma(keyword.text), _operator(keyword.text), *categories.notices(tree))
    return tuple(filter(None, found))


def narrower_reading(keyword: Keyword) -> Keyword | None:
    """For a single word, which is searched in title or abstract, the keyword that wants it in both
    (for "reasoning" that leaves a third of the papers). ``None`` for every other keyword."""
    if not _ONE_WORD.fullmatch(keyword.canonical):
        return None
    try:
        return parse(f"ti:{keyword.text} AND abs:{keyword.text}")
    except UserError:
        return None


def _outside_quotes(text: str) -> str:
    """The text with quoted parts replaced by blanks, so that positions stay the same."""
    return _QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)


def _comma(text: str) -> str:
    unquoted = _outside_quotes(text)
    if _AUTHOR.search(unquoted):  # Hinton, G.
        return ""
    pieces, start = [], 0
    for comma in _COMMA.finditer(unquoted):
        pieces.append(text[start : comma.start()])
        start = comma.end()
    keywords = [piece.strip() for piece in [*pieces, text[start:]] if piece.strip()]
    if len(keywords) < 2 or not all(map(_is_keyword, keywords)):
        return ""
    number = {2: "Two", 3: "Three"}.get(len(keywords), str(len(keywords)))
    listed = ", ".join(each if '"' in each else f'"{each}"' for each in keywords)
    return f"{number} keywords? The comma does not separate them. Add each by itself: {listed}."


def _operator(text: str) -> str:
    found = list(_LOWER_CASE_OPERATOR.finditer(_outside_quotes(text)))
    meant = text
    for operator in found:
        meant = meant[: operator.start()] + operator[0].upper() + meant[operator.end() :]
    if not found or not _is_keyword(meant):
        return ""
    words = list(dict.fromkeys(f'"{operator[0]}"' for operator in found))
    verb = "is a word" if len(words) == 1 else "are words"
    return f"In lower case {' and '.join(words)} {verb} of the phrase. As an operator: {meant}"


def _is_keyword(text: str) -> bool:
    try:
        parse(text)
    except UserError:
        return False
    return True
