"""Words as people write them: papers ready to be shown, and the small sentences around them.

What comes out is plain text without LaTeX, control characters, terminal escapes or invisible
characters. Markup of a platform (Discord's, Slack's, Markdown, HTML) is not escaped here: each
renderer knows its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from bot.model import Paper
from bot.model.categories import canonical_category
from bot.text.latex import unicode_from_latex

__all__ = [
    "authors_line",
    "clean",
    "displayed",
    "first_lines",
    "plural",
    "shorten",
    "shorten_to_fit",
    "unicode_from_latex",
]

# ECMA-48: control sequences, then strings (window titles, links) up to their terminator. A string
# that does not end within a line's length is no string, and must not swallow the text behind it.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,200}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
# Control characters that are no white space; zero-width characters and joiners; marks, overrides
# and isolates of writing direction (U+202A-202E, U+2066-2069); soft hyphens; tags; the
# noncharacters by which our own texts refer to commands (bot.references), and the others at the end
# of each plane: a page or a feed that holds one is not valid.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufdd0-\ufdef\ufff0-\ufffb\U000e0000-\U000e0fff"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """One line without invisible characters, each run of white space one space. Idempotent."""
    if not (text.isascii() and text.isprintable()):
        text = _INVISIBLE.sub("", _TERMINAL.sub("", text))
        text = _LONE_SURROGATE.sub("\ufffd", text)
    return " ".join(text.split())


def displayed(paper: Paper) -> Paper:
    """The paper with all that people see of it ready to be shown: nothing that its source wrote
    reaches a platform with control characters, or marks that turn the direction of writing.

    A title of which nothing is left becomes the paper's id, so that there is something to click.
    A name without a letter is no author: arXiv lists the colon behind a collaboration as one
    (2604.12374, "NVIDIA, :, …"). Of a category with two names the canonical one is shown.
    """
    categories = map(canonical_category, filter(None, map(clean, paper.categories)))
    return replace(
        paper,
        title=displayed_title(paper.title, paper.id),
        abstract=_shown(paper.abstract),
        comment=_shown(paper.comment),
        authors=tuple(displayed_names(paper.authors)),
        categories=tuple(dict.fromkeys(categories)),
        primary_category=canonical_category(clean(paper.primary_category)),
        journal_ref=_shown(paper.journal_ref),
        doi=clean(paper.doi),
    )


def displayed_title(title: str, paper_id: str) -> str:
    """As ``displayed`` has it."""
    return _shown(title) or paper_id


def displayed_names(authors: Iterable[str]) -> Iterator[str]:
    """As ``displayed`` has them, one after another."""
    return filter(_has_letter, map(_shown, authors))


def _has_letter(name: str) -> bool:
    return any(map(str.isalpha, name))


def _shown(text: str) -> str:
    return clean(unicode_from_latex(clean(text)))


def authors_line(authors: Sequence[str], shown: int = 3) -> str:
    """``A. Author, B. Writer, C. Third and 4 more``. Names stay as their owners gave them."""
    rest = len(authors) - shown
    names = ", ".join(authors[:shown])
    return f"{names} and {rest} more" if rest > 0 else names


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters (code points), cut between words where there is a place near.

    Does not cut between a letter and its accent. A limit below 1 counts as 1.
    """
    if len(text) <= max(limit, 1):
        return text
    end = max(limit, 1) - 1
    between_words = text.rfind(" ", 0, end + 1)
    if between_words > end // 2:
        end = between_words
    while end > 0 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip(" ,;:.–—-") + "…"


def shorten_to_fit(text: str, fits: Callable[[str], bool]) -> str:
    """``text``, or as much of its beginning as ``fits`` takes, shortened as by ``shorten``.

    For a limit that is not counted in code points: ``fits`` measures the text as it will be sent,
    and has to take the beginning of whatever it takes. It is asked about twice the logarithm of
    the text's length, so this ends whatever it says. A text of which not even one character fits
    becomes ``…``, unasked.
    """
    if fits(text):
        return text
    fitting, too_long = 1, len(text)
    while too_long - fitting > 1:
        middle = (fitting + too_long) // 2
        if fits(shorten(text, middle)):
            fitting = middle
        else:
            too_long = middle
    return shorten(text, fitting) if len(text) > 1 else text and "…"


def first_lines(text: str, fits: Callable[[str], bool]) -> str:
    """``text``, or as many whole lines of it as ``fits`` takes, with ``…`` on a line below.

    Where not even the first line fits, it is shortened and stands alone. See ``shorten_to_fit``.
    """
    if fits(text):
        return text
    lines = text.split("\n")
    fitting, too_many = 0, len(lines)
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        if fits("\n".join([*lines[:middle], "…"])):
            fitting = middle
        else:
            too_many = middle
    if fitting == 0:
        return shorten_to_fit(f"{lines[0]}…", fits)
    return "\n".join([*lines[:fitting], "…"])


def plural(count: int, noun: str) -> str:
    """``1 paper``, ``2,100 papers``, for nouns that take an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
