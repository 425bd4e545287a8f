"""What Slack would say of a message or a view: slack_sdk's own models, and counters of our own.

The models miss what the counters see: more than 50 blocks, unknown kinds, empty texts, mrkdwn in a
header or without ``verbatim``, and the hidden limit over all blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

KNOWN = {"header", "section", "context", "actions", "rich_text", "divider", "input"}
HIDDEN = 11_000  # characters over all blocks of a message, where Slack begins to refuse
CONTROL = re.compile(r"<[!@#]")


def message_faults(message: Mapping[str, Any]) -> Iterator[str]:
    """Of the arguments of chat.postMessage."""
    text = message.get("text") or ""
    if not text:
        yield "no top-level text"
    if len(text) > 4000:
        yield f"top-level text of {len(text)}"
    if CONTROL.search(text):
        yield "a mention in the top-level text"
    if message.get("unfurl_links") is not False or message.get("unfurl_media") is not False:
        yield "links are unfurled"
    if "reply_broadcast" in message or "link_names" in message:
        yield "reply_broadcast or link_names"
    blocks = message.get("blocks", [])
    if len(blocks) > 50:
        yield f"{len(blocks)} blocks"
    if (size := sum(len(each) for each in _texts(blocks))) > HIDDEN:
        yield f"{size} characters over all blocks"
    yield from block_faults(blocks)


def view_faults(view: Mapping[str, Any]) -> Iterator[str]:
    if not 1 <= len(view["blocks"]) <= 100:
        yield f"{len(view['blocks'])} blocks"
    if view["type"] == "modal" and len(view["title"]["text"]) > 24:
        yield "title too long"
    if len(view.get("private_metadata", "")) > 3000:
        yield "private_metadata too long"
    inputs = any(block["type"] == "input" for block in view["blocks"])
    if inputs and "submit" not in view:
        yield "inputs without submit"
    yield from block_faults(view["blocks"])


def block_faults(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block["type"] not in KNOWN:
            yield f"unknown block {block['type']}"
            continue
        parsed = Block.parse(dict(block))
        if parsed is None:
            yield f"slack_sdk does not know {block}"
            continue
        try:
            parsed.validate_json()
        except SlackObjectFormationError as error:
            yield f"{block['type']}: {error}"
        if block["type"] == "header" and block["text"]["type"] != "plain_text":
            yield "mrkdwn in a header"
        action_ids = [each.get("action_id") for each in block.get("elements", ())]
        if block["type"] == "actions" and len(set(action_ids)) < len(action_ids):
            yield "the same action_id twice in a block"
        yield from _part_faults(block)


def _part_faults(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if part.get("type") == "mrkdwn" and part.get("verbatim") is not True:
            yield "mrkdwn that is not verbatim"
        if part.get("type") == "plain_text" and part.get("emoji") is not False:
            yield "plain text with emoji codes"
        if "text" in part and part["text"] == "":
            yield f"empty text in {part.get('type')}"
        if part.get("type") == "link" and not str(part.get("url")).startswith(("http", "mailto")):
            yield f"link to {part.get('url')}"
        if part.get("type") in {"rich_text_section", "rich_text_list"} and not part["elements"]:
            yield f"empty {part['type']}"
        if part.get("type") == "mrkdwn" and CONTROL.search(part["text"]):
            yield f"a mention: {part['text']}"
        for each in part.values():
            yield from _part_faults(each)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for each in part:
            yield from _part_faults(each)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for name, each in part.items():
            if name in {"text", "url"} and isinstance(each, str):
                yield each
            else:
                yield from _texts(each)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for each in part:
            yield from _texts(each)
