"""Commands that a text refers to: as mentions that can be clicked where possible, else as typed.

A mention of a slash command, ``</papers resume:ID>``, is a link in the text that puts the command
into the message box (docs, reference, Message Formatting, 2026-08-06). The ID is Discord's, and
known once the commands are registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from adapters.discord.markup import inert
from bot.references import Address, CommandReference, with_references

PREFIX: Final = "/papers"

CommandFormatter = Callable[[CommandReference], str]


def as_typed(reference: CommandReference) -> str:
    """As it is typed, for text that Discord does not format."""
    return f"{PREFIX} {reference.words}"


class CommandMentions:
    """A CommandFormatter that makes mentions; before ``set_ids``, commands as typed."""

    def __init__(self) -> None:
        self._id = 0

    def set_ids(self, ids: Mapping[str, int]) -> None:
        """The ids of the commands that Discord knows, by name."""
        self._id = ids.get(PREFIX.removeprefix("/"), 0)

    def __call__(self, reference: CommandReference) -> str:
        """Arguments follow the mention, which can't contain them."""
        name, _, rest = reference.words.partition(" ")
        if not self._id:
            return inert(as_typed(reference))
        return f"<{PREFIX} {name}:{self._id}> {inert(rest)}".rstrip()


def as_plain_text(text: str) -> str:
    """For text in which Discord makes no mentions or links."""
    return with_references(text, as_typed)


def inert_with_references(
    text: str, format_command: CommandFormatter, times: Mapping[str, datetime] | None = None
) -> str:
    """Inert text, except for references to commands and addresses. Each of ``times`` is followed by
    its distance from now, which Discord's clients keep up to date (docs, reference, Message
    Formatting, 2026-08-06)."""
    return with_references(text, format_command, lambda plain: _timed(plain, times or {}), _address)


def _timed(text: str, times: Mapping[str, datetime]) -> str:
    """Inert text. Longer times are tried first, so that none is found within another."""
    if not times:
        return inert(text)
    words = "|".join(re.escape(each) for each in sorted(times, key=len, reverse=True))
    pieces = re.split(f"({words})", text)
    return "".join(
        f"{piece} (<t:{times[piece].timestamp():.0f}:R>)" if piece in times else inert(piece)
        for piece in pieces
    )


def _address(address: Address) -> str:
    """In full, so that it can be clicked and copied; nothing in it ends the link early."""
    return address.url.translate({ord("<"): "%3C", ord(">"): "%3E", ord(")"): "%29"})
