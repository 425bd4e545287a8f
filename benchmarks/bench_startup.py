"""How long the program takes to say its help and its status, and what a whole ``once`` needs.

Against the bare interpreter, and against importing the client library of a chat platform, which is
what most bots do before they read their configuration.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.report import Row, table
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

ROUNDS = 7


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        now = datetime.now(UTC)
        papers = [_paper(n, now - timedelta(hours=n)) for n in range(1, 200)]
        with ArxivStandin(papers, lambda: datetime.now(UTC)) as arxiv:
            (folder / "bot.toml").write_text(
                '[bot]\ntimezone = "UTC"\n[arxiv]\ncontact = "mailto:bench@example.org"\n'
                f'url = "{arxiv.url}"\ninterval = 0\n'
                '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n'
            )
            contestants = {
                "bare interpreter": "pass",
                "daily-papers --help": _program("--help"),
                "daily-papers status": _program("status", "--config", str(folder / "bot.toml")),
                "daily-papers once": _program("once", "--config", str(folder / "bot.toml")),
                "import aiohttp, httpx": "import aiohttp, httpx",
                "import discord": "import discord",
            }
            figures: dict[str, list[tuple[float, float]]] = {}
            for _ in range(ROUNDS):
                for what, script in contestants.items():
                    if (figure := _measure(script)) is not None:
                        figures.setdefault(what, []).append(figure)
    bare_seconds = median(seconds for seconds, _ in figures["bare interpreter"])
    bare_memory = median(memory for _, memory in figures["bare interpreter"])
    rows = []
    for what, measured in figures.items():
        seconds = median(seconds for seconds, _ in measured)
        memory = median(memory for _, memory in measured)
        rows.append(Row(what, f"{seconds:.2f} s", seconds / bare_seconds, "bare, processor"))
        rows.append(Row("", f"{memory:.0f} MB", memory / bare_memory, "bare, peak memory"))
    return rows


def _paper(number: int, at: datetime) -> StandinPaper:
    return StandinPaper(
        id=f"2603.{number:05d}",
        title=f"A study of reward models, part {number}",
        abstract="We look at what happens." * 20,
        authors=("Ada Example", "Ben Sample"),
        categories=("cs.LG",),
        published=at,
        visible_at=at,
    )


def _program(*arguments: str) -> str:
    return (
        "import runpy, sys\n"
        f"sys.argv = ['daily-papers', *{list(arguments)!r}]\n"
        "try: runpy.run_module('bot', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "assert code in (0, None), code"
    )


# Processor time, which depends less than wall-clock time on what else the machine does. The
# high-water mark of the process itself: ru_maxrss of a child is carried over from its parent.
_USED = (
    "\nimport sys, time\nstatus = open('/proc/self/status').read()\n"
    "peak = status.split('VmHWM:')[1].split()[0]\n"
    "sys.stderr.write(f'\\nused {time.process_time()} {peak}')"
)


def _measure(script: str) -> tuple[float, float] | None:
    """Processor seconds and peak resident MB of one run; ``None`` where a library is not
    installed."""
    done = subprocess.run(
        [sys.executable, "-c", script + _USED], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return None
    seconds, kilobytes = done.stderr.rpartition("used ")[2].split()
    return float(seconds), int(kilobytes) / 1024


if __name__ == "__main__":
    table("Start-up and memory", run())
