"""What Slack would not take: its own models where they check, and what they miss.

slack_sdk's models (``Block.parse`` and ``validate_json``) know lengths of single parts; the
counters are facts of Slack 4 and 8.2: 50 blocks, the hidden total, plain text in headers, no empty
text, ``verbatim`` on mrkdwn, known blocks, no unfurling.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

HIDDEN_TOTAL = 11_300  # the smallest sum of texts that was reported to be refused
VIEW_BYTES = 250_000
MENTIONS = ("<!", "<@", "<#")


def texts(part: Any) -> Iterator[Mapping[str, Any]]:
    """Every object with a text in it."""
    if isinstance(part, Mapping):
        if isinstance(part.get("text"), str):
            yield part
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list):
        for each in part:
            yield from texts(each)


def block_faults(blocks: Any, most: int = 50) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "blocks are no list"
        return
    if len(blocks) > most:
        yield f"{len(blocks)} blocks"
    for block in blocks:
        parsed = Block.parse(dict(block))
        if parsed is None:
            yield f"unknown block {block.get('type')}"
            continue
        try:
            parsed.validate_json()
        except SlackObjectFormationError as error:
            yield f"{block['type']}: {error}"
        if block["type"] == "header" and (block.get("text") or {}).get("type") != "plain_text":
            yield "a header is not plain text"
    for each in texts(blocks):
        if not each["text"]:
            yield "an empty text"
        if each.get("type") == "mrkdwn" and not each.get("verbatim"):
            yield "mrkdwn without verbatim"
        if each.get("type") == "mrkdwn" and any(raw in each["text"] for raw in MENTIONS):
            yield f"a mention in {each['text']}"
        if each.get("type") == "plain_text" and each.get("emoji") is not False:
            yield "plain text in which :x: becomes a picture"
    yield from _structure_faults(blocks)


def _structure_faults(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ids = [e["action_id"] for b in blocks for e in elements(b) if "action_id" in e]
    if len(ids) != len(set(ids)):
        yield "an action_id twice"
    for block in blocks:
        for element in elements(block):
            yield from _option_faults(element)
        for part in block.get("elements") or ():
            if str(part.get("type")).startswith("rich_text") and not part.get("elements"):
                yield f"{part['type']} with nothing in it"


def _option_faults(element: Mapping[str, Any]) -> Iterator[str]:
    """Facts of Slack, 4: 100 options, of 75 characters with values of 150."""
    options = element.get("options")
    if options is None:
        return
    if not 1 <= len(options) <= 100:
        yield f"{len(options)} options"
    for option in options:
        if len(option["text"]["text"]) > 75:
            yield "the text of an option is longer than 75 characters"
        if len(option["value"]) > 150:
            yield "the value of an option is longer than 150 characters"


def elements(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (e for e in block.get("elements") or () if isinstance(e, Mapping))
    for name in ("accessory", "element"):
        if isinstance(block.get(name), Mapping):
            yield block[name]


def message_faults(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not arguments.get("text") and not arguments.get("blocks"):
        yield "no_text"
    if len(str(arguments.get("text") or "")) > 4000:
        yield "the text is longer than 4,000 characters"
    for raw in MENTIONS:
        if raw in str(arguments.get("text") or ""):
            yield f"{raw} in the text"
    for name in ("unfurl_links", "unfurl_media"):
        if arguments.get(name, True) not in (False, "false", "0"):
            yield f"{name} is on"
    if arguments.get("reply_broadcast"):
        yield "a reply is broadcast"
    yield from block_faults(arguments.get("blocks") or [])


def too_long(arguments: Mapping[str, Any]) -> bool:
    """``msg_blocks_too_long``: nobody documents it."""
    total = sum(len(each["text"]) for each in texts(arguments.get("blocks") or []))
    return total > HIDDEN_TOTAL


def view_faults(view: Mapping[str, Any]) -> Iterator[str]:
    if view.get("type") not in {"modal", "home"}:
        yield f"a view of type {view.get('type')}"
    for name in ("title", "submit", "close"):
        if name in view and len(view[name]["text"]) > 24:
            yield f"{name} is longer than 24 characters"
    if view.get("type") == "modal" and "title" not in view:
        yield "a window without a title"
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        yield "the view is too large"
    if len(str(view.get("private_metadata", ""))) > 3000:
        yield "private_metadata is too long"
    yield from block_faults(view.get("blocks"), most=100)
