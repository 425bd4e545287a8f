"""Finds the statements of a TOML document in its text.

For changing a part of a file and leaving every other byte as it is. Expects text that ``tomllib``
accepts (see ``toml_source``), and does not check that again: for other text the result is
meaningless, but it always terminates. Does not read values; ``tomllib`` does.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

BOM = "\ufeff"


class StatementKind(Enum):
    HEADER = "header"  # [table]
    ARRAY_HEADER = "array header"  # [[array of tables]]
    PAIR = "pair"  # key = value
    COMMENT = "comment"  # alone on its line
    BLANK = "blank"


class Span(NamedTuple):
    """A part of the text, from ``start`` up to but not including ``end``."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


class Statement(NamedTuple):
    """One statement with its whole lines, line end included.

    ``key`` is the name in a header or before ``=``, as its parts; only pairs have a ``value``; a
    ``comment`` begins with ``#``, and is alone on its line or follows a header or value.
    """

    kind: StatementKind
    lines: Span
    key: tuple[str, ...] = ()
    value: Span = Span(0, 0)
    comment: Span | None = None


class ArrayTokenKind(Enum):
    ITEM = "item"
    COMMA = "comma"
    COMMENT = "comment"
    LINE_END = "line end"


class ArrayToken(NamedTuple):
    """One token of an array, and its place."""

    kind: ArrayTokenKind
    place: Span


_BLANKS = re.compile(r"[ \t]*")
_LINE_END = re.compile(r"\r?\n")
_COMMENT = re.compile(r"#[^\r\n]*")
# One string of any kind. A multi-line one may end in up to two quotes of its own before the three.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\"'#\[\]{}\r\n]+")  # characters that don't matter for where a value ends
_BARE_KEY = re.compile(r"[ \t]*[A-Za-z0-9_-]+[ \t]*")
_BARE_ITEM = re.compile(r"[^\s,#\]}]+")
_KEY = re.compile(r'(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[ \t]+|\.)*')


@lru_cache(maxsize=2)  # reading, merging and rewriting a file each call this for the same text
def statements(text: str) -> tuple[Statement, ...]:
    """All statements, in order; together their lines are the whole text."""
    found = []
    place = 0
    while place < len(text):
        found.append(_statement(text, place))
        place = found[-1].lines.end
    return tuple(found)


class Placed(NamedTuple):
    """A header or a pair, with the line in which it begins, from 1, and the full path that it sets.

    For a block of an array the path ends in the block's index, from 0.
    """

    line: int
    path: tuple[str | int, ...]
    statement: Statement


def placed(text: str) -> Iterator[Placed]:
    """Every header and pair, in order."""
    blocks = Counter[tuple[str, ...]]()
    section: tuple[str | int, ...] = ()
    line = 1
    for statement in statements(text):
        match statement.kind:
            case StatementKind.ARRAY_HEADER:
                section = (*statement.key, blocks[statement.key])
                blocks[statement.key] += 1
                yield Placed(line, section, statement)
            case StatementKind.HEADER:
                section = statement.key
                yield Placed(line, section, statement)
            case StatementKind.PAIR:
                yield Placed(line, (*section, *statement.key), statement)
        line += text.count("\n", statement.lines.start, statement.lines.end)


def _statement(text: str, start: int) -> Statement:
    place = start + len(BOM) if start == 0 and text.startswith(BOM) else start
    place = _after(_BLANKS, text, place)
    if text.startswith("#", place):
        return _finished(StatementKind.COMMENT, text, start, place)
    if text.startswith("[", place):
        width = 2 if text.startswith("[[", place) else 1
        key = Span(place + width, _after(_KEY, text, place + width))
        kind = StatementKind.ARRAY_HEADER if width == 2 else StatementKind.HEADER
        return _finished(kind, text, start, key.end + width, _key_parts(key.of(text)))
    key = Span(place, _after(_KEY, text, place))
    if not text.startswith("=", key.end):
        return _finished(StatementKind.BLANK, text, start, key.end)
    value_start = _after(_BLANKS, text, key.end + 1)
    value = Span(value_start, _value_end(text, value_start))
    return _finished(StatementKind.PAIR, text, start, value.end, _key_parts(key.of(text)), value)


_NOTHING: Final = Span(0, 0)


def _finished(
    kind: StatementKind,
    text: str,
    start: int,
    place: int,
    key: tuple[str, ...] = (),
    value: Span = _NOTHING,
) -> Statement:
    """The statement, with the rest of its line: after ``place`` there is only white space, and
    perhaps a comment."""
    place = _after(_BLANKS, text, place)
    comment = Span(place, _after(_COMMENT, text, place))
    line_end = text.find("\n", comment.end)
    end = len(text) if line_end < 0 else line_end + 1
    found = comment if comment.end > comment.start else None
    return Statement(kind, Span(start, end), key, value, found)


def _value_end(text: str, place: int) -> int:
    depth = 0
    while place < len(text):
        character = text[place]
        if character in "\"'":
            place = max(_after(_STRING, text, place), place + 1)
        elif character == "#" and depth:
            place = _after(_COMMENT, text, place)
        elif character in "#\r\n" and not depth:
            break
        elif character not in "[]{}\r\n":
            place = _after(_PLAIN, text, place)
        else:
            depth += (character in "[{") - (character in "]}")
            place += 1
        if not depth and character in "\"']}":
            break
    return _without_blanks(text, place)


def _without_blanks(text: str, end: int) -> int:
    while end and text[end - 1] in " \t":
        end -= 1
    return end


def _key_parts(written: str) -> tuple[str, ...]:
    """The parts of a key such as ``a."b c"``. tomllib reads them, but it is slow, so bare keys are
    not passed to it."""
    if _BARE_KEY.fullmatch(written):
        return (written.strip(" \t"),)
    parts = []
    node: object = tomllib.loads(f"{written} = 0")
    while isinstance(node, dict):
        ((part, node),) = node.items()
        parts.append(part)
    return tuple(parts)


def array_tokens(written: str) -> list[ArrayToken]:
    """The tokens of an array, which is given from its ``[`` to its ``]``. An item may be an array
    itself."""
    tokens: list[ArrayToken] = []
    place = 1
    while place < len(written) - 1:
        kind, end = _array_token(written, place)
        if kind is not None:
            tokens.append(ArrayToken(kind, Span(place, end)))
        place = end
    return tokens


def _array_token(written: str, place: int) -> tuple[ArrayTokenKind | None, int]:
    """The kind of the token at ``place``, and where it ends; ``None`` for a blank."""
    character = written[place]
    if found := _LINE_END.match(written, place):
        return ArrayTokenKind.LINE_END, found.end()
    if character in " \t\r":
        return None, place + 1
    if character == ",":
        return ArrayTokenKind.COMMA, place + 1
    if character == "#":
        return ArrayTokenKind.COMMENT, _after(_COMMENT, written, place)
    if character in "\"'[{":
        return ArrayTokenKind.ITEM, max(_value_end(written, place), place + 1)
    return ArrayTokenKind.ITEM, max(_after(_BARE_ITEM, written, place), place + 1)


def line_end_of(text: str) -> str:
    """The line ending of this text: that of its first line."""
    found = _LINE_END.search(text)
    return found[0] if found else "\n"


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place
