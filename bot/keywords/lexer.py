"""Cuts a keyword into parentheses, operators, fields, quoted text and words, each with its place.

Understands the quotes, spaces and hyphens that phones and word processors substitute. Knows nothing
of syntax. Places count characters of the text as it was typed, from 0.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bot.errors import UserError
from bot.keywords.tokens import INVISIBLE

FIELDS = {
    "ti": "ti", "title": "ti", "abs": "abs", "abstract": "abs", "au": "au", "author": "au",
    "cat": "cat", "category": "cat", "co": "co", "comment": "co", "all": "all",
}  # fmt: skip
OPERATORS = ("AND", "OR", "NOT", "ANDNOT")

_MEANT = {
    **dict.fromkeys("“”„‟«»‹›″＂〝〞〟「」", '"'),
    **dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-"),
    "（": "(", "）": ")", "：": ":", "＊": "*", "？": "?", "\u200b": " ",
}  # fmt: skip
_TWICE = re.compile(r"''|‘‘|’’|``")  # a quotation mark made of two characters, as in LaTeX
_ENDS_WORD = frozenset('()"')
_AROUND = 30  # characters of the text shown on either side of a mistake


class TokenKind(Enum):
    OPEN = auto()
    CLOSE = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    ANDNOT = auto()
    EXCLUDE = auto()  # the hyphen of -word
    FIELD = auto()
    QUOTED = auto()
    WORD = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    text: str
    place: int


def mistake(text: str, place: int, problem: str) -> UserError:
    """An error that says the problem, and below it shows the text with a caret under the place."""
    start, end = max(0, place - _AROUND), place + _AROUND
    line = "".join(map(_shown, text[start:end]))
    before = "".join(map(_shown, text[start:place]))
    left, right = "…" * (start > 0), "…" * (end < len(text))
    caret = " " * (len(left) + sum(map(_columns, before))) + "^"
    return UserError(f"{problem}\n  {left}{line.rstrip()}{right}\n  {caret}", place)


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Cc", "Cs", "Cn"):
        return "\ufffd"
    return INVISIBLE.sub("", character)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def lex(text: str) -> list[Token]:
    """Every token, the last one of kind END. Raises UserError for an unclosed quote or a field
    that does not exist."""
    return list(_Lexer(text).tokens())


class _Lexer:
    def __init__(self, text: str) -> None:
        self.typed = text
        characters: list[str] = []
        self.places: list[int] = []
        at = 0
        while at < len(text):
            width = 2 if _TWICE.match(text, at) else 1
            meant = '"' if width == 2 else _MEANT.get(text[at], text[at])
            if not INVISIBLE.match(meant):
                characters.append(meant)
                self.places.append(at)
            at += width
        self.text = "".join(characters)
        self.places.append(len(text))
        self.at = 0

    def tokens(self) -> Iterator[Token]:
        while self.at < len(self.text):
            start, sign = self.at, self.text[self.at]
            if sign.isspace():
                self.at += 1
            elif sign in "()":
                self.at += 1
                yield self.token(TokenKind.OPEN if sign == "(" else TokenKind.CLOSE, sign, start)
            elif sign == '"':
                yield self.token(TokenKind.QUOTED, self.quoted(), start)
            elif sign == "-" and self.excludes():
                self.at += 1
                yield self.token(TokenKind.EXCLUDE, sign, start)
                if (word := self.word()) is not None:
                    yield word
            elif (word := self.word()) is not None:
                is_operator = word.kind is TokenKind.WORD and word.text in OPERATORS
                yield Token(TokenKind[word.text], word.text, word.place) if is_operator else word
        yield self.token(TokenKind.END, "", self.at)

    def token(self, kind: TokenKind, text: str, start: int) -> Token:
        return Token(kind, text, self.places[start])

    def excludes(self) -> bool:
        """Whether the hyphen here is directly before a word, quote or parenthesis, and not directly
        after one."""
        before = self.text[self.at - 1] if self.at else " "
        after = self.text[self.at + 1 : self.at + 2]
        return (before.isspace() or before == "(") and (after.isalnum() or after in ('"', "("))

    def quoted(self) -> str:
        """The text in quotes; the quotes may be doubled at either end."""
        opening = self.at
        while self.text[self.at : self.at + 1] == '"':
            self.at += 1
        start, marks = self.at, self.at - opening
        closing = self.text.find('"', start)
        if closing < 0:
            if marks == 2:  # nothing between two quotes
                return ""
            problem = 'This quote is never closed. Add a " at its end, or remove it.'
            raise mistake(self.typed, self.places[opening], problem)
        self.at = closing + 1
        while marks > 1 and self.text[self.at : self.at + 1] == '"':
            self.at += 1
        return self.text[start:closing]

    def word(self) -> Token | None:
        """The word or field that begins here; ``None`` if something else does."""
        start = self.at
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign.isspace() or sign in _ENDS_WORD:
                break
            if sign == ":" and (name := self.text[start : self.at]) and _is_name(name):
                self.at += 1
                return self.token(TokenKind.FIELD, self.field(name, start), start)
            self.at += 1
        return (
            self.token(TokenKind.WORD, self.text[start : self.at], start)
            if self.at > start
            else None
        )

    def field(self, name: str, start: int) -> str:
        known = FIELDS.get(name.lower())
        if known is None:
            near = difflib.get_close_matches(name.lower(), FIELDS, n=1)
            hint = f"Did you mean {near[0]}: ?" if near else "Fields are ti: abs: au: cat: co: all:"
            problem = f"There is no field {name}: here. {hint} If it is text, put it in quotes."
            raise mistake(self.typed, self.places[start], problem)
        return known


def _is_name(text: str) -> bool:
    """Whether the text could be meant as a field's name, however accents in it are encoded."""
    return unicodedata.normalize("NFC", text).replace("_", "a").isalpha()
