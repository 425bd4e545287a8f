"""Hands a digest to the terminal, or to whatever standard output is connected to.

Remembers nothing of what it has shown, splits nothing: a digest is one post.
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
from bot.model import Channel, Digest, Draft, Finding, Post, Receipt
from bot.ports import Commands

REASONS = {
    errno.EPIPE: "Nobody reads the output any more: the pipe is closed.",
    errno.ENOSPC: "The disk that the output goes to is full.",
    errno.EDQUOT: "The space that you may use on the output's disk is used up.",
    errno.EIO: "The terminal is gone.",
    errno.EAGAIN: "The output takes nothing more at the moment.",
}
# What stands for a sign in encodings that lack it.
SUBSTITUTES = str.maketrans(
    {"·": "-", "…": "...", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "‘": "'", "’": "'"}
    | {"─": "-", "→": "->", "≤": "<=", "≥": ">=", "×": "x", "′": "'", "⁄": "/"}
)
SOON = 1.0  # seconds; the next call of the program has another output
SCRIPTS = {"<super>": "^", "<sub>": "_"}


class Console:
    """The platform of ``console:`` channels. Nobody types commands into it: the program has its
    own command line."""

    workers = 1  # two digests must not mix
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
        """Hears nobody, until cancelled."""
        await asyncio.get_running_loop().create_future()

    async def tell(self, person_id: str, text: str) -> None:
        """Raises CannotTell, always."""
        raise CannotTell("Nobody can be written to at a terminal.")

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        """Whether somebody sees what is written."""
        if not channels:
            return ()
        if self._stream.closed:
            remedy = "Run the program where its output can be seen."
            return (Finding("console:", False, "The output is closed.", remedy),)
        return (Finding("console:", True, "The output can be written to."),)

    def compose(self, digest: Digest) -> list[Draft]:
        """One draft that holds every paper. Pure."""
        payload = render.to_payload(render.page_of(digest))
        return [Draft(payload, tuple(entry.paper.id for entry in digest.entries))]

    async def send(self, post: Post) -> Receipt:
        """Write the digest at one go and flush it.

        Blocks while a reader is slow, on purpose: of a write that goes on in the background
        nobody could say whether it arrived. Raises TryLater if nothing of the digest was written,
        OutcomeUnknown if a part was, PostRefused if the payload is not one of ours.
        """
        page = render.from_payload(post.payload)
        terminal = self._terminal()
        styled = terminal.is_terminal and terminal.color_system is not None
        _write(self._stream, render.styled(page, terminal) if styled else render.plain(page))
        return Receipt(message_id=f"console:{post.key}")

    async def find(self, post: Post) -> Receipt | None:
        """Raises CannotTell, always."""
        raise CannotTell("A terminal keeps no record of what it has shown. Please look there.")

    def _terminal(self) -> Terminal:
        """Asked anew for each digest: windows change their width. Heeds NO_COLOR and TERM."""
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
        terminal.width = min(terminal.width, render.WIDEST)
        return terminal


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    data = _encodable(text, encoding)
    try:
        stream.flush()  # what others left in the buffer is not part of the digest
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # an object in memory
        stream.write(data)
        stream.flush()
    except OSError as error:
        raise _failure(error, written=0) from error
    except ValueError as error:  # so Python says that a file is closed
        raise TryLater("The output is closed.", SOON) from error
    else:
        _write_bytes(descriptor, data.encode(encoding))


def _write_bytes(descriptor: int, data: bytes) -> None:
    """Past Python's buffer, so that we know how much got out, and nothing is left in it."""
    written = 0
    while written < len(data):
        try:
            written += os.write(descriptor, data[written:])
        except OSError as error:
            raise _failure(error, written) from error


def _failure(error: OSError, written: int) -> SendError:
    reason = REASONS.get(error.errno or 0) or f"The output can't be written: {error.strerror}."
    if written:
        return OutcomeUnknown(f"{reason} A part of the digest had been written.")
    return TryLater(f"{reason} The digest is kept for the next time.", SOON)


def _encodable(text: str, encoding: str) -> str:
    """With substitutes for what the encoding lacks: é as e, x² as x^2, · as -, all else as ?."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_substitute(character, encoding) for character in text)
    return text


def _substitute(character: str, encoding: str) -> str:
    mark = SCRIPTS.get(unicodedata.decomposition(character).partition(" ")[0], "")
    plain = unicodedata.normalize("NFKD", character).translate(SUBSTITUTES)
    for candidate in (character, mark + plain):
        kept = candidate.encode(encoding, "ignore").decode(encoding)
        if kept:
            return kept
    return "?"
