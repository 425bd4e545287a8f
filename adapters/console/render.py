"""A digest in words, and the looks of these words on a terminal or in plain text. Pure.

The payload holds words, not looks: whether a digest gets colour and links, or is plain text with
each address on a line of its own, is decided when it is sent, by what the stream is then.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.style import Style
from rich.text import Text

from bot.errors import PostRefused
from bot.model import Digest, Entry
from bot.text import authors_line, digests

VERSION = 1
OWN = "console:"
WIDEST = 100  # columns; longer lines are hard to read
INDENT = "  "
WIDEST_SIGN = 2  # columns; rich drops a sign that is wider than a line

HEADING = Style(bold=True)
NOTE = Style(color="yellow")
TITLE = Style(bold=True, color="cyan")
KEYWORDS = Style(color="green")
QUIET = Style(dim=True)


@dataclass(frozen=True, slots=True)
class Item:
    """One paper in words."""

    title: str
    url: str
    authors: str
    facts: str
    keywords: str
    comment: str


@dataclass(frozen=True, slots=True)
class Page:
    """One digest in words. The first ``in_full`` items are shown whole, the others in a line."""

    heading: str
    notes: tuple[str, ...]
    items: tuple[Item, ...]
    in_full: int


def page_of(digest: Digest) -> Page:
    in_full = 0 if digest.channel.layout == "list" else digest.in_full
    return Page(
        _heading(digest), digests.remarks(digest), tuple(map(_item, digest.entries)), in_full
    )


def to_payload(page: Page) -> str:
    """The same text for the same page, always."""
    payload = {"version": VERSION, **asdict(page)}
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_payload(payload: str) -> Page:
    """Raises PostRefused."""
    try:
        data = json.loads(payload)
        if data["version"] != VERSION:
            raise PostRefused("This digest was prepared by another version of the bot.")
        items = tuple(Item(**item) for item in data["items"])
        return Page(data["heading"], tuple(data["notes"]), items, data["in_full"])
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused("This digest is damaged and can't be shown.") from error


def _heading(digest: Digest) -> str:
    # In a dry run the terminal shows what other channels would get.
    where = "" if digest.channel.id == OWN else f"{_inert(digest.channel.id)} · "
    return f"{where}{digests.heading(digest)}"


def _item(entry: Entry) -> Item:
    paper = entry.paper
    facts = (*digests.facts(paper), paper.id)
    return Item(
        title=_inert(paper.title) or paper.id,
        url=_inert(paper.url).replace(" ", "%20"),
        authors=_inert(authors_line(paper.authors)),
        facts=" · ".join(filter(None, map(_inert, facts))),
        keywords=", ".join(map(_inert, entry.keywords)),
        comment=_inert(paper.comment),
    )


def _inert(text: str) -> str:
    """One line that only prints: no escapes, no control, format or half characters."""
    line = " ".join(text.split())
    return "".join(c for c in line if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def plain(page: Page) -> str:
    """No line is wrapped, each address stands on a line of its own."""
    lines = [page.heading, *page.notes]
    for item in page.items[: page.in_full]:
        below = (item.url, item.authors, _facts(item).plain, item.comment)
        lines += ["", item.title, *(INDENT + line for line in below if line)]
    rest = page.items[page.in_full :]
    if rest:
        lines += ["", *_and_more(page)]
    for item in rest:
        lines += [item.title, INDENT + item.url]
    return "\n".join([*lines, "", ""])


def _facts(item: Item) -> Text:
    separator = " · " if item.facts and item.keywords else ""
    return Text.assemble((item.facts + separator, QUIET), (item.keywords, KEYWORDS))


def _and_more(page: Page) -> list[str]:
    """The line above what is only listed, where something stands above it."""
    more = digests.and_more(len(page.items) - page.in_full, below=page.in_full > 0)
    return [more] if more else []


def styled(page: Page, terminal: Console) -> str:
    """As wide as ``terminal`` is, but never wider than can be read; writes nothing to it."""
    with terminal.capture() as capture:
        for text in _texts(page, terminal):
            terminal.print(text, soft_wrap=True)
    return capture.get()


def _texts(page: Page, terminal: Console) -> Iterator[Text]:
    """The lines, wrapped to the terminal's width. Text objects: markup in titles means nothing."""
    yield from _wrapped(terminal, Text(page.heading, HEADING))
    for note in page.notes:
        yield from _wrapped(terminal, Text(note, NOTE))
    for item in page.items[: page.in_full]:
        yield Text()
        yield from _wrapped(terminal, _title(item))
        yield from _wrapped(terminal, Text(item.authors), INDENT)
        yield from _wrapped(terminal, _facts(item), INDENT)
        yield from _wrapped(terminal, Text(item.comment, QUIET), INDENT)
    rest = page.items[page.in_full :]
    if rest:
        yield Text()
        yield from map(Text, _and_more(page))
    for item in rest:
        line = _title(item)
        line.truncate(terminal.width - len(INDENT), overflow="ellipsis")
        yield Text(INDENT) + line
    yield Text()


def _title(item: Item) -> Text:
    return Text(item.title, TITLE + Style(link=item.url or None))


def _wrapped(terminal: Console, text: Text, indent: str = "") -> Iterator[Text]:
    for line in text.wrap(terminal, max(terminal.width - len(indent), WIDEST_SIGN)):
        line.rstrip()
        if line:
            yield Text(indent) + line
