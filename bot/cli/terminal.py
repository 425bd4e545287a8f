"""What the command line shows: results on standard output, notes and progress on standard error.

A reader that leaves early (``| head -1``) is no error of ours: what is left is not shown, and the
work goes on. Everything is plain text, so that pipes, screen readers and logs get the same words.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

from bot.cli.references import readable, readable_data
from bot.errors import BotError, ConfigError, SourceError, SourceNotAsked
from bot.redaction import redacted

if TYPE_CHECKING:
    from rich.status import Status

    from bot.model import Entry, Finding, Reply

# A terminal obeys these, and texts of others reach us in errors; a line may end.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ExitStatus(IntEnum):
    """What a command returns to the shell (``docs/cli.md``)."""

    OK = 0
    FAILED = 1  # it could not be done: a wrong keyword, the database, the machine
    USAGE = 2  # a wrong call, or a wrong bot.toml
    INCOMPLETE = 3  # arXiv gave no whole answer
    POSTS_WAITING = 4  # to be sent, or for a person's decision


def exit_status(error: BotError) -> ExitStatus:
    """What a command that ends with this error returns to the shell."""
    if isinstance(error, ConfigError):
        return ExitStatus.USAGE
    arxivs = isinstance(error, SourceError) and not isinstance(error, SourceNotAsked)
    return ExitStatus.INCOMPLETE if arxivs else ExitStatus.FAILED


def show(text: str) -> None:
    """A result, on standard output."""
    _write(sys.stdout, _CONTROL.sub("\ufffd", redacted(readable(text))))


def note(text: str) -> None:
    """Something beside the result, on standard error. Errors quote much, but never a token."""
    _write(sys.stderr, _CONTROL.sub("\ufffd", redacted(readable(text))))


def show_reply(reply: Reply, *, as_json: bool) -> None:
    """An answer, for people or for other programs."""
    if as_json:
        import json

        from bot.chat.reports import encode

        show(json.dumps(readable_data(encode(reply.report)), ensure_ascii=False, indent=2))
        return
    show(reply.text)
    for section in reply.sections:
        show(f"\n{section.heading}\n{section.text}")
    for row in reply.rows:
        show(f"  {row.text}  ({row.detail})")
    for entry in reply.entries:
        show(_entry(entry))


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """What ``check`` found, a line each; what is wrong with its remedy below."""
    if as_json:
        import json
        from dataclasses import asdict

        show(json.dumps([asdict(each) for each in findings], ensure_ascii=False, indent=2))
        return
    for each in findings:
        show(f"{'ok   ' if each.ok else 'WRONG'} {each.subject}: {each.text}")
        if not each.ok and each.remedy:
            show(f"      {each.remedy}")


def _entry(entry: Entry) -> str:
    from bot.text import authors_line

    paper = entry.paper
    facts = (authors_line(paper.authors), paper.primary_category, f"{paper.published:%Y-%m-%d}")
    about = " · ".join(filter(None, facts))
    return f"\n  {paper.title}\n  {about}\n  {paper.url}"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        leave_unread(stream)


def leave_unread(stream: TextIO) -> None:
    """Nobody reads the stream any more: let what else is written to it go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


POSTING = "posting"  # what is said before posts are shown or sent


class Progress:
    """Says what is being done: a moving line on a terminal, a line each elsewhere.

    While posts are shown it keeps away: those of ``console:`` go to the same terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._moving: Status | None = None

    def __call__(self, text: str) -> None:
        if not self._stream.isatty():
            _write(self._stream, text)
        elif text == POSTING:
            self.done()
        elif self._moving is None:
            from rich.console import Console

            self._moving = Console(file=self._stream).status(text)
            self._moving.start()
        else:
            self._moving.update(text)

    def done(self) -> None:
        if self._moving is not None:
            self._moving.stop()
            self._moving = None


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on standard error, taken away at the end, however it ends."""
    shown = Progress(sys.stderr)
    try:
        yield shown
    finally:
        shown.done()
