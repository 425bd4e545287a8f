"""A digest as Discord messages: the exact bodies that are sent. Pure.

``digest`` is one container a message (Components V2), each paper with a button for its abstract;
``list`` is plain text with bare addresses, for bridges and screen readers; ``thread`` is one line
in the channel and the digest below it. Whether a channel is a forum is not known here: the day's
name for its post stands beside the body. The JSON is put together from parts, of which those of a
paper are made once (``DiscordPaper``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from math import ceil
from typing import Any, Final

from adapters.discord.limits import (
    CONTENT,
    PAPERS,
    TEXT_DISPLAY,
    Component,
    Size,
    size,
)
from adapters.discord.markup import inert, link
from adapters.json_template import SLOT, encode, template
from bot.errors import PostRefused
from bot.model import Digest, Draft, Entry, NewsItem, Paper
from bot.model.news import NEWS_SHOWN
from bot.text import authors_line, digests, shorten
from bot.text.badges import Badge, badges

VERSION: Final = 1
ACCENT: Final = 0xB31B1B  # arXiv's red
CONTAINER, SECTION, BUTTON, ROW, SELECT = 17, 9, 2, 1, 3
SECONDARY: Final = 2
COMPONENTS_V2, SUPPRESS_EMBEDS = 1 << 15, 1 << 2
ABSTRACT_PREFIX: Final = "abs:"  # what a button's custom_id begins with; the paper's id follows
# Likewise, of a menu below papers with a line each; the first one's id makes it unlike others.
ABSTRACTS_PREFIX: Final = "abstracts:"
# Of a menu, and characters of an option (docs, components/reference, 2026-08-06).
MAX_OPTIONS, MAX_OPTION_LENGTH = 25, 100

MAX_TITLE_LENGTH, MAX_AUTHORS_LENGTH, MAX_COMMENT_LENGTH, MAX_KEYWORDS_LENGTH = 250, 200, 150, 200
LINES_PER_TEXT: Final = 10
NEWS_PER_TEXT: Final = 3  # at most some 800 characters each, and 7,000 bytes together
PAPER_CACHE_SIZE: Final = 4096  # rendered, some 3 kB each
KEYWORDS_CACHE_SIZE: Final = 4096  # of a paper together, at most 200 characters
Body = dict[str, Any]


class Destination(StrEnum):
    """Where a message belongs."""

    CHANNEL = "channel"
    THREAD = "thread"  # below the message that is its parent
    REPLY = "reply"  # to the message that is its parent, wherever that stands


@dataclass(frozen=True, slots=True)
class Message:
    """A stored payload: the body of the request, where it goes, and the day's name for a forum."""

    place: Destination
    day: str
    body: Body


def text(content: str) -> Component:
    return {"type": TEXT_DISPLAY, "content": content}


def container(components: Sequence[Component]) -> Body:
    """The body of a message that is one container."""
    return {"components": _boxed(components), "flags": COMPONENTS_V2}


def _boxed(components: Sequence[Component]) -> list[Component]:
    return [{"type": CONTAINER, "accent_color": ACCENT, "components": list(components)}]


def _section(content: str, custom_id: str) -> Component:
    """A text with a button beside it."""
    return {
        "type": SECTION,
        "components": [text(content)],
        "accessory": {
            "type": BUTTON,
            "style": SECONDARY,
            "label": "Abstract",
            "custom_id": custom_id,
        },
    }


def _menu(custom_id: str, options: object) -> Component:
    """A menu that shows the abstract of the paper that is chosen."""
    select = {
        "type": SELECT,
        "custom_id": custom_id,
        "placeholder": "Abstract of …",
        "options": options,
    }
    return {"type": ROW, "components": [select]}


_PAYLOAD = template({"version": VERSION, "place": SLOT, "day": SLOT, "body": SLOT})
_CONTAINER = template(
    {
        **container([]),
        "components": [{**_boxed([])[0], "components": SLOT}],
        "allowed_mentions": {"parse": []},
    }
)
_TEXT = template(text(SLOT))
_SECTION = template(_section(SLOT, SLOT))
_SECTION_SIZE = size([_section("", "")])
_MENU = template(_menu(SLOT, SLOT))


@dataclass(slots=True)  # frozen, each of a million would take three times as long
class SizedComponent:
    """The JSON of one component, what it takes of a message's limits, and the papers that it shows:
    one whole, or several with a line each; or the news (by number) that it tells."""

    json: str
    size: Size
    papers: tuple[DiscordPaper, ...] = ()
    whole: bool = False
    news: tuple[int, ...] = ()


class DiscordPaper:
    """How one paper looks in every message; only the keywords that it matches are added."""

    def __init__(self, paper: Paper) -> None:
        self.id = paper.id
        self._paper = paper

    @cached_property
    def line(self) -> str:
        title = shorten(self._paper.title, MAX_TITLE_LENGTH)
        return f"- {link(title, self._paper.url)}"

    @cached_property
    def line_size(self) -> Size:
        return _size_of(self.line)

    @cached_property
    def option(self) -> str:
        """JSON of its option in a menu."""
        label = shorten(self._paper.title, MAX_OPTION_LENGTH).strip() or self.id
        return encode({"label": label, "value": self.id})

    def whole(self, matched: Matched) -> SizedComponent:
        before, after, size = self._whole
        return SizedComponent(
            f"{before}{matched.json}{after}", size + matched.size, (self,), whole=True
        )

    @cached_property
    def _whole(self) -> tuple[str, str, Size]:
        """The JSON before and after the keywords, and its size without them."""
        paper = self._paper
        facts = [
            *map(inert, digests.facts(paper)),
            *map(badge, badges(paper)),
            inert(shorten(paper.comment, MAX_COMMENT_LENGTH)),
        ]
        lines = [
            f"**{link(shorten(paper.title, MAX_TITLE_LENGTH), paper.url)}**",
            inert(shorten(authors_line(paper.authors), MAX_AUTHORS_LENGTH)),
            f"-# {' · '.join(filter(None, facts))}",
        ]
        content = "\n".join(filter(None, lines))
        before, between, after = _SECTION
        return (
            f"{before}{encode(ABSTRACT_PREFIX + self.id)}{between}{encode(content)[:-1]}",
            f'"{after}',
            _SECTION_SIZE + _size_of(content),
        )


def badge(each: Badge) -> str:
    """A badge on a line of a message, linked where it leads somewhere."""
    return link(each.text, each.url) if each.url else inert(each.text)


def _size_of(content: str) -> Size:
    """What so much more in a text takes."""
    return Size(0, len(content), len(content.encode()))


@dataclass(frozen=True, slots=True)
class Matched:
    """The keywords of a paper as they go on with a line about it: inside of a JSON string."""

    json: str
    size: Size


def _matched(keywords: tuple[str, ...]) -> Matched:
    shown = shorten(", ".join(keywords), MAX_KEYWORDS_LENGTH).strip()
    text = f" · *{inert(shown)}*" if shown else ""
    return Matched(encode(text)[1:-1], _size_of(text))


class DiscordComposer:
    """Implements :class:`bot.ports.Composer`: papers and keywords that occur in many digests are
    rendered once."""

    def __init__(self) -> None:
        self._rendered = lru_cache(maxsize=PAPER_CACHE_SIZE)(DiscordPaper)
        self._matched = lru_cache(maxsize=KEYWORDS_CACHE_SIZE)(_matched)

    def compose(self, digest: Digest) -> list[Draft]:
        """The messages of a digest, in order; every paper is in exactly one of them."""
        day = digests.long_day(digest.day)
        return [*self._digest(digest, day), *_replies(digest, day)]

    def _digest(self, digest: Digest, day: str) -> Iterator[Draft]:
        layout = digest.channel.layout
        if layout == "list":
            for content, papers, news in _plain_messages(digest):
                payload = _payload(Destination.CHANNEL, day, _plain_body(content))
                yield Draft(payload, papers, news=news)
            return
        if layout == "thread":
            line = _plain_body(inert(digests.heading(digest)))
            yield Draft(_payload(Destination.CHANNEL, day, line), ())
        place, parent = (
            (Destination.THREAD, 0) if layout == "thread" else (Destination.CHANNEL, None)
        )
        for body, ids, news in _messages(_head(digest), self._pieces(digest)):
            yield Draft(_payload(place, day, body), ids, parent, news)

    def _pieces(self, digest: Digest) -> list[SizedComponent]:
        papers = [self._rendered(entry.paper) for entry in digest.entries]
        shown = [
            paper.whole(self._matched(entry.keywords))
            for paper, entry in zip(papers, digest.entries[: digest.in_full], strict=False)
        ]
        rest = _folded(papers[digest.in_full :], _head(digest), below=digest.in_full > 0)
        return [*shown, *rest, *_news(digest)]


def compose(digest: Digest) -> list[Draft]:
    """The messages of one digest alone."""
    return DiscordComposer().compose(digest)


def read(payload: str) -> Message:
    """What ``compose`` stored. Raises PostRefused."""
    try:
        stored = json.loads(payload)
        if stored["version"] != VERSION:
            raise PostRefused("This message was prepared by another version of the bot.")
        return Message(Destination(stored["place"]), stored["day"], stored["body"])
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused("This message is damaged and can't be sent.") from error


def _payload(place: Destination, day: str, body: str) -> str:
    before, before_day, before_place, after = _PAYLOAD
    return f"{before}{body}{before_day}{encode(day)}{before_place}{encode(place)}{after}"


# -- components -----------------------------------------------------------------------------------


def _messages(
    head: SizedComponent, pieces: Sequence[SizedComponent]
) -> Iterator[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    """The JSON of each message's body, the ids of its papers, and the numbers of its news."""
    groups = _grouped(head, pieces)
    before, after = _CONTAINER
    for number, group in enumerate(groups, start=1):
        listed = [paper for piece in group if not piece.whole for paper in piece.papers]
        components = [*(piece.json for piece in group), *_menus(listed)]
        if len(groups) > 1:
            components.append(_text(f"-# {number} of {len(groups)}").json)
        ids = tuple(paper.id for piece in group for paper in piece.papers)
        news = tuple(number for piece in group for number in piece.news)
        yield f"{before}[{','.join(components)}]{after}", ids, news


def _grouped(head: SizedComponent, pieces: Sequence[SizedComponent]) -> list[list[SizedComponent]]:
    """The pieces in as few messages as the limits allow, with room for the menus of what has a line
    in it. One text is left for the number below."""
    whole = sum(piece.whole for piece in pieces)
    most = ceil(whole / ceil(whole / PAPERS)) if whole else 0  # 7 and 6 rather than 12 and 1
    groups = [[head]]
    filled, sections, listed, told = _AROUND + head.size, 0, 0, 0
    for piece in pieces:
        lines = 0 if piece.whole else len(piece.papers)
        longer = filled + piece.size
        if (sections or listed or told) and (
            sections + piece.whole > most or not (longer + _size_of_menus(listed + lines)).fits
        ):
            groups.append([])
            longer, sections, listed, told = _AROUND + piece.size, 0, 0, 0
        groups[-1].append(piece)
        filled, sections, listed = longer, sections + piece.whole, listed + lines
        told += len(piece.news)
    return groups


def _menus(listed: Sequence[DiscordPaper]) -> Iterator[str]:
    """JSON of menus that show the abstract of the paper that is chosen."""
    before, between, after = _MENU
    for start in range(0, len(listed), MAX_OPTIONS):
        some = listed[start : start + MAX_OPTIONS]
        options = ",".join(paper.option for paper in some)
        yield f"{before}{encode(ABSTRACTS_PREFIX + some[0].id)}{between}[{options}]{after}"


def _size_of_menus(listed: int) -> Size:
    return Size(2 * ceil(listed / MAX_OPTIONS), 0, 0)


def _head(digest: Digest) -> SizedComponent:
    lines = [f"### {inert(digests.heading(digest))}"]
    lines += [f"-# {inert(note)}" for note in digests.remarks(digest)]
    return _text("\n".join(lines))


def _folded(
    papers: Sequence[DiscordPaper], head: SizedComponent, *, below: bool
) -> Iterator[SizedComponent]:
    """Papers with a line each, some lines in each text: never more than the message that begins
    with ``head`` can hold."""
    around = _AROUND + head.size + _size_of_menus(1) + size([text("")])
    more = digests.and_more(len(papers), below=below)
    lines, some = [f"**{more}**"] if more else [], list[DiscordPaper]()
    filled = around + _size_of("\n".join(lines))
    for paper in papers:
        added = _NEWLINE + paper.line_size if lines else paper.line_size
        if some and (len(some) == LINES_PER_TEXT or not (filled + added).fits):
            yield _text("\n".join(lines), some)
            lines, some = [], []
            filled, added = around, paper.line_size
        lines.append(paper.line)
        some.append(paper)
        filled += added
    if some:
        yield _text("\n".join(lines), some)


def _text(
    content: str, papers: Sequence[DiscordPaper] = (), news: Sequence[int] = ()
) -> SizedComponent:
    before, after = _TEXT
    json = f"{before}{encode(content)}{after}"
    return SizedComponent(json, size([text(content)]), tuple(papers), news=tuple(news))


# -- news of posted papers ------------------------------------------------------------------------


def _news(digest: Digest) -> Iterator[SizedComponent]:
    """A few in each text, so that any message can hold it; those that get no line are counted."""
    heading, more = digests.news_heading(digest), digests.more_news(digest)
    shown, folded = digest.news[:NEWS_SHOWN], digest.news[NEWS_SHOWN:]
    for start in range(0, len(shown), NEWS_PER_TEXT):
        some = shown[start : start + NEWS_PER_TEXT]
        lines = [f"**{inert(heading)}**"] if heading and start == 0 else []
        numbers = [each.number for each in some]
        if more and start + NEWS_PER_TEXT >= len(shown):
            numbers += [each.number for each in folded]
            yield _text(
                "\n".join([*lines, *map(_news_line, some), f"-# {inert(more)}"]), (), numbers
            )
        else:
            yield _text("\n".join([*lines, *map(_news_line, some)]), (), numbers)


def _news_line(item: NewsItem) -> str:
    posted = digests.posted_on(item)
    facts = [
        link(posted, item.link) if item.link else posted,
        *map(inert, digests.news_details(item)),
    ]
    title = link(shorten(item.paper.title, MAX_TITLE_LENGTH), item.paper.url)
    return f"- **{inert(digests.news_label(item.news))}** · {title} · {' · '.join(facts)}"


def _replies(digest: Digest, day: str) -> Iterator[Draft]:
    """To the messages in which papers were posted that are withdrawn by now."""
    for item in digests.told_in_reply(digest):
        title = shorten(item.paper.title, MAX_TITLE_LENGTH)
        lines = [f"**{inert(digests.reply_label(item))}**", link(title, item.paper.url)]
        body = _plain_body("\n".join([*lines, *map(inert, digests.news_details(item))]))
        yield Draft(_payload(Destination.REPLY, day, body), (), reply_to=item.post_key)


_NEWLINE = _size_of("\n")
# What every message holds besides its papers, at most.
_AROUND = size([*_boxed([]), text("-# 99 of 99")])


# -- plain text -----------------------------------------------------------------------------------


def _plain_body(content: str) -> str:
    return encode({"content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": {"parse": []}})


def _plain_messages(digest: Digest) -> Iterator[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    """The content of each message, the ids of its papers, and the numbers of its news."""
    lines = [f"**{inert(digests.heading(digest))}**", *map(inert, digests.remarks(digest))]
    content, papers, news = "\n".join(lines), tuple[str, ...](), tuple[int, ...]()
    for item, paper_ids, numbers in (*_plain_pieces(digest), *_plain_news(digest)):
        if (papers or news) and len(content) + len(item) > CONTENT:
            yield content, papers, news
            content, papers, news = "", (), ()
        content = f"{content}{item}" if content else item.lstrip("\n")
        papers, news = (*papers, *paper_ids), (*news, *numbers)
    yield content, papers, news


_PlainPiece = tuple[str, tuple[str, ...], tuple[int, ...]]


def _plain_pieces(digest: Digest) -> Iterator[_PlainPiece]:
    """Each paper's text, with the line breaks before it, and its id."""
    full, rest = digest.entries[: digest.in_full], digest.entries[digest.in_full :]
    for entry in full:
        yield f"\n\n{_plain(entry)}", (entry.paper.id,), ()
    more = digests.and_more(len(rest), below=bool(full))
    for number, entry in enumerate(rest):
        before = f"\n\n{more}\n" if more and number == 0 else "\n"
        title = inert(shorten(entry.paper.title, MAX_TITLE_LENGTH))
        yield f"{before}- {title} <{entry.paper.url}>", (entry.paper.id,), ()


def _plain_news(digest: Digest) -> Iterator[_PlainPiece]:
    """The same of each of the news."""
    heading = digests.news_heading(digest)
    for number, item in enumerate(digest.news[:NEWS_SHOWN]):
        before = f"\n\n{inert(heading)}\n" if heading and number == 0 else "\n"
        title = inert(shorten(item.paper.title, MAX_TITLE_LENGTH))
        facts = [digests.posted_on(item), *digests.news_details(item)]
        line = f"- {inert(digests.news_label(item.news))} · {title} <{item.paper.url}>"
        link = f" <{item.link}>" if item.link else ""
        yield f"{before}{line} · {inert(' · '.join(facts))}{link}", (), (item.number,)
    if more := digests.more_news(digest):
        folded = digest.news[NEWS_SHOWN:]
        yield f"\n{inert(more)}", (), tuple(each.number for each in folded)


def _plain(entry: Entry) -> str:
    paper = entry.paper
    known = badges(paper)
    facts = (
        authors_line(paper.authors),
        *digests.facts(paper),
        *(each.text for each in known if not each.url),
        ", ".join(entry.keywords),
    )
    lines = [
        inert(shorten(paper.title, MAX_TITLE_LENGTH)),
        inert(shorten(" · ".join(filter(None, facts)), MAX_AUTHORS_LENGTH + MAX_KEYWORDS_LENGTH)),
        f"<{paper.url}>",
        *(f"{each.text}: <{each.url}>" for each in known if each.url),
    ]
    return "\n".join(filter(None, lines))
