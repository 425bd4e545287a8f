"""What is shown with a paper's whole abstract, the same on every platform: its facts, where to read
it, and what can be done with it; and which papers a text links to. Pure; nothing is requested.

Plain text, in which no platform's markup is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from bot.model import Offer, Paper
from bot.text import digests

NO_ABSTRACT: Final = "arXiv has no abstract of it."
# arXiv makes HTML of papers written in LaTeX that were submitted since then, where it can
# (info.arxiv.org/about/accessible_HTML, November 2026).
_HTML_SINCE: Final = datetime(2023, 12, 1, tzinfo=UTC)

PAPER_ADDRESS: Final = re.compile(
    r"(?i:(?:https?://)?(?:[a-z]+\.)?"
    r"(?:arxiv\.org/(?:abs|pdf|html)|alphaxiv\.org/(?:abs|pdf|html|overview))/)"
)
"""The address of one of a paper's pages, up to the paper's id."""

_LINKED: Final = re.compile(
    rf"(?<![\w.@/-]){PAPER_ADDRESS.pattern}"
    r"(?P<id>\d{4}\.\d{4,6}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?(?!\w)(?:\.pdf\b)?"
)


def links(paper: Paper) -> tuple[tuple[str, str], ...]:
    """Labels and addresses, at most four. Whether arXiv has the HTML is not asked, so its label
    says that it may not."""
    found = [("arXiv", paper.url), ("PDF", paper.pdf_url)]
    if paper.published >= _HTML_SINCE:
        found.append(("HTML, if arXiv has it", f"https://arxiv.org/html/{paper.id}"))
    return (*found, ("alphaXiv", f"https://www.alphaxiv.org/abs/{paper.id}"))


def facts(paper: Paper) -> tuple[str, ...]:
    """All its categories, and what a digest says of its day; then what its authors say of it."""
    categories = ", ".join(paper.categories)
    known = (categories, *digests.facts(paper)[1:], paper.comment, paper.journal_ref)
    return tuple(filter(None, known))


def offers(paper: Paper) -> tuple[Offer, ...]:
    """What a person can do with it in a channel."""
    return tuple(Offer(each, f"{each.lower()} {paper.id}") for each in ("Save", "Cite", "Discuss"))


def linked_papers(text: str) -> Iterator[tuple[str, int]]:
    """For each address of a paper's page in the text, the paper's id without its version, and where
    the address ends. That proves nothing: any text can name any paper."""
    for found in _LINKED.finditer(text):
        yield found["id"], found.end()
