"""From a file's bytes to a TOML document, with a clear error for every way in which that can fail.

Knows nothing of what the document should contain (``bot.config`` does), and never writes. Whatever
the bytes are, the result is a document, or an error that says where and what to do.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

from bot.config.toml_blocks import BOM, StatementKind, placed
from bot.errors import ConfigError, Mistake
from bot.private_files import reason
from bot.redaction import redacted

MAX_FILE_BYTES = 4 * 1024 * 1024  # enough for ten thousand channels

# tomllib (3.11) needs memory quadratic in the number of parts of a dotted key: a megabyte of
# "a.a.a" exhausts the machine. No key of ours has more than one part.
_ENDLESS_KEY = re.compile(
    r"""(?<![\w"'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){32}""", re.ASCII
)
_PLACE = re.compile(r"(.*) \((?:at )?(line \d+, column \d+|end of document)\)", re.DOTALL)
# A key with a value that should be in quotes: a time, an id, some words. Not the address of a
# proxy, which may contain a password.
_BARE_PAIR = re.compile(
    r"""\s*(?P<key>[\w-]{1,40})\s*=\s*(?!.*(?:://|:.*@))"""
    r"""(?P<value>[^\s"'#\[{][^"'#\[\]{}]{0,58})(?:#.*)?"""
)
# A text with unescaped quotes in it, such as "ti:"graph network"".
_INNER_QUOTES = re.compile(r'(?:^|[=\[,])\s*"[^"\n]*"[A-Za-z(]')
_TYPOGRAPHIC_QUOTES = "“”„‘’«»"
_SECRET_KEY = re.compile(r"token|secret|passw|key|credential", re.IGNORECASE)
# The beginning of tomllib's message; what we say instead; and what to do.
_PROBLEMS = (
    ("Expected newline or end", "the line should end after this value", ""),
    ("Invalid value", "this is not a value", 'text goes in quotes: key = "text"'),
    ("Illegal character '\\n'", "this text does not end", "is a closing quote missing?"),
    ('Expected "\'"', "this text does not end", "is a closing quote missing?"),
    ("Unterminated string", "this text does not end", "is a closing quote missing?"),
    ("Unclosed array", "this array does not end", "is a ] or a comma missing?"),
    ("Unclosed inline table", "this table does not end", "is a } or a comma missing?"),
    ("Cannot overwrite a value", "this key is there twice", "keep one"),
    ("Duplicate inline table key", "this key is there twice", "keep one"),
    ("Cannot declare", "this section is there twice", "keep one"),
    ("Expected ']", "this heading does not end", "is a ] missing?"),
    ("Expected '='", "there is no = after this key", 'a setting is written key = "value"'),
    (
        "Invalid statement",
        "this is neither a section nor a setting",
        'the file is TOML: sections like [bot], settings like key = "value"',
    ),
    (
        "Unescaped '\\' in a string",
        "a backslash means something else in double quotes",
        "text with a backslash goes in single quotes",
    ),
    ("Invalid date or datetime", "there is no such date", ""),
)


class InvalidToml(Exception):
    """The text is not valid TOML; ``mistake`` says where and what to do."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        super().__init__(str(mistake))


class FileUnreadable(ConfigError):
    """The file can't be read: it is missing, a folder, or not permitted. Says nothing about its
    content."""


def read_bytes(path: Path, opened: Callable[[int], object] = lambda descriptor: None) -> bytes:
    """The file's bytes, at most one more than ``MAX_FILE_BYTES``. Raises FileUnreadable.

    ``opened`` is called with the descriptor before the first byte is read.
    """
    try:
        # Without waiting: opening a pipe would block until somebody writes to it.
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unreadable(path, "this is not a regular file", "give the path of a bot.toml")
            opened(file.fileno())
            return file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError as error:
        hint = (
            "Docker makes a folder where the file it should mount is missing; remove the folder,"
            " write the file, and start again"
        )
        raise _unreadable(path, "this is a folder, not a file", hint) from error
    except FileNotFoundError as error:
        raise _unreadable(
            path,
            "there is no such file",
            "`daily-papers init` writes one; so do `run` and `once` where ARXIV_CONTACT is set to"
            " your e-mail address",
        ) from error
    except PermissionError as error:
        raise _unreadable(path, f"the file can't be read: {reason(error, path)}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or str(error)
        raise _unreadable(path, f"the file can't be read: {why}") from error


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def decode(data: bytes, where: Path) -> str:
    """The bytes as text, with the BOM if there is one. Raises ConfigError if they are not UTF-8
    text, or too many."""
    if len(data) > MAX_FILE_BYTES:
        raise _wrong(
            where,
            f"the file is larger than {MAX_FILE_BYTES // 1024**2} MiB",
            "is it the right file?",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _wrong(where, "the file is UTF-16", "save it as UTF-8")
    if b"\0" in data:
        offset = data.index(b"\0")
        problem = f"this is not a text file: byte {offset} is zero"
        raise _wrong(where, problem, "is it the right file?", _line(data, offset))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"this is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}"
        raise _wrong(where, problem, "save it as UTF-8", _line(data, error.start)) from error


def parse(text: str) -> dict[str, object]:
    """The TOML document. Raises InvalidToml with line and column."""
    plain = text.removeprefix(BOM)
    if endless := _ENDLESS_KEY.search(plain):
        line = f"line {plain.count(chr(10), 0, endless.start()) + 1}"
        mistake = Mistake(line, "this key has too many dots", "no key of this file has a dot")
        raise InvalidToml(mistake)
    try:
        return tomllib.loads(plain)
    except tomllib.TOMLDecodeError as error:
        raise InvalidToml(_mistake(plain, str(error))) from error
    except RecursionError as error:
        raise InvalidToml(Mistake("", "brackets are nested too deeply")) from error
    except ValueError as error:  # an integer of thousands of digits, a date that does not exist
        raise InvalidToml(Mistake("", f"a value can't be read: {error}")) from error


def _mistake(text: str, message: str) -> Mistake:
    """The mistake for an error of tomllib's, in our words if ``_PROBLEMS`` has any."""
    message, place = _split(message)
    problem, hint = next(
        ((problem, hint) for start, problem, hint in _PROBLEMS if message.startswith(start)),
        (message, ""),
    )
    found = re.match(r"line (\d+), column (\d+)", place)
    if message == "Invalid value" and not found:
        problem, hint = "the file ends before this value does", "is a ] or a quote missing?"
    if message.startswith(("Cannot overwrite", "Cannot declare")):
        problem = _named_twice(text, int(found[1]) if found else None) or problem
    if found:
        hint = _hint_for_line(text, int(found[1]), int(found[2])) or hint
    return Mistake(place, problem, hint)


def _named_twice(text: str, number: int | None) -> str:
    """That a key or section is there twice, and in which lines; ``number`` is the second one
    (``None``: the last of the text). Empty if that can't be told, or should not be repeated."""
    *before, last = placed("".join(text.splitlines(keepends=True)[:number]))
    first = next((each for each in before if each.path[: len(last.path)] == last.path), None)
    name = ".".join(map(str, last.statement.key))
    if first is None or redacted(name) != name or len(name) > 60 or not name.isprintable():
        return ""
    is_pair = last.statement.kind is StatementKind.PAIR
    shown = name if is_pair else f"[{name}]"
    return f"{shown} is there twice, in lines {first.line} and {last.line}"


def _hint_for_line(text: str, number: int, column: int) -> str:
    """What to write instead of a value without quotes, or with wrong ones; empty if it is neither.
    No value that may be a secret is repeated."""
    line = "".join(text.splitlines()[number - 1 : number])
    if _INNER_QUOTES.search(line):
        return "text with double quotes in it goes in single quotes: 'ti:\"graph network\"'"
    pair = _BARE_PAIR.fullmatch(line)
    if pair is None and line[column - 1 : column] in tuple(_TYPOGRAPHIC_QUOTES):
        return 'quotes are straight in TOML: "text"'
    if pair is None or redacted(pair[0]) != pair[0] or _SECRET_KEY.search(pair["key"]):
        return ""
    key, value = pair["key"], pair["value"].strip()
    if value.lower() in ("true", "false"):
        return f"write it in small letters: {key} = {value.lower()}"
    if decimal := re.fullmatch(r"([0-9]+),([0-9]+)", value):
        return f"a decimal has a point: {key} = {decimal[1]}.{decimal[2]}"
    clock = re.fullmatch(r"([0-9]{1,2})(?:[.:h]([0-9]{2}))? ?([ap]m)?", value.lower())
    if clock and (clock[2] or clock[3]):
        hour = int(clock[1]) % 12 + 12 * (clock[3] == "pm") if clock[3] else int(clock[1])
        return f'write it in quotes: {key} = "{hour:02}:{clock[2] or "00"}"'
    return f'write it in quotes: {key} = "{value.strip(_TYPOGRAPHIC_QUOTES)}"'


def _split(message: str) -> tuple[str, str]:
    """tomllib's ``problem (at line 1, column 2)`` as problem and place."""
    found = _PLACE.fullmatch(message)
    problem, place = (found[1], found[2]) if found else (message, "")
    return problem if len(problem) <= 200 else f"{problem[:199]}…", place


def _line(data: bytes, offset: int) -> str:
    return f"line {data.count(10, 0, offset) + 1}"


def _wrong(where: Path, problem: str, hint: str = "", place: str = "") -> ConfigError:
    return ConfigError(str(where), (Mistake(place, problem, hint),))


def _unreadable(where: Path, problem: str, hint: str = "") -> FileUnreadable:
    return FileUnreadable(str(where), (Mistake("", problem, hint),))
