"""The day of ``bench_postgres`` for 100,000 channels.

Apart, because it takes very long: the day on SQLite alone had not ended after a quarter of an hour.
"""

from __future__ import annotations

from benchmarks.bench_postgres import days
from benchmarks.report import Row, table

CHANNELS = 100_000


def run() -> list[Row]:
    return list(days(CHANNELS))


if __name__ == "__main__":
    table("PostgreSQL, 100,000 channels", run())
