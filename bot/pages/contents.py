"""What the page shows, whatever it is written as."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from urllib.parse import quote

from bot.model import Paper
from bot.model.views import KeywordPapers
from bot.text import clean, displayed

MAX_SLUG_LENGTH = 60  # characters of a section's name in an address


@dataclass(frozen=True)
class PageContents:
    """``sections`` in the order in which they are shown, each with at most ``most`` papers.
    ``updated`` is the day on which the page is written. ``name`` is what its files are called,
    without their suffixes; ``base_url`` is the address of their folder, ending in a slash, or
    empty."""

    sections: tuple[KeywordPapers, ...]
    updated: date
    most: int
    name: str = "papers"
    base_url: str = ""

    @cached_property
    def show(self) -> Callable[[Paper], Paper]:
        """``displayed``, cached, as a paper may be in several sections, pages and feeds."""
        return cache(displayed)

    @cached_property
    def slugs(self) -> tuple[str, ...]:
        """For each section, a unique word that names it in addresses."""
        found: dict[str, None] = {}
        for section in self.sections:
            word = slug(section.keyword.label)
            # Digits alone are taken: "2026-11-24" leads to a day.
            if not word or word in found or word.replace("-", "").isdecimal():
                digest = hashlib.sha256(section.keyword.canonical.encode()).hexdigest()[:8]
                word = f"{word or 'keyword'}-{digest}"
            found[word] = None
        return tuple(found)


def slug(text: str) -> str:
    """``Réward Model`` as ``reward-model``: small letters, digits and hyphens; may be empty."""
    decomposed = unicodedata.normalize("NFKD", clean(text)).lower()
    ascii_only = decomposed.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:MAX_SLUG_LENGTH].strip("-")


def newest_first(papers: Iterable[Paper]) -> list[Paper]:
    """By time of submission; if that is the same second, the last announced first."""
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


def web_address(url: str) -> str:
    """The address, ``quoted``; empty for one that is neither HTTP nor HTTPS."""
    return quoted(url) if url.lower().startswith(("https://", "http://")) else ""


def quoted(url: str) -> str:
    """The address without any character that could end it, whatever its source wrote."""
    return quote(url, safe="/:?#@!',;=%+&", errors="replace")
