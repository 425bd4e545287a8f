"""A keyword in words, so that people see what was understood of what they typed."""

from __future__ import annotations

from dataclasses import dataclass

from bot.keywords import expression
from bot.keywords.ast import (
    And,
    Anywhere,
    Author,
    Category,
    Expression,
    Not,
    Or,
    Phrase,
    Prefix,
    category_names,
)
from bot.keywords.notices import notices
from bot.model import Keyword
from bot.text import plural

_WHERE = {"": "title or abstract", "ti": "title", "abs": "abstract", "co": "comment"}


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """A keyword in words, and notices for the person who typed it, a sentence each."""

    words: str
    notices: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        return (f"I understand: {self.words}", *self.notices)


def paraphrase(keyword: Keyword) -> Paraphrase:
    """What ``bot.keywords.parse`` understood of a keyword."""
    tree = expression(keyword)
    return Paraphrase(in_words(tree), notices(keyword))


def in_words(tree: Expression) -> str:
    """``"reward model" in title or abstract``; nested operators are in parentheses."""
    match tree:
        case And(items):
            return " and ".join(map(_operand, items))
        case Or(items):
            return " or ".join(map(_operand, items))
        case Not(item):
            return f"not {_operand(item)}"
        case Phrase(field):
            return f'"{tree.spellings[0]}" in {_WHERE[field]}'
        case Prefix(field, start, least, open_ended):
            more = f" and {'at least ' * open_ended}{plural(least, 'letter')} more" if least else ""
            return f'a word that begins with "{start}"{more} in {_WHERE[field]}'
        case Author(parts):
            return f"an author called {' '.join(part.capitalize() for part in parts)}"
        case Category(pattern):
            return _category(pattern)
        case Anywhere(phrase):
            return f'"{phrase.spellings[0]}" anywhere'


def _category(pattern: str) -> str:
    named = category_names(pattern)
    whole = "." not in pattern and named == pattern
    return f"category {named}{' with everything below it' * whole}"


def _operand(tree: Expression) -> str:
    return f"({in_words(tree)})" if isinstance(tree, And | Or) else in_words(tree)
