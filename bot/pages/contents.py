"""What the page shows, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from bot.model import Paper
from bot.model.views import KeywordPapers


@dataclass(frozen=True, slots=True)
class PageContents:
    """``sections`` in the order in which they are shown; ``most`` papers are in one at most.
    ``updated`` is the day on which it is written."""

    sections: tuple[KeywordPapers, ...]
    updated: date
    most: int


def newest_first(papers: Iterable[Paper]) -> list[Paper]:
    """By their submission; of one second the last announced first."""
    return sorted(papers, key=lambda paper: (paper.published, paper.serial), reverse=True)


def dates(paper: Paper) -> str:
    """When it was submitted, and the version shown where that was on a later day: ``2026-11-20, v2
    2026-11-24``. Where the source did not say when, it was ``by`` that day."""
    submitted = paper.published.date()
    if not paper.has_full_metadata:
        return f"by {submitted.isoformat()}"
    shown = paper.updated.date()
    if shown <= submitted:
        return submitted.isoformat()
    return f"{submitted.isoformat()}, v{paper.version} {shown.isoformat()}"
