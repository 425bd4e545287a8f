"""A digest as Discord messages: the exact bodies that are sent. Pure.

``digest`` is one container a message (Components V2), each paper with a button for its abstract;
``list`` is plain text with bare addresses, for bridges and screen readers; ``thread`` is one line
in the channel and the digest below it. Whether a channel is a forum is not known here: the day's
name for its post stands beside the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any, Final

from adapters.discord.limits import CONTENT, PAPERS, TEXT_DISPLAY, Component, Size, size
from adapters.discord.markup import inert, link
from bot.errors import PostRefused
from bot.model import Digest, Draft, Entry
from bot.text import authors_line, digests, shorten

VERSION: Final = 1
ACCENT: Final = 0xB31B1B  # arXiv's red
CONTAINER, SECTION, BUTTON, ROW, SELECT = 17, 9, 2, 1, 3
SECONDARY: Final = 2
COMPONENTS_V2, SUPPRESS_EMBEDS = 1 << 15, 1 << 2
ABSTRACT: Final = "abs:"  # what a button's custom_id begins with; the paper's id follows
# Likewise, of a menu below papers with a line each; the first one's id makes it unlike others.
ABSTRACTS: Final = "abstracts:"
# Of a menu, and characters of an option (docs, components/reference, 2026-08-06).
MOST_OPTIONS, LONGEST_OPTION = 25, 100

LONGEST_TITLE, LONGEST_AUTHORS, LONGEST_COMMENT, LONGEST_KEYWORDS = 250, 200, 150, 200
Body = dict[str, Any]


class Place(StrEnum):
    """Where a message belongs."""

    CHANNEL = "channel"
    THREAD = "thread"  # below the message that is its parent


@dataclass(frozen=True, slots=True)
class Message:
    """A stored payload: the body of the request, where it goes, and the day's name for a forum."""

    place: Place
    day: str
    body: Body


def compose(digest: Digest) -> list[Draft]:
    """The messages of a digest, in order; every paper stands in exactly one of them."""
    day = digests.long_day(digest.day)
    if digest.channel.layout == "list":
        return [
            Draft(_payload(Message(Place.CHANNEL, day, body)), papers)
            for body, papers in _plain_messages(digest)
        ]
    messages = list(_containers(digest))
    if digest.channel.layout != "thread":
        return [
            Draft(_payload(Message(Place.CHANNEL, day, body)), papers) for body, papers in messages
        ]
    line: Body = {"content": inert(digests.heading(digest)), "flags": SUPPRESS_EMBEDS}
    return [
        Draft(_payload(Message(Place.CHANNEL, day, line)), ()),
        *(
            Draft(_payload(Message(Place.THREAD, day, body)), papers, parent=0)
            for body, papers in messages
        ),
    ]


def read(payload: str) -> Message:
    """What ``compose`` stored. Raises PostRefused."""
    try:
        stored = json.loads(payload)
        if stored["version"] != VERSION:
            raise PostRefused("This message was prepared by another version of the bot.")
        return Message(Place(stored["place"]), stored["day"], stored["body"])
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused("This message is damaged and can't be sent.") from error


def _payload(message: Message) -> str:
    stored = {
        "version": VERSION,
        "place": message.place,
        "day": message.day,
        "body": {**message.body, "allowed_mentions": {"parse": []}},
    }
    return json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# -- components -----------------------------------------------------------------------------------


def _containers(digest: Digest) -> Iterator[tuple[Body, tuple[str, ...]]]:
    """Each message's body and the ids of its papers."""
    head = _head(digest)
    pieces = [
        *((_section(entry), [entry]) for entry in digest.entries[: digest.in_full]),
        *_folded(digest.entries[digest.in_full :], head, below=digest.in_full > 0),
    ]
    groups = _grouped(head, pieces)
    for number, (components, papers) in enumerate(groups, start=1):
        if len(groups) > 1:
            components = [*components, text(f"-# {number} of {len(groups)}")]
        yield container(components), papers


def _grouped(
    head: list[Component], pieces: Sequence[tuple[Component, Sequence[Entry]]]
) -> list[tuple[list[Component], tuple[str, ...]]]:
    """The pieces in as few messages as the limits allow, each with menus for what has a line in it.
    One text is left for the number below."""
    whole = sum(piece["type"] == SECTION for piece, _ in pieces)
    most = ceil(whole / ceil(whole / PAPERS)) if whole else 0  # 7 and 6 rather than 12 and 1
    groups: list[tuple[list[Component], tuple[str, ...]]] = []
    around = size(_around())
    components, papers, listed = list(head), tuple[str, ...](), list[Entry]()
    filled, sections = around + size(head), 0
    for piece, entries in pieces:
        added, is_section = size([piece]), piece["type"] == SECTION
        menus = _size_of_menus(len(listed) + (0 if is_section else len(entries)))
        if papers and (sections + is_section > most or not (filled + added + menus).fits):
            groups.append((components + _menus(listed), papers))
            components, papers, listed = [], (), []
            filled, sections = around, 0
        components.append(piece)
        papers = (*papers, *(entry.paper.id for entry in entries))
        listed += [] if is_section else entries
        filled, sections = filled + added, sections + is_section
    groups.append((components + _menus(listed), papers))
    return groups


def _menus(listed: Sequence[Entry]) -> list[Component]:
    """Menus that show the abstract of the paper that is chosen."""
    return [
        _menu(listed[start : start + MOST_OPTIONS]) for start in range(0, len(listed), MOST_OPTIONS)
    ]


def _size_of_menus(listed: int) -> Size:
    return Size(2 * ceil(listed / MOST_OPTIONS), 0, 0)


def _menu(entries: Sequence[Entry]) -> Component:
    options = [
        {
            "label": shorten(entry.paper.title, LONGEST_OPTION).strip() or entry.paper.id,
            "value": entry.paper.id,
        }
        for entry in entries
    ]
    menu = {
        "type": SELECT,
        "custom_id": f"{ABSTRACTS}{entries[0].paper.id}",
        "placeholder": "Abstract of …",
        "options": options,
    }
    return {"type": ROW, "components": [menu]}


def _head(digest: Digest) -> list[Component]:
    lines = [f"### {inert(digests.heading(digest))}"]
    lines += [f"-# {inert(remark)}" for remark in digests.remarks(digest)]
    return [text("\n".join(lines))]


def _section(entry: Entry) -> Component:
    paper = entry.paper
    facts = [*digests.facts(paper), shorten(paper.comment, LONGEST_COMMENT)]
    about = [inert(fact) for fact in facts if fact]
    if keywords := shorten(", ".join(entry.keywords), LONGEST_KEYWORDS).strip():
        about.append(f"*{inert(keywords)}*")
    lines = [
        f"**{link(shorten(paper.title, LONGEST_TITLE), paper.url)}**",
        inert(shorten(authors_line(paper.authors), LONGEST_AUTHORS)),
        f"-# {' · '.join(about)}",
    ]
    return {
        "type": SECTION,
        "components": [text("\n".join(filter(None, lines)))],
        "accessory": {
            "type": BUTTON,
            "style": SECONDARY,
            "label": "Abstract",
            "custom_id": f"{ABSTRACT}{paper.id}",
        },
    }


LINES_AT_ONCE: Final = 10


def _folded(
    entries: Sequence[Entry], head: list[Component], *, below: bool
) -> Iterator[tuple[Component, Sequence[Entry]]]:
    """Papers with a line each, some lines in each text: never more than the message that begins
    with ``head`` can hold."""
    around = size([*_around(), *head]) + _size_of_menus(1)
    more = digests.and_more(len(entries), below=below)
    lines, some = [f"**{more}**"] if more else [], list[Entry]()
    for entry in entries:
        line = f"- {link(shorten(entry.paper.title, LONGEST_TITLE), entry.paper.url)}"
        fits = (around + size([text("\n".join([*lines, line]))])).fits
        if some and (len(some) == LINES_AT_ONCE or not fits):
            yield text("\n".join(lines)), some
            lines, some = [], []
        lines.append(line)
        some.append(entry)
    if some:
        yield text("\n".join(lines)), some


def _around() -> list[Component]:
    """What stands in every message beside its papers, at most."""
    return [*_boxed([]), text("-# 99 of 99")]


def text(content: str) -> Component:
    return {"type": TEXT_DISPLAY, "content": content}


def container(components: Sequence[Component]) -> Body:
    """The body of a message that is one container."""
    return {"components": _boxed(components), "flags": COMPONENTS_V2}


def _boxed(components: Sequence[Component]) -> list[Component]:
    return [{"type": CONTAINER, "accent_color": ACCENT, "components": list(components)}]


# -- plain text -----------------------------------------------------------------------------------


def _plain_messages(digest: Digest) -> Iterator[tuple[Body, tuple[str, ...]]]:
    lines = [f"**{inert(digests.heading(digest))}**", *map(inert, digests.remarks(digest))]
    content, papers = "\n".join(lines), tuple[str, ...]()
    for item, paper_id in _plain_pieces(digest):
        if papers and len(content) + len(item) > CONTENT:
            yield {"content": content, "flags": SUPPRESS_EMBEDS}, papers
            content, papers = "", ()
        content = f"{content}{item}" if content else item.lstrip("\n")
        papers = (*papers, paper_id)
    yield {"content": content, "flags": SUPPRESS_EMBEDS}, papers


def _plain_pieces(digest: Digest) -> Iterator[tuple[str, str]]:
    """Each paper's text, with the line breaks before it, and its id."""
    full, rest = digest.entries[: digest.in_full], digest.entries[digest.in_full :]
    for entry in full:
        yield f"\n\n{_plain(entry)}", entry.paper.id
    more = digests.and_more(len(rest), below=bool(full))
    for number, entry in enumerate(rest):
        before = f"\n\n{more}\n" if more and number == 0 else "\n"
        title = inert(shorten(entry.paper.title, LONGEST_TITLE))
        yield f"{before}- {title} <{entry.paper.url}>", entry.paper.id


def _plain(entry: Entry) -> str:
    paper = entry.paper
    facts = (authors_line(paper.authors), *digests.facts(paper), ", ".join(entry.keywords))
    lines = [
        inert(shorten(paper.title, LONGEST_TITLE)),
        inert(shorten(" · ".join(filter(None, facts)), LONGEST_AUTHORS + LONGEST_KEYWORDS)),
        f"<{paper.url}>",
    ]
    return "\n".join(filter(None, lines))
