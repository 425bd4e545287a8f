"""What the database may delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Outdated(NamedTuple):
    """Ids of papers that may be deleted, of papers whose abstracts may be, keys of posts whose
    payloads may be, and ids of runs."""

    papers: tuple[str, ...] = ()
    abstracts: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.papers) + len(self.abstracts) + len(self.payloads) + len(self.runs)

    def in_steps(self, size: int) -> Iterator[Outdated]:
        """The same in parts with at most ``size`` ids or keys each."""
        yield from (Outdated(papers=part) for part in _parts(self.papers, size))
        yield from (Outdated(abstracts=part) for part in _parts(self.abstracts, size))
        yield from (Outdated(payloads=part) for part in _parts(self.payloads, size))
        yield from (Outdated(runs=part) for part in _parts(self.runs, size))


def _parts(ids: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    return (tuple(ids[start : start + size]) for start in range(0, len(ids), size))
