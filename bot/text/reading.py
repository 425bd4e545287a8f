"""What is shown with a paper's whole abstract, the same on every platform: its facts, where to read
it, and what can be done with it. Pure; nothing is requested.

Plain text, in which no platform's markup is escaped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from bot.model import Offer, Paper
from bot.text import digests

NO_ABSTRACT: Final = "arXiv has no abstract of it."
# arXiv makes HTML of papers written in LaTeX that were submitted since then, where it can
# (info.arxiv.org/about/accessible_HTML, November 2026).
_HTML_SINCE: Final = datetime(2023, 12, 1, tzinfo=UTC)


def links(paper: Paper) -> tuple[tuple[str, str], ...]:
    """Labels and addresses, at most four. That of the HTML leads nowhere where arXiv has none."""
    found = [("arXiv", paper.url), ("PDF", paper.pdf_url)]
    if paper.published >= _HTML_SINCE:
        found.append(("HTML", f"https://arxiv.org/html/{paper.id}"))
    return (*found, ("alphaXiv", f"https://www.alphaxiv.org/abs/{paper.id}"))


def facts(paper: Paper) -> tuple[str, ...]:
    """All its categories, and what a digest says of its day; then what its authors say of it."""
    categories = ", ".join(paper.categories)
    known = (categories, *digests.facts(paper)[1:], paper.comment, paper.journal_ref)
    return tuple(filter(None, known))


def offers(paper: Paper) -> tuple[Offer, ...]:
    """What a person can do with it in a channel."""
    return tuple(Offer(each, f"{each.lower()} {paper.id}") for each in ("Save", "Cite", "Discuss"))
