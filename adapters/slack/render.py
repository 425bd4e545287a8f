"""A digest as Slack messages, within its limits. Pure.

Three looks: ``thread`` (the usual one; ``digest`` means the same) is one message with the linked
titles in the channel, and the papers in its thread, about ten in each message; a digest of a few
papers stands whole in that one message. ``inline`` puts all of it into the channel, each paper
beside a button; ``list`` is a line for each paper. The payload is the JSON of chat.postMessage's
arguments, without the channel, the thread and the post's key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from adapters.slack import blocks
from adapters.slack.blocks import (
    bullets,
    header,
    quiet,
    rich,
    section,
    spoken,
    title,
    titled,
    words,
)
from adapters.slack.limits import TEXT, Block, escaped, units, weight, weight_left, within
from bot.errors import PostRefused
from bot.model import Digest, Draft, Entry
from bot.text import digests, plural

FEW: Final = 3  # papers that need no thread
IN_A_THREAD: Final = 10  # papers shown whole in a message of a thread
IN_THE_CHANNEL: Final = 20
LINES_AT_ONCE: Final = 10  # papers in a block of those with a line each

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """Blocks that stay together, and the papers that they show. ``whole`` is one shown whole."""

    blocks: tuple[Block, ...]
    entries: tuple[Entry, ...] = ()
    whole: bool = False


def compose(digest: Digest) -> list[Draft]:
    """The messages of a digest, in order; every paper stands in exactly one of them."""
    layout = digest.channel.layout
    whole, rest = digest.entries[: digest.in_full], digest.entries[digest.in_full :]
    more = digests.and_more(len(rest), below=bool(whole))
    if layout == "list":
        pieces = [Piece((_bulleted(some),), tuple(some)) for some in _some(digest.entries)]
        return _drafts(digest, [_head(digest), *pieces], 0)
    if layout == "inline":
        shown = [Piece((blocks.paper_beside_its_button(e),), (e,), whole=True) for e in whole]
        return _drafts(digest, [_head(digest), *shown, *_folded(rest, more)], IN_THE_CHANNEL)
    shown = [Piece(tuple(blocks.paper(e)), (e,), whole=True) for e in whole]
    if len(digest.entries) <= FEW:
        return _drafts(digest, [_head(digest), *shown, *_folded(rest, more)], IN_A_THREAD)
    below = _drafts(digest, [*shown, *_folded(rest, more)], IN_A_THREAD, parent=0)
    return [
        Draft(_payload(notification_text(digest, digest.entries), _contents(digest)), ()),
        *below,
    ]


def read(payload: str) -> Arguments:
    """What ``compose`` stored. Raises PostRefused."""
    try:
        stored = json.loads(payload)
        return {**stored, "text": stored["text"] + "", "blocks": list(stored["blocks"])}
    except (ValueError, KeyError, TypeError) as error:
        raise PostRefused("This message is damaged and can't be sent.") from error


# -- messages -------------------------------------------------------------------------------------


def _drafts(
    digest: Digest, pieces: Sequence[Piece], most: int, parent: int | None = None
) -> list[Draft]:
    """The pieces in as few messages as the limits allow, each with its number where several."""
    groups = _grouped(pieces, most)
    drafts = []
    first = 1
    for number, group in enumerate(groups, start=1):
        made = [block for piece in group for block in piece.blocks]
        entries = [entry for piece in group for entry in piece.entries]
        if len(groups) > 1:
            made.append(quiet(f"{number} of {len(groups)}"))
        span = (first, first + len(entries) - 1)
        text = notification_text(
            digest, entries, None if len(groups) == 1 and parent is None else span
        )
        ids = tuple(entry.paper.id for entry in entries)
        drafts.append(Draft(_payload(text, made), ids, parent))
        first += len(entries)
    return drafts


def _grouped(pieces: Sequence[Piece], most: int) -> list[list[Piece]]:
    """One block is left for the number below. ``most`` papers shown whole in a message."""
    whole = sum(piece.whole for piece in pieces)
    even = ceil(whole / ceil(whole / most)) if whole else 0  # 7 and 6 rather than 10 and 3
    groups: list[list[Piece]] = [[]]
    numbered = weight([quiet("999 of 999")])
    filled = numbered
    for piece in pieces:
        longer = [*groups[-1], piece]
        added = weight(piece.blocks)
        fit = within(sum(len(each.blocks) for each in longer) + 1, filled + added)
        papers = any(each.entries for each in groups[-1])
        if papers and (not fit or sum(each.whole for each in longer) > even > 0):
            groups.append([piece])
            filled = numbered + added
        else:
            groups[-1] = longer
            filled += added
    return groups


def _head(digest: Digest) -> Piece:
    remarks = digests.remarks(digest)
    notes = (quiet(*remarks),) if remarks else ()
    return Piece((header(digests.heading(digest)), *notes))


def _contents(digest: Digest) -> list[Block]:
    """The message above a thread: the titles, as many as are shown whole and fit."""
    made = list(_head(digest).blocks)
    whole = digest.entries[: digest.in_full]
    room = weight_left([*made, _below(len(digest.entries))])
    shown: list[list[Block]] = []
    for entry in whole:
        item = [titled(entry)]
        room -= weight(item)
        if room < 0:
            break
        shown.append(item)
    if not shown:
        return [*made, quiet(f"{plural(len(digest.entries), 'paper')} in the thread")]
    return [*made, rich(bullets(shown)), _below(len(digest.entries) - len(shown))]


def _below(rest: int) -> Block:
    more = f"and {rest:,} more in the thread" if rest else ""
    return quiet(" · ".join(filter(None, [more, "Abstracts and details are in the thread"])))


def _folded(entries: Sequence[Entry], more: str) -> Iterator[Piece]:
    """Papers with a line each; ``more`` is the line above them."""
    for number, some in enumerate(_some(entries)):
        above = (rich(section(words(more, bold=True))),) if more and number == 0 else ()
        yield Piece((*above, _bulleted(some)), tuple(some))


def _some(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), LINES_AT_ONCE):
        yield entries[start : start + LINES_AT_ONCE]


def _bulleted(entries: Sequence[Entry]) -> Block:
    return rich(bullets(map(blocks.listed, entries)))


def notification_text(
    digest: Digest, entries: Sequence[Entry], span: tuple[int, int] | None = None
) -> str:
    """What notifications show and screen readers read: the titles."""
    said = digests.heading(digest)
    if span is not None:
        said += f", {span[0]} to {span[1]}" if span[0] < span[1] else f", {span[0]}"
    said = escaped(". ".join([said, *digests.remarks(digest)]).replace("..", "."))
    titles: list[str] = []
    room = TEXT - units(said)
    fitting = 0  # titles that leave room to say how many are left out
    for count, entry in enumerate(entries, start=1):
        titles.append(spoken(title(entry)))
        room -= units(titles[-1]) + len("; ")  # before the first one it is ": "
        if room < 0:
            break
        left = len(entries) - count
        if room >= (len(_and_left(left)) if left else 0):
            fitting = count
    whole = f"{said}: {'; '.join(titles[:fitting])}" if fitting else said
    return whole + _and_left(len(entries) - fitting) if 0 < fitting < len(entries) else whole


def _and_left(count: int) -> str:
    return f"; and {count:,} more"


def arguments(text: str, made: Sequence[Block]) -> Arguments:
    """Of chat.postMessage, for a message in which nothing is unfurled and nobody is mentioned."""
    return {
        "text": text,
        "blocks": list(made),
        "mrkdwn": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _payload(text: str, made: Sequence[Block]) -> str:
    stored = arguments(text, made)
    return json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# -- where a workspace refuses the blocks ---------------------------------------------------------

_LINKED = re.compile(r"\*<([^|>]*)\|([^>]*)>\*")


def simplified(message: Mapping[str, Any]) -> Arguments:
    """The same papers as a text without blocks."""
    lines = [line for block in message["blocks"] for line in _lines(block)]
    text = "\n".join(lines) or str(message["text"])
    return {**{name: each for name, each in message.items() if name != "blocks"}, "text": text}


def _lines(block: Mapping[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield escaped(block["text"]["text"])
        case "context":
            yield from (escaped(each["text"]) for each in block["elements"])
        case "section":
            yield _LINKED.sub(r"\n\2 <\1>", block["text"]["text"])
        case "rich_text":
            for part in block["elements"]:
                items = part["elements"] if part["type"] == "rich_text_list" else [part]
                yield from ("\n" + "".join(map(_run, item["elements"])) for item in items)


def _run(element: Mapping[str, Any]) -> str:
    label = escaped(element["text"])
    return f"{label} <{escaped(element['url'])}>" if element["type"] == "link" else label
