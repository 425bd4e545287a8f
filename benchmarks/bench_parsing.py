"""Reading an answer of 2,000 papers: processor time and peak memory, against what people use.

Each contestant parses the same bytes in a process of its own, in turn with the others, and must
find the same papers. Needs ``requirements/bench.txt``; what is not installed is named and left out.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.report import Row, table
from tests.wire.arxiv_feed import Page, StandinPaper, render_page

ROUNDS = 7
PAPERS = 2000

# Each defines parse(path), which is measured, and fields(papers), which is compared.
_OURS = """
from bot.arxiv.atom_feed import AtomReader
def parse(path):
    reader = AtomReader()
    with open(path, "rb") as file:
        while chunk := file.read(65536):
            reader.feed(chunk)
    return reader.close().papers
def fields(papers):
    for p in papers:
        yield (f"{p.id}v{p.version}", p.title, p.abstract, list(p.authors), list(p.categories),
               p.primary_category, p.comment, int(p.published.timestamp()))
"""
_FEEDPARSER = """
import calendar, feedparser
def parse(path):
    with open(path, "rb") as file:
        return feedparser.parse(file.read()).entries
def fields(entries):
    for e in entries:
        yield (e.id.rpartition("/abs/")[2], e.title, e.summary, [a.name for a in e.authors],
               [t.term for t in e.tags], e.arxiv_primary_category["term"],
               e.get("arxiv_comment", ""), calendar.timegm(e.published_parsed))
"""
_ARXIV = """
import arxiv
from arxiv import _feed
def parse(path):
    with open(path, "rb") as file:
        return _feed.parse(file.read()).results
def fields(results):
    for r in results:
        yield (r.entry_id.rpartition("/abs/")[2], r.title, r.summary, [a.name for a in r.authors],
               r.categories, r.primary_category, r.comment or "",
               int(r.published.timestamp()))
"""
_MEASURE = """
import hashlib, json, sys, time
start = time.process_time()
papers = parse(sys.argv[1])
seconds = time.process_time() - start
memory = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
found = json.dumps([list(each) for each in fields(papers)])
digest = hashlib.sha256(found.encode()).hexdigest()
print(json.dumps({"seconds": seconds, "memory": memory, "papers": len(papers), "digest": digest}))
"""
CONTESTANTS = {
    "ours, in pieces of 64 KiB": _OURS,
    "feedparser": _FEEDPARSER,
    "PyPI arxiv": _ARXIV,
}
YARDSTICK = "feedparser"


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor seconds, peak resident MB of the whole process, and what was found."""

    seconds: float
    memory: float
    papers: int
    digest: str


def run() -> list[Row]:
    """A row for processor time and one for memory of each contestant, against feedparser."""
    figures: dict[str, list[Measured]] = {}
    digests: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed.xml"
        path.write_bytes(synthetic_feed())
        contestants = dict(CONTESTANTS)
        for _ in range(ROUNDS):
            for name, script in list(contestants.items()):
                measured = _measure(script, path)
                if isinstance(measured, str):
                    print(f"{name} is not measured: {measured}", file=sys.stderr)
                    del contestants[name]
                    continue
                assert measured.papers == PAPERS
                figures.setdefault(name, []).append(measured)
                digests[name] = measured.digest
    assert len(set(digests.values())) == 1, f"they found different papers: {digests}"
    return _rows(figures)


def _rows(figures: dict[str, list[Measured]]) -> list[Row]:
    against = YARDSTICK if YARDSTICK in figures else next(iter(figures))
    rows = []
    for name, measured in figures.items():
        pairs = list(zip(measured, figures[against], strict=True))
        seconds = median(one.seconds for one, _ in pairs)
        memory = median(one.memory for one, _ in pairs)
        # Ratios within a round, so that a busy machine slows down both.
        cpu_ratio = median(one.seconds / other.seconds for one, other in pairs)
        memory_ratio = median(one.memory / other.memory for one, other in pairs)
        rows.append(Row(name, f"{seconds:.3f} s", cpu_ratio, f"{against}, processor"))
        rows.append(Row("", f"{memory:.1f} MB", memory_ratio, f"{against}, peak memory"))
    return rows


def _measure(script: str, path: Path) -> Measured | str:
    """One run in a fresh process, or why there is none."""
    done = subprocess.run(
        [sys.executable, "-c", script + _MEASURE, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "ModuleNotFoundError" in done.stderr:
        return f"{done.stderr.strip().splitlines()[-1]} (see requirements/bench.txt)"
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return Measured(**json.loads(done.stdout))


def synthetic_feed() -> bytes:
    """Invented papers of the size of real ones, 2 to 3 kB each, the same at every run."""
    rng = random.Random(20260302)
    words = [
        "".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(2, 12))) for _ in range(9000)
    ]
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def text(count: int) -> str:
        return " ".join(rng.choices(words, k=count))

    papers = [
        StandinPaper(
            id=f"2602.{number:05d}",
            title=f"{text(9)} & $\\Omega_m$",
            abstract=text(rng.randint(120, 320)),
            authors=tuple(text(2).title() for _ in range(rng.choice([1, 2, 3, 5, 8, 21]))),
            categories=("cs.LG", "cs.CL", "stat.ML")[: rng.randint(1, 3)],
            published=noon - timedelta(minutes=number),
            visible_at=noon,
            comment=text(6) if rng.random() < 0.6 else "",
        )
        for number in range(1, PAPERS + 1)
    ]
    return render_page(Page(papers, PAPERS, "cat:cs.LG", rows=PAPERS), noon)


if __name__ == "__main__":
    table(f"Parsing an answer of {PAPERS:,} papers", run())
