"""Cuts the names of people: those in papers and those in keywords, by the same rule.

arXiv keeps names at white space, without dots, commas, accents and case, so a hyphen holds a part
together: ``Jean-Pierre`` is neither ``Jean`` nor ``Pierre``. Initials are cut apart, however their
points, spaces and hyphens are set: ``J.-P.``, ``J. -P.`` (so arXiv prints it) and ``J. P.``
"""

from __future__ import annotations

import re
import unicodedata

from bot.keywords import tokens

# Letters that Unicode does not take apart into a letter and a mark.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"}
    | dict.fromkeys("‐‑–", "-")
)
_SEPARATORS = str.maketrans(dict.fromkeys(".,;_", " "))
# Behind an initial, a hyphen joins also across its point and a space.
_JOINED = re.compile(r"(?<![^\W_])([^\W_])\.?\s*-(?=[^\W_])")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


def name_parts(name: str) -> list[str]:
    """The parts of a name, folded, in the order in which a person says them where a comma tells it:
    ``Muster, Ada, Jr.`` is ``ada muster jr``. A part of a single letter is an initial.

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
    """Whether a part is like ``X.-Gang``, which arXiv may print, and cut, as ``X. -Gang``."""
    return part[1:2] == "-"
