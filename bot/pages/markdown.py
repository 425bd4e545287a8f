"""The Markdown page: a section per keyword with a table of its newest papers.

Does not query the database, and does not decide which papers are new. Titles, abstracts, comments
and keywords are shown as text: whatever they contain breaks no table, and is neither markup nor
HTML, a formula, a mention or a reference. The addresses in abstracts and comments are links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model import Paper
from bot.model.views import KeywordPapers
from bot.pages.contents import PageContents, dates, newest_first, quoted
from bot.text import clean, shorten
from bot.text.links import Link, with_links

MAX_SHORT_COMMENT = 40  # characters; a longer one is collapsed like the abstract
NEW_BADGE = "🆕"

_INTRODUCTION = """\
# Daily Papers

One section per keyword, with the newest papers on arXiv that match it: at most {most},
newest first, dated by their submission, and by that of the version shown where it is a later one.
{new} marks what the last day brought.
"""
_TABLE = "| **Title** | **Date** | **Abstract** | **Comment** |\n| --- | --- | --- | --- |"
# Markdown takes a character reference for text and never for markup (CommonMark 0.31, 6.2 "Entity
# and numeric character references"); braces are for Jekyll, which runs before it.
_ESCAPES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>|\\`*_[]~^{}"})
# Mentions, references, formulas, emoji and bare addresses are recognised in the text that Markdown
# produces, so an element has to break them up; <span>$</span> is GitHub's own advice ("Writing
# mathematical expressions", docs.github.com, 2026-11-24).
_AUTOLINKED = re.compile(r"[@#$]|(?<=:/)/|:(?=[\w+-]+:)|(?<=\bwww)\.|(?<=\bGH)-", re.IGNORECASE)


def render(page: PageContents) -> str:
    """The whole page. Takes papers as their source wrote them; LaTeX becomes Unicode. Pure."""
    introduction = _INTRODUCTION.format(most=page.most, new=NEW_BADGE)
    parts = [introduction, f"Last update: {page.updated.isoformat()}\n"]
    if not page.sections:
        parts.append("No keywords yet.\n")
    for section in page.sections:
        parts.append(f"## {_text(clean(section.keyword.label))}\n")
        if section.keyword.name:
            parts.append(f"{_text(clean(section.keyword.text))}\n")
        parts.append("\n".join(_table(page, section)) + "\n")
    return "\n".join(parts)


def _table(page: PageContents, section: KeywordPapers) -> Iterator[str]:
    if not section.papers:
        yield "No papers yet."
        return
    yield _TABLE
    for paper in newest_first(section.papers):
        yield _row(page.show(paper), is_new=paper.id in section.new)


def _row(paper: Paper, *, is_new: bool) -> str:
    title = f"**[{_text(paper.title)}]({_address(paper.url)})**"
    cells = (
        f"{NEW_BADGE} {title}" if is_new else title,
        dates(paper),
        _collapsible("Show", paper.abstract) if paper.abstract else "",
        _comment(paper.comment),
    )
    return f"| {' | '.join(cells)} |"


def _comment(comment: str) -> str:
    if len(comment) <= MAX_SHORT_COMMENT:
        return _linked(comment)
    return _collapsible(shorten(comment, MAX_SHORT_COMMENT), comment)


def _collapsible(summary: str, text: str) -> str:
    return f"<details><summary>{_text(summary)}</summary><p>{_linked(text)}</p></details>"


def _linked(text: str) -> str:
    """The same with its addresses as links. ``nofollow``: they are others' recommendations."""
    return "".join(
        f'<a href="{_address(each.url)}" rel="nofollow noopener">{_text(each.url)}</a>'
        if isinstance(each, Link)
        else _text(each)
        for each in with_links(text)
    )


def _text(text: str) -> str:
    """Escaped for Markdown and HTML."""
    parts = []
    end = 0
    for sign in _AUTOLINKED.finditer(text):
        parts += [
            text[end : sign.start()].translate(_ESCAPES),
            f"<span>{sign[0]}</span>",
        ]
        end = sign.end()
    return "".join([*parts, text[end:].translate(_ESCAPES)])


def _address(url: str) -> str:
    return quoted(url).replace("&", "&amp;")
