"""What the console prints, kept as files that a person can read: ``cat`` those in ``golden/``.

After a change that is meant: ``python -m tests.adapters.console.golden_files`` rewrites them; look
at the difference before you commit it.
"""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import dataclass
from pathlib import Path

from adapters import Settings
from adapters.console.platform import Console
from bot.model import Digest
from tests.adapters import samples
from tests.fakes import FakeClock

FOLDER = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    digest: Digest
    colour: bool = False
    width: int | None = None
    encoding: str = "utf-8"


CASES = {
    "day.txt": Case(samples.PLAIN_DAY),
    "news.txt": Case(samples.NEWS_DAY),
    "news-80.ansi": Case(samples.NEWS_DAY, colour=True, width=80),
    "news-alone.txt": Case(samples.NEWS_ALONE),
    "saved.txt": Case(samples.SAVED_DAY),
    "saved-80.ansi": Case(samples.SAVED_DAY, colour=True, width=80),
    "saved-alone.txt": Case(samples.SAVED_ALONE),
    "day-ascii.txt": Case(samples.PLAIN_DAY, encoding="ascii"),
    "day-latin-1.txt": Case(samples.PLAIN_DAY, encoding="latin-1"),
    "day-40.ansi": Case(samples.PLAIN_DAY, colour=True, width=40),
    "day-80.ansi": Case(samples.PLAIN_DAY, colour=True, width=80),
    "day-200.ansi": Case(samples.PLAIN_DAY, colour=True, width=200),
    "hostile.txt": Case(samples.HOSTILE_DAY),
    "hostile-80.ansi": Case(samples.HOSTILE_DAY, colour=True, width=80),
    "first.txt": Case(samples.FIRST),
    "after-downtime.txt": Case(samples.AFTER_DOWNTIME),
    "many.txt": Case(samples.long_day(33)),
    "many-40.ansi": Case(samples.long_day(33), colour=True, width=40),
}


def printed(case: Case) -> bytes:
    """The bytes that reach the stream. rich numbers its links by chance; the number is left out."""
    buffer = io.BytesIO()
    with io.TextIOWrapper(buffer, encoding=case.encoding) as stream:
        console = Console(Settings(stream, FakeClock(), width=case.width, colour=case.colour))
        for draft in console.composer().compose(case.digest):
            asyncio.run(console.send(samples.post(draft)))
        return re.sub(rb"\x1b\]8;id=[^;]*;", b"\x1b]8;;", buffer.getvalue())


def main() -> None:
    for name, case in CASES.items():
        (FOLDER / name).write_bytes(printed(case))


if __name__ == "__main__":
    main()
