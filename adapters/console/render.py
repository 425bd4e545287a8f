"""A digest as text, and how it is rendered on a terminal or as plain text. Pure.

The payload holds text without styles: colour, links and line breaks are decided when a digest is
sent, by what the stream is at that time. Each address is on its own line.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from rich.console import Console
from rich.style import Style
from rich.text import Text

from adapters.json_template import encode
from bot.errors import PostRefused
from bot.model import Digest, Draft, Entry, MostSaved, NewsItem
from bot.text import authors_line, digests
from bot.text.badges import badges

VERSION = 1
OWN_CHANNEL = "console:"
MAX_WIDTH = 100  # columns; longer lines are hard to read
NARROW = 60  # columns
INDENT = "  "
WIDEST_CHARACTER = 2  # columns; rich drops a character that is wider than a line

HEADING_STYLE = Style(bold=True)
NOTE_STYLE = Style(color="yellow")
TITLE_STYLE = Style(bold=True, color="cyan")
ADDRESS_STYLE = Style(color="cyan", dim=True)
KEYWORDS_STYLE = Style(color="green")
DIM_STYLE = Style(dim=True)


@dataclass(frozen=True, slots=True)
class Item:
    """The texts of one paper."""

    title: str
    url: str
    authors: str
    facts: str
    keywords: str
    comment: str
    links: tuple[str, ...] = ()  # "code: https://…"
    group: str = ""  # the heading above it
    like: str = ""


@dataclass(frozen=True, slots=True)
class NewsLine:
    """What became of one paper that was posted before, or how many people saved it."""

    title: str
    url: str
    details: str


@dataclass(frozen=True, slots=True)
class Page:
    """The texts of one digest. The first ``in_full`` items are in full, the others one line.

    ``news`` are below the line ``news_heading``; ``more_news`` says how many have no line.
    ``most_saved`` are last, below ``most_saved_heading``.
    """

    heading: str
    notes: tuple[str, ...]
    items: tuple[Item, ...]
    in_full: int
    news_heading: str
    news: tuple[NewsLine, ...]
    more_news: str
    most_saved_heading: str
    most_saved: tuple[NewsLine, ...]


class ConsoleComposer:
    """Implements :class:`bot.ports.Composer`: one draft that holds every paper.

    Nothing on a terminal can be replied to, so withdrawals are only among the news.
    """

    def compose(self, digest: Digest) -> list[Draft]:
        payload = to_payload(page_of(digest))
        ids = tuple(entry.paper.id for entry in digest.entries)
        return [Draft(payload, ids, news=tuple(each.number for each in digest.news))]


def page_of(digest: Digest) -> Page:
    in_full = 0 if digest.channel.layout == "list" else digest.in_full
    return Page(
        heading=_heading(digest),
        notes=digests.remarks(digest),
        items=tuple(
            replace(_item(entry), group=_inert(heading))
            for entry, heading in zip(digest.entries, _group_headings(digest, in_full), strict=True)
        ),
        in_full=in_full,
        news_heading=digests.news_heading(digest),
        news=tuple(map(_news_line, digests.news_lines(digest))),
        more_news=digests.more_news(digest),
        most_saved_heading=digests.most_saved_heading(digest),
        most_saved=tuple(map(_most_saved_line, digest.most_saved)),
    )


def _group_headings(digest: Digest, in_full: int) -> tuple[str, ...]:
    """A group that continues among the papers with a line each has its heading there, too."""
    full, rest = digest.entries[:in_full], digest.entries[in_full:]
    return digests.group_headings(digest, full) + digests.group_headings(digest, rest)


def to_payload(page: Page) -> str:
    """Equal pages give identical text."""
    return encode({"version": VERSION, **asdict(page)})


def from_payload(payload: str) -> Page:
    """Raises PostRefused."""
    try:
        data = json.loads(payload)
        if data["version"] != VERSION:
            raise PostRefused("This digest was prepared by another version of the bot.")
        items = tuple(Item(**item) for item in data["items"])
        news = tuple(NewsLine(**line) for line in data["news"])
        most_saved = tuple(NewsLine(**line) for line in data["most_saved"])
        return Page(
            data["heading"], tuple(data["notes"]), items, data["in_full"],
            data["news_heading"], news, data["more_news"], data["most_saved_heading"], most_saved,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused("This digest is damaged and can't be shown.") from error


def _heading(digest: Digest) -> str:
    # In a dry run the terminal shows what other channels would get.
    where = "" if digest.channel.id == OWN_CHANNEL else f"{_inert(digest.channel.id)} · "
    return f"{where}{digests.heading(digest)}"


def _item(entry: Entry) -> Item:
    paper = entry.paper
    known = badges(paper)
    facts = (*digests.facts(paper), *(each.text for each in known if not each.url), paper.id)
    return Item(
        title=_inert(paper.title) or paper.id,
        url=_inert(paper.url).replace(" ", "%20"),
        authors=_inert(authors_line(paper.authors)),
        facts=" · ".join(filter(None, map(_inert, facts))),
        keywords=", ".join(map(_inert, entry.keywords)),
        comment=_inert(paper.comment),
        links=tuple(f"{_inert(each.text)}: {_inert(each.url)}" for each in known if each.url),
        like=_inert("".join(digests.like(entry.like))),
    )


def _news_line(item: NewsItem) -> NewsLine:
    details = (digests.posted_on(item), *digests.news_details(item))
    return NewsLine(
        title=f"{_inert(digests.news_label(item.news))}: {_inert(item.paper.title)}",
        url=_inert(item.paper.url).replace(" ", "%20"),
        details=" · ".join(map(_inert, details)),
    )


def _most_saved_line(each: MostSaved) -> NewsLine:
    return NewsLine(
        title=_inert(each.paper.title),
        url=_inert(each.paper.url).replace(" ", "%20"),
        details=digests.saved_by(each),
    )


def _inert(text: str) -> str:
    """One line of printable characters: no escapes, no control, format or surrogate characters."""
    line = " ".join(text.split())
    return "".join(c for c in line if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def plain(page: Page) -> str:
    """No line is wrapped, each address is on a line of its own."""
    lines = [page.heading, *page.notes]
    for item in page.items[: page.in_full]:
        facts = _facts(item).plain
        below = (item.url, item.authors, facts, item.like, *item.links, item.comment)
        lines += ["", item.group] if item.group else []
        lines += ["", item.title, *(INDENT + line for line in below if line)]
    rest = page.items[page.in_full :]
    if rest:
        lines += ["", *_more_line(page)]
    for item in rest:
        lines += [item.group] if item.group else []
        lines += [item.title, INDENT + item.url]
        lines += [INDENT + item.like] if item.like else []
    lines += _plain_news(page.news_heading, page.news)
    lines += [page.more_news] if page.more_news else []
    lines += _plain_news(page.most_saved_heading, page.most_saved)
    return "\n".join([*lines, "", ""])


def _plain_news(heading: str, lines: Sequence[NewsLine]) -> Iterator[str]:
    if heading:
        yield from ("", heading)
    for each in lines:
        yield from (each.title, INDENT + each.url, INDENT + each.details)


def _facts(item: Item) -> Text:
    separator = " · " if item.facts and item.keywords else ""
    return Text.assemble((item.facts + separator, DIM_STYLE), (item.keywords, KEYWORDS_STYLE))


def _more_line(page: Page) -> list[str]:
    """The line between papers in full and papers in one line, if there are both."""
    more = digests.and_more(len(page.items) - page.in_full, below=page.in_full > 0)
    return [more] if more else []


def styled(page: Page, terminal: Console) -> str:
    """As wide as ``terminal`` is, at most MAX_WIDTH; writes nothing to it."""
    with terminal.capture() as capture:
        for text in _styled_lines(page, terminal):
            terminal.print(text, soft_wrap=True)
    return capture.get()


def _styled_lines(page: Page, terminal: Console) -> Iterator[Text]:
    """The lines, wrapped to the terminal's width. Text objects: markup in titles means nothing."""
    yield from _wrapped(terminal, Text(page.heading, HEADING_STYLE))
    for note in page.notes:
        yield from _wrapped(terminal, Text(note, NOTE_STYLE))
    for item in page.items[: page.in_full]:
        yield from _styled_item(item, terminal)
    rest = page.items[page.in_full :]
    if rest:
        yield Text()
        yield from map(Text, _more_line(page))
    for item in rest:
        if item.group:
            yield from _wrapped(terminal, Text(item.group, HEADING_STYLE))
        yield from _one_line(item, terminal.width)
        yield from _wrapped(terminal, Text(item.like, NOTE_STYLE), INDENT * 2)
    yield from _styled_news(page.news_heading, page.news, terminal)
    yield from _wrapped(terminal, Text(page.more_news, DIM_STYLE))
    yield from _styled_news(page.most_saved_heading, page.most_saved, terminal)
    yield Text()


def _styled_item(item: Item, terminal: Console) -> Iterator[Text]:
    yield Text()
    if item.group:
        yield from _wrapped(terminal, Text(item.group, HEADING_STYLE))
        yield Text()
    yield from _wrapped(terminal, _title(item))
    yield Text(INDENT) + _address(item)
    yield from _wrapped(terminal, Text(item.authors), INDENT)
    yield from _wrapped(terminal, _facts(item), INDENT)
    yield from _wrapped(terminal, Text(item.like, NOTE_STYLE), INDENT)
    for link in item.links:
        yield Text(INDENT) + _link(link)
    yield from _wrapped(terminal, Text(item.comment, DIM_STYLE), INDENT)


def _styled_news(heading: str, lines: Sequence[NewsLine], terminal: Console) -> Iterator[Text]:
    if heading:
        yield Text()
        yield from _wrapped(terminal, Text(heading, HEADING_STYLE))
    for news in lines:
        style = TITLE_STYLE + Style(link=news.url or None)
        yield from _wrapped(terminal, Text(news.title, style))
        yield from _wrapped(terminal, Text(news.details, DIM_STYLE), INDENT)


def _one_line(item: Item, width: int) -> Iterator[Text]:
    """Address and title, cut off where it is too long; one below the other if space is narrow."""
    title = _title(item)
    if width < NARROW:
        title.truncate(width - len(INDENT), overflow="ellipsis")
        yield Text(INDENT) + title
        yield Text(INDENT * 2) + _address(item)
        return
    line = Text.assemble(INDENT, _address(item), INDENT)
    title.truncate(max(width - line.cell_len, WIDEST_CHARACTER), overflow="ellipsis")
    yield line + title


def _title(item: Item) -> Text:
    return Text(item.title, TITLE_STYLE + Style(link=item.url or None))


def _address(item: Item) -> Text:
    """The whole address, never broken: many terminals show no links, and none says so."""
    return Text(item.url, ADDRESS_STYLE + Style(link=item.url or None))


def _link(line: str) -> Text:
    """``code: https://…``, as ``_address``."""
    kind, _, url = line.partition(" ")
    return Text.assemble((f"{kind} ", DIM_STYLE), (url, ADDRESS_STYLE + Style(link=url)))


def _wrapped(terminal: Console, text: Text, indent: str = "") -> Iterator[Text]:
    for line in text.wrap(terminal, max(terminal.width - len(indent), WIDEST_CHARACTER)):
        line.rstrip()
        if line:
            yield Text(indent) + line
