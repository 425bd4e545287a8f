"""How similar papers are: TF-IDF over the stems that keywords are matched by. Pure.

A term's weight in a paper is (1 + ln of how often it occurs in title and abstract) times its
inverse document frequency, ln((1 + n) / (1 + df)) + 1, so that a term that is in all papers still
weighs something where few papers are known. Similarity is the cosine. What papers are similar *to*
is the sum of the papers that somebody saved: comparing costs the same for ten as for a thousand.

With ``order = "similarity"`` a digest begins with the papers most like those saved in its channel,
the last thousand of them. How common a term is, is counted in the newest thousand papers of the
database: among the saved ones alone, just what they are about would count as common. Only the order
changes: which papers are posted, and which ``catch_up`` leaves out, is decided before.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import nlargest
from itertools import repeat
from operator import mul
from typing import Final, NamedTuple, TypeAlias

from bot.keywords.tokens import GAP, stems
from bot.model import Paper

PAPERS_CACHED: Final = 8192  # whose terms are known, some 2 kB each
HEAVIEST: Final = 32  # terms of a paper by which those are found that may be the nearest
COMPARED: Final = 16  # of these, by all terms
# What any two papers have in common. In April 2026 each of the first three of a digest had more
# with one of ten saved papers of its category (30 draws).
MIN_SIMILARITY: Final = 0.05
_Terms: TypeAlias = tuple[tuple[str, ...], tuple[float, ...]]


@lru_cache(maxsize=PAPERS_CACHED)
def _terms(paper: Paper) -> _Terms:
    """Each stem once, and beside it how much its number of occurrences weighs."""
    counted = Counter(stems(f"{paper.title}\n{paper.abstract}"))
    counted.pop(GAP, None)
    return tuple(counted), tuple(map(_damped, counted.values()))


@lru_cache(maxsize=256)
def _damped(count: int) -> float:
    return 1 + math.log(count)


class Weighted(NamedTuple):
    """A paper among others: how long it is as a vector, and its heaviest terms at length 1."""

    length: float
    heaviest: tuple[tuple[str, float], ...]


class InverseFrequencies:
    """How telling each term is among ``papers``: the rarer, the more. Without papers, all alike.

    What it makes of a paper is kept, because one paper goes to many channels.
    """

    def __init__(self, papers: Iterable[Paper] = ()) -> None:
        found, count = Counter[str](), 0
        for paper in papers:
            found.update(_terms(paper)[0])
            count += 1
        self._of_unknown = math.log(1 + count) + 1
        self._of = {term: math.log((1 + count) / (1 + df)) + 1 for term, df in found.items()}
        self.weighted = lru_cache(maxsize=PAPERS_CACHED)(self._weigh)

    def of(self, terms: Iterable[str]) -> Iterator[float]:
        return map(self._of.get, terms, repeat(self._of_unknown))

    def _weigh(self, paper: Paper) -> Weighted:
        terms, counted = _terms(paper)
        weights = list(map(mul, counted, self.of(terms)))
        length = math.hypot(*weights)
        heaviest = nlargest(HEAVIEST, zip(weights, terms, strict=True))
        return Weighted(length, tuple((term, weight / length) for weight, term in heaviest))


class Profile:
    """What some papers are about, to compare others with."""

    def __init__(self, papers: Sequence[Paper], frequencies: InverseFrequencies) -> None:
        self._papers = papers
        self._frequencies = frequencies
        self._heavy: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        sums: defaultdict[str, float] = defaultdict(float)
        for number, paper in enumerate(papers):
            weighted = frequencies.weighted(paper)
            for term, weight in zip(*_terms(paper), strict=True):
                sums[term] += weight / weighted.length
            for term, weight in weighted.heaviest:
                self._heavy[term].append((number, weight))
        # Squared, so that the other paper's terms need not be multiplied by it.
        factors = zip(sums.items(), frequencies.of(sums), strict=False)
        self._sums = {term: weight * factor * factor for (term, weight), factor in factors}

    def similarity(self, paper: Paper) -> float:
        """The sum of its similarities to each of the papers, which are from 0 to 1."""
        terms, counted = _terms(paper)
        product = sum(map(mul, counted, map(self._sums.get, terms, repeat(0.0))))
        return product / self._frequencies.weighted(paper).length if product else 0.0

    def nearest(self, paper: Paper) -> Paper | None:
        """The most similar of the papers, the first of several: of those that are most similar by
        the heaviest terms of both. Never the paper itself; ``None`` where none of them is similar
        by more than ``MIN_SIMILARITY``."""
        own = Profile([paper], self._frequencies)
        found: defaultdict[int, float] = defaultdict(float)
        for term, weight in self._frequencies.weighted(paper).heaviest:
            for number, other in self._heavy.get(term, ()):
                found[number] += weight * other
        most, best = MIN_SIMILARITY, None
        for number in sorted(nlargest(COMPARED, found, key=found.__getitem__)):
            candidate = self._papers[number]
            similarity = own.similarity(candidate)
            if similarity > most and candidate.id != paper.id:
                most, best = similarity, candidate
        return best
