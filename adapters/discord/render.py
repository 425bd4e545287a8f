"""A digest as Discord messages: the exact bodies that are sent. Pure.

``digest`` is one container a message (Components V2), each paper with a button for its abstract;
``list`` is plain text with bare addresses, for bridges and screen readers; ``thread`` is one line
in the channel and the digest below it. Whether a channel is a forum is not known here, so the name
that its post would have is stored with every body. The JSON is assembled from parts; those of a
paper are rendered once (``DiscordPaper``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from math import ceil
from typing import Any, Final

from adapters.discord import threads
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
from bot.text import authors_line, digests, shorten
from bot.text.badges import Badge, badges
from bot.text.refusals import DAMAGED

VERSION: Final = 1
ACCENT: Final = 0xB31B1B  # arXiv's red
CONTAINER, SECTION, BUTTON, ROW, SELECT = 17, 9, 2, 1, 3
SECONDARY: Final = 2
COMPONENTS_V2, SUPPRESS_EMBEDS = 1 << 15, 1 << 2
ABSTRACT_PREFIX: Final = "abs:"  # what a button's custom_id begins with; the paper's id follows
PAPER_PREFIX: Final = "paper:"  # likewise; a command follows that is answered beside the message
# Likewise, of a menu below papers with a line each; the first one's id makes it unique.
ABSTRACTS_PREFIX: Final = "abstracts:"
# Of a menu, and characters of an option (docs, components/reference, 2026-08-06).
MAX_OPTIONS, MAX_OPTION_LENGTH = 25, 100

MAX_TITLE_LENGTH, MAX_AUTHORS_LENGTH, MAX_COMMENT_LENGTH, MAX_KEYWORDS_LENGTH = 250, 200, 150, 200
LINES_PER_TEXT: Final = 10
NEWS_PER_TEXT: Final = 3  # at most some 800 characters each, and 7,000 bytes together
PAPER_CACHE_SIZE: Final = 4096  # rendered, some 3 kB each
KEYWORDS_CACHE_SIZE: Final = 4096  # of a paper together, at most 200 characters
Body = dict[str, Any]
# A text, or the JSON of a message's body; the ids of its papers, and the numbers of its news.
_Content = tuple[str, tuple[str, ...], tuple[int, ...]]


class Destination(StrEnum):
    """Where a message belongs."""

    CHANNEL = "channel"
    THREAD = "thread"  # below the message that is its parent
    REPLY = "reply"  # to the message that is its parent, wherever that is
    DISCUSSION = "discussion"  # a paper's own thread; without a parent: the line that starts it

    @property
    def in_thread(self) -> bool:
        return self in {Destination.THREAD, Destination.DISCUSSION}


@dataclass(frozen=True, slots=True)
class Message:
    """A stored payload: the body of the request, where it goes, and the name of the thread or of a
    forum's post (``adapters.discord.threads``)."""

    place: Destination
    thread_name: str
    body: Body

    @property
    def mentioned(self) -> str:
        """The id of the one role that it may notify; empty if it may notify nobody."""
        return str(next(iter(self.body["allowed_mentions"].get("roles", ())), ""))

    def mentioning_nobody(self) -> Message:
        """The same without the line that names the role."""
        line = encode(f"<@&{self.mentioned}>\n")[1:-1]
        body = json.loads(encode(self.body).replace(line, ""))
        return replace(self, body={**body, "allowed_mentions": _allowed()})


def text(content: str) -> Component:
    return {"type": TEXT_DISPLAY, "content": content}


def container(components: Sequence[Component]) -> Body:
    """The body of a message that is one container."""
    return {"components": _boxed(components), "flags": COMPONENTS_V2}


def _boxed(components: Sequence[Component]) -> list[Component]:
    return [{"type": CONTAINER, "accent_color": ACCENT, "components": list(components)}]


def stop_row() -> Component:
    """The button below a person's own digests: ends them at once."""
    stop = {
        "type": BUTTON,
        "style": SECONDARY,
        "label": digests.STOP.label,
        "custom_id": f"{PAPER_PREFIX}{digests.STOP.words}",
    }
    return {"type": ROW, "components": [stop]}


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


_PAYLOAD = template({"version": VERSION, "place": SLOT, "thread_name": SLOT, "body": SLOT})
_CONTAINER = template(
    {
        **container([]),
        "components": [{**_boxed([])[0], "components": SLOT}],
        "allowed_mentions": SLOT,
    }
)
_TEXT = template(text(SLOT))
_SECTION = template(_section(SLOT, SLOT))
_SECTION_SIZE = size([_section("", "")])
_MENU = template(_menu(SLOT, SLOT))


@dataclass(slots=True)  # not frozen: creating each of a million would take three times as long
class SizedComponent:
    """The JSON of one component, how much of a message's limits it uses, and the papers that it
    shows (one in full, or several with a line each) or the numbers of the news that it tells."""

    json: str
    size: Size
    papers: tuple[DiscordPaper, ...] = ()
    whole: bool = False
    news: tuple[int, ...] = ()


class DiscordPaper:
    """How one paper looks in every message, but for the keywords that it matches. ``like`` is the
    field of ``Entry``."""

    def __init__(self, paper: Paper, like: str) -> None:
        self.id = paper.id
        self._paper = paper
        before, title, after = digests.like(like)
        self._like = f"{before}*{inert(title)}*{after}" if title else ""

    @cached_property
    def line(self) -> str:
        like = f" · {self._like}" if self._like else ""
        return f"- {linked_title(self._paper)}{like}"

    @cached_property
    def line_size(self) -> Size:
        return _size_of(self.line)

    @cached_property
    def option(self) -> str:
        """JSON of its option in a menu."""
        label = shorten(self._paper.title, MAX_OPTION_LENGTH).strip() or self.id
        return encode({"label": label, "value": self.id})

    def whole(self, matched: Matched, heading: str = "") -> SizedComponent:
        """The paper in full, in one piece with the ``heading`` of its group if it has one above."""
        before, after, size = self._whole
        json, size = f"{before}{matched.json}{after}", size + matched.size
        if heading:
            above = _text(_bold(heading))
            json, size = f"{above.json},{json}", above.size + size
        return SizedComponent(json, size, (self,), whole=True)

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
            f"**{linked_title(paper)}**",
            inert(shorten(authors_line(paper.authors), MAX_AUTHORS_LENGTH)),
            f"-# {' · '.join(filter(None, facts))}",
        ]
        content = "\n".join(filter(None, lines))
        like = f"\n-# {self._like}" if self._like else ""
        before, between, after = _SECTION
        return (
            f"{before}{encode(ABSTRACT_PREFIX + self.id)}{between}{encode(content)[:-1]}",
            f'{encode(like)[1:-1]}"{after}',
            _SECTION_SIZE + _size_of(content + like),
        )


def linked_title(paper: Paper) -> str:
    return link(shorten(paper.title, MAX_TITLE_LENGTH), paper.url)


def badge(each: Badge) -> str:
    """A badge on a line of a message, linked where it leads somewhere."""
    return link(each.text, each.url) if each.url else inert(each.text)


def _size_of(content: str) -> Size:
    """By how much ``content`` makes a text larger."""
    return Size(0, len(content), len(content.encode()))


@dataclass(frozen=True, slots=True)
class Matched:
    """The keywords that a paper matches, as they continue a line about it within a JSON string."""

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
        mentioned = digests.mention(digest)
        if digest.channel.layout == "list":
            yield from _plain_drafts(digest, day, mentioned)
        elif digest.channel.layout == "thread" and not digest.channel.owner:
            content = _with_mention(mentioned, inert(digests.heading(digest)))
            line = _plain_body(content, mentioned)
            yield Draft(_payload(Destination.CHANNEL, day, line), ())
            for body, ids, news in self._containers(digest, mentioned=""):  # the line notifies
                yield Draft(_payload(Destination.THREAD, day, body), ids, 0, news)
        else:  # also where a person wants threads, of which there are none in private messages
            for body, ids, news in self._containers(digest, mentioned):
                yield Draft(_payload(Destination.CHANNEL, day, body), ids, news=news)

    def _containers(self, digest: Digest, mentioned: str) -> Iterator[_Content]:
        head, foot = _head(digest, mentioned), _stop() if digest.channel.owner else None
        return _messages(head, self._pieces(digest, head), mentioned, foot)

    def _pieces(self, digest: Digest, head: SizedComponent) -> list[SizedComponent]:
        papers = [self._rendered(entry.paper, entry.like) for entry in digest.entries]
        full, rest = digest.entries[: digest.in_full], digest.entries[digest.in_full :]
        shown = [
            paper.whole(self._matched(entry.keywords), heading)
            for paper, entry, heading in zip(
                papers, full, digests.group_headings(digest, full), strict=False
            )
        ]
        headings = digests.group_headings(digest, rest)
        folded = _folded(papers[digest.in_full :], headings, head, below=digest.in_full > 0)
        return [*shown, *folded, *_news(digest), *_most_saved(digest)]


def compose(digest: Digest) -> list[Draft]:
    """The messages of one digest alone."""
    return DiscordComposer().compose(digest)


def read(payload: str) -> Message:
    """What ``compose`` stored. Raises PostRefused."""
    try:
        stored = json.loads(payload)
        if stored["version"] != VERSION:
            raise PostRefused("This message was prepared by another version of the bot.")
        return Message(Destination(stored["place"]), stored["thread_name"], stored["body"])
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused(DAMAGED) from error


def _payload(place: Destination, thread_name: str, body: str) -> str:
    before, before_place, before_name, after = _PAYLOAD
    return f"{before}{body}{before_place}{encode(place)}{before_name}{encode(thread_name)}{after}"


def discussion(paper: Paper, first: Body) -> list[Draft]:
    """The line that begins a paper's thread, and the body of the first message in it."""
    name = threads.name_of(paper)
    line = f"Discussion: **{linked_title(paper)}**"
    body = encode({**first, "flags": COMPONENTS_V2, "allowed_mentions": {"parse": []}})
    return [
        Draft(_payload(Destination.DISCUSSION, name, _plain_body(line)), ()),
        Draft(_payload(Destination.DISCUSSION, name, body), (), parent=0),
    ]


# -- components -----------------------------------------------------------------------------------


def _messages(
    head: SizedComponent,
    pieces: Sequence[SizedComponent],
    mentioned: str,
    foot: SizedComponent | None,
) -> Iterator[_Content]:
    """The JSON of each message's body. ``mentioned`` is the role that the head names; ``foot`` ends
    the last one."""
    groups = _grouped(head, pieces, foot.size if foot else size([]))
    before, between, after = _CONTAINER
    for number, group in enumerate(groups, start=1):
        listed = [paper for piece in group if not piece.whole for paper in piece.papers]
        components = [*(piece.json for piece in group), *_menus(listed)]
        if len(groups) > 1:
            components.append(_text(f"-# {number} of {len(groups)}").json)
        if foot and number == len(groups):
            components.append(foot.json)
        ids = tuple(paper.id for piece in group for paper in piece.papers)
        news = tuple(number for piece in group for number in piece.news)
        allowed = encode(_allowed(mentioned if number == 1 else ""))
        yield f"{before}{allowed}{between}[{','.join(components)}]{after}", ids, news


def _grouped(
    head: SizedComponent, pieces: Sequence[SizedComponent], foot: Size
) -> list[list[SizedComponent]]:
    """Distributes the pieces over as few messages as the limits allow. Leaves room for the menus of
    papers with a line each, for the message's number, and for the foot (which the size of ``head``
    includes)."""
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
            longer, sections, listed, told = _AROUND + foot + piece.size, 0, 0, 0
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


@cache
def _stop() -> SizedComponent:
    return SizedComponent(encode(stop_row()), size([stop_row()]))


def _head(digest: Digest, mentioned: str) -> SizedComponent:
    """The heading and remarks. The size includes that of the foot."""
    lines = [f"### {inert(digests.heading(digest))}"]
    lines += [f"-# {inert(note)}" for note in digests.remarks(digest)]
    head = _text(_with_mention(mentioned, "\n".join(lines)))
    return replace(head, size=head.size + _stop().size) if digest.channel.owner else head


def _with_mention(role: str, shown: str) -> str:
    """``shown``, below a mention of the role if there is one."""
    return f"<@&{role}>\n{shown}" if role else shown


def _allowed(role: str = "") -> dict[str, Any]:
    """What a message may notify: nobody, or this role alone, whatever else it says."""
    return {"parse": [], **({"roles": [role]} if role else {})}


def _bold(words: str) -> str:
    return f"**{inert(words)}**"


def _folded(
    papers: Sequence[DiscordPaper], headings: Sequence[str], head: SizedComponent, *, below: bool
) -> Iterator[SizedComponent]:
    """Papers with a line each, below the ``headings`` of their groups, some lines in each text: no
    text is too large for a message that begins with ``head``."""
    around = _AROUND + head.size + _size_of_menus(1) + size([text("")])
    more = digests.and_more(len(papers), below=below)
    lines, some = [f"**{more}**"] if more else [], list[DiscordPaper]()
    filled = around + _size_of("\n".join(lines))
    for paper, heading in zip(papers, headings, strict=True):
        line, own = paper.line, paper.line_size
        if heading:
            line = f"{_bold(heading)}\n{line}"
            own = own + _size_of(f"{_bold(heading)}\n")
        added = _NEWLINE + own if lines else own
        if some and (len(some) == LINES_PER_TEXT or not (filled + added).fits):
            yield _text("\n".join(lines), some)
            lines, some = [], []
            filled, added = around, own
        lines.append(line)
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
    for batch in digests.news_batches(digest, NEWS_PER_TEXT):
        lines = [_bold(batch.heading)] if batch.heading else []
        lines += map(_news_line, batch.items)
        lines += [f"-# {inert(batch.more)}"] if batch.more else []
        yield _text("\n".join(lines), news=batch.numbers)


def _news_line(item: NewsItem) -> str:
    posted = digests.posted_on(item)
    facts = [
        link(posted, item.link) if item.link else posted,
        *map(inert, digests.news_details(item)),
    ]
    label = _bold(digests.news_label(item.news))
    return f"- {label} · {linked_title(item.paper)} · {' · '.join(facts)}"


def _most_saved(digest: Digest) -> Iterator[SizedComponent]:
    """One text, which any message can hold."""
    if digest.most_saved:
        heading = digests.most_saved_heading(digest)
        lines = [_bold(heading)] if heading else []
        lines += [
            f"- {linked_title(each.paper)} · {digests.saved_by(each)}" for each in digest.most_saved
        ]
        yield _text("\n".join(lines))


def _replies(digest: Digest, day: str) -> Iterator[Draft]:
    """Replies to the messages that posted papers which have been withdrawn since."""
    for item in digests.told_in_reply(digest):
        lines = [_bold(digests.reply_label(item)), linked_title(item.paper)]
        body = _plain_body("\n".join([*lines, *map(inert, digests.news_details(item))]))
        yield Draft(_payload(Destination.REPLY, day, body), (), reply_to=item.post_key)


_NEWLINE = _size_of("\n")
# What every message holds besides its papers, at most.
_AROUND = size([*_boxed([]), text("-# 99 of 99")])


# -- plain text -----------------------------------------------------------------------------------


def _plain_body(content: str, mentioned: str = "", components: Sequence[Component] = ()) -> str:
    """``mentioned`` is the role that the content mentions."""
    allowed = _allowed(mentioned)
    body = {"content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": allowed}
    return encode({**body, "components": [*components]} if components else body)


def _plain_drafts(digest: Digest, day: str, mentioned: str) -> Iterator[Draft]:
    messages = list(_plain_messages(digest, mentioned))
    for number, (content, papers, news) in enumerate(messages, start=1):
        below = [stop_row()] if digest.channel.owner and number == len(messages) else []
        body = _plain_body(content, mentioned if number == 1 else "", below)
        yield Draft(_payload(Destination.CHANNEL, day, body), papers, news=news)


def _plain_messages(digest: Digest, mentioned: str) -> Iterator[_Content]:
    """The first of them mentions the role."""
    lines = [_bold(digests.heading(digest)), *map(inert, digests.remarks(digest))]
    head = _with_mention(mentioned, "\n".join(lines))
    content, papers, news = head, tuple[str, ...](), tuple[int, ...]()
    pieces = (*_plain_pieces(digest), *_plain_news(digest), *_plain_most_saved(digest))
    for item, paper_ids, numbers in pieces:
        if (papers or news or not paper_ids) and len(content) + len(item) > CONTENT:
            yield content, papers, news
            content, papers, news = "", (), ()
        content = f"{content}{item}" if content else item.lstrip("\n")
        papers, news = (*papers, *paper_ids), (*news, *numbers)
    yield content, papers, news


def _plain_pieces(digest: Digest) -> Iterator[_Content]:
    """Each paper's text, with the line breaks before it."""
    full, rest = digest.entries[: digest.in_full], digest.entries[digest.in_full :]
    for entry, heading in zip(full, digests.group_headings(digest, full), strict=True):
        above = f"\n\n{_bold(heading)}" if heading else ""
        yield f"{above}\n\n{_plain(entry)}", (entry.paper.id,), ()
    more = digests.and_more(len(rest), below=bool(full))
    headings = digests.group_headings(digest, rest)
    for number, (entry, heading) in enumerate(zip(rest, headings, strict=True)):
        before = f"\n\n{more}\n" if more and number == 0 else "\n"
        if heading:
            before += f"{_bold(heading)}\n"
        title = _plain_title(entry.paper)
        yield f"{before}- {title} <{entry.paper.url}>", (entry.paper.id,), ()


def _plain_news(digest: Digest) -> Iterator[_Content]:
    """Each news item's text, with the line breaks before it."""
    heading = digests.news_heading(digest)
    for number, item in enumerate(digests.news_lines(digest)):
        before = f"\n\n{inert(heading)}\n" if heading and number == 0 else "\n"
        title = _plain_title(item.paper)
        facts = [digests.posted_on(item), *digests.news_details(item)]
        line = f"- {inert(digests.news_label(item.news))} · {title} <{item.paper.url}>"
        link = f" <{item.link}>" if item.link else ""
        yield f"{before}{line} · {inert(' · '.join(facts))}{link}", (), (item.number,)
    if more := digests.more_news(digest):
        yield f"\n{inert(more)}", (), tuple(each.number for each in digests.news_counted(digest))


def _plain_most_saved(digest: Digest) -> Iterator[_Content]:
    """The same for the most saved papers, which do not count as papers of this digest."""
    heading = digests.most_saved_heading(digest)
    for number, each in enumerate(digest.most_saved):
        before = f"\n\n{inert(heading)}\n" if heading and number == 0 else "\n"
        title = _plain_title(each.paper)
        yield f"{before}- {title} <{each.paper.url}> · {digests.saved_by(each)}", (), ()


def _plain_title(paper: Paper) -> str:
    return inert(shorten(paper.title, MAX_TITLE_LENGTH))


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
        _plain_title(paper),
        inert("".join(digests.like(entry.like))),
        inert(shorten(" · ".join(filter(None, facts)), MAX_AUTHORS_LENGTH + MAX_KEYWORDS_LENGTH)),
        f"<{paper.url}>",
        *(f"{each.text}: <{each.url}>" for each in known if each.url),
    ]
    return "\n".join(filter(None, lines))
