"""The day of ``bench_postgres`` for 100,000 channels.

Apart, because it takes half an hour, 8 GB of memory and 10 GB of disk.
"""

from __future__ import annotations

from benchmarks.bench_postgres import days
from benchmarks.report import Row, table

CHANNELS = 100_000


def run() -> list[Row]:
    return list(days(CHANNELS))


if __name__ == "__main__":
    table("PostgreSQL, 100,000 channels", run())
