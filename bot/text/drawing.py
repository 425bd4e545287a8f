"""How the parts of a formula look in a line of Unicode. Pure; knows nothing of positions."""

from __future__ import annotations

import re
import unicodedata

from bot.text import signs

_COMMANDS = re.compile(r"\\[A-Za-z]+\s*(?:\{[^{}]*\})?")
# From the start of a word, and giving nothing back: a long word would be looked at from each of its
# letters otherwise (20,000 of them took 10 s).
_PROSE = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}+[,;]? [A-Za-z]{2}")
_ENDS_A_WORD = frozenset(".,;:)]}$%'\"")


def is_formula(raw: str, following: str) -> bool:
    """Whether what stands between two dollar signs is a formula, not a price up to the next one."""
    if not raw.strip() or _PROSE.search(_COMMANDS.sub("|", raw)):
        return False
    like_a_price = raw[0].isdigit() and (raw[-1].isspace() or following.isdigit())
    return not like_a_price


def tie(before: str, after: str) -> str:
    """``~`` is a space after a word; elsewhere it is the "about" of ``~50``."""
    after_a_word = before.isalnum() or before in _ENDS_A_WORD
    return " " if before and after_a_word and after.strip(" ~") else "~"


def dash(run: str, before: str, after: str) -> str:
    """``--`` as –, ``---`` as —, but not the one of ``--flag``."""
    is_flag = not before.strip() and after.isalpha()
    return run if is_flag else {2: "–", 3: "—"}.get(len(run), run)


def script(kind: str, body: str, following: str) -> str:
    """x², or x^ab, or x^{a,b}, whichever is the first that says the same."""
    table = signs.SUPERSCRIPTS if kind == "^" else signs.SUBSCRIPTS
    bare = body.replace(" ", "")
    if all(ord(character) in table for character in bare):
        return bare.translate(table)
    ends_here = not following.isalnum() and following != "\\"
    if len(bare) == 1 or (bare.isalnum() and ends_here):
        return f"{kind}{bare}"
    return f"{kind}{{{body}}}"


def fraction(upper: str, lower: str, before: str, following: str) -> str:
    """½, or a/b, in parentheses where its neighbours would be taken for a part of it."""
    text = f"{operand(upper)}/{operand(lower)}"
    if text in signs.VULGAR_FRACTIONS:
        return signs.VULGAR_FRACTIONS[text]
    if following.isalnum() or following in {"(", "\\"}:
        text = f"({text})"
    return f" {text}" if before.isalnum() and text[0].isalnum() else text


def operand(text: str) -> str:
    """In parentheses, unless it is one number, letter or name."""
    simple = all(c.isalnum() or c in ".′∞" or unicodedata.combining(c) for c in text)
    return text if simple and text else f"({text})"


def accented(name: str, body: str) -> str:
    """The letters of ``body`` with the accent of the command; empty if that can't be drawn."""
    joined = signs.sign(name + body) if body.isalpha() else ""
    if joined:  # arXiv serves some \kappa as \k{appa}
        return joined
    body = body.replace("ı", "i").replace("ȷ", "j")
    letters = sum(map(_takes_accents, body))
    most = 3 if name in signs.MATH_ACCENTS else 1
    if "\\" in body or not body or (len(body) > 1 and not 1 <= letters <= most):
        return ""
    mark = signs.MATH_ACCENTS.get(name) or signs.ACCENTS[name]
    marked = [c + mark if len(body) == 1 or _takes_accents(c) else c for c in body]
    return unicodedata.normalize("NFC", "".join(marked))


def _takes_accents(character: str) -> bool:
    return character.isalnum() and unicodedata.category(character) not in {"Lm", "No"}
