"""arXiv's query language, as arXiv's server understands it; for the local stand-in.

Written from arXiv's public server source (arXiv/arxiv-search at 764d7eb, "classic_api"), apart from
``bot.keywords``: that one says what people mean, this one what the server makes of a request.
Operators have no precedence and associate to the right; without an operator it is OR, without a
field it is ``all``.

Not done: the TeX field, the underscore in ``au:a_b``, and the repaired query in the feed's title.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

FIELDS: Final = frozenset({"ti", "abs", "au", "cat", "co", "jr", "rn", "doi", "id", "all"})

_DATES: Final = "submittedDate"
_REPAIRS: Final = (
    (re.compile(r"[\r\n]+"), " "),
    (re.compile(r"\blastUpdatedDate:"), f"{_DATES}:"),  # an alias since November 2025
    (re.compile(r"\btitle:"), "ti:"),
    (re.compile(rf"\b{_DATES}:\[([^\]]*)\]"), rf'{_DATES}:"\1"'),
    (re.compile(r"\bAND NOT\b|\bNOT\b"), "ANDNOT"),
)
_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<field>(?:{'|'.join(sorted(FIELDS))}|{_DATES}):)(?=\S)"
    r'|"(?P<quoted>[^"]*)"|(?P<sign>[()])|(?P<word>[^\s()"]+)|(?P<stray>"))'
)
_EMBEDDED_FIELD: Final = re.compile(rf"(?:^|:)(?:title|{'|'.join(sorted(FIELDS))}):")
_OPERATORS: Final = frozenset({"AND", "OR", "ANDNOT"})


class QueryError(ValueError):
    """The server refuses the query with status 400."""


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a field; quoted words stand next to each other."""

    field: str
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Dates:
    """Submission of version 1, by minutes, both ends included."""

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """``AND``, ``OR`` or ``ANDNOT`` of two parts."""

    operator: str
    left: Node
    right: Node


Node = Term | Dates | Operation


def parse_query(text: str) -> Node:
    """What the server makes of a ``search_query``. Raises QueryError.

    Raises RecursionError for a very long query, as the server does (which makes it a 500).
    """
    for pattern, replacement in _REPAIRS:
        text = pattern.sub(replacement, text)
    parser = _Parser(_tokens(text))
    node = parser.expression("all")
    if parser.peek() is not None:
        raise QueryError("unbalanced parentheses")
    return node


_Token = tuple[str, str]  # kind and text; kinds are the groups of _TOKEN


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(text.rstrip()):
        kind = match.lastgroup or ""
        if kind == "quoted" and "\\" in match[kind]:
            raise QueryError("backslash in a quoted term")
        if kind != "stray":  # an unclosed quote is dropped
            found.append((kind, match[kind]))
    return found


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    def peek(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self) -> _Token:
        token = self.peek()
        if token is None:
            raise QueryError("the query ends too early")
        self._place += 1
        return token

    def expression(self, field: str) -> Node:
        left = self._factor(field)
        following = self.peek()
        if following is None or following == ("sign", ")"):
            return left
        operator = "OR"
        if following[0] == "word" and following[1] in _OPERATORS:
            operator = self._next()[1]
        return Operation(operator, left, self.expression(field))

    def _factor(self, field: str) -> Node:
        kind, text = self._next()
        if kind == "field":
            following = self.peek()
            if following is not None and following[0] == "field":
                raise QueryError(f"unexpected {following[1]}")
            return self._factor(text.removesuffix(":"))
        if (kind, text) == ("sign", "("):
            inner = self.expression(field)
            if self._next() != ("sign", ")"):
                raise QueryError("unbalanced parentheses")
            return inner
        if kind == "sign":
            raise QueryError("unbalanced parentheses")
        if kind == "word" and (text in _OPERATORS or _EMBEDDED_FIELD.search(text)):
            raise QueryError(f"unexpected {text}")
        if kind == "word" and text[0] in "*?":
            raise QueryError(f"leading wildcard in {text}")
        if field == _DATES:
            return _dates(text)
        return Term(field, text, quoted=kind == "quoted")


def _dates(text: str) -> Dates:
    match = re.fullmatch(r"([0-9]{4,14}) TO ([0-9]{4,14})", text)
    if match is None:
        raise QueryError(f"incorrect date range {text}")
    try:
        return Dates(_minute(match[1], last=False), _minute(match[2], last=True))
    except ValueError as error:
        raise QueryError(f"incorrect date range {text}") from error


def _minute(digits: str, *, last: bool) -> datetime:
    """``YYYY``, ``YYYYMM`` … filled up to the first or last minute; 14 digits are cut to 12."""
    digits = digits[:12]
    if len(digits) % 2:
        raise ValueError(digits)
    if last and len(digits) == 4:
        digits += "12"
    if last and len(digits) == 6:
        digits += str(monthrange(int(digits[:4]), int(digits[4:]))[1])
    rest = "12312359" if last else "01010000"
    return datetime.strptime(digits + rest[len(digits) - 4 :], "%Y%m%d%H%M").replace(tzinfo=UTC)
