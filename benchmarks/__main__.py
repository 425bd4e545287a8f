"""Run every benchmark but the largest, or those named: ``./do bench parsing store``.

``./do bench plot`` draws the pictures of docs/performance.md as well, or of those named those that
have one: ``./do bench plot requests``. A picture shows the figures of the tables above it.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.plots import draw
from benchmarks.report import table

ALL = {
    "requests": "Asking arXiv on an ordinary day",
    "day": "A whole day's work",
    "parsing": "Parsing an answer of 2,000 papers",
    "matching": "Matching 2,000 papers",
    "growth": "How matching grows",
    "similarity": "Order by similarity",
    "store": "The database",
    "channels": "Many channels: a day of 2,000 papers for 10,000 of them",
    "postgres": "PostgreSQL, and several processes",
    "postgres_large": "PostgreSQL, 100,000 channels",
    "fleet": "Very many channels, simulated",
    "startup": "Start-up and memory",
    "slack": "Delivering on Slack",
    "slack_acks": "Acknowledging commands on Slack",
    "discord": "Delivering on Discord",
}
LARGE = ("postgres_large",)  # takes very long; only where named
DRAWN = ("requests", "day", "matching", "growth", "fleet")


def main(arguments: list[str]) -> int:
    plot = arguments[:1] == ["plot"]
    names = arguments[1:] if plot else arguments
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"unknown: {', '.join(unknown)}. There are: {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or (DRAWN if plot else [each for each in ALL if each not in LARGE]):
        module = importlib.import_module(f"benchmarks.bench_{name}")
        table(ALL[name], module.run())
        if plot and name in DRAWN:
            print(f"drawn: {draw(name, module.panels()).name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
