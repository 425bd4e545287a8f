"""Many keywords against a day's papers: our trie, Aho-Corasick, SQLite's FTS5, regular expressions.

Processor time. Ours is counted from the stored texts on: parsing the keywords, building the
matcher, matching; stems stay known between rounds, as they do in a bot that runs. FTS5 is counted
from inserting the papers on, Aho-Corasick (pyahocorasick) from building the automaton on. They do
not find the same, and how far each agrees with ours is checked, so that nobody is fast by finding
nothing:

- Aho-Corasick over our stems finds exactly what ours finds, in plain phrases: more than those an
  automaton does not know. Over the words as they stand it finds less, and nothing else.
- FTS5 stems by a slightly different Porter and knows no stop words: 2 % may differ.
- Regular expressions know only a plural s; most of them are extrapolated.

The corpus is synthetic and seeded (``benchmarks.invented``), 250 words to a paper; the keywords are
one to three words of the same source, so that far more of them match than in life.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

import ahocorasick

from benchmarks.invented import Words
from benchmarks.plots import Line, Panel
from benchmarks.report import Row, seconds_of, table
from bot.keywords import parse
from bot.keywords.tokens import stems
from bot.matching import Matcher
from bot.model import Keyword, Paper
from tests.builders import paper

PAPERS = 2_000
SIZES = (10, 1_000, 100_000)
ROUNDS = 3
REGEX_PAIRS = 20_000  # of a keyword and a paper; what is more is extrapolated from these

Pairs = set[tuple[str, str]]  # a paper's id, a keyword's text


@dataclass(frozen=True, slots=True)
class Contestant:
    """Processor seconds for all papers, and that by those of ours in the same round."""

    name: str
    seconds: float
    ratio: float
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """Of one number of keywords; ``contestants`` begin with ours, whose parts are ``steps``."""

    keywords: int
    hits: int
    steps: tuple[float, ...]
    contestants: tuple[Contestant, ...]


def run() -> list[Row]:
    return [row for each in compared() for row in _rows(each)]


def panels() -> list[Panel]:
    """Seconds, and how many times ours."""
    return [
        Panel(f"{PAPERS:,} papers", "keywords", "processor seconds",
              _lines(lambda contestant: contestant.seconds)),
        Panel("against ours", "keywords", "times ours",
              _lines(lambda contestant: contestant.ratio)),
    ]  # fmt: skip


def _lines(figure: Callable[[Contestant], float]) -> list[Line]:
    lines = []
    for n, contestant in enumerate(compared()[0].contestants):
        points = [(each.keywords, figure(each.contestants[n])) for each in compared()]
        sure = [not each.contestants[n].extrapolated for each in compared()]
        lines.append(Line(contestant.name, points, sure=sure, ours=n == 0))
    return lines


@cache
def compared() -> tuple[Compared, ...]:
    papers, keywords = corpus(PAPERS, max(SIZES))
    return tuple(_compared(keywords[:size], papers) for size in SIZES)


def corpus(papers: int, keywords: int) -> tuple[list[Paper], list[str]]:
    """So many papers and different keywords, the same at every call."""
    words = Words(random.Random(7))
    texts = words.keywords(keywords)
    return [
        paper(n, words.text(10), abstract=words.text(240), month="2604")
        for n in range(1, papers + 1)
    ], texts


def _compared(texts: Sequence[str], papers: Sequence[Paper]) -> Compared:
    others = {
        "SQLite FTS5 porter": _fts5,
        "Aho-Corasick over our stems": _aho_corasick_stems,
        "Aho-Corasick over words": _aho_corasick_words,
    }
    ours = []
    times: dict[str, list[float]] = {name: [] for name in others}
    for _ in range(ROUNDS):
        steps, found = _ours(texts, papers)
        ours.append(steps)
        for name, contestant in others.items():
            seconds, pairs = contestant(texts, papers)
            times[name].append(seconds)
            _agree(name, pairs, found)
    total = median(map(sum, ours))
    regex, whole = _regexes(texts, papers)
    return Compared(
        keywords=len(texts),
        hits=len(found),
        steps=tuple(median(steps[n] for steps in ours) for n in range(3)),
        contestants=(
            Contestant("ours", total, 1.0),
            *(
                Contestant(
                    name,
                    median(seconds),
                    median(other / sum(own) for own, other in zip(ours, seconds, strict=True)),
                )
                for name, seconds in times.items()
            ),
            Contestant("loop of regular expressions", regex, regex / total, not whole),
        ),
    )


def _rows(compared: Compared) -> list[Row]:
    parsing, building, matching = compared.steps
    ours = (
        f" (parse {parsing:.2f}, build {building:.2f}, match {matching:.2f}),"
        f" {compared.hits / PAPERS:.0f} hits a paper"
    )
    rows = []
    for each in compared.contestants:
        what = f"{PAPERS:,} x {compared.keywords:,}: {each.name}"
        what += ours if each.name == "ours" else ""
        what += " (extrapolated)" if each.extrapolated else ""
        against = f"ours, {compared.keywords:,}"
        rows.append(Row(what, f"{each.seconds:.2f} s CPU", each.ratio, against))
    return rows


def _agree(name: str, pairs: Pairs, ours: Pairs) -> None:
    assert pairs, name
    if name == "Aho-Corasick over our stems":
        assert pairs == ours
    elif name == "Aho-Corasick over words":
        assert pairs <= ours
    else:
        assert len(pairs ^ ours) <= 0.02 * len(ours), (name, len(pairs), len(ours))


def _ours(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[tuple[float, ...], Pairs]:
    keywords: list[Keyword] = []
    matchers: list[Matcher] = []

    def match() -> None:
        for one in papers:
            matchers[0].match(one)

    times = (
        seconds_of(lambda: keywords.extend(map(parse, texts))),
        seconds_of(lambda: matchers.append(Matcher(keywords))),
        seconds_of(match),
    )
    # keywords of the same meaning are one here, and stand alone in the other contestants
    named: dict[str, list[str]] = {}
    for keyword in keywords:
        named.setdefault(keyword.canonical, []).append(keyword.text)
    return times, {
        (one.id, text)
        for one in papers
        for hit in matchers[0].match(one)
        for text in named[hit.canonical]
    }


def _fts5(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[float, Pairs]:
    found: list[tuple[str, list[tuple[int]]]] = []

    def work() -> None:
        db = sqlite3.connect(":memory:")
        db.execute(
            "create virtual table p using fts5(title, abstract, tokenize='porter unicode61')"
        )
        db.executemany("insert into p values (?, ?)", ((p.title, p.abstract) for p in papers))
        for text in texts:
            rows = db.execute("select rowid from p where p match ?", (f'"{text}"',))
            found.append((text, rows.fetchall()))
        db.close()

    seconds = seconds_of(work)
    return seconds, {(papers[row - 1].id, text) for text, rows in found for (row,) in rows}


def _aho_corasick_stems(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[float, Pairs]:
    return _aho_corasick(texts, papers, lambda text: f" {' '.join(stems(text))} ")


def _aho_corasick_words(texts: Sequence[str], papers: Sequence[Paper]) -> tuple[float, Pairs]:
    return _aho_corasick(texts, papers, lambda text: f" {' '.join(_WORD.findall(text.lower()))} ")


_WORD = re.compile(r"\w+")


def _aho_corasick(
    texts: Sequence[str], papers: Sequence[Paper], spaced: Callable[[str], str]
) -> tuple[float, Pairs]:
    """``spaced`` gives the words between spaces, so that none is found within another."""
    found: list[tuple[str, set[str]]] = []

    def work() -> None:
        automaton = ahocorasick.Automaton()
        for text in texts:
            key = spaced(text)
            automaton.add_word(key, key)
        automaton.make_automaton()
        for one in papers:
            keys = {key for _, key in automaton.iter(spaced(one.title))}
            keys.update(key for _, key in automaton.iter(spaced(one.abstract)))
            found.append((one.id, keys))

    seconds = seconds_of(work)
    named: dict[str, list[str]] = {}
    for text in texts:
        named.setdefault(spaced(text), []).append(text)
    return seconds, {(one, text) for one, keys in found for key in keys for text in named[key]}


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
    compiling = seconds_of(compile_all) * share
    searching = seconds_of(search) * share * len(papers) / len(few)
    return compiling + searching, share == 1 and len(few) == len(papers)


if __name__ == "__main__":
    table(f"Matching {PAPERS:,} papers", run())
