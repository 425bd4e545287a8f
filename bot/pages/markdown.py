"""The page: one Markdown file with a section per keyword and a table of its newest papers.

Does not query the database, and does not decide which papers are new. Titles, abstracts, comments
and keywords are shown as text: whatever they contain breaks no table, and is neither markup nor
HTML, a formula, a mention, a reference or a link.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

from bot.errors import UserError
from bot.model import Paper
from bot.private_files import reason
from bot.text import clean, displayed, shorten

MAX_PAPERS = 100  # in one section
MAX_SHORT_COMMENT = 40  # characters; a longer one is collapsed like the abstract
NEW_BADGE = "🆕"

_INTRODUCTION = f"""\
# Daily Papers

One section per keyword, with the newest papers on arXiv that match it: at most {MAX_PAPERS},
newest first, dated by their submission. {NEW_BADGE} marks what the last day brought.
"""
_TABLE = "| **Title** | **Date** | **Abstract** | **Comment** |\n| --- | --- | --- | --- |"
_LAST_UPDATE = re.compile(rb"^Last update: .*$", re.MULTILINE)

# Markdown takes a character reference for text and never for markup (CommonMark 0.31, 6.2 "Entity
# and numeric character references"); braces are for Jekyll, which runs before it.
_ESCAPES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>|\\`*_[]~^{}"})
# Mentions, references, formulas, emoji and bare addresses are recognised in the text that Markdown
# produces, so an element has to break them up; <span>$</span> is GitHub's own advice ("Writing
# mathematical expressions", docs.github.com, 2026-11-24).
_AUTOLINKED = re.compile(r"[@#$]|(?<=:/)/|:(?=[\w+-]+:)|(?<=\bwww)\.|(?<=\bGH)-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageSection:
    """One keyword, its papers in any order, and the ids of those that are new."""

    keyword: str
    papers: tuple[Paper, ...]
    new: frozenset[str] = frozenset()


def render(sections: Sequence[PageSection], updated: date) -> str:
    """The whole page. Takes papers as their source wrote them; LaTeX becomes Unicode. Pure."""
    parts = [_INTRODUCTION, f"Last update: {updated.isoformat()}\n"]
    for section in sections:
        parts += [f"## {_text(clean(section.keyword))}\n", "\n".join(_table(section)) + "\n"]
    return "\n".join(parts)


def write(path: Path, text: str) -> bool:
    """Write the page to this path, whole or not at all; false if it was up to date.

    A page that differs only in its date is left alone. A link is followed, and the file's mode is
    kept. Raises UserError.
    """
    target = Path(os.path.realpath(path))
    data = text.encode("utf-8")
    try:
        if _is_up_to_date(target, data):
            return False
        _replace(target, data)
    except OSError as error:
        raise UserError(
            f"The page can't be written to {path}: {reason(error, target)}. "
            "Choose another path in [page] of bot.toml, or let the bot write to this folder."
        ) from error
    return True


def _table(section: PageSection) -> Iterator[str]:
    if not section.papers:
        yield "No papers yet."
        return
    yield _TABLE
    newest = sorted(section.papers, key=lambda paper: (paper.published, paper.serial), reverse=True)
    for paper in newest[:MAX_PAPERS]:
        yield _row(displayed(paper), is_new=paper.id in section.new)


def _row(paper: Paper, *, is_new: bool) -> str:
    title = f"**[{_text(paper.title)}]({_address(paper.url)})**"
    cells = (
        f"{NEW_BADGE} {title}" if is_new else title,
        f"{'' if paper.has_full_metadata else 'by '}{paper.published.date().isoformat()}",
        _collapsible("Show", paper.abstract) if paper.abstract else "",
        _comment(paper.comment),
    )
    return f"| {' | '.join(cells)} |"


def _comment(comment: str) -> str:
    if len(comment) <= MAX_SHORT_COMMENT:
        return _text(comment)
    return _collapsible(shorten(comment, MAX_SHORT_COMMENT), comment)


def _collapsible(summary: str, text: str) -> str:
    return f"<details><summary>{_text(summary)}</summary><p>{_text(text)}</p></details>"


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
    return quote(url, safe="/:?#@!',;=%+&", errors="replace").replace("&", "&amp;")


def _is_up_to_date(path: Path, data: bytes) -> bool:
    """Whether the file has the same content, apart from the date."""
    try:
        present = path.read_bytes()
    except FileNotFoundError:
        return False
    return _LAST_UPDATE.sub(b"", present, count=1) == _LAST_UPDATE.sub(b"", data, count=1)


def _replace(path: Path, data: bytes) -> None:
    """Write a temporary file next to it, flush it to disk, and only then rename it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # left over from a crash
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
