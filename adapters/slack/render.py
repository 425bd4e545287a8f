"""A digest as Slack messages: the arguments of ``chat.postMessage``, as they are sent. Pure.

``thread`` (also ``digest``) is one message a day with the linked titles, and the papers in its
thread; ``inline`` is the papers in the channel; ``list`` is the titles alone, in the channel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from adapters.slack import blocks
from adapters.slack.blocks import Block
from bot.errors import PostRefused
from bot.model import Digest, Draft, Entry
from bot.text import authors_line, digests, shorten

VERSION: Final = 1
ABSTRACT: Final = "abstract"  # action_id of a paper's button; its value is the paper's id
IN_A_MESSAGE: Final = 10  # papers shown whole
LINES_AT_ONCE: Final = 20
LONGEST_TITLE, LONGEST_AUTHORS, LONGEST_COMMENT, LONGEST_KEYWORDS = 250, 200, 150, 200
Arguments = dict[str, Any]


class Place(StrEnum):
    """Where a message belongs."""

    CHANNEL = "channel"
    THREAD = "thread"  # below the message that is its parent


@dataclass(frozen=True, slots=True)
class Message:
    """A stored payload: where it goes, and the arguments less channel, thread and token."""

    place: Place
    arguments: Arguments


def compose(digest: Digest) -> list[Draft]:
    """The messages of a digest, in order; every paper stands in exactly one of them."""
    layout = digest.channel.layout
    if layout == "list":
        return _drafts(digest, Place.CHANNEL, [*_lines(digest.entries)], head=_head(digest))
    pieces = [*_whole(digest.entries[: digest.in_full])]
    pieces += _lines(
        digest.entries[digest.in_full :],
        digests.and_more(max(len(digest.entries) - digest.in_full, 0), below=True),
    )
    if layout == "inline":
        return _drafts(digest, Place.CHANNEL, pieces, head=_head(digest))
    return [_top(digest), *_drafts(digest, Place.THREAD, pieces, head=[], parent=0)]


def read(payload: str) -> Message:
    """What ``compose`` stored. Raises PostRefused."""
    try:
        stored = json.loads(payload)
        if stored["version"] != VERSION:
            raise PostRefused("This message was prepared by another version of the bot.")
        return Message(Place(stored["place"]), stored["arguments"])
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused("This message is damaged and can't be sent.") from error


def simplified(arguments: Arguments) -> Arguments:
    """The same papers without blocks, for a workspace that takes none of ours."""
    lines = [arguments["text"]]
    for block in arguments.get("blocks", ()):
        lines += [f"{text} {url}" for text, url in _links(block)]
    return {**{k: v for k, v in arguments.items() if k != "blocks"}, "text": "\n".join(lines)}


def _links(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        if part.get("type") == "link":
            yield escaped(part["text"]), part["url"]
        for value in part.values():
            yield from _links(value)
    elif isinstance(part, list):
        for each in part:
            yield from _links(each)


Piece = tuple[list[Block], tuple[str, ...]]


def _drafts(
    digest: Digest,
    place: Place,
    pieces: Sequence[Piece],
    *,
    head: list[Block],
    parent: int | None = None,
) -> list[Draft]:
    """The pieces in as few messages as the limits allow."""
    titles = {entry.paper.id: entry.paper.title for entry in digest.entries}
    groups: list[Piece] = []
    shown, papers, whole = list(head), tuple[str, ...](), 0
    for piece, ids in pieces:
        full = whole >= IN_A_MESSAGE or not blocks.fits([*shown, *piece])
        if papers and full:
            groups.append((shown, papers))
            shown, papers, whole = [], (), 0
        shown, papers, whole = [*shown, *piece], (*papers, *ids), whole + (len(ids) == 1)
    groups.append((shown, papers))
    return [
        Draft(
            _payload(Message(place, _arguments(digest, group, [titles[i] for i in ids]))),
            ids,
            parent,
        )
        for group, ids in groups
    ]


def _payload(message: Message) -> str:
    stored = {"version": VERSION, "place": message.place, "arguments": message.arguments}
    return json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _arguments(digest: Digest, shown: Sequence[Block], titles: Sequence[str]) -> Arguments:
    return {
        "text": spoken(digests.heading(digest), titles),
        "blocks": list(shown),
        "unfurl_links": False,
        "unfurl_media": False,
        "parse": "none",
    }


def spoken(heading: str, titles: Sequence[str]) -> str:
    """What notifications and screen readers tell: the heading, and the titles as far as they go."""
    said = heading
    for number, title in enumerate(titles):
        longer = f"{said}{'; ' if number else ': '}{title}"
        if len(escaped(longer)) > blocks.TEXT - 20:
            return escaped(f"{said}; and more")
        said = longer
    return escaped(said)


def escaped(text: str) -> str:
    """The three characters that Slack obeys in a message's text (docs, Formatting text).

    ``@here`` and the like are nothing without them and ``link_names``.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- the parts ------------------------------------------------------------------------------------


def _head(digest: Digest) -> list[Block]:
    return [blocks.header(digests.heading(digest)), *map(blocks.context, digests.remarks(digest))]


def _top(digest: Digest) -> Draft:
    """The day's message: heading, remarks, and the linked titles that fit."""
    shown = _head(digest)
    titles = [[blocks.link(_title(entry), entry.paper.url)] for entry in digest.entries]
    count = len(titles)
    while not blocks.fits([*shown, blocks.bullets(titles[:count]), blocks.context("x" * 60)]):
        count -= 1
    shown.append(blocks.bullets(titles[:count]))
    if count < len(titles):
        shown.append(blocks.context(f"And {len(titles) - count:,} more in the thread."))
    said = [entry.paper.title for entry in digest.entries]
    return Draft(_payload(Message(Place.CHANNEL, _arguments(digest, shown, said))), ())


def _title(entry: Entry) -> str:
    return shorten(entry.paper.title, LONGEST_TITLE)


def _whole(entries: Sequence[Entry]) -> Iterator[Piece]:
    """A paper with everything, and the button for its abstract below it."""
    for entry in entries:
        paper = entry.paper
        facts = [*digests.facts(paper), shorten(paper.comment, LONGEST_COMMENT)]
        facts.append(shorten(", ".join(entry.keywords), LONGEST_KEYWORDS))
        about = "\n".join(
            filter(
                None,
                [
                    shorten(authors_line(paper.authors), LONGEST_AUTHORS),
                    " · ".join(filter(None, facts)),
                ],
            )
        )
        text = blocks.rich(
            [blocks.link(_title(entry), paper.url, bold=True), blocks.words(f"\n{about}")]
        )
        press = blocks.actions(blocks.button("Abstract", ABSTRACT, paper.id))
        yield [text, press], (paper.id,)


def _lines(entries: Sequence[Entry], more: str = "") -> Iterator[Piece]:
    """Papers with a line each, some lines in each block."""
    for start in range(0, len(entries), LINES_AT_ONCE):
        some = entries[start : start + LINES_AT_ONCE]
        items = [
            [
                blocks.link(_title(entry), entry.paper.url),
                blocks.words(f" · {shorten(authors_line(entry.paper.authors, 1), 80)}"),
            ]
            for entry in some
        ]
        above = [blocks.rich([blocks.words(more, bold=True)])] if more and start == 0 else []
        yield [*above, blocks.bullets(items)], tuple(entry.paper.id for entry in some)
