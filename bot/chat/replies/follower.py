"""Who follows keywords, as the subject of a sentence: a channel, or a person for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_THIRD_PERSON: Final[Mapping[str, str]] = {"have": "has", "do": "does"}


def follower(private: bool, verb: str, adverb: str = "") -> str:
    """``This channel now follows`` for the verb ``follow``; where it is ``private``, in somebody's
    own conversation with the bot, ``You now follow``. Of ``do not follow`` the first word is the
    verb."""
    first, space, rest = verb.partition(" ")
    shown = first if private else _THIRD_PERSON.get(first, f"{first}s")
    subject = "You" if private else "This channel"
    return " ".join(filter(None, (subject, adverb, f"{shown}{space}{rest}")))
