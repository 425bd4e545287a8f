"""A whole day's work in processor seconds and peak memory: ask, match, record, publish, deliver.

Each day is lived in a process of its own, from the start of the interpreter on; the local arXiv is
in another. The planner takes the way by which arXiv is asked. The platform takes every post at once
(what a real one's limits cost is in the benchmarks of Discord and Slack).

Against the loop of the common bots: for each keyword a request, feedparser, a regular expression,
a set of what was seen, and a line for each post. It is really run for up to 1,000 keywords; more is
extrapolated and marked so. It finds less, since it knows no stems, and nothing that we do not find;
and it is flattered: the local arXiv holds two weeks of papers, so that there are fewer to read for
a keyword than the hundred that arXiv would send.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.ordinary_day import NOW, SIZES, Day, ordinary_day
from benchmarks.quick_arxiv import QuickArxiv
from benchmarks.report import Row, table
from bot.model import Keyword
from tests.fakes import FakeClock

ROUNDS: Final = 3
RUN: Final = 1_000  # keywords in the loop; more is extrapolated

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
    """Processor seconds and peak resident MB of one day, and the papers of the day in it.

    ``steps`` are the parts of the seconds, ``what`` says how the day went; the loop has neither.
    """

    keywords: int
    seconds: float
    memory: float
    found: frozenset[str]
    steps: Mapping[str, float]
    what: str = ""
    extrapolated: bool = False


def run() -> list[Row]:
    rows = []
    for ours, common in lived():
        size = f"{ours.keywords:,} keywords"
        marked = " (extrapolated)" if common.extrapolated else ""
        steps = ", ".join(f"{STEPS[step]} {ours.steps[step]:.2f}" for step in STEPS)
        rows += [
            Row(f"{size}: {ours.what}", f"{ours.seconds:.2f} s CPU",
                ours.seconds / common.seconds, f"the loop, processor{marked}"),
            Row(f"  of that: {steps}", f"{ours.memory:.0f} MB",
                ours.memory / common.memory, "the loop, peak memory"),
            Row(f"{size}: the loop of common bots{marked}", f"{common.seconds:.2f} s CPU", 1.0,
                "the loop, processor"),
            Row("", f"{common.memory:.0f} MB", 1.0, "the loop, peak memory"),
        ]  # fmt: skip
    return rows


@cache
def lived() -> tuple[tuple[Lived, Lived], ...]:
    """Of each size, our day and the loop's."""
    day = ordinary_day()
    pairs: list[tuple[Lived, Lived]] = []
    with QuickArxiv(day.papers, FakeClock(NOW)) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in SIZES:
            day.follow(folder / f"{size}" / "db", size)
            ours = _middle([_ours(folder / f"{size}", size, day, server) for _ in range(ROUNDS)])
            if size <= RUN:
                common = _common(folder, day.keywords[:size], day, server)
                assert common.found
                assert common.found <= ours.found
            else:
                common = _extrapolated(pairs[-1][1], size)
            pairs.append((ours, common))
    return tuple(pairs)


def _middle(rounds: Sequence[Lived]) -> Lived:
    assert len({each.found for each in rounds}) == 1
    return sorted(rounds, key=lambda each: each.seconds)[len(rounds) // 2]


def _ours(prepared: Path, size: int, day: Day, server: QuickArxiv) -> Lived:
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(prepared / "db", name)
        arguments = ["-m", "benchmarks.one_day", name, server.url, server.oai_url, f"{NOW}"]
        outcome = _measure(arguments)
    assert outcome["posted"] > 0
    way = str(outcome["plan"]).partition(":")[0]
    what = f"{way}; papers posted: {outcome['posted']:,}, messages: {outcome['messages']:,}"
    return Lived(
        keywords=size,
        seconds=outcome["whole"],
        memory=outcome["memory"],
        found=frozenset(filter(day.is_new, outcome["found"])),
        steps=outcome["seconds"],
        what=what,
    )


def _common(folder: Path, keywords: Sequence[Keyword], day: Day, server: QuickArxiv) -> Lived:
    listed = folder / "keywords.json"
    listed.write_text(json.dumps([(each.query, each.text) for each in keywords]))
    outcome = _measure(["-c", _COMMON_BOT, str(listed), server.url, str(folder / "posts")])
    found = frozenset(filter(day.is_new, outcome["found"]))
    return Lived(len(keywords), outcome["whole"], outcome["memory"], found, {})


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
