"""How similar papers are: TF-IDF over the stems that keywords are matched by. Pure.

How much a term says of a paper is 1 + ln of how often it occurs in title and abstract, with all of
the paper's terms at length 1. Papers are compared by the sum over all terms of what the term says
of each, times the square of its inverse document frequency, ln((1 + n) / (1 + df)) + 1, so that a
term that is in all papers still weighs something where few papers are known, divided by the length
that the paper in question has in these terms. So the order is that of the cosine.

With ``order = "similarity"`` a digest begins with the papers most like the last that were saved in
its channel. How common a term is, is counted in the newest thousand papers of the database: among
the saved ones alone, just what they are about would count as common. Only the order changes: which
papers are posted, and which ``catch_up`` leaves out, is decided before.

What they are compared *to* is a ``Profile``, the sum of the saved papers: it costs the same for ten
as for a thousand. Nothing in it depends on how common a term is, which is another number each day.
So it can be kept; a paper that is saved or taken back is added or subtracted, in whole numbers,
which leaves exactly what all papers together would give.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from heapq import nlargest
from itertools import accumulate, chain, pairwise, repeat
from operator import mul
from typing import Final, NamedTuple

from bot.keywords.tokens import GAP, stems
from bot.model import Paper

PAPERS_CACHED: Final = 8192  # whose terms are known, some 2 kB each
WORDS_CACHED: Final = 50_000  # whose numbers are known
HEAVIEST: Final = 32  # terms of a paper by which the nearest is found
# What any two papers have in common. In April 2026 four of five pairs had less, and each of the
# first three of a digest had more with one of ten saved papers of its category (30 draws).
MIN_SIMILARITY: Final = 0.035

_UNIT: Final = 0xFFFF  # 1 in whole numbers
_HEADER: Final = struct.Struct("=IIII")  # places, terms, bytes of text, length of all postings


class Terms(NamedTuple):
    """A paper's terms, each as a number that stands for its stem, and how much it says."""

    numbers: array[int]
    shares: array[int]  # of _UNIT


@lru_cache(maxsize=PAPERS_CACHED)
def terms_of(paper: Paper) -> Terms:
    counted = Counter(stems(f"{paper.title}\n{paper.abstract}"))
    counted.pop(GAP, None)
    damped = {_number(stem): _damped(count) for stem, count in counted.items()}
    length = math.hypot(*damped.values())
    shares = (round(each / length * _UNIT) for each in damped.values())
    return Terms(array("I", damped), array("H", shares))


@lru_cache(maxsize=WORDS_CACHED)
def _number(stem: str) -> int:
    """The same in every process. One of 2^32: two stems hardly ever share one."""
    return zlib.crc32(stem.encode(errors="replace"))


@lru_cache(maxsize=256)
def _damped(count: int) -> float:
    return 1 + math.log(count)


class Weighted(NamedTuple):
    """A paper among others: by how much each of its terms makes another one similar to it, and the
    terms that do most."""

    terms: tuple[int, ...]
    factors: tuple[float, ...]
    heaviest: tuple[tuple[int, float], ...]
    self_similarity: float  # by the latter


class InverseFrequencies:
    """How telling each term is among ``papers``: the rarer, the more. Without papers, all alike.

    What it makes of a paper is kept, because one paper goes to many channels.
    """

    def __init__(self, papers: Iterable[Paper] = ()) -> None:
        found, count = Counter[int](), 0
        for paper in papers:
            found.update(terms_of(paper).numbers)
            count += 1
        self._of_unknown = math.log(1 + count) + 1
        self._of = {term: math.log((1 + count) / (1 + df)) + 1 for term, df in found.items()}
        self.weighted = lru_cache(maxsize=PAPERS_CACHED)(self._weigh)

    def _weigh(self, paper: Paper) -> Weighted:
        terms, shares = terms_of(paper)
        inverse = list(map(self._of.get, terms, repeat(self._of_unknown)))
        weights = list(map(mul, shares, inverse))
        length = _UNIT * math.hypot(*weights) or 1.0
        factors = [weight * each / length for weight, each in zip(weights, inverse, strict=True)]
        ranked = nlargest(HEAVIEST, zip(map(mul, factors, shares), terms, factors, strict=True))
        return Weighted(
            tuple(terms),
            tuple(factors),
            tuple((term, factor) for _, term, factor in ranked),
            sum(each for each, _, _ in ranked),
        )


class Title(NamedTuple):
    """A paper's id and title, as its source gave it."""

    id: str
    title: str


class Profile:
    """What some papers are about, to compare others with.

    For each term, ``_postings`` has the places of the papers with it, each followed by how much it
    says of the paper; what has changed since ``from_bytes`` is in ``_changed``.
    """

    def __init__(self, papers: Iterable[Paper] = ()) -> None:
        self._ids: list[str] = []  # by place; empty where a paper was removed
        self._titles: list[str] = []
        self._sums: dict[int, int] = {}
        self._numbers, self._ends = array("I"), array("I", [0])  # of the terms, in order
        self._postings = array("H")
        self._changed: dict[int, array[int]] = {}
        self.add(papers)

    @property
    def ids(self) -> frozenset[str]:
        """Of the papers in it."""
        return frozenset(filter(None, self._ids))

    def add(self, papers: Iterable[Paper]) -> None:
        """None of them must be in it yet."""
        added: defaultdict[int, list[int]] = defaultdict(list)
        for paper in papers:
            place = self._free_place()
            self._ids[place], self._titles[place] = paper.id, " ".join(paper.title.split())
            for number, share in zip(*terms_of(paper), strict=True):
                added[number] += place, share
        for number, pairs in added.items():
            self._changed[number] = self._posting(number) + array("H", pairs)
            self._sums[number] = self._sums.get(number, 0) + sum(pairs[1::2])

    def _free_place(self) -> int:
        if "" not in self._ids:
            self._ids.append("")
            self._titles.append("")
        return self._ids.index("")

    def remove(self, ids: Collection[str]) -> None:
        """What is not in it is passed over. Reads all postings, some milliseconds."""
        gone = {place for place, each in enumerate(self._ids) if each and each in ids}
        if not gone:
            return
        found = [at for at, place in enumerate(self._postings[::2]) if place in gone]
        numbers = {self._numbers[bisect_right(self._ends, 2 * at) - 1] for at in found}
        for number in numbers.union(self._changed):
            pairs = list(_pairs(self._posting(number)))
            kept = [pair for pair in pairs if pair[0] not in gone]
            self._changed[number] = array("H", chain.from_iterable(kept))
            self._sums[number] = sum(share for _, share in kept)
            if not kept:
                del self._sums[number]
        for place in gone:
            self._ids[place] = self._titles[place] = ""

    def _posting(self, number: int) -> array[int]:
        if (changed := self._changed.get(number)) is not None:
            return changed
        at = bisect_left(self._numbers, number)
        if at == len(self._numbers) or self._numbers[at] != number:
            return array("H")
        return self._postings[self._ends[at] : self._ends[at + 1]]

    def similarity(self, paper: Paper, frequencies: InverseFrequencies) -> float:
        """The sum of its similarities to each of the papers."""
        own = frequencies.weighted(paper)
        total: float = sum(map(mul, own.factors, map(self._sums.get, own.terms, repeat(0))))
        return total

    def nearest(self, paper: Paper, frequencies: InverseFrequencies) -> Title | None:
        """The paper that this one is most similar to by its heaviest terms, of equals the newer one
        by the id. Never the paper itself; ``None`` where none is more similar to it than
        ``MIN_SIMILARITY`` times the paper itself."""
        own = frequencies.weighted(paper)
        found = [0.0] * len(self._ids)
        for term, factor in own.heaviest:
            for place, share in _pairs(self._posting(term)):
                found[place] += factor * share
        least = MIN_SIMILARITY * own.self_similarity
        like = [
            (similarity, self._ids[place], place)
            for place, similarity in enumerate(found)
            if similarity > least and self._ids[place] != paper.id
        ]
        if not like:
            return None
        _, paper_id, place = max(like)
        return Title(paper_id, self._titles[place])

    def to_bytes(self) -> bytes:
        """For ``from_bytes``, while ``PROFILE_FORMAT`` is the same. Some 0.6 kB for each paper."""
        numbers = array("I", sorted(self._sums))
        postings = list(map(self._posting, numbers))
        text = "\n".join((*self._ids, *self._titles)).encode(errors="replace")
        joined = b"".join(postings)
        return b"".join(
            (
                _HEADER.pack(len(self._ids), len(numbers), len(text), len(joined) // 2),
                text,
                numbers,
                array("I", map(self._sums.__getitem__, numbers)),
                array("I", accumulate(map(len, postings), initial=0)),
                joined,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        places, terms, length, postings = _HEADER.unpack_from(data)
        sizes = (_HEADER.size, length, 4 * terms, 4 * terms, 4 * (terms + 1), 2 * postings)
        text, *arrays = (data[begin:end] for begin, end in pairwise(accumulate(sizes)))
        numbers, sums, ends = (array("I", each) for each in arrays[:3])
        made = cls()
        texts = text.decode().split("\n") if places else []
        made._ids, made._titles = texts[:places], texts[places:]
        made._numbers, made._ends, made._postings = numbers, ends, array("H", arrays[3])
        made._sums = dict(zip(numbers, sums, strict=True))
        return made


def _pairs(posting: array[int]) -> Iterator[tuple[int, int]]:
    return zip(posting[::2], posting[1::2], strict=True)
