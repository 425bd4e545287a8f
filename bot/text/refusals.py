"""What is said where a platform did not take something, the same on every platform.

What only one platform can refuse is in its adapter's ``errors``.
"""

from __future__ import annotations

from typing import Final

TOO_MUCH_WRITTEN: Final = "Too much was written there since to look through it."
"""Why it can't be told whether a message arrived."""

DAMAGED: Final = "This message is damaged and can't be sent."
"""Of what the outbox holds."""


def cannot_post(why: object) -> str:
    """Of a channel in which a line, and so a post, would fail; ``why`` is a sentence."""
    return f"I can't post here yet: {why}"


def channel_not_told(why: object) -> str:
    """Of a change that was made, and could not be announced; ``why`` is a sentence."""
    return f"I could not tell the channel: {why}"
