"""Words as arXiv's search sees them: how texts and keywords are split, folded and stemmed.

Knows nothing of fields, operators or papers. The rule is that of ``title`` and ``abstract`` on
arXiv (Elasticsearch's ``english`` analyzer, according to ``DocumentMapping.json`` of
arXiv/arxiv-search 764d7eb, read 2026-11): texts are split at white space and punctuation and
lower-cased; a possessive ``'s`` is removed; 33 stop words are removed, each leaving a gap; the rest
is stemmed. We split finer in one respect: arXiv keeps ``node.js`` and ``3.5`` in one piece, we see
``node`` next to ``js`` and ``3`` next to ``5``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import chain
from typing import Generic, TypeVar

from bot.keywords.stemming import stem

_STOP_WORDS = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
# In a text: a stop word, which no keyword finds. In a keyword: exactly one word, any at all.
GAP = ""
# Marks a stop word that is part of a longer word ("A.I."): there it is a word like any other.
_PART = "="

_INVISIBLE = "\u00ad\u061c\u180e\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
INVISIBLE = re.compile(f"[{_INVISIBLE}]")  # format characters, which people paste unknowingly
_ODD = re.compile(f"[‘’ʼ\u200b{_INVISIBLE}]")

_RUN = re.compile(r"[^\W_]+")
# What Unicode's word-break rules (UAX 29) keep together; we split the parts afterwards.
_JOINT = r"(?:_|(?<=\d)[.,'](?=\d)|(?<=[^\W\d_])[.'](?=[^\W\d_]))"
_WORD = re.compile(rf"[^\W_]+(?:{_JOINT}[^\W_]+)*")

_MEMO_LIMIT = 300_000  # words; well over the vocabulary of arXiv in a year

_Value = TypeVar("_Value")


class _Memo(dict[str, _Value], Generic[_Value]):
    """Computes each word's value once. Cleared when full, so that it can't grow without bound."""

    def __init__(self, work: Callable[[str], _Value]) -> None:
        super().__init__()
        self._work = work

    def __missing__(self, word: str) -> _Value:
        if len(self) >= _MEMO_LIMIT:
            self.clear()
        value = self[word] = self._work(word)
        return value


def fold(text: str) -> str:
    """The text in NFKC, case-folded, with apostrophes as ``'`` and without invisible format
    characters."""
    return (text if text.isascii() else _normal(text)).casefold()


def lower(text: str) -> str:
    """As ``fold``, but ``ß`` stays ``ß``, as on arXiv."""
    return (text if text.isascii() else _normal(text)).lower()


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", _ODD.sub(_plain, text))


def _plain(odd: re.Match[str]) -> str:
    return {"\u200b": " ", "‘": "'", "’": "'", "ʼ": "'"}.get(odd[0], "")


def stems(text: str) -> list[str]:
    """The stem of every word of a text, in order; ``GAP`` for a stop word."""
    return list(chain.from_iterable(map(_stems.__getitem__, _WORD.findall(fold(text)))))


def surfaces(text: str) -> list[str]:
    """Like ``stems``, but the words are only folded, not stemmed."""
    return list(chain.from_iterable(map(_surfaces.__getitem__, _WORD.findall(fold(text)))))


def words(folded: str) -> list[str]:
    """The words of a keyword that went through ``fold`` or ``lower``, without possessives.

    They are split as on arXiv (``node.js`` is one). Stop words at either end are left out, as on
    arXiv. Empty if there are only stop words.
    """
    found = [word.removesuffix("'s") for word in _WORD.findall(folded)]
    kept = [place for place, word in enumerate(found) if word not in STOP_WORDS]
    return found[kept[0] : kept[-1] + 1] if kept else []


def has_word(text: str) -> bool:
    """Whether there is a letter or a digit to look for."""
    return _WORD.search(fold(text)) is not None


def terms(pieces: list[str], *, stemmed: bool) -> tuple[str, ...]:
    """What a text's ``stems`` (or, unless ``stemmed``, its ``surfaces``) must have next to each
    other to contain these words."""
    memo = _stems if stemmed else _surfaces
    return tuple(chain.from_iterable(map(memo.__getitem__, pieces)))


def identity(piece: str, *, stemmed: bool) -> str:
    """A piece of ``words`` in a canonical form: ``_`` for a stop word, else the piece, stemmed if
    ``stemmed``."""
    if piece in STOP_WORDS:
        return "_"
    return _RUN.sub(lambda run: _part(run[0]).lstrip(_PART), piece) if stemmed else piece


def apart(piece: str) -> str:
    """``node.js`` as ``node js``; unchanged if a part of it is a stop word (``a.i``): without it,
    arXiv would search for the rest alone, and ``i`` occurs in every other paper.
    """
    parts = _RUN.findall(piece)
    return piece if STOP_WORDS.intersection(parts) else " ".join(parts)


def _part(run: str) -> str:
    return _PART + run if run in STOP_WORDS else stem(run)


def _work_out_stems(word: str) -> tuple[str, ...]:
    word = word.removesuffix("'s")
    if word in STOP_WORDS:
        return (GAP,)
    return tuple(_part(run) for run in _RUN.findall(word))


def _work_out_surfaces(word: str) -> tuple[str, ...]:
    word = word.removesuffix("'s")
    if word in STOP_WORDS:
        return (GAP,)
    return tuple(_PART + run if run in STOP_WORDS else run for run in _RUN.findall(word))


_stems: _Memo[tuple[str, ...]] = _Memo(_work_out_stems)
_surfaces: _Memo[tuple[str, ...]] = _Memo(_work_out_surfaces)
