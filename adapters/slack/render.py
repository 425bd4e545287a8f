"""A digest as Slack messages, within its limits. Pure.

Four layouts: ``thread`` (the default; ``digest`` means the same) is one message with the linked
titles in the channel, and the papers in its thread, about ten in each message; a digest of a few
papers is only that one message, with the papers in it. ``inline`` puts everything into the channel;
so does ``messages``, with a message for each paper, so that each can be discussed and reacted to;
``list`` is a line for each paper. The payload is the JSON of chat.postMessage's arguments, without
the channel, the thread and the post's key. It is assembled from parts; those of a paper are
rendered once (``SlackPaper``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from itertools import accumulate, takewhile
from math import ceil
from typing import Any, Final

from adapters.json_template import SLOT, encode, template
from adapters.slack import blocks
from adapters.slack.blocks import bullets, header, mrkdwn, quiet, rich, section, spoken, words
from adapters.slack.limits import (
    BLOCKS,
    CHARACTERS,
    TEXT,
    Block,
    cut,
    escaped,
    length,
    units,
    weight,
    within,
)
from bot.errors import PostRefused
from bot.model import Digest, Draft, NewsItem, Paper
from bot.text import digests, plural
from bot.text.refusals import DAMAGED

FEW: Final = 3  # papers that need no thread
IN_A_THREAD: Final = 10  # papers shown in full in a message of a thread
IN_THE_CHANNEL: Final = 20
LINES_AT_ONCE: Final = 10  # papers with a line each in one block
NEWS_AT_ONCE: Final = 5  # in a block: at most some 1,000 characters each
LONGEST_DETAILS: Final = 300
PAPERS_CACHED: Final = 4096  # rendered, some 5 kB each
KEYWORDS_CACHED: Final = 4096  # of a paper together, at most 200 characters

Arguments = dict[str, Any]


def arguments(text: str, made: Sequence[Block]) -> Arguments:
    """Those of chat.postMessage, for a message that unfurls nothing and mentions nobody."""
    return {
        "text": text,
        "blocks": list(made),
        "mrkdwn": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
    }


_PAYLOAD = template({**arguments(SLOT, ()), "blocks": SLOT})
_BESIDE = template(blocks.beside({**mrkdwn(""), "text": SLOT}, SLOT))
_BULLETS = template(rich({**bullets(), "elements": SLOT}))


@dataclass(frozen=True, slots=True)
class Rendered:
    """JSON, and what it weighs in a message."""

    json: str
    weight: int


@dataclass(slots=True)  # not frozen: creating each of a million would take three times as long
class BlockGroup:
    """The JSON of so many ``blocks`` that stay together, what they weigh, and the papers that they
    show. ``whole``: they show one paper in full."""

    json: str
    blocks: int
    weight: int
    papers: tuple[SlackPaper, ...] = ()
    whole: bool = False
    news: tuple[int, ...] = ()


class SlackPaper:
    """How one paper looks in every message, but for the keywords that it matches. ``like`` is the
    field of ``Entry``."""

    def __init__(self, paper: Paper, like: str) -> None:
        self.id = paper.id
        self._paper = paper
        self._like = like

    @cached_property
    def spoken(self) -> str:
        """Its title in the top-level text."""
        return spoken(blocks.title(self._paper))

    @cached_property
    def spoken_units(self) -> int:
        return units(self.spoken)

    @cached_property
    def titled(self) -> Rendered:
        """An item of a list: the title."""
        return _rendered(section(blocks.titled(self._paper)))

    @cached_property
    def listed(self) -> Rendered:
        """An item of a list: the paper in a line."""
        return _rendered(blocks.listed(self._paper, self._like))

    def whole(self, matched: Rendered, heading: str = "") -> BlockGroup:
        """The paper beside its button: one block, below the ``heading`` of its group."""
        before, after, weight = self._whole
        json = f"{before}{matched.json}{after}"
        return _below_line(
            heading, BlockGroup(json, 1, weight + matched.weight, (self,), whole=True)
        )

    @cached_property
    def _whole(self) -> tuple[str, str, int]:
        """The JSON before and after the keywords, and what it weighs without them."""
        text = blocks.paper_in_mrkdwn(self._paper)
        like = blocks.like_in_mrkdwn(self._like)
        button = blocks.abstract_button(self._paper)
        before, between, after = _BESIDE
        return (
            f"{before}{encode(button)}{between}{encode(text)[:-1]}",
            f'{encode(like)[1:-1]}"{after}',
            weight(button) + length(text) + length(like),
        )


def _rendered(block: Block) -> Rendered:
    return Rendered(encode(block), weight(block))


def _matched(keywords: tuple[str, ...]) -> Rendered:
    """The keywords that a paper matches, as they continue the text about it."""
    text = blocks.matched_in_mrkdwn(keywords)
    return Rendered(encode(text)[1:-1], length(text))


def _piece(*made: Block) -> BlockGroup:
    return BlockGroup(",".join(map(encode, made)), len(made), weight(made))


class SlackComposer:
    """Implements :class:`bot.ports.Composer`: papers and keywords that occur in many digests are
    rendered once."""

    def __init__(self) -> None:
        self._rendered = lru_cache(maxsize=PAPERS_CACHED)(SlackPaper)
        self._matched = lru_cache(maxsize=KEYWORDS_CACHED)(_matched)

    def compose(self, digest: Digest) -> list[Draft]:
        """The messages of a digest, in order; every paper is in exactly one of them."""
        return [*self._digest(digest), *_replies(digest)]

    def _digest(self, digest: Digest) -> list[Draft]:
        layout = digest.channel.layout
        stop = [_stop()] if digest.channel.owner else []
        told = [*_news(digest), *_most_saved(digest)]
        news = [*told, *stop]
        papers = [self._rendered(entry.paper, entry.like) for entry in digest.entries]
        if layout == "list":
            headings = digests.group_headings(digest, digest.entries)
            return _drafts(digest, [_head(digest), *_folded(papers, headings), *news], 0)
        full, rest = digest.entries[: digest.in_full], digest.entries[digest.in_full :]
        whole = [
            paper.whole(self._matched(entry.keywords), heading)
            for paper, entry, heading in zip(
                papers, full, digests.group_headings(digest, full), strict=False
            )
        ]
        more = digests.and_more(len(rest), below=bool(whole))
        headings = digests.group_headings(digest, rest)
        folded = list(_folded(papers[digest.in_full :], headings, more))
        if layout == "messages" and len(papers) > 1:
            return _one_each(digest, whole, [*folded, *news])
        if layout == "inline":
            return _drafts(digest, [_head(digest), *whole, *folded, *news], IN_THE_CHANNEL)
        if len(papers) <= FEW:
            return _drafts(digest, [_head(digest), *whole, *folded, *news], IN_A_THREAD)
        above = _payload(notification_text(digest, papers), [*_contents(digest, papers), *stop])
        return [
            Draft(above, ()),
            *_drafts(digest, [*whole, *folded, *told], IN_A_THREAD, parent=0),
        ]


def compose(digest: Digest) -> list[Draft]:
    """The messages of one digest alone."""
    return SlackComposer().compose(digest)


def discussion(paper: Paper, first: Sequence[Block]) -> list[Draft]:
    """The message that begins a paper's thread, and the blocks of the first reply to it."""
    line = rich(section(words("Discussion: ", bold=True), blocks.titled(paper)))
    name = blocks.title(paper)
    opening = arguments(spoken(f"Discussion: {name}"), [line])
    return [
        Draft(encode(opening), ()),
        Draft(encode(arguments(spoken(f"Abstract of {name}"), first)), (), parent=0),
    ]


def read(payload: str) -> Arguments:
    """What ``compose`` stored. Raises PostRefused."""
    try:
        stored = json.loads(payload)
        return {**stored, "text": stored["text"] + "", "blocks": list(stored["blocks"])}
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused(DAMAGED) from error


# -- messages -------------------------------------------------------------------------------------


def _one_each(
    digest: Digest, whole: Sequence[BlockGroup], rest: Sequence[BlockGroup]
) -> list[Draft]:
    """The day's heading, a message for each paper, and the rest in as few as the limits allow."""
    drafts = [Draft(_payload(notification_text(digest, ()), [_head(digest)]), ())]
    for piece in whole:
        [paper] = piece.papers
        drafts.append(Draft(_payload(paper.spoken, [piece]), (paper.id,)))
    if rest:
        drafts += _drafts(digest, rest, 0, first=len(whole) + 1)
    return drafts


def _drafts(
    digest: Digest,
    pieces: Sequence[BlockGroup],
    most: int,
    parent: int | None = None,
    first: int = 1,
) -> list[Draft]:
    """The pieces in as few messages as the limits allow, each with its number where several.
    ``first`` is the number of their first paper in the digest."""
    groups = _grouped(pieces, most)
    drafts = []
    part = parent is not None or first > 1 or len(groups) > 1
    for number, group in enumerate(groups, start=1):
        papers = [paper for piece in group for paper in piece.papers]
        news = tuple(each for piece in group for each in piece.news)
        span = (first, first + len(papers) - 1)
        text = notification_text(digest, papers, span if part and papers else None, news=bool(news))
        if len(groups) > 1:
            group.append(_number(number, len(groups)))
        ids = tuple(paper.id for paper in papers)
        drafts.append(Draft(_payload(text, group), ids, parent, news))
        first += len(papers)
    return drafts


def _grouped(pieces: Sequence[BlockGroup], most: int) -> list[list[BlockGroup]]:
    """Distributes the pieces over as few messages as the limits allow, with at most ``most`` papers
    in full in each. One block is left for the message's number."""
    shown_whole = sum(piece.whole for piece in pieces)
    # 7 and 6 rather than 10 and 3
    even = ceil(shown_whole / ceil(shown_whole / most)) if shown_whole else 0
    numbered = _number(999, 999).weight
    groups: list[list[BlockGroup]] = [[]]
    made, filled, whole = 1, numbered, 0
    for piece in pieces:
        fits = within(made + piece.blocks, filled + piece.weight)
        taken = any(each.papers or each.news for each in groups[-1])
        if taken and (not fits or whole + piece.whole > even > 0):
            groups.append([])
            made, filled, whole = 1, numbered, 0
        groups[-1].append(piece)
        made, filled, whole = made + piece.blocks, filled + piece.weight, whole + piece.whole
    return groups


@cache
def _number(number: int, count: int) -> BlockGroup:
    """The number below one of several messages."""
    return _piece(quiet(f"{number} of {count}"))


@cache
def _stop() -> BlockGroup:
    """The button below a person's own digests: ends them at once."""
    return _piece(blocks.actions(blocks.say_button(digests.STOP, 0, blocks.PAPER)))


def _head(digest: Digest) -> BlockGroup:
    """The heading. A digest of a few papers does not count them by keyword: each shows its own."""
    counts = digests.keyword_counts(digest) if len(digest.entries) > FEW else ""
    notes = [*filter(None, [counts]), *digests.remarks(digest)]
    group = digests.mention(digest)
    return _piece(
        *([blocks.user_group(group)] if group else []),
        header(digests.heading(digest)),
        *([quiet(*notes)] if notes else []),
    )


def _contents(digest: Digest, papers: Sequence[SlackPaper]) -> list[BlockGroup]:
    """The message above a thread: the titles of the papers in full, as many as fit."""
    head = _head(digest)
    told = digests.news_heading(digest)
    room = CHARACTERS - head.weight - _below(len(papers), told).weight - _stop().weight
    shown: list[Rendered] = []
    headings = digests.group_headings(digest, digest.entries[: digest.in_full])
    made = head.blocks + 3  # the first list, and what is below
    for paper, heading in zip(papers, headings, strict=False):
        room -= paper.titled.weight + _line(heading).weight
        made += 2 * bool(heading)
        if room < 0 or made > BLOCKS:
            break
        shown.append(paper.titled)
    if not shown:
        return [head, _piece(quiet(f"{plural(len(papers), 'paper')} in the thread"))]
    lists = [
        _below_line(headings[run.start], _list(shown[run.start : run.stop]))
        for run in _runs(headings[: len(shown)], len(shown))
    ]
    return [head, *lists, _below(len(papers) - len(shown), told)]


@cache
def _line(text: str) -> Rendered:
    """A line in bold, such as the heading of a group; nothing where the text is empty."""
    return _rendered(rich(section(words(text, bold=True)))) if text else Rendered("", 0)


def _below_line(text: str, group: BlockGroup) -> BlockGroup:
    """The blocks below a line in bold, which stays with them."""
    if not text:
        return group
    above = _line(text)
    return replace(
        group,
        json=f"{above.json},{group.json}",
        blocks=group.blocks + 1,
        weight=group.weight + above.weight,
    )


def _runs(headings: Sequence[str], most: int) -> Iterator[range]:
    """The positions of the papers in each list: up to the next heading, and at most ``most``."""
    start = 0
    for place in range(1, len(headings) + 1):
        if place == len(headings) or headings[place] or place - start == most:
            yield range(start, place)
            start = place


@cache
def _below(rest: int, news: str) -> BlockGroup:
    more = f"and {rest:,} more in the thread" if rest else ""
    details = "Abstracts and details are in the thread"
    if news:
        details += f", and {news[0].lower()}{news[1:]}"
    return _piece(quiet(" · ".join(filter(None, [more, details]))))


def _folded(
    papers: Sequence[SlackPaper], headings: Sequence[str], more: str = ""
) -> Iterator[BlockGroup]:
    """Papers with a line each, below the ``headings`` of their groups; ``more`` is the line above
    them."""
    for run in _runs(headings, LINES_AT_ONCE):
        listed = _below_line(headings[run.start], _bulleted(papers[run.start : run.stop]))
        yield _below_line(more if run.start == 0 else "", listed)


def _bulleted(papers: Sequence[SlackPaper]) -> BlockGroup:
    return _list([paper.listed for paper in papers], papers)


def _list(items: Sequence[Rendered], papers: Sequence[SlackPaper] = ()) -> BlockGroup:
    before, after = _BULLETS
    json = f"{before}[{','.join(item.json for item in items)}]{after}"
    return BlockGroup(json, 1, sum(item.weight for item in items), tuple(papers))


# -- news of posted papers ------------------------------------------------------------------------


def _news(digest: Digest) -> Iterator[BlockGroup]:
    """A few in each block, so that any message can hold it; those that get no line are counted."""
    for batch in digests.news_batches(digest, NEWS_AT_ONCE):
        made = [rich(section(words(batch.heading, bold=True)))] if batch.heading else []
        made.append(rich(bullets(*map(_news_line, batch.items))))
        made += [quiet(batch.more)] if batch.more else []
        yield replace(_piece(*made), news=batch.numbers)


def _news_line(item: NewsItem) -> Block:
    posted = digests.posted_on(item)
    return section(
        words(f"{digests.news_label(item.news)}: ", bold=True),
        blocks.titled(item.paper),
        words(" · "),
        blocks.link(posted, item.link) if item.link else words(posted),
        *_details(item),
    )


def _details(item: NewsItem) -> list[Block]:
    details = cut(" · ".join(digests.news_details(item)), LONGEST_DETAILS)
    return [words(f" · {details}")] if details else []


def _most_saved(digest: Digest) -> Iterator[BlockGroup]:
    """One list, which any message can hold."""
    if digest.most_saved:
        heading = digests.most_saved_heading(digest)
        made = [section(words(heading, bold=True))] if heading else []
        lines = [
            section(blocks.titled(each.paper), words(f" · {digests.saved_by(each)}"))
            for each in digest.most_saved
        ]
        yield _piece(rich(*made, bullets(*lines)))


def _replies(digest: Digest) -> Iterator[Draft]:
    """Replies to the messages that posted papers which have been withdrawn since."""
    for item in digests.told_in_reply(digest):
        label = digests.reply_label(item)
        line = section(words(f"{label}: ", bold=True), blocks.titled(item.paper), *_details(item))
        text = spoken(f"{label}: {blocks.title(item.paper)}")
        yield Draft(_payload(text, [_piece(rich(line))]), (), reply_to=item.post_key)


def notification_text(
    digest: Digest,
    papers: Sequence[SlackPaper],
    span: tuple[int, int] | None = None,
    *,
    news: bool = False,
) -> str:
    """What notifications show and screen readers read: the titles, and that there are ``news``."""
    said = digests.heading(digest)
    if span is not None:
        said += f", {span[0]} to {span[1]}" if span[0] < span[1] else f", {span[0]}"
    told = digests.news_heading(digest) if news else ""
    sentences = [said, *digests.remarks(digest), *filter(None, [told])]
    said = escaped(". ".join(sentences).replace("..", "."))
    room = TEXT - units(said)
    # What the first titles take, with ": " or "; " before each; no more of them than may fit.
    taken = accumulate(paper.spoken_units + len("; ") for paper in papers)
    lengths = list(takewhile(lambda length: length <= room, taken))
    for count in range(len(lengths), 0, -1):
        left_out = f"; and {len(papers) - count:,} more" if count < len(papers) else ""
        if lengths[count - 1] + len(left_out) <= room:
            titles = "; ".join(paper.spoken for paper in papers[:count])
            return f"{said}: {titles}{left_out}"
    return said


def _payload(text: str, pieces: Sequence[BlockGroup]) -> str:
    before, between, after = _PAYLOAD
    made = ",".join(piece.json for piece in pieces)
    return f"{before}[{made}]{between}{encode(text)}{after}"


# -- where a workspace refuses the blocks ---------------------------------------------------------

_LINKED = re.compile(r"\*<([^|>]*)\|([^>]*)>\*")
_BADGE = re.compile(r"<([^|>]*)\|([^>]*)>")


def user_group(message: Mapping[str, Any]) -> str:
    """The id of the user group that the message notifies in its first block, or empty."""
    return next(filter(None, map(blocks.named_group, message.get("blocks", ())[:1])), "")


def notifying_nobody(message: Mapping[str, Any]) -> Arguments:
    """The same without the user group."""
    return {**message, "blocks": message["blocks"][1:]}


def simplified(message: Mapping[str, Any]) -> Arguments:
    """The same papers as a text without blocks."""
    lines = [line for block in message["blocks"] for line in _lines(block)]
    text = "\n".join(lines) or str(message["text"])
    return {**{name: each for name, each in message.items() if name != "blocks"}, "text": text}


def _lines(block: Mapping[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield blocks.unparsed(block["text"]["text"])
        case "context":
            yield from (blocks.unparsed(each["text"]) for each in block["elements"])
        case "section":
            titled = _LINKED.sub(r"\n\2 <\1>", block["text"]["text"])
            yield _BADGE.sub(r"\2 <\1>", titled)
        case "rich_text":
            for part in block["elements"]:
                items = part["elements"] if part["type"] == "rich_text_list" else [part]
                yield from ("\n" + "".join(map(_run, item["elements"])) for item in items)


def _run(element: Mapping[str, Any]) -> str:
    label = blocks.unparsed(element["text"])
    return f"{label} <{escaped(element['url'])}>" if element["type"] == "link" else label
