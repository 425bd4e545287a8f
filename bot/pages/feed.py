"""The feeds: Atom, one of all keywords and one of each.

arXiv's own feeds are hard for other programs: a paper's id includes its version, replacements are
listed too, and all papers of a day have the same date. Here an id never changes, a paper is listed
once, and no two share a date: Slack's ``/feed``, for one, loses items of the same date (its
support, quoted in GoogleChrome/developer.chrome.com, issue 2808; read in November 2026).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import quote

from bot.model import Paper
from bot.model.views import Arrival, KeywordPapers
from bot.pages.contents import PageContents, web_address
from bot.pages.html import environment
from bot.text import clean

MAX_ENTRIES: Final = 500  # of one feed, which a reader fetches every hour or so
# arXiv numbers its papers from 1 each month, and reached 28,000 in October 2025.
_NUMBERS_IN_A_MONTH: Final = 50_000


def render_all(page: PageContents) -> str:
    """The feed of all keywords: each paper once, with the keywords that it matches."""
    return _render(page, f"{page.name}.xml", "Daily Papers", page.sections)


def render_keyword(page: PageContents, section: KeywordPapers, slug: str) -> str:
    """The feed of one keyword."""
    title = f"Daily Papers: {clean(section.keyword.label)}"
    return _render(page, f"{page.name}/{slug}.xml", title, [section])


@dataclass(slots=True)
class _Item:
    """A paper, the time that the feed gives for it, and the keywords that brought it."""

    paper: Paper
    at: datetime
    keywords: list[str] = field(default_factory=list)


def _render(page: PageContents, name: str, title: str, sections: Sequence[KeywordPapers]) -> str:
    items = _items(sections)
    own = f"{page.base_url}{quote(name)}"
    # Without an address of its own, a feed is identified by its name alone.
    feed_id = own if page.base_url else uuid.uuid5(uuid.NAMESPACE_URL, f"daily-papers:{name}").urn
    latest = items[0].at if items else datetime.combine(page.updated, time(), UTC)
    return environment().get_template("feed.xml").render(
        title=title,
        id=feed_id,
        updated=_written(latest),
        self_url=own if page.base_url else "",
        page_url=f"{page.base_url}{quote(f'{page.name}.html')}",
        entries=(_entry(page.show(each.paper), each) for each in items),
    )  # fmt: skip


def _entry(paper: Paper, item: _Item) -> Mapping[str, Any]:
    summary = paper.abstract
    if paper.comment:
        summary = f"{summary}\n\nComment: {paper.comment}".lstrip()
    return {
        "title": paper.title,
        "id": f"https://arxiv.org/abs/{paper.id}",
        "at": _written(item.at),
        "url": web_address(paper.url) or f"https://arxiv.org/abs/{paper.id}",
        "authors": paper.authors,
        "categories": paper.categories,
        "keywords": item.keywords,
        "summary": summary,
    }


def _items(sections: Iterable[KeywordPapers]) -> list[_Item]:
    """Latest first, no two at the same time."""
    items: dict[str, _Item] = {}
    for section in sections:
        for arrival in section.arrivals:
            at = _moment(arrival)
            item = items.setdefault(arrival.paper.id, _Item(arrival.paper, at))
            item.keywords.append(clean(section.keyword.label))
    return list(_apart(sorted(items.values(), key=lambda each: (each.at, each.paper.serial))))[
        ::-1
    ][:MAX_ENTRIES]


def _moment(arrival: Arrival) -> datetime:
    """The time that the feed gives for a paper: up to 14 hours before the run that brought it, by
    the paper's number. So the papers of one run differ in time, in the order of their announcement;
    a paper always has the same time; and those of the next day come later."""
    number = arrival.paper.serial % _NUMBERS_IN_A_MONTH
    return arrival.at.replace(microsecond=0) - timedelta(seconds=_NUMBERS_IN_A_MONTH - number)


def _apart(items: Iterable[_Item]) -> Iterator[_Item]:
    """Moves items of the same time a second apart: old papers of different months may have the same
    number."""
    last = None
    for item in items:
        if last is not None and item.at <= last:
            item.at = last + timedelta(seconds=1)
        last = item.at
        yield item


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_ours(start: bytes) -> bool:
    """Whether a file that begins with ``start`` is a feed that was written here."""
    return b"<generator>Daily Papers</generator>" in start
