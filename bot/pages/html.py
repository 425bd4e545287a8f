"""The HTML page: one file that loads nothing from elsewhere, and works without its script too.

Does not query the database, and does not decide which papers are new. Everything in it that others
wrote is escaped by Jinja2; the addresses in abstracts and comments are links.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from bot.model import Paper
from bot.model.views import KeywordPapers
from bot.pages.contents import PageContents, dates, newest_first, web_address
from bot.text import authors_line, clean
from bot.text.badges import Badge, badges
from bot.text.links import Link, with_links

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates, which escape whatever they are given, in HTML and XML alike."""
    # Imported here: it would cost every command more time than most need for their answer.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(TEMPLATES)
    )


@cache
def _text_of(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def content_security_policy() -> str:
    """Lets a browser run our script and use our style, and nothing else; where the page is served,
    it goes into the header, too (W3C, Content Security Policy Level 3, 2.3.1, November 2026)."""
    script, style = (_source_of(name) for name in ("page.js", "page.css"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; base-uri 'none';"
        " form-action 'none'"
    )


def _source_of(name: str) -> str:
    digest = hashlib.sha256(_text_of(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def render(page: PageContents) -> str:
    """The whole page. Takes papers as their source wrote them; LaTeX becomes Unicode. Pure."""
    seen: set[str] = set()
    sections = [
        _section(page, section, slug, seen)
        for section, slug in zip(page.sections, page.slugs, strict=True)
    ]
    return environment().get_template("page.html").render(
        policy=content_security_policy(),
        style=_text_of("page.css"),
        script=_text_of("page.js"),
        feed=quote(f"{page.name}.xml"),
        most=page.most,
        updated=page.updated.isoformat(),
        days=sorted(seen, reverse=True),
        sections=sections,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Day:
    """``is_first``: the first one with this date on the page, to which the date alone leads."""

    date: str
    written: str
    is_first: bool
    papers: tuple[_ShownPaper, ...]


@dataclass(frozen=True, slots=True)
class _ShownPaper:
    title: str
    url: str
    is_new: bool
    badges: tuple[Badge, ...]
    facts: str
    comment: Sequence[str | Link]
    abstract: Sequence[str | Link]


def _section(
    page: PageContents, section: KeywordPapers, slug: str, seen: set[str]
) -> dict[str, Any]:
    return {
        "slug": slug,
        "heading": clean(section.keyword.label),
        "query": clean(section.keyword.text) if section.keyword.name else "",
        "feed": quote(f"{page.name}/{slug}.xml"),
        "new": len(section.new),
        "days": list(_days(page, section, seen)),
    }


def _days(page: PageContents, section: KeywordPapers, seen: set[str]) -> Iterator[_Day]:
    for day, papers in groupby(newest_first(section.papers), lambda each: each.published.date()):
        written = f"{day.day} {day:%B} {day.year}"
        shown = tuple(_shown(page.show(each), each.id in section.new) for each in papers)
        yield _Day(day.isoformat(), written, day.isoformat() not in seen, shown)
        seen.add(day.isoformat())


def _shown(paper: Paper, is_new: bool) -> _ShownPaper:
    facts = (authors_line(paper.authors), paper.primary_category, dates(paper))
    return _ShownPaper(
        paper.title,
        web_address(paper.url),
        is_new,
        badges(paper),
        " · ".join(filter(None, facts)),
        tuple(with_links(paper.comment)),
        tuple(with_links(paper.abstract)),
    )
