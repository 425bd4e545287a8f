"""Commands that a text names, as they are typed at the command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bot.references import CommandReference, with_references

PROGRAM: Final = "daily-papers"

# What a command is called here, and whether it needs the channel. A command that exists only in the
# chat (settings) has no entry.
_CALLED: Final[Mapping[str, tuple[str, bool]]] = {
    "add": ("keywords add", True),
    "remove": ("keywords remove", True),
    "mute": ("keywords mute", True),
    "unmute": ("keywords unmute", True),
    "list": ("keywords list", True),
    "pause": ("pause", True),
    "resume": ("resume", True),
    "preview": ("preview", False),
    "why": ("why", False),
    "saved": ("saved", True),
    "status": ("status", False),
    "resend": ("resend", False),
    "help": ("--help", False),
}
_NEEDS_NO_QUOTES: Final = re.compile(r"[\w ,.:/#-]*", re.ASCII)

_options: list[str] = []  # those of this call that the next one needs too


def repeat_config(path: Path) -> None:
    """This call named the configuration, so every command that we show has to name it too."""
    _options[:] = ["--config", shlex.quote(str(path))]


def called(reference: CommandReference) -> str:
    """``daily-papers keywords add --channel console: reward model``, ready to be pasted."""
    name, _, rest = reference.words.partition(" ")
    if name not in _CALLED:
        return f"/papers {reference.words}, in the chat"
    here, in_channel = _CALLED[name]
    # If none is named, the program takes the only one that there is, or asks which.
    channel = (
        ["--channel", shlex.quote(reference.channel)] if in_channel and reference.channel else []
    )
    words = [rest if _NEEDS_NO_QUOTES.fullmatch(rest) else shlex.quote(rest)] if rest else []
    return " ".join([PROGRAM, here, *_options, *channel, *words])


def readable(text: str) -> str:
    """The text, with its references written out."""
    return with_references(text, called)


def readable_data(data: object) -> object:
    """The same for every text in an answer's data."""
    match data:
        case str():
            return readable(data)
        case Mapping():
            return {key: readable_data(value) for key, value in data.items()}
        case list() | tuple():
            return [readable_data(each) for each in data]
        case _:
            return data
