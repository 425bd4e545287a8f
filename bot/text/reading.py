"""Where to read a paper. Pure; nothing is requested."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from bot.model import Paper

# arXiv makes HTML of papers written in LaTeX that were submitted since then, where it can
# (info.arxiv.org/about/accessible_HTML, November 2026).
_HTML_SINCE: Final = datetime(2023, 12, 1, tzinfo=UTC)


def links(paper: Paper) -> tuple[tuple[str, str], ...]:
    """Labels and addresses, at most four. That of the HTML leads nowhere where arXiv has none."""
    found = [("arXiv", paper.url), ("PDF", paper.pdf_url)]
    if paper.published >= _HTML_SINCE:
        found.append(("HTML", f"https://arxiv.org/html/{paper.id}"))
    return (*found, ("alphaXiv", f"https://www.alphaxiv.org/abs/{paper.id}"))
