"""A whole day's work in processor seconds and peak memory: ask, match, record, publish, deliver.

Each day is lived in a process of its own, from the start of the interpreter on; the local arXiv is
in another. The planner takes the way by which arXiv is asked. The platform takes every post at once
(what a real one's limits cost is in the benchmarks of Discord and Slack).

Against the loop of the common bots: for each keyword a request, feedparser, a regular expression,
a set of what was seen, and a line for each post. It is really run for up to 1,000 keywords; more is
extrapolated and marked so. It finds less, since it knows no stems, and nothing that we do not find.
And it is flattered: the local arXiv holds two weeks of papers, so that there are far fewer to read
for a keyword than the hundred that arXiv sends. What it costs with answers of a hundred papers is
measured beside it, and extrapolated from 50 keywords; what it finds then is not compared.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.ordinary_day import NOW, SIZES, ordinary_day
from benchmarks.plots import Line, Panel
from benchmarks.quick_arxiv import QuickArxiv
from benchmarks.report import Row, table
from tests.fakes import FakeClock

ROUNDS: Final = 3
RUN: Final = 1_000  # keywords in the loop; more is extrapolated
RUN_FULL: Final = 50  # the same with answers of a hundred papers
ALL_PAPERS: Final = "submittedDate:[199108010000 TO 210001010000]"

STEPS: Final = {
    "start": "start",
    "ask": "ask and read",
    "match": "match",
    "record": "record",
    "publish": "publish",
    "deliver": "deliver",
}

# Keywords come as [query, text] pairs; the newest hundred of each are read.
_COMMON_BOT: Final = r"""
import json, re, sys, time, feedparser, requests
keywords, url, posts = json.load(open(sys.argv[1])), sys.argv[2], open(sys.argv[3], "a")
found = set()
for query, text in keywords:
    answer = requests.get(url, params={
        "search_query": query, "sortBy": "submittedDate", "sortOrder": "descending",
        "max_results": 100})
    pattern = re.compile(rf"\b{re.escape(text)}s?\b", re.IGNORECASE)
    for entry in feedparser.parse(answer.content).entries:
        paper = entry.id.rpartition("/abs/")[2].partition("v")[0]
        if pattern.search(entry.title) or pattern.search(entry.summary):
            if paper not in found:
                posts.write(f"{entry.title} {entry.link}\n")
                posts.flush()
            found.add(paper)
status = open("/proc/self/status").read()
print(json.dumps({"whole": time.process_time(), "found": sorted(found),
                  "memory": int(status.split("VmHWM:")[1].split()[0]) / 1024}))
"""


@dataclass(frozen=True, slots=True)
class Lived:
    """Processor seconds and peak resident MB of one day, and the papers that matched in it.

    ``steps`` are the parts of the seconds, ``what`` says how the day went; the loop has neither.
    """

    keywords: int
    seconds: float
    memory: float
    found: frozenset[str]
    steps: Mapping[str, float]
    what: str = ""
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """Of one number of keywords: our day, the loop's, and the loop's with full answers."""

    ours: Lived
    loop: Lived
    full: Lived


def run() -> list[Row]:
    rows = []
    for day in lived():
        size = f"{day.ours.keywords:,} keywords"
        steps = ", ".join(f"{STEPS[step]} {day.ours.steps[step]:.2f}" for step in STEPS)
        rows += _rows(f"{size}: {day.ours.what}", day.ours, day.loop, f"  of that: {steps}")
        rows += _rows(f"{size}: the loop of common bots", day.loop, day.loop)
        rows += _rows(f"{size}: the loop, 100 papers an answer", day.full, day.loop)
    return rows


def _rows(what: str, lived: Lived, yardstick: Lived, more: str = "") -> list[Row]:
    what += " (extrapolated)" if lived.extrapolated else ""
    return [
        Row(what, f"{lived.seconds:.2f} s CPU", lived.seconds / yardstick.seconds,
            "the loop, processor"),
        Row(more, f"{lived.memory:.0f} MB", lived.memory / yardstick.memory,
            "the loop, peak memory"),
    ]  # fmt: skip


def panels() -> list[Panel]:
    """Processor seconds, and memory."""
    return [
        Panel("one day's whole work", "keywords", "processor seconds",
              _lines(lambda lived: lived.seconds)),
        Panel("memory at most", "keywords", "MB", _lines(lambda lived: lived.memory)),
    ]  # fmt: skip


def _lines(figure: Callable[[Lived], float]) -> list[Line]:
    contestants = {
        "Daily Papers": [day.ours for day in lived()],
        "a request, feedparser and a regex per keyword": [day.loop for day in lived()],
        "the same with 100 papers an answer": [day.full for day in lived()],
    }
    return [
        Line(
            name,
            [(each.keywords, figure(each)) for each in days],
            sure=[not each.extrapolated for each in days],
            ours=name == "Daily Papers",
        )
        for name, days in contestants.items()
    ]


@cache
def lived() -> tuple[Contest, ...]:
    day = ordinary_day()
    contests: list[Contest] = []
    with QuickArxiv(day.papers, FakeClock(NOW)) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        full = _loop(folder, [(ALL_PAPERS, each.text) for each in day.keywords[:RUN_FULL]], server)
        for size in SIZES:
            day.follow(folder / f"{size}" / "db", size)
            ours = _middle([_ours(folder / f"{size}", size, server) for _ in range(ROUNDS)])
            if size <= RUN:
                pairs = [(each.query, each.text) for each in day.keywords[:size]]
                loop = _loop(folder, pairs, server)
                found = set(filter(day.is_new, loop.found))
                assert found
                assert found <= ours.found
            else:
                loop = _extrapolated(contests[-1].loop, size)
            contests.append(Contest(ours, loop, _extrapolated(full, size)))
    return tuple(contests)


def _middle(rounds: Sequence[Lived]) -> Lived:
    assert len({each.found for each in rounds}) == 1
    return sorted(rounds, key=lambda each: each.seconds)[len(rounds) // 2]


def _ours(prepared: Path, size: int, server: QuickArxiv) -> Lived:
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(prepared / "db", name)
        arguments = ["-m", "benchmarks.one_day", name, server.url, server.oai_url, f"{NOW}"]
        outcome = _measure(arguments)
    assert outcome["posted"] > 0
    way = str(outcome["plan"]).partition(" (")[0]
    what = f"{way}; papers posted: {outcome['posted']:,}, messages: {outcome['messages']:,}"
    return Lived(
        keywords=size,
        seconds=outcome["whole"],
        memory=outcome["memory"],
        found=frozenset(outcome["found"]),
        steps=outcome["seconds"],
        what=what,
    )


def _loop(folder: Path, pairs: Sequence[tuple[str, str]], server: QuickArxiv) -> Lived:
    """``pairs`` are of a query and what the regular expression looks for."""
    listed = folder / "keywords.json"
    listed.write_text(json.dumps(pairs))
    outcome = _measure(["-c", _COMMON_BOT, str(listed), server.url, str(folder / "posts")])
    found = frozenset(outcome["found"])
    return Lived(len(pairs), outcome["whole"], outcome["memory"], found, {})


def _extrapolated(fewer: Lived, size: int) -> Lived:
    """Time grows with the keywords; memory is left as it is."""
    share = size / fewer.keywords
    return Lived(size, fewer.seconds * share, fewer.memory, frozenset(), {}, extrapolated=True)


def _measure(arguments: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


if __name__ == "__main__":
    table("A whole day's work", run())
