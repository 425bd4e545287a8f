"""Whether a message in a channel's history is the one that was sent. Pure.

Discord's history does not give the nonce back. But a paper is posted once in a channel, so no two
of our messages hold the same texts and buttons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.discord.limits import nested


def same(message: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """``message`` is as Discord describes it, ``body`` as it was sent."""
    return list(_marks(message)) == list(_marks(body))


def _marks(message: Mapping[str, Any]) -> Iterator[str]:
    """The texts, less white space at their ends, which Discord takes away; and the buttons."""
    yield str(message.get("content") or "").strip()
    for component in nested(message.get("components") or ()):
        for name in ("content", "custom_id"):
            if component.get(name):
                yield str(component[name]).strip()
