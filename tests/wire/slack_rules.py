"""What Slack would not take: its own models where they check, and what they miss.

slack_sdk's models (``Block.parse`` and ``validate_json``) know lengths of single parts; the
counters are facts of Slack 4 and 8.2: 50 blocks, the hidden total, plain text in headers, no empty
text, ``verbatim`` on mrkdwn, known blocks, no unfurling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

HIDDEN_TOTAL = 11_300  # the smallest sum of texts that was reported to be refused
VIEW_BYTES = 250_000
MENTIONS = ("<!", "<@", "<#")
# A line of its own: the user group that a channel wants to be mentioned. Nothing of others is one.
_OUR_MENTION = re.compile(r"^<!subteam\^S[A-Z0-9]{6,20}>$", re.MULTILINE)


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


def _mentions(text: str) -> list[str]:
    return [raw for raw in MENTIONS if raw in _OUR_MENTION.sub("", text)]


def chart_faults(block: Mapping[str, Any]) -> Iterator[str]:
    """Against docs.slack.dev, data-visualization-block, November 2026."""
    if len(block["title"]) > 50:
        yield "a chart's title is too long"
    categories = block["chart"]["axis_config"]["categories"]
    if len(set(categories)) < len(categories) or any(
        not 0 < len(each) <= 20 for each in categories
    ):
        yield "a chart's categories are not distinct labels of 1 to 20 characters"
    if len(categories) > 20:
        yield "a chart has more than 20 categories"
    if not 1 <= len(block["chart"]["series"]) <= 6:
        yield "a chart has one to six series"
    for series in block["chart"]["series"]:
        if [each["label"] for each in series["data"]] != categories:
            yield "a series has other labels than its chart"


def block_faults(blocks: Any, most: int = 50) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "blocks are no list"
        return
    if len(blocks) > most:
        yield f"{len(blocks)} blocks"
    if sum(block.get("type") == "data_visualization" for block in blocks) > 2:
        yield "more than two charts"
    for block in blocks:
        if block.get("type") == "data_visualization":  # slack_sdk 3.47 does not know it
            yield from chart_faults(block)
            continue
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
        if each.get("type") == "mrkdwn" and _mentions(each["text"]):
            yield f"a mention in {each['text']}"
        if each.get("type") == "plain_text" and each.get("emoji") is not False:
            yield "plain text in which :x: becomes a picture"
    yield from _structure_faults(blocks)
    for block in blocks:
        yield from _length_faults(block, str(block["type"]))


# Facts of Slack, 4: by the place that a text has in a block.
LONGEST = {
    ("header", "text"): 150, ("section", "text"): 3000, ("input", "label"): 2000,
    ("input", "hint"): 2000, ("button", "text"): 75, ("plain_text_input", "placeholder"): 150,
    ("static_select", "placeholder"): 150, ("multi_static_select", "placeholder"): 150,
    ("conversations_select", "placeholder"): 150, ("option", "text"): 75,
    ("button", "accessibility_label"): 75, ("button", "value"): 2000, ("button", "url"): 3000,
    ("button", "action_id"): 255, ("option", "value"): 150,
    ("plain_text_input", "initial_value"): 3000,
}  # fmt: skip


def units(text: str) -> int:
    """Characters as a browser counts them: whether Slack does is not known, so the safe side."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _length_faults(part: Mapping[str, Any], kind: str) -> Iterator[str]:
    for name, value in part.items():
        said = value.get("text") if isinstance(value, Mapping) else value
        most = LONGEST.get((kind, name))
        if most is not None and isinstance(said, str) and units(said) > most:
            yield f"{name} of {kind} is longer than {most} characters"
        inner = value if isinstance(value, list) else [value]
        for each in inner:
            if isinstance(each, Mapping):
                option = name in {"options", "initial_options", "initial_option"}
                yield from _length_faults(each, "option" if option else str(each.get("type")))


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
    """Facts of Slack, 4."""
    options = element.get("options")
    if options is None:
        return
    if not 1 <= len(options) <= 100:
        yield f"{len(options)} options"


def elements(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (e for e in block.get("elements") or () if isinstance(e, Mapping))
    for name in ("accessory", "element"):
        if isinstance(block.get(name), Mapping):
            yield block[name]


def message_faults(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not arguments.get("text") and not arguments.get("blocks"):
        yield "no_text"
    if units(str(arguments.get("text") or "")) > 4000:
        yield "the text is longer than 4,000 characters"
    for raw in _mentions(str(arguments.get("text") or "")):
        yield f"{raw} in the text"
    for name in ("unfurl_links", "unfurl_media"):
        if arguments.get(name, True) not in (False, "false", "0"):
            yield f"{name} is on"
    if arguments.get("reply_broadcast"):
        yield "a reply is broadcast"
    yield from block_faults(arguments.get("blocks") or [])


def too_long(arguments: Mapping[str, Any]) -> bool:
    """``msg_blocks_too_long``: nobody documents it."""
    total = sum(units(each["text"]) for each in texts(arguments.get("blocks") or []))
    return total > HIDDEN_TOTAL


def view_faults(view: Mapping[str, Any]) -> Iterator[str]:
    if view.get("type") not in {"modal", "home"}:
        yield f"a view of type {view.get('type')}"
    for name in ("title", "submit", "close"):
        if name in view and units(view[name]["text"]) > 24:
            yield f"{name} is longer than 24 characters"
    if view.get("type") == "modal" and "title" not in view:
        yield "a window without a title"
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        yield "the view is too large"
    if len(str(view.get("private_metadata", ""))) > 3000:
        yield "private_metadata is too long"
    yield from block_faults(view.get("blocks"), most=100)
