"""What the bot logs, and where: one line per event on standard error.

As text, the default::

    time=2026-03-02T08:00:00Z level=warning logger=bot.core.deliver event=paused channel=… why="…"

where a value with spaces is in quotes; on a terminal, for people::

    08:00:00 WARNING paused channel=… why="…"

or, with ``[log] format = "json"``, the same as an object per line: ``time``, ``level``, ``logger``,
``event``, ``message`` (the whole sentence), each ``key=value`` as a key of its own, and
``traceback`` where there is one.

A message begins with the name of its event, and then has ``key=%s`` for each value. Control
characters (a terminal's escape sequences, line ends) become visible escapes, because errors quote
what others sent. Of libraries only warnings and errors are logged, whatever levels they set for
themselves: below that, chat libraries log what they send.

No token is ever logged: secrets that the configuration loaded, and whatever looks like a token of
Discord or Slack, are ``***`` in every line, traceback and crash. Writes and rotates no files:
keeping the output is up to whatever runs the bot.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO

from bot.redaction import redacted

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# A place in a message's pattern, with the key before it: key=%s, in=%.0fs.
_PLACE = re.compile(r"(?:\b(\w+)=)?%[-#0 +]*\d*(?:\.\d+)?([a-zA-Z%])")
_FIRST_KEY = re.compile(r"\b\w+=%")
_NEEDS_QUOTES = re.compile(r"[\s\"=]|\A\Z")
_OURS = ("bot", "adapters")
_REPEATED = "repeated"  # attribute of a record: how often it occurred since its last line
_REPEAT_AFTER = 1.0  # seconds between two lines of the same message
_MAX_REMEMBERED = 100  # different messages


_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(control: re.Match[str]) -> str:
    """The escape of a control character, as in the codec ``unicode_escape``. That one is not used,
    because Python loads it at first use: when no more files can be opened, that fails, and nothing
    could be logged (measured)."""
    sign = control[0]
    code = ord(sign)
    return _NAMED.get(sign) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _one_line(text: str) -> str:
    return _CONTROL.sub(_escaped, redacted(text))


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")

    def traceback(self, record: logging.LogRecord) -> str:
        if not record.exc_info:
            return ""
        return _CONTROL_IN_TEXT.sub(_escaped, redacted(self.formatException(record.exc_info)))


class _Text(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event, values = _event_and_values(record)
        line = (
            f"time={self.formatTime(record, self.datefmt)} level={record.levelname.lower()}"
            f" logger={record.name} event={_quoted(event)}{values}"
        )
        return line + self.rest(record)

    def rest(self, record: logging.LogRecord) -> str:
        """What follows the values: how often the message was repeated, and the traceback."""
        times = getattr(record, _REPEATED, 0)
        repeated = f" {_REPEATED}={times}" if times else ""
        traceback = self.traceback(record)
        return f"{repeated}\n{traceback}" if traceback else repeated


class _Terminal(_Text):
    """For people at a terminal: the local time of day, and the level only from warnings on."""

    converter = staticmethod(time.localtime)

    def __init__(self, has_colour: Callable[[], bool]) -> None:
        super().__init__()
        self._has_colour = has_colour

    def format(self, record: logging.LogRecord) -> str:
        event, values = _event_and_values(record)
        level = ""
        if record.levelno >= logging.WARNING:
            level = f"{record.levelname} "
            if self._has_colour():
                colour = _YELLOW if record.levelno < logging.ERROR else _RED
                level = f"{colour}{record.levelname}{_NO_COLOUR} "
        return f"{self.formatTime(record, '%H:%M:%S')} {level}{event}{values}{self.rest(record)}"


_YELLOW, _RED, _NO_COLOUR = "\x1b[33m", "\x1b[31m", "\x1b[0m"


def _event_and_values(record: logging.LogRecord) -> tuple[str, str]:
    """The event, and `` key=value`` for each value after it, quoted if it has spaces."""
    pattern = str(record.msg)
    first = _FIRST_KEY.search(pattern)
    values = record.args if isinstance(record.args, tuple) else ()
    places = [place for place in _PLACE.finditer(pattern) if place[2] != "%"]
    if first is None or len(places) != len(values):
        return _one_line(record.getMessage()), ""
    left = iter(values)

    def filled(place: re.Match[str]) -> str:
        if place[2] == "%":
            return "%"
        key = f"{place[1]}=" if place[1] else ""
        value = _one_line(place[0].removeprefix(key) % (next(left),))
        return f"{key}{_quoted(value)}" if key else value

    event = _PLACE.sub(filled, pattern[: first.start()])
    return _one_line(event.strip()), f" {_one_line(_PLACE.sub(filled, pattern[first.start() :]))}"


def _quoted(value: str) -> str:
    """The value, in double quotes if it would not be one word without them."""
    if not _NEEDS_QUOTES.search(value):
        return value
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = _one_line(record.getMessage())
        line: dict[str, object] = dict(_fields(record))
        line |= {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(_one_line(str(record.msg))),
            "message": message,
        }
        if times := getattr(record, _REPEATED, 0):
            line[_REPEATED] = times
        if traceback := self.traceback(record):
            line["traceback"] = traceback
        return json.dumps(line, ensure_ascii=False)


def _event(pattern: str) -> str:
    """The name of the event: the words before the first ``key=`` or semicolon."""
    return re.split(r";| \w+=|%", pattern, maxsplit=1)[0].strip(" :")


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """Each key of the message's pattern (``key=%s``) with its value; numbers stay numbers."""
    places = [place for place in _PLACE.finditer(str(record.msg)) if place[2] != "%"]
    values = record.args if isinstance(record.args, tuple) else ()
    if len(places) != len(values):
        return
    for place, value in zip(places, values, strict=True):
        if place[1]:
            plain = value is None or isinstance(value, bool | int | float)
            yield place[1], value if plain else _one_line(str(value))


def _is_relevant(record: logging.LogRecord) -> bool:
    """Whether to log a record: all of ours, but of libraries only warnings and errors, whatever
    level they set for themselves."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


@dataclass(slots=True)
class _Repeated:
    """A message that was written at ``written`` (Unix seconds), with the number of its repetitions
    since then, and the last of them."""

    written: float
    last: logging.LogRecord | None = None
    times: int = 0


class _Suppressed(Exception):
    """A repetition that is not written now."""


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at each line: a progress display replaces it for a while.

    The same warning or error is written at most once a second: otherwise a fault in a loop would
    fill the disk. Its repetitions become one line with ``repeated=`` and their number, before
    whatever is logged next. Info messages, and errors that end the program, are always written.
    """

    def __init__(self, formatter: logging.Formatter) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)
        self.addFilter(_is_relevant)
        self._messages: dict[tuple[str, int, str, str], _Repeated] = {}
        self._unloggable_at = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        self._write_repeated(record.created)
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record. Raises _Suppressed for a repetition, which ``logging`` passes to
        ``handleError``, as it does with every exception here."""
        throttled = logging.WARNING <= record.levelno < logging.CRITICAL
        if throttled and not hasattr(record, _REPEATED):
            error = record.exc_info[1] if record.exc_info else None
            key = (record.name, record.levelno, record.getMessage(), f"{error!r}")
            if (known := self._messages.get(key)) is not None:
                known.last, known.times = record, known.times + 1
                raise _Suppressed
            if len(self._messages) >= _MAX_REMEMBERED:
                self._messages.pop(next(iter(self._messages)))
            self._messages[key] = _Repeated(record.created)
        return super().format(record)

    def close(self) -> None:
        with self.lock or nullcontext():
            self._write_repeated(float("inf"))
        super().close()

    def _write_repeated(self, now: float) -> None:
        """Write the suppressed repetitions whose second is over, and forget older messages."""
        for key, known in list(self._messages.items()):
            if 0 <= now - known.written < _REPEAT_AFTER:
                continue
            del self._messages[key]
            if known.last is not None:
                self._messages[key] = _Repeated(known.last.created)
                # Without the traceback, which is in the line before.
                changed = {"exc_info": None, _REPEATED: known.times}
                super().emit(logging.makeLogRecord(vars(known.last) | changed))

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Report an error in logging itself with its place alone: the report of ``logging`` would
        show the arguments, tokens included. Ignores repetitions."""
        if isinstance(sys.exception(), _Suppressed):
            return
        if 0 <= record.created - self._unloggable_at < _REPEAT_AFTER:
            return
        self._unloggable_at = record.created
        try:
            self.stream.write(f"level=error event=unloggable at={record.name}:{record.lineno}\n")
        except (OSError, ValueError):  # standard error is closed
            return


def set_up(
    *, verbose: bool, quiet: bool = False, has_colour: Callable[[], bool] = lambda: False
) -> None:
    """Log to standard error as text: warnings and errors, if ``verbose`` also the bot's own events,
    if ``quiet`` only errors. ``has_colour`` says whether the terminal shows colours.

    To be called once per process, before anything is logged.
    """
    root = logging.getLogger()
    formatter = _Terminal(has_colour) if sys.stderr.isatty() else _Text()
    root.handlers[:] = [_StandardError(formatter)]
    root.setLevel(logging.ERROR if quiet else logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO if verbose else root.level)


def write_as(form: str) -> None:
    """Switch to this format, ``text`` or ``json`` (``[log] format``), once the configuration is
    known."""
    for handler in logging.getLogger().handlers:
        if form == "json" and isinstance(handler, _StandardError):
            handler.setFormatter(_Json())


def catch_crashes() -> None:
    """Write uncaught exceptions of all threads to the log, and not directly to standard error: the
    text of an error may quote a request with its token, which only the log hides.
    """
    sys.excepthook = _crashed
    threading.excepthook = lambda crash: _crashed(
        crash.exc_type, crash.exc_value or crash.exc_type(), crash.exc_traceback
    )
    sys.unraisablehook = lambda crash: _crashed(
        crash.exc_type, crash.exc_value or crash.exc_type(), crash.exc_traceback
    )


def _crashed(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    if not logging.getLogger().handlers:  # it crashed before anything was set up
        set_up(verbose=False)
    logging.getLogger("bot").critical("crashed", exc_info=(kind, error, traceback))
