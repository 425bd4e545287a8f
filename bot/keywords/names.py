"""Splits people's names, in papers and in keywords, by the same rule.

arXiv splits names at white space, and ignores periods, commas, accents and case, so a hyphen keeps
a part together: ``Jean-Pierre`` is neither ``Jean`` nor ``Pierre``. Initials are split, however
their periods, spaces and hyphens are written: ``J.-P.``, ``J. -P.`` (as arXiv prints it), ``J. P.``
"""

from __future__ import annotations

import re
import unicodedata

from bot.keywords import tokens

# Letters that Unicode does not decompose into a letter and a mark.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"}
    | dict.fromkeys("‐‑–", "-")
)
_SEPARATORS = str.maketrans(dict.fromkeys(".,;_", " "))
# After an initial, a hyphen joins also across a period and a space.
_JOINED = re.compile(r"(?<![^\W_])([^\W_])\.?\s*-(?=[^\W_])")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


def name_parts(name: str) -> list[str]:
    """The parts of a name, folded. A comma shows which is the family name, which then comes after
    the given names: ``Muster, Ada, Jr.`` is ``ada muster jr``. A part of one letter is an initial.

    Empty if there is no letter and no digit.
    """
    family, comma, rest = _folded(name).partition(",")
    if not comma:
        return _cut(family)
    others = _cut(rest)
    suffixes = [part for part in others if part in _SUFFIXES]
    return [*(part for part in others if part not in _SUFFIXES), *_cut(family), *suffixes]


def _folded(name: str) -> str:
    if not name.isascii():
        apart = unicodedata.normalize("NFKD", tokens.fold(name))
        name = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return name.casefold().translate(_LETTERS)


def _cut(text: str) -> list[str]:
    if "-" in text:
        text = _JOINED.sub(r"\1-", text)
    parts: list[str] = []
    for word in text.translate(_SEPARATORS).split():
        pieces = word.split("-")
        if not any(map(str.isalnum, word)):
            continue
        if all(len(piece) == 1 for piece in pieces):
            parts += pieces
        elif len(bare := word.strip("'")) == 1:  # as in 't Hooft
            parts.append(bare)
        else:
            parts.append(word)
    return parts


def begins_with_initial(part: str) -> bool:
    """Whether a part is like ``X.-Gang``, which arXiv may print, and so split, as ``X. -Gang``."""
    return part[1:2] == "-"
