"""Where the demo is seen: the terminal, or whatever standard output is connected to.

The bot's posts and the story around them go to the same stream, in order, through a screen each.
The demo is checked against what appeared on the bot's screen, not against what the bot believes.
"""

from __future__ import annotations

import io
import re
from typing import TextIO

from rich.console import Console
from rich.style import Style
from rich.text import Text

MAX_COLUMNS = 100  # as for posts

HEADING = Style(color="magenta", bold=True)
COMMAND = Style(color="yellow")
KEYWORD = Style(color="green")
FAULT = Style(color="red", bold=True)

_LINK = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")
_ADDRESS = re.compile(r"https?://\S+")
_WITHDRAWN = re.compile(r"^(?:\x1b[^\n]*?)?Withdrawn: ", re.MULTILINE)
_PAPER = re.compile(r"(?<![\d.])\d{4}\.\d{5}(?!\d)")


class Screen(io.StringIO):
    """Forwards what is written, and keeps a copy.

    Has no file descriptor, so that nobody can bypass it. If the reader has gone (``| head``), what
    follows is only kept.
    """

    encoding = "utf-8"  # where the stream has none

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream: TextIO | None = stream
        self._is_terminal = stream.isatty()
        self.encoding = stream.encoding or self.encoding

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str, /) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                self._stream = None
        return super().write(text)


class DemoTerminal:
    """The channel ``console:``, as the demo shows it. Another platform's channel is shown by an
    object with the same ``channel``, ``seen`` and ``withdrawals``."""

    channel = "console:"

    def __init__(self, stream: TextIO) -> None:
        self.screen = Screen(stream)

    def withdrawals(self) -> int:
        """How many papers were said to be withdrawn since the last call of ``seen``."""
        return len(_WITHDRAWN.findall(self.screen.getvalue()))

    def seen(self) -> list[str]:
        """The ids of the papers posted since the last call, as often as they were posted."""
        shown = self.screen.getvalue()
        self.screen.seek(0)
        self.screen.truncate()
        return _PAPER.findall(_ADDRESS.sub("", _LINK.sub("", shown)))


class Narrator:
    """Tells the story around the posts, and shows what a person would type and read.

    Texts are shown as they are: no markup, no escapes.
    """

    def __init__(self, stream: TextIO) -> None:
        screen = Screen(stream)
        self._console = Console(file=screen, highlight=False, legacy_windows=False)
        self._console.width = min(self._console.width, MAX_COLUMNS)
        self._bar = "│ " if _can_say("│", screen.encoding) else "| "

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.rule(Text(text, HEADING), align="left", style=HEADING)

    def code(self, text: str) -> None:
        """To be copied: no line of it is wrapped."""
        self._console.print()
        for line in text.splitlines():
            self._console.print(Text(line, COMMAND), soft_wrap=True)

    def narrate(self, *paragraphs: str) -> None:
        """What the story says, with a bar that sets it apart from the program's words."""
        self._console.print()
        for paragraph in paragraphs:
            self._print(paragraph, bar=self._bar)

    def command(self, text: str) -> None:
        """What a person would type to get what follows."""
        self._print(f"\n$ {text}", COMMAND)

    def answer(self, text: str) -> None:
        """What the program says beside its posts."""
        self._print(text)

    def keyword(self, text: str) -> None:
        self._print(f"    {text}", KEYWORD)

    def fault(self, text: str) -> None:
        self._print(text, FAULT)

    def _print(self, text: str, style: Style | None = None, bar: str = "") -> None:
        width = max(self._console.width - len(bar), 1)
        for line in Text(text, style or "").wrap(self._console, width):
            shown = Text.assemble((bar, HEADING), line)
            shown.rstrip()
            self._console.print(shown, soft_wrap=True)


def _can_say(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
