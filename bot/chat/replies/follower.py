"""Who follows keywords, as the subject of a sentence: a channel, or a person for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_THIRD_PERSON: Final[Mapping[str, str]] = {"have": "has", "do": "does"}


def follower(private: bool, verb: str, adverb: str = "") -> str:
    """``This channel now follows`` for the verb ``follow``; ``You now follow`` where it is
    ``private``, a person's own conversation with the bot. If ``verb`` has several words (``do not
    follow``), only the first is conjugated."""
    first, space, rest = verb.partition(" ")
    shown = first if private else _THIRD_PERSON.get(first, f"{first}s")
    subject = "You" if private else "This channel"
    return " ".join(filter(None, (subject, adverb, f"{shown}{space}{rest}")))
