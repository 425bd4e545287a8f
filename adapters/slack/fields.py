"""The fields of windows, and what was filled into them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.slack.blocks import plain
from adapters.slack.limits import Block, cut

MAX_MISTAKE_LENGTH: Final = 300


def input_block(
    name: str, label: str, element: Block, *, optional: bool = False, hint: str = ""
) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": {**element, "action_id": name},
        "optional": optional,
        **({"hint": plain(hint)} if hint else {}),
    }


def line(example: str, most: int, filled: str = "") -> Block:
    """A line of at most so many characters; the example is shown while it is empty."""
    made: Block = {"type": "plain_text_input", "max_length": most, "placeholder": plain(example)}
    return {**made, "initial_value": filled} if filled else made


def option(label: str, value: str) -> Block:
    return {"text": plain(label), "value": value}


def entered(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What a submitted window says about a field; empty if it has no such field."""
    found: Mapping[str, Any] = (state.get(name) or {}).get(name) or {}
    return found


def below_field(mistake: str) -> str:
    """A mistake as it is shown below its field: the sentence alone, without the line that points at
    what was typed, which is in the field above."""
    return cut(mistake.partition("\n ")[0], MAX_MISTAKE_LENGTH)
