"""The parts that our Slack messages are made of, and what one message may hold. Pure.

Text of others goes into rich text or plain text alone. Slack does not parse those: no mention, no
channel, no formatting, no emoji code in it means anything (docs.slack.dev, Formatting text, read
2026-11). In mrkdwn ``*``, ``_`` and backticks can't be escaped, so mrkdwn is not used at all.

Limits: 50 blocks a message, 100 a view (docs). Hidden: about 12,000 characters over all blocks,
then ``msg_blocks_too_long`` (bolt-js #2509, #2867).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Block = dict[str, Any]
Element = dict[str, Any]

BLOCKS: Final = 50
CHARACTERS: Final = 9000
HEADER: Final = 150
SECTION: Final = 3000
BUTTON_LABEL: Final = 75
TEXT: Final = 4000  # of the message itself, for notifications and screen readers


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text[:HEADER])}


def plain(text: str) -> Element:
    """Exactly these characters; without this, ``:x:`` would become a picture."""
    return {"type": "plain_text", "text": text, "emoji": False}


def words(text: str, *, bold: bool = False, italic: bool = False) -> Element:
    element: Element = {"type": "text", "text": text}
    style = {name: True for name, wanted in (("bold", bold), ("italic", italic)) if wanted}
    return {**element, "style": style} if style else element


def link(text: str, url: str, *, bold: bool = False) -> Element:
    element: Element = {"type": "link", "url": url, "text": text}
    return {**element, "style": {"bold": True}} if bold else element


def rich(*paragraphs: Sequence[Element]) -> Block:
    """Rich text; each paragraph begins on a line of its own."""
    sections = [
        {"type": "rich_text_section", "elements": list(elements)}
        for elements in paragraphs
        if elements
    ]
    return {"type": "rich_text", "elements": sections}


def bullets(items: Sequence[Sequence[Element]]) -> Block:
    listed = [{"type": "rich_text_section", "elements": list(item)} for item in items]
    element = {"type": "rich_text_list", "style": "bullet", "elements": listed}
    return {"type": "rich_text", "elements": [element]}


def section(text: str, accessory: Element | None = None) -> Block:
    block: Block = {"type": "section", "text": plain(text[:SECTION])}
    return {**block, "accessory": accessory} if accessory else block


def context(text: str) -> Block:
    return {"type": "context", "elements": [plain(text[:SECTION])]}


def actions(*elements: Element) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(label: str, action_id: str, value: str) -> Element:
    return {
        "type": "button",
        "text": plain(label[:BUTTON_LABEL]),
        "action_id": action_id,
        "value": value,
    }


def characters(blocks: Sequence[Mapping[str, Any]]) -> int:
    """All that may count: texts, and addresses too, because nobody knows whether they do."""
    return sum(map(len, _strings(list(blocks))))


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in {"text", "url"} and isinstance(value, str):
                yield value
            else:
                yield from _strings(value)
    elif isinstance(part, list):
        for each in part:
            yield from _strings(each)


def fits(blocks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether one message can hold all of these."""
    return len(blocks) <= BLOCKS and characters(blocks) <= CHARACTERS
