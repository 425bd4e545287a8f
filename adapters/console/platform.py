"""Writes a digest to the terminal, or to whatever standard output is connected to.

Keeps no record of what it has written, and splits nothing: a digest is one post.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import unicodedata
from collections.abc import Sequence
from typing import Self, TextIO

from rich.console import Console as Terminal

from adapters import Settings
from adapters.console import render
from bot.errors import CannotTell, OutcomeUnknown, SendError, TryLater
from bot.model import Channel, Finding, Post, Receipt
from bot.ports import Commands, Composer

WRITE_ERRORS = {
    errno.EPIPE: "Nobody reads the output any more: the pipe is closed.",
    errno.ENOSPC: "The disk that the output goes to is full.",
    errno.EDQUOT: "The space that you may use on the output's disk is used up.",
    errno.EIO: "The terminal is gone.",
    errno.EAGAIN: "The output takes nothing more at the moment.",
}
# What replaces a character in encodings that lack it.
SUBSTITUTES = str.maketrans(
    {"·": "-", "…": "...", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "‘": "'", "’": "'"}
    | {"─": "-", "→": "->", "≤": "<=", "≥": ">=", "×": "x", "′": "'", "⁄": "/"}
)
RETRY_AFTER = 1.0  # seconds; the next run of the program has another output
SCRIPT_MARKS = {"<super>": "^", "<sub>": "_"}


class Console:
    """The platform of ``console:`` channels. Receives no commands: the program has a command line
    for that."""

    workers = 1  # two digests must not be interleaved
    disconnected_since = None
    degraded = ""

    def __init__(self, settings: Settings) -> None:
        self._stream = settings.stream
        self._width = settings.width
        self._colour = settings.colour

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leaves the stream open; it belongs to the program."""

    async def listen(self, commands: Commands) -> None:
        """Receives nothing, until cancelled."""
        await asyncio.get_running_loop().create_future()

    async def tell(self, person_id: str, text: str) -> str:
        """Raises CannotTell, always."""
        raise CannotTell("Nobody can be written to at a terminal.")

    async def knows(self, person_id: str) -> bool:
        return False

    async def channel_name(self, channel_id: str) -> str:
        return "the terminal"

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        """Whether the output can be written to."""
        if not channels:
            return ()
        if self._stream.closed:
            remedy = "Run the program where its output can be seen."
            return (Finding("console:", False, "The output is closed.", remedy),)
        return (Finding("console:", True, "The output can be written to."),)

    def composer(self) -> Composer:
        return render.ConsoleComposer()

    async def send(self, post: Post) -> Receipt:
        """Write the whole digest and flush it.

        Blocks while a reader is slow, on purpose: it could not be told whether a write in the
        background had arrived. Raises TryLater if nothing of the digest was written,
        OutcomeUnknown if a part was, PostRefused if the payload is not one of ours.
        """
        page = render.from_payload(post.payload)
        terminal = self._terminal()
        styled = terminal.is_terminal and terminal.color_system is not None
        _write_text(self._stream, render.styled(page, terminal) if styled else render.plain(page))
        return Receipt(message_id=f"console:{post.key}")

    async def find(self, post: Post) -> Receipt | None:
        """Raises CannotTell, always."""
        raise CannotTell("A terminal keeps no record of what it has shown. Please look there.")

    def _terminal(self) -> Terminal:
        """A new one for each digest: windows change their width. Respects NO_COLOR and TERM."""
        if self._colour is None:
            terminal = Terminal(file=self._stream, width=self._width, legacy_windows=False)
        else:
            terminal = Terminal(
                file=self._stream,
                width=self._width,
                legacy_windows=False,
                force_terminal=self._colour,
                color_system="standard" if self._colour else None,
                no_color=not self._colour,
            )
        terminal.width = min(terminal.width, render.MAX_WIDTH)
        return terminal


def _write_text(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    data = _encodable(text, encoding)
    try:
        stream.flush()  # what is already in the buffer is not part of the digest
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # a stream in memory
        stream.write(data)
        stream.flush()
    except OSError as error:
        raise _failure(error, written=0) from error
    except ValueError as error:  # Python's way to say that a file is closed
        raise TryLater("The output is closed.", RETRY_AFTER) from error
    else:
        _write_bytes(descriptor, data.encode(encoding))


def _write_bytes(descriptor: int, data: bytes) -> None:
    """Bypasses Python's buffer, so that we know how much was written, and none stays in it."""
    written = 0
    while written < len(data):
        try:
            written += os.write(descriptor, data[written:])
        except OSError as error:
            raise _failure(error, written) from error


def _failure(error: OSError, written: int) -> SendError:
    reason = WRITE_ERRORS.get(error.errno or 0) or f"The output can't be written: {error.strerror}."
    if written:
        return OutcomeUnknown(f"{reason} A part of the digest had been written.")
    return TryLater(f"{reason} The digest is kept for the next time.", RETRY_AFTER)


def _encodable(text: str, encoding: str) -> str:
    """Replaces what the encoding lacks: é by e, x² by x^2, · by -, anything else by ?."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_substitute(character, encoding) for character in text)
    return text


def _substitute(character: str, encoding: str) -> str:
    mark = SCRIPT_MARKS.get(unicodedata.decomposition(character).partition(" ")[0], "")
    plain = unicodedata.normalize("NFKD", character).translate(SUBSTITUTES)
    for candidate in (character, mark + plain):
        kept = candidate.encode(encoding, "ignore").decode(encoding)
        if kept:
            return kept
    return "?"
