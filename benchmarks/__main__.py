"""Run every benchmark, or those named: ``./do bench parsing store``."""

from __future__ import annotations

import importlib
import sys

from benchmarks.report import table

ALL = {
    "requests": "Asking arXiv on an ordinary day",
    "day": "A whole day's work",
    "parsing": "Parsing an answer of 2,000 papers",
    "matching": "Matching 2,000 papers",
    "growth": "How matching grows",
    "store": "The database",
    "channels": "Many channels: a day of 2,000 papers for 10,000 of them",
    "startup": "Start-up and memory",
    "slack": "Delivering on Slack",
    "discord": "Delivering on Discord",
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"unknown: {', '.join(unknown)}. There are: {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or ALL:
        table(ALL[name], importlib.import_module(f"benchmarks.bench_{name}").run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
