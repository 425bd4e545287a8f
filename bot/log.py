"""What the bot logs, and where: one line per event on standard error, as ``key=value``.

::

    time=2026-03-02T08:00:00Z level=warning logger=bot.delivery event=paused channel=… why=…

A message begins with the name of its event. Control characters (a terminal's commands, line ends)
become visible escapes, because errors quote what others sent. Foreign libraries are heard from
warnings on. Writes no file, rotates nothing: whatever runs the bot keeps its output.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import TextIO

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_OURS = ("bot", "adapters")


class _Lines(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        line = (
            f"time={self.formatTime(record, self.datefmt)} level={record.levelname.lower()}"
            f" logger={record.name} event={_CONTROL.sub(_escaped, record.getMessage())}"
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _escaped(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode("ascii")


class _StandardError(logging.StreamHandler[TextIO]):
    """Asks for ``sys.stderr`` at each line: a progress display stands in for it while it shows."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(_Lines())

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def set_up(*, verbose: bool) -> None:
    """Log to standard error: the bot's own events if ``verbose``, else warnings alone.

    Called once by each program, before anything is logged.
    """
    root = logging.getLogger()
    root.handlers[:] = [_StandardError()]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
