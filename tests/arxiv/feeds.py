"""Atom answers about invented papers, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.model import Keyword
from tests.wire.arxiv_feed import Page, StandinPaper, render_page

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday


def standin_paper(number: int = 1, **fields: object) -> StandinPaper:
    """An invented paper, submitted ``number`` minutes before noon of three days ago."""
    published = NOON - timedelta(days=3, minutes=number)
    values: dict[str, object] = {
        "id": f"2602.{number:05d}",
        "title": f"Reward models for invented task {number}",
        "abstract": "We look at what happens when a reward model is rewarded.",
        "authors": ("Ada Example", "Ben Sample"),
        "categories": ("cs.LG", "cs.CL"),
        "published": published,
        "visible_at": NOON - timedelta(days=1),
    }
    return StandinPaper(**(values | fields))  # type: ignore[arg-type]


def feed(*papers: StandinPaper, total: int | None = None) -> bytes:
    page = Page(papers, len(papers) if total is None else total, "ti:reward", rows=100)
    return render_page(page, NOON)


def phrase(text: str, *, query: str = "") -> Keyword:
    """A keyword that is one phrase in title or abstract."""
    return Keyword(text, text, query or f'(ti:"{text}" OR abs:"{text}")', 2)
