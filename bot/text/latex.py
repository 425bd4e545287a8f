"""LaTeX as authors type it into titles and abstracts, read into Unicode.

Structure (groups, scripts, accents, fractions) is read here; what a single sign means
(``\\alpha`` is α) is asked of pylatexenc, imported only when the first sign is met. Its own
converter is not used, because it drops commands that it does not know, and all that follows a
``%``. Here, what nobody understands stays as it was typed. Does not typeset, and checks nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from bot.text import drawing, signs

_MAYBE = re.compile(r"[\\$^`{~]|--|''")
_MAX_FORMULA_LENGTH = 2000
_DEEPEST = 8  # groups within groups; what lies deeper stays as it was typed

_TOKEN = re.compile(
    r"""
      (?P<url>https?://(?:\\[_%&\#~]|[^\s{}\\$])+)
    | \\(?P<command>[A-Za-z]+|.)
    | (?P<group>\{)
    | (?P<dollar>\$\$?)
    | (?P<script>[\^_])
    | (?P<tie>~)
    | (?P<dash>-+)
    | (?P<quote>``(?P<double>.{1,400}?)''|(?<!\w)`(?P<single>[^`'\n]{1,400})'(?!\w)|'+)
    | (?P<plain>(?:(?!https?://)[^\\{$^_~`'-])+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ARGUMENT = re.compile(r"\s*(?:(?P<group>\{)|\\(?P<command>[A-Za-z]+|.)|(?P<one>[^\s{}$]))", re.S)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_CODE_OR_SET = re.compile(r'[:;,="|]|^\s*$')  # braces that mean themselves
_INDEX = re.compile(r"\[(\w)\]")
_ESCAPED = re.compile(r"\\([_%&#~])")
_CLOSING = {"$": re.compile(r"(?<!\\)\$"), "$$": re.compile(r"\$\$")}


@lru_cache(maxsize=4096)
def _converted(text: str) -> str:
    return _Reader(text).read(_Span(0, len(text)))


def unicode_from_latex(text: str) -> str:
    r"""``$x^2$`` as x², ``caf\'e`` as café, ``\emph{new}`` as new.

    Never raises, and never loses text: an unknown command, a lone ``$`` or a brace without its
    partner stays as it is. A script without Unicode characters of its own stays readable:
    ``$T_{\rm CP}$`` is T_CP. Does not change text without LaTeX.
    """
    if not _MAYBE.search(text):
        return text
    converted = _converted(text)
    return converted if converted.strip() else text


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of the text, and how it is to be read."""

    start: int
    end: int
    math: bool = False
    depth: int = 0

    def inner(self, start: int, end: int, *, math: bool | None = None) -> _Span:
        return _Span(start, end, self.math if math is None else math, self.depth + 1)


class _Line:
    """What is written so far, in pieces: a text rebuilt at each token would cost the
    square of its length."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def last(self) -> str:
        """The last character; empty at the beginning."""
        return self._pieces[-1][-1] if self._pieces else ""

    def add(self, text: str) -> None:
        if text:
            self._pieces.append(text)

    def strip_end(self) -> None:
        """Take away the white space at the end."""
        while self._pieces:
            piece = self._pieces.pop().rstrip()
            if piece:
                self._pieces.append(piece)
                return

    def text(self) -> str:
        return "".join(self._pieces)


class _Reader:
    """Reads one text, in time that grows with its length. A step takes the position of a token and
    the line that it writes to, and returns the position behind the token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.partner = _partners(text)
        # A group is read again where the command before it turns out to be unknown; without this
        # twice at each level of nesting, which is 256 times at the deepest.
        self._done: dict[_Span, str] = {}

    def read(self, span: _Span) -> str:
        if span.depth > _DEEPEST:
            return self.text[span.start : span.end]
        done = self._done.get(span)
        if done is not None:
            return done
        at, out = span.start, _Line()
        while at < span.end:
            at = self._step(at, span, out)
        done = self._done[span] = out.text()
        return done

    def _step(self, at: int, span: _Span, out: _Line) -> int:
        token = _TOKEN.match(self.text, at, span.end)
        if token is None:  # a backslash at the very end
            out.add(self.text[at])
            return at + 1
        if token["command"]:
            return self._command(token["command"], token.end(), span, out)
        if token["group"]:
            return self._group(at, span, out)
        if token["dollar"]:
            return self._dollar(token, span, out)
        if token["script"]:
            return self._script(token["script"], token.end(), span, out)
        before, after = self.text[at - 1 : at], self.text[token.end() : token.end() + 1]
        if token["quote"]:
            out.add(self._quote(token, span))
        elif token["url"]:
            out.add(_ESCAPED.sub(r"\1", token["url"]))
        elif token["tie"]:
            out.add(" " if span.math else drawing.tie(before, after))
        elif token["dash"] and not span.math:
            out.add(drawing.dash(token[0], before, after))
        else:
            out.add(token[0])
        return token.end()

    # single tokens

    def _group(self, at: int, span: _Span, out: _Line) -> int:
        end = self._partner(at, span)
        if end is None:
            out.add("{")
            return at + 1
        raw, body = self.text[at + 1 : end], self.read(span.inner(at + 1, end))
        if not span.math and "\\" not in raw and _CODE_OR_SET.search(raw):
            body = f"{{{body}}}"
        out.add(body)
        return end + 1

    def _dollar(self, token: re.Match[str], span: _Span, out: _Line) -> int:
        close = None
        if not span.math:
            close = _CLOSING[token[0]].search(self.text, token.end(), span.end)
        if close is not None:
            raw = self.text[token.end() : close.start()]
            if drawing.is_formula(raw, self.text[close.end() : close.end() + 1]):
                out.add(self.read(span.inner(token.end(), close.start(), math=True)))
                return close.end()
        out.add(token[0])
        return token.end()

    def _quote(self, token: re.Match[str], span: _Span) -> str:
        if span.math:
            return token[0].replace("'", "′")
        if token["double"]:
            return f"“{self.read(span.inner(*token.span('double')))}”"
        if token["single"]:
            return f"‘{self.read(span.inner(*token.span('single')))}’"
        return token[0].replace("''", "”")

    def _script(self, kind: str, at: int, span: _Span, out: _Line) -> int:
        """Outside formulas only what can't be anything else: ``n^2``, ``H_{2}``; not ``a_b``."""
        following = self.text[at : at + 1]
        certain = following == "{" or (kind == "^" and following.isdigit())
        belongs = out.last.isalnum() or out.last in {")", "]"}
        argument = self._argument(at, span) if span.math or (certain and belongs) else None
        if argument is None:
            out.add(kind)
            return at
        at, body = argument
        out.add(drawing.script(kind, body, self.text[at : at + 1]))
        return at

    # commands

    def _command(self, name: str, at: int, span: _Span, out: _Line) -> int:
        if name in {"(", "["}:
            return self._bracketed_math(name, at, span, out)
        if name in signs.NO_INK:
            at = self._skip_space(at, span)
            null_delimiter = name in {"left", "right"} and self.text.startswith(".", at)
            return at + null_delimiter
        if name in _WITH_ARGUMENTS:
            done = _WITH_ARGUMENTS[name](self, at, span, out)
            return self._unknown(name, at, span, out) if done is None else done
        if name in signs.BODY_ONLY or name in signs.SECOND_OF_TWO:
            return self._body(name, at, span, out)
        if name in signs.MATH_ACCENTS or (name in signs.ACCENTS and not span.math):
            return self._accent(name, at, span, out)
        if name == "over":
            out.strip_end()
            out.add("/")
            return self._skip_space(at, span)
        if span.math and name in signs.MATH_SIGNS:
            out.add(signs.MATH_SIGNS[name])
            return at
        return self._sign(name, at, span, out)

    def _sign(self, name: str, at: int, span: _Span, out: _Line) -> int:
        drawn = signs.sign(name)
        if not drawn and name not in signs.SIGNS:
            return self._unknown(name, at, span, out)
        if self.text.startswith("{}", at) and name.isalpha():
            out.add(drawn)
            return at + 2
        if name in signs.OPERATORS:
            out.add(" " if out.last.isalnum() else "")
            out.add(drawn)
            return at
        if span.math and unicodedata.category(drawn[-1:] or " ") == "Sm":
            gap = " " if out.last == " " else ""
            out.add(drawn + gap)
            return self._skip_space(at, span)
        out.add(drawn)
        if not span.math and name.isalpha() and "LATIN" in unicodedata.name(drawn[:1], ""):
            return self._skip_space(at, span)
        return at

    def _bracketed_math(self, name: str, at: int, span: _Span, out: _Line) -> int:
        close = {"(": "\\)", "[": "\\]"}[name]
        end = self.text.find(close, at, min(span.end, at + _MAX_FORMULA_LENGTH))
        if span.math or end < 0:
            out.add(f"\\{name}")
            return at
        out.add(self.read(span.inner(at, end, math=True)))
        return end + 2

    def _body(self, name: str, at: int, span: _Span, out: _Line) -> int:
        """The argument without its looks."""
        math = True if name == "ensuremath" else False if name.startswith("text") else None
        count = 2 if name in signs.SECOND_OF_TWO else 1
        start, body = at, ""
        for _ in range(count):
            argument = self._argument(at, span, math=math)
            if argument is None:
                return self._unknown(name, start, span, out)
            at, body = argument
        out.add(body)
        return at

    def _accent(self, name: str, at: int, span: _Span, out: _Line) -> int:
        argument = self._argument(at, span)
        drawn = drawing.accented(name, argument[1]) if argument else ""
        if not argument or not drawn:
            return self._unknown(name, at, span, out)
        out.add(drawn)
        return argument[0]

    def _unknown(self, name: str, at: int, span: _Span, out: _Line) -> int:
        """As it was typed, with its arguments' braces."""
        out.add(f"\\{name}")
        while (end := self._partner(at, span)) is not None:
            out.add(f"{{{self.read(span.inner(at + 1, end))}}}")
            at = end + 1
        return at

    # commands with arguments: ``None``, and nothing written, where they lack one

    def _fraction(self, at: int, span: _Span, out: _Line) -> int | None:
        upper = self._argument(at, span)
        lower = upper and self._argument(upper[0], span)
        if not upper or not lower:
            return None
        at = lower[0]
        out.add(drawing.fraction(upper[1], lower[1], out.last, self.text[at : at + 1]))
        return at

    def _root(self, at: int, span: _Span, out: _Line) -> int | None:
        index = _INDEX.match(self.text, at, span.end)
        argument = self._argument(index.end() if index else at, span)
        if argument is None:
            return None
        degree = index[1].translate(signs.SUPERSCRIPTS) if index else ""
        out.add(f"{degree}√{drawing.operand(argument[1])}")
        return argument[0]

    def _raised(self, at: int, span: _Span, out: _Line) -> int | None:
        return self._script("^", at, span.inner(at, span.end, math=True), out)

    def _lowered(self, at: int, span: _Span, out: _Line) -> int | None:
        return self._script("_", at, span.inner(at, span.end, math=True), out)

    def _double_struck(self, at: int, span: _Span, out: _Line) -> int | None:
        argument = self._argument(at, span)
        if argument is None:
            return None
        out.add(signs.double_struck(argument[1]))
        return argument[0]

    def _url(self, at: int, span: _Span, out: _Line) -> int | None:
        address = self._address(at, span)
        if address is None:
            return None
        out.add(address[1])
        return address[0]

    def _link(self, at: int, span: _Span, out: _Line) -> int | None:
        target = self._address(at, span)
        label = target and self._argument(target[0], span)
        if not target or not label:
            return None
        says_nothing = label[1] == target[1] or label[1].startswith("this http")
        out.add(target[1] if says_nothing else f"{label[1]} ({target[1]})")
        return label[0]

    def _note(self, at: int, span: _Span, out: _Line) -> int | None:
        argument = self._argument(at, span)
        if argument is None:
            return None
        out.add(f" ({argument[1]})")
        return argument[0]

    # helpers

    def _address(self, at: int, span: _Span) -> tuple[int, str] | None:
        end = self._partner(at, span)
        if end is None:
            return None
        return end + 1, _ESCAPED.sub(r"\1", self.text[at + 1 : end])

    def _argument(
        self, at: int, span: _Span, *, math: bool | None = None
    ) -> tuple[int, str] | None:
        """What a command or script applies to: a group, a command, or one character."""
        found = _ARGUMENT.match(self.text, at, span.end)
        if found is None or span.depth >= _DEEPEST:
            return None
        if found["command"]:
            inner, out = span.inner(found.end(), span.end, math=math), _Line()
            at = self._command(found["command"], found.end(), inner, out)
            return at, out.text()
        if found["one"]:
            return found.end(), found["one"]
        end = self._partner(found.start("group"), span)
        if end is None:
            return None
        return end + 1, self.read(span.inner(found.end(), end, math=math))

    def _partner(self, at: int, span: _Span) -> int | None:
        end = self.partner.get(at)
        return end if end is not None and end < span.end else None

    def _skip_space(self, at: int, span: _Span) -> int:
        while at < span.end and self.text[at] == " ":
            at += 1
        return at


_Step = Callable[[_Reader, int, _Span, _Line], int | None]
_WITH_ARGUMENTS: dict[str, _Step] = {
    **dict.fromkeys(("frac", "tfrac", "dfrac", "nicefrac"), _Reader._fraction),
    **dict.fromkeys(("url", "path", "nolinkurl"), _Reader._url),
    "sqrt": _Reader._root,
    "textsuperscript": _Reader._raised,
    "textsubscript": _Reader._lowered,
    "mathbb": _Reader._double_struck,
    "href": _Reader._link,
    "footnote": _Reader._note,
}


def _partners(text: str) -> dict[int, int]:
    """The place of every opening brace that has a partner, and the partner's."""
    partners: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACES.finditer(text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif brace[0] == "}" and opened:
            partners[opened.pop()] = brace.start()
    return partners
