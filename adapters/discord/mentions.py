"""Commands that a text names, as Discord shows them: pressed where that can be, else to be typed.

A mention of a slash command, ``</papers resume:ID>``, is shown as a button in the text that puts
the command into the message box (docs, reference, Message Formatting, 2026-08-06). The ID is
Discord's, and known once the commands were synchronised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from adapters.discord.markup import inert
from bot.model import Address, CommandReference, with_references

PREFIX: Final = "/papers"

Named = Callable[[CommandReference], str]


def typed(reference: CommandReference) -> str:
    """As somebody types it, for a place in which nothing is formatted."""
    return f"{PREFIX} {reference.words}"


class Mentions:
    """Called with a reference: how it is shown. Before ``learn`` everything is to be typed."""

    def __init__(self) -> None:
        self._id = 0

    def learn(self, ids: Mapping[str, int]) -> None:
        """The ids of the commands that Discord knows, by name."""
        self._id = ids.get(PREFIX.removeprefix("/"), 0)

    def __call__(self, reference: CommandReference) -> str:
        """What follows the command stays beside the mention, which can hold no more."""
        name, _, rest = reference.words.partition(" ")
        if not self._id:
            return inert(typed(reference))
        return f"<{PREFIX} {name}:{self._id}> {inert(rest)}".rstrip()


def plainly(text: str) -> str:
    """For a place in which Discord turns nothing into mentions or links."""
    return with_references(text, typed)


def inert_but_for_references(
    text: str, named: Named, times: Mapping[str, datetime] | None = None
) -> str:
    """Text of others as it was written, ours with its commands and addresses; and behind each of
    the ``times`` how far it is from now, which Discord's clients keep right by themselves (docs,
    reference, Message Formatting, 2026-08-06)."""
    return with_references(text, named, lambda plain: _timed(plain, times or {}), _address)


def _timed(text: str, times: Mapping[str, datetime]) -> str:
    """Inert. Longer words first, so that no time is found within another."""
    if not times:
        return inert(text)
    words = "|".join(re.escape(each) for each in sorted(times, key=len, reverse=True))
    pieces = re.split(f"({words})", text)
    return "".join(
        f"{piece} (<t:{times[piece].timestamp():.0f}:R>)" if piece in times else inert(piece)
        for piece in pieces
    )


def _address(address: Address) -> str:
    """Whole, so that it can be pressed and copied; nothing in it ends it early."""
    return address.url.translate({ord("<"): "%3C", ord(">"): "%3E", ord(")"): "%29"})
