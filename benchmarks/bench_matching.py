"""Many keywords against a day's papers: our trie, a loop of regular expressions, SQLite's FTS5.

Processor time. Ours is counted from the stored texts on: parsing the keywords, building the
matcher, matching; stems stay known between rounds, as they do in a bot that runs. FTS5 is counted
from inserting the papers on. The three do not find the same: FTS5 stems by a slightly different
Porter and knows no stop words, the regular expressions know only a plural s. How far ours and
FTS5 agree is checked, so that nobody is fast by finding nothing.

The corpus is synthetic and seeded: words of a made-up technical English with its endings, drawn
by rank (Zipf) and after one another (each word has its usual successors), 250 to a paper; the
keywords are one to three words of the same source, so that far more of them match than in life.
"""

from __future__ import annotations

import gc
import random
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.invented import Words
from benchmarks.report import Row, table
from bot.keywords import parse
from bot.matching import Matcher
from bot.model import Keyword, Paper
from tests.builders import paper

PAPERS = 2_000
SIZES = (10, 1_000, 100_000)
ROUNDS = 3
REGEX_PAIRS = 20_000  # of a keyword and a paper; what is more is extrapolated from these


def run() -> list[Row]:
    rng = random.Random(7)
    words = Words(rng)
    papers = [
        paper(n, words.text(10), abstract=words.text(240), month="2604")
        for n in range(1, PAPERS + 1)
    ]
    keywords = list(
        {words.text(rng.choices((1, 2, 3), (1, 10, 9))[0]): None for _ in range(160_000)}
    )
    return [row for size in SIZES for row in _rows(keywords[:size], papers)]


def _rows(texts: Sequence[str], papers: Sequence[Paper]) -> list[Row]:
    rounds = [(_ours(texts, papers), _fts5(texts, papers)) for _ in range(ROUNDS)]
    found, stored = rounds[0][0][1], rounds[0][1][1]
    assert abs(found - stored) <= 0.02 * max(found, stored), (found, stored)
    parse_s, build_s, match_s = (median(ours[0][step] for ours, _ in rounds) for step in range(3))
    total = median(sum(ours[0]) for ours, _ in rounds)
    regex, whole = _regexes(texts, papers)
    size = f"{len(papers):,} x {len(texts):,}"
    against = f"ours, {len(texts):,}"
    return [
        Row(
            f"{size}: ours (parse {parse_s:.2f}, build {build_s:.2f}, match {match_s:.2f}),"
            f" {found / len(papers):.0f} hits a paper",
            f"{total:.2f} s CPU",
            1.0,
            against,
        ),
        Row(
            f"{size}: SQLite FTS5 porter",
            f"{median(fts5 for _, (fts5, _) in rounds):.2f} s CPU",
            median(fts5 / sum(ours[0]) for ours, (fts5, _) in rounds),
            against,
        ),
        Row(
            f"{size}: loop of regular expressions{'' if whole else ' (extrapolated)'}",
            f"{regex:.2f} s CPU",
            regex / total,
            against,
        ),
    ]


def _ours(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[tuple[float, ...], int]:
    keywords: list[Keyword] = []
    matchers: list[Matcher] = []
    hits = [0]

    def match() -> None:
        for one in papers:
            hits[0] += len(matchers[0].match(one))

    times = (
        _seconds(lambda: keywords.extend(map(parse, texts))),
        _seconds(lambda: matchers.append(Matcher(keywords))),
        _seconds(match),
    )
    # keywords of the same meaning count once here, and one by one in the other contestants
    doubles: dict[str, int] = {}
    for keyword in keywords:
        doubles[keyword.canonical] = doubles.get(keyword.canonical, 0) + 1
    found = sum(doubles[hit.canonical] for one in papers for hit in matchers[0].match(one))
    assert hits[0] <= found
    return times, found


def _fts5(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[float, int]:
    found = [0]

    def work() -> None:
        db = sqlite3.connect(":memory:")
        db.execute(
            "create virtual table p using fts5(title, abstract, tokenize='porter unicode61')"
        )
        db.executemany("insert into p values (?, ?)", ((p.title, p.abstract) for p in papers))
        for text in texts:
            rows = db.execute("select rowid from p where p match ?", (f'"{text}"',))
            found[0] += len(rows.fetchall())
        db.close()

    return _seconds(work), found[0]


def _regexes(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[float, bool]:
    """Seconds for all, and whether all was run rather than extrapolated."""
    some = texts[: REGEX_PAIRS // 20]
    few = papers[: REGEX_PAIRS // len(some)]
    patterns: list[re.Pattern[str]] = []

    def compile_all() -> None:
        for text in some:
            patterns.append(re.compile(rf"\b{re.escape(text)}s?\b", re.IGNORECASE))

    def search() -> None:
        for one in few:
            for pattern in patterns:
                pattern.search(one.title) or pattern.search(one.abstract)

    share = len(texts) / len(some)
    compiling = _seconds(compile_all) * share
    searching = _seconds(search) * share * len(papers) / len(few)
    return compiling + searching, share == 1 and len(few) == len(papers)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    table(f"Matching {PAPERS:,} papers", run())
