"""What each kind of leaf accepts, one at a time. ``index`` finds the same for many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.keywords.ast import Author, Prefix, rotations
from bot.keywords.tokens import GAP

# A phrase in several fields is said to be in the first of these, and so is a compound keyword.
_FIELDS = ("title", "abstract", "authors", "comment", "categories")


def first_field(fields: Iterable[str]) -> str:
    """The field to name where several match, in whatever order; empty if there is none."""
    return min(filter(None, fields), key=_FIELDS.index, default="")


def stands_in(terms: Sequence[str], text: Sequence[str]) -> bool:
    """Whether the terms stand next to each other; a gap is any one word, also a stop word."""
    solid = [(at, term) for at, term in enumerate(terms) if term != GAP]
    return any(
        all(text[start + at] == term for at, term in solid)
        for start in range(len(text) - len(terms) + 1)
    )


def begins(prefix: Prefix, word: str) -> bool:
    """Whether one unstemmed word begins with the prefix, and is long enough."""
    further = len(word) - len(prefix.start)
    long_enough = further >= prefix.least if prefix.open_ended else further == prefix.least
    return long_enough and word.startswith(prefix.start)


def is_called(author: Author, name: Sequence[str]) -> bool:
    """Whether a name's parts hold the author's next to each other, from any part on.

    Further initials of the name may come in between. An initial of the author's matches any
    part that begins with it; several in a row may be the pieces of one part (``X. G.`` for
    ``Xiao-Gang``).
    """
    pieces = [piece for part in name for piece in _pieces(part)]
    return any(_follow(parts, pieces) for parts in rotations(author.parts))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a name between hyphens. The first piece of a part also has the part and its
    length."""

    text: str
    whole: str = ""
    length: int = 0


def _pieces(part: str) -> list[_Piece]:
    first, *others = part.split("-")
    return [_Piece(first, part, 1 + len(others)), *map(_Piece, others)]


def _follow(parts: Sequence[str], name: Sequence[_Piece]) -> bool:
    places = {at for at, piece in enumerate(name) if piece.whole}  # where the next part may stand
    for part in parts:
        behind: set[int] = set()
        for at in places:
            piece = name[at]
            if len(part) == 1 and piece.text.startswith(part):
                behind |= {at + 1, at + max(piece.length, 1)}
            elif piece.whole == part:
                behind.add(at + piece.length)
        if not behind:
            return False
        places = set()
        for at in behind:
            while at < len(name) and at not in places:
                places.add(at)
                if len(name[at].whole) != 1:
                    break
                at += 1
    return True
