"""How every benchmark measures and reports: a row per contestant, with its ratio to another's."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """``ratio`` is this row's figure divided by that of ``against``, measured in the same run."""

    what: str
    figure: str
    ratio: float
    against: str


def table(title: str, rows: Sequence[Row]) -> None:
    """Print the rows; the ratio is the result, the figure only says in which order it was."""
    drawn = Table(title=title, title_justify="left")
    drawn.add_column("what")
    drawn.add_column("figure", justify="right")
    drawn.add_column("ratio", justify="right")
    drawn.add_column("against")
    for row in rows:
        drawn.add_row(row.what, row.figure, f"{row.ratio:.3g}", row.against)
    Console(width=110).print(drawn)


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds of it, which begins without garbage."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start
