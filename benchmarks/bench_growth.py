"""How time and memory of matching grow with the papers, and with the keywords.

Processor time of parsing the keywords, building the matcher and matching; memory is what Python
allocates for them and for the hits at most, measured in a run apart, because measuring it takes
time. The exponent is that of a power law through all sizes (least squares over the logarithms):
1 is linear, 0 is no growth at all. The corpus is that of ``bench_matching``.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import log
from statistics import linear_regression, median
from typing import Final

from benchmarks.bench_matching import corpus
from benchmarks.plots import Line, Panel
from benchmarks.report import Row, seconds_of, table
from bot.keywords import parse
from bot.matching import Matcher
from bot.model import Paper

PAPERS: Final = (500, 1_000, 2_000, 4_000, 8_000)
KEYWORDS: Final = (100, 1_000, 10_000, 100_000)
USUAL_PAPERS: Final = 2_000  # while the keywords grow
USUAL_KEYWORDS: Final = 1_000  # while the papers grow
ROUNDS: Final = 3

_MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Point:
    """Processor seconds, MB at most, and hits, at one size."""

    size: int
    seconds: float
    memory: float
    hits: int


@dataclass(frozen=True, slots=True)
class Growth:
    """``what`` grows, the other stays."""

    what: str
    points: tuple[Point, ...]

    @property
    def of_seconds(self) -> float:
        return _exponent([(point.size, point.seconds) for point in self.points])

    @property
    def of_memory(self) -> float:
        return _exponent([(point.size, point.memory) for point in self.points])


def run() -> list[Row]:
    return [row for growth in grown() for row in _rows(growth)]


def panels() -> list[Panel]:
    """With the papers, and with the keywords: how many times as much as at the smallest size."""
    drawn = []
    for growth in grown():
        first = growth.points[0]
        sizes = [point.size for point in growth.points]
        drawn.append(
            Panel(f"with the {growth.what}", growth.what, "times the smallest", [
                Line("processor time",
                     [(point.size, point.seconds / first.seconds) for point in growth.points]),
                Line("memory",
                     [(point.size, point.memory / first.memory) for point in growth.points]),
                Line("linear", [(size, size / first.size) for size in sizes],
                     sure=[False for _ in sizes]),
            ])
        )  # fmt: skip
    return drawn


@cache
def grown() -> tuple[Growth, Growth]:
    """With the papers, and with the keywords."""
    papers, texts = corpus(max(PAPERS), max(KEYWORDS))
    _work(texts, papers)  # every word gets its stem, as it has in a bot that runs
    by_papers = _points(PAPERS, [(texts[:USUAL_KEYWORDS], papers[:size]) for size in PAPERS])
    by_keywords = _points(KEYWORDS, [(texts[:size], papers[:USUAL_PAPERS]) for size in KEYWORDS])
    for growth in (by_papers, by_keywords):
        hits = [point.hits for point in growth]
        assert hits[0] > 0
        assert hits == sorted(hits)
    shares = [point.hits / point.size for point in by_papers]
    assert max(shares) < 1.5 * min(shares), "no size is fast by finding less"
    return Growth("papers", by_papers), Growth("keywords", by_keywords)


def _points(
    sizes: Sequence[int], cases: Sequence[tuple[Sequence[str], Sequence[Paper]]]
) -> tuple[Point, ...]:
    """Round after round through all sizes, so that a drifting machine hurts all alike."""
    seconds: list[list[float]] = [[] for _ in sizes]
    for _ in range(ROUNDS):
        for case, times in zip(cases, seconds, strict=True):
            times.append(seconds_of(partial(_work, *case)))
    return tuple(
        Point(size, median(times), *_memory(*case))
        for size, times, case in zip(sizes, seconds, cases, strict=True)
    )


def _work(texts: Sequence[str], papers: Sequence[Paper]) -> int:
    """How many hits there are."""
    matcher = Matcher(map(parse, texts))
    return len([hit for paper in papers for hit in matcher.match(paper)])


def _memory(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[float, int]:
    """MB at most, and the hits."""
    tracemalloc.start()
    hits = _work(texts, papers)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / _MB, hits


def _exponent(points: Sequence[tuple[float, float]]) -> float:
    return linear_regression([log(x) for x, _ in points], [log(y) for _, y in points]).slope


def _rows(growth: Growth) -> list[Row]:
    first = growth.points[0]
    other = (
        f"{USUAL_KEYWORDS:,} keywords" if growth.what == "papers" else f"{USUAL_PAPERS:,} papers"
    )
    rows = []
    for point in growth.points:
        what = f"{point.size:,} {growth.what}, {other}: {point.hits:,} hits"
        against = f"{first.size:,} {growth.what}"
        rows += [
            Row(what, f"{point.seconds:.3f} s CPU", point.seconds / first.seconds,
                f"{against}, processor"),
            Row("", f"{point.memory:.1f} MB", point.memory / first.memory, f"{against}, memory"),
        ]  # fmt: skip
    return [
        *rows,
        Row(f"exponent of time with {growth.what}", f"{growth.of_seconds:.2f}",
            growth.of_seconds, "linear"),
        Row(f"exponent of memory with {growth.what}", f"{growth.of_memory:.2f}",
            growth.of_memory, "linear"),
    ]  # fmt: skip


if __name__ == "__main__":
    table("How matching grows", run())
