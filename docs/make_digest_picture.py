"""Draws docs/digest.svg, the picture in the README: an invented digest as a terminal shows it.

Run it after a change of the console's looks: ``python docs/make_digest_picture.py``. It uses the
real rendering; the picture asks no other server for a font.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from rich.terminal_theme import TerminalTheme  # noqa: E402
from rich.text import Text  # noqa: E402

from adapters import Settings  # noqa: E402
from adapters.console.platform import Console as Terminal  # noqa: E402
from bot.clock import SystemClock  # noqa: E402
from bot.model import Channel, Digest, Entry, MostSaved, Paper, Post, Why  # noqa: E402
from bot.text import displayed  # noqa: E402

COLUMNS = 84
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
COLOURS = [  # black, red, green, yellow, blue, magenta, cyan, white
    (60, 64, 72), (224, 108, 117), (152, 195, 121), (229, 192, 123),
    (97, 175, 239), (198, 120, 221), (97, 196, 214), (226, 228, 233),
]  # fmt: skip
CHANNEL = Channel("console:")

PAPERS = [
    (
        r"Reward Models That Know When to Abstain: $\alpha$-Calibrated Preferences",
        ("Ada Example", "Benno Muster", "Chloé Sample", "Dara Probe", "Emil Test"),
        "cs.LG",
        23,
        "18 pages, 6 figures; code at https://github.com/ada-example/abstain",
        ("reward model",),
    ),
    (
        r"Counting to $10^6$ with Language Agents: A Long-Horizon Benchmark",
        ("Farah Placeholder", "Goran Lorem"),
        "cs.CL",
        23,
        "",
        ("language agent", "benchmark"),
    ),
    (
        r"A Rather Long Title That Wraps: On the Unreasonable Effectiveness of Simple "
        r"Baselines in $\mathcal{O}(n \log n)$ Attention",
        ("Hana Ipsum",),
        "cs.CL",
        22,
        "Accepted at ICML 2026",
        ("reward model", "attention"),
    ),
    (
        r"Graph Neural Networks for Schr\"odinger Bridges on $\mathbb{R}^d$",
        ("Ines Beispiel", "João Modelo", "Kim Prøve", *(["N. N."] * 40)),
        "stat.ML",
        20,
        "41 pages, with a proof in the appendix",
        ("graph neural network",),
    ),
]


def sample() -> Digest:
    entries = []
    for number, (title, authors, category, day, comment, keywords) in enumerate(PAPERS, 1):
        paper_id = f"2611.{14200 + 37 * number}"
        submitted = datetime(2026, 11, day, 12, 0, tzinfo=UTC)
        paper = Paper(
            id=paper_id,
            version=1,
            serial=number,
            title=title,
            abstract="",
            authors=authors,
            categories=(category,),
            primary_category=category,
            published=submitted,
            updated=submitted,
            url=f"https://arxiv.org/abs/{paper_id}",
            pdf_url=f"https://arxiv.org/pdf/{paper_id}",
            comment=comment,
        )
        entries.append(Entry(displayed(paper), keywords))
    missed = (date(2026, 11, 23),)
    return Digest(CHANNEL, DAY, Why.NEW, tuple(entries), missed)


def with_saved(digest: Digest) -> Digest:
    """The same where the channel orders by similarity, on the last posting day of a week."""
    likes = ("A Reward for Saying Nothing", "Counting with Agents", "Attention, Slowly", "")
    entries = tuple(replace(e, like=like) for e, like in zip(digest.entries, likes, strict=True))
    kept = (
        ("A Reward for Saying Nothing", 4),
        ("Counting with Agents", 2),
    )
    most_saved = tuple(
        MostSaved(replace(digest.entries[0].paper, id=f"2611.{number}", title=title), people)
        for number, (title, people) in enumerate(kept, 10101)
    )
    return replace(digest, entries=entries, most_saved=most_saved, missed=())


def on_a_terminal(digest: Digest) -> str:
    stream = io.StringIO()
    terminal = Terminal(Settings(stream, SystemClock(), width=COLUMNS, colour=True))
    for draft in terminal.composer().compose(digest):
        post = Post("sample", CHANNEL, draft.payload, 1, False, NOW)
        asyncio.run(terminal.send(post))
    return stream.getvalue()


def picture(printed: str) -> str:
    recorder = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    recorder.print(Text.from_ansi(printed.rstrip("\n") + "\n"))
    theme = TerminalTheme((24, 26, 32), (226, 228, 233), COLOURS)
    svg = recorder.export_svg(title="daily-papers once", theme=theme, unique_id="digest")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    (ROOT / "docs" / "digest.svg").write_text(picture(on_a_terminal(sample())), encoding="utf-8")


if __name__ == "__main__":
    main()
