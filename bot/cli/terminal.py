"""What the command line shows: results on standard output, notes and progress on standard error.

A reader that leaves early (``| head -1``) is not an error: the rest is not shown, and the work goes
on. Pipes, screen readers and logs get plain text; a terminal gets the same words in colour
(``styled``).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

from bot.cli.references import readable, readable_data
from bot.errors import BotError, ConfigError, SourceError, SourceNotAsked
from bot.redaction import redacted

if TYPE_CHECKING:
    from rich.progress import Progress as MovingLine

    from bot.cli.styled import StyledOutput
    from bot.model import Entry, Finding, Reply

# A terminal obeys these, and other people's texts reach us in errors. Not tabs and line feeds.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_POINTS_AT = re.compile(r"^ *\^$", re.MULTILINE)  # into the line above, so that is not wrapped


class ExitStatus(IntEnum):
    """What a command returns to the shell (``docs/cli.md``)."""

    OK = 0
    FAILED = 1  # it could not be done: a wrong keyword, the database, the machine
    USAGE = 2  # a wrong call, or a wrong bot.toml
    INCOMPLETE = 3  # arXiv gave no complete answer
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


def show_file(text: str) -> None:
    """The text of a file on standard output, with its own line ends."""
    lines = (_CONTROL.sub("\ufffd", line) for line in text.split("\r\n"))
    _carefully(sys.stdout, lambda: sys.stdout.write("\r\n".join(lines)))


def note(text: str) -> None:
    """Something besides the result, on standard error, unless the call is to be quiet."""
    if not _quiet:
        complain(text)


def complain(text: str) -> None:
    """What went wrong, on standard error. Tokens that an error quotes are blotted out."""
    screen = None if _POINTS_AT.search(text) else _screen(sys.stderr)
    if screen is not None:
        _carefully(sys.stderr, lambda: screen.note(text))
        return
    _write(sys.stderr, _CONTROL.sub("\ufffd", redacted(readable(text))))


_quiet = False  # whether this call asked for results and errors only


def be_quiet(quiet: bool) -> None:
    """Whether notes and progress are left out from now on."""
    global _quiet
    _quiet = quiet


def show_reply(reply: Reply, *, as_json: bool) -> None:
    """An answer, for people or for other programs."""
    if as_json:
        import json

        from bot.chat.reports import encode

        show(json.dumps(readable_data(encode(reply.report)), ensure_ascii=False, indent=2))
        return
    if (screen := _screen(sys.stdout)) is not None:
        _carefully(sys.stdout, lambda: screen.reply(reply))
        return
    show(reply.text)
    for row in reply.rows:
        show(f"  {row.text}  ({row.detail})")
    for entry in reply.entries:
        show(_entry(entry))
    for section in reply.sections:
        show(f"\n{section.heading}\n{section.text}")


def show_finding(finding: Finding) -> None:
    """One thing that ``check`` looked at; if something is wrong, with the remedy below."""
    if (screen := _screen(sys.stdout)) is not None:
        _carefully(sys.stdout, lambda: screen.finding(finding))
        return
    subject = finding.subject.removesuffix(":")
    show(f"{'ok   ' if finding.ok else 'WRONG'} {subject}: {finding.text}")
    if not finding.ok and finding.remedy:
        show(f"      {finding.remedy}")


def show_json_findings(findings: Sequence[Finding]) -> None:
    """The same for other programs."""
    import json

    show(json.dumps([each._asdict() for each in findings], ensure_ascii=False, indent=2))


def _screen(stream: TextIO) -> StyledOutput | None:
    """The stream, if it is a terminal that takes more than plain text."""
    if not stream.isatty():
        return None
    from bot.cli.styled import StyledOutput

    screen = StyledOutput(stream)
    return None if screen.console.is_dumb_terminal else screen


def _entry(entry: Entry) -> str:
    from bot.text import authors_line, digests
    from bot.text.badges import badges

    paper = entry.paper
    facts = (authors_line(paper.authors), *digests.facts(paper))
    about = " · ".join(filter(None, (*facts, *(badge.text for badge in badges(paper)))))
    return f"\n  {paper.title}\n  {about}\n  {paper.url}"


def _write(stream: TextIO, text: str) -> None:
    _carefully(stream, lambda: stream.write(f"{text}\n"))


def _carefully(stream: TextIO, write: Callable[[], object]) -> None:
    """Write to the stream, once no progress is shown any more. Raises OutputFailed."""
    for shown in _showing:
        shown.done()
    try:
        write()
        stream.flush()
    except BrokenPipeError:
        leave_unread(stream)
    except OSError as error:  # a full disk, a terminal that is gone
        leave_unread(stream)
        raise OutputFailed(stream, error) from error


class OutputFailed(BotError):
    """What a command had to say could not be written."""

    def __init__(self, stream: TextIO, error: OSError) -> None:
        name = "standard output" if stream is sys.stdout else "standard error"
        super().__init__(f"{name} can't be written to: {error.strerror or error}.")


def errors_have_colour() -> bool:
    """Whether standard error is a terminal with colours, and they were not turned off."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.color_system is not None and not console.no_color


def is_broken(stream: TextIO, after: str = "") -> bool:
    """Whether what was written to the stream, and ``after``, can't be delivered; then all further
    output is discarded. Says so, unless it is only that nobody reads the stream any more.
    """
    try:
        stream.write(after)
        stream.flush()
    except BrokenPipeError:
        leave_unread(stream)
        return True
    except OSError as error:
        leave_unread(stream)
        complain(str(OutputFailed(stream, error)))
        return True
    return False


def leave_unread(stream: TextIO) -> None:
    """Discard whatever else is written to the stream, as nobody reads it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


POSTING = "posting"  # what is said before posts are shown or sent


class Progress:
    """Says what is being done: on a terminal in a moving line that counts the seconds, elsewhere in
    a line each.

    It is removed before anything else is shown, and comes back with the next step. While posts are
    shown it stays away: those of ``console:`` go to the same terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._moving: MovingLine | None = None

    def __call__(self, text: str) -> None:
        if _quiet:
            return
        text = _CONTROL.sub("\ufffd", redacted(text))
        if not self._stream.isatty():
            _write(self._stream, text)
        elif text == POSTING:
            self.done()
        else:
            from rich.console import Console
            from rich.progress import Progress as MovingLine
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
            from rich.table import Column

            self.done()
            # Redirected by rich, output that belongs in a file would go to the terminal.
            self._moving = MovingLine(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                TimeElapsedColumn(),
                console=Console(file=self._stream, highlight=False),
                transient=True,
                redirect_stdout=False,
            )
            self._moving.add_task(text, total=None)
            self._moving.start()

    def done(self) -> None:
        """Remove the moving line."""
        if self._moving is not None:
            self._moving.stop()
            self._moving = None


_showing: list[Progress] = []


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on standard error, removed when the context ends, however it ends."""
    shown = Progress(sys.stderr)
    _showing.append(shown)
    try:
        yield shown
    finally:
        shown.done()
        _showing.remove(shown)
