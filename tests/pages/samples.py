"""Sections and pages for the tests of what they are written as."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from bot.model import Keyword, Paper
from bot.model.views import Arrival, KeywordPapers
from bot.pages.contents import PageContents
from tests.builders import paper

DAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def section(
    keyword: str,
    papers: tuple[Paper, ...],
    new: frozenset[str] = frozenset(),
    name: str = "",
    arrived: datetime = NOON,
) -> KeywordPapers:
    arrivals = tuple(Arrival(each, arrived) for each in papers)
    return KeywordPapers(Keyword(keyword, keyword, keyword, 1, name), papers, new, arrivals)


def page_of(*sections: KeywordPapers, most: int = 100, base_url: str = "") -> PageContents:
    return PageContents(sections, DAY, most, base_url=base_url)


def aged(number: int, hours: int, **fields: str) -> Paper:
    """Submitted so many hours before noon."""
    published = NOON - timedelta(hours=hours)
    return paper(number, f"Study {number}", published=published, **fields)


HOSTILE = [
    "Pipes | break | tables \\| and \\",
    "@everyone, see #12 and GH-34 and owner/repo#5 for $5 or $10 :tada:",
    "<script>alert(1)</script> &amp; &lt; <!-- comment --> </details></p>",
    "`code` ``` *stars* _lines_ __strong__ ~~strokes~~ ^up^ ==marks==",
    "[link](https://evil.example) ![image](x) [ref][1] [^1] <https://evil.example>",
    "https://evil.example, www.evil.example and me@evil.example",
    "{{ site.title }} {% include x %} | --- | # Heading",
    "- [ ] a task 1. one > quote",
    r"$\mathcal{O}(n)$ \textbf{bold} \nobodyknows{this} \| and $x",
    "&#124; &#x7c; &bsol; &copy",
    "**",
    "|",
    "\\",
    "]( x",
    "<!channel> and <?php ?> and <![CDATA[ x",
]
