"""What the bot logs, and where: one line per event on standard error.

As text, the default::

    time=2026-03-02T08:00:00Z level=warning logger=bot.core.deliver event=paused channel=… why="…"

where a value with spaces is in quotes; on a terminal, for people::

    08:00:00 WARNING paused channel=… why="…"

or, with ``[log] format = "json"``, the same as an object per line: ``time``, ``level``, ``logger``,
``event``, ``message`` (the whole sentence), each ``key=value`` as a key of its own, and
``traceback`` where there is one.

A message begins with the name of its event, and then has ``key=%s`` for each value. Control
characters (a terminal's commands, line ends) become visible escapes, because errors quote what
others sent. Foreign libraries are logged from warnings on, whatever they set for themselves: below
that, chat libraries write down what they send.
No token leaves: what the configuration loaded, and whatever looks like a token of Discord or
Slack, is ``***`` in every line, traceback and crash. Writes no file, rotates nothing: whatever runs
the bot keeps its output.
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
_REPEATED = "repeated"  # of a record: how often it occurred since the line before
_REPEAT_AFTER = 1.0  # seconds between two lines of the same message
_MAX_REMEMBERED = 100  # messages


_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(control: re.Match[str]) -> str:
    """As ``unicode_escape`` does it, but that codec is loaded when it is first needed, and where no
    file can be opened any more nothing could be logged (measured)."""
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
        """How often it was repeated, and the traceback."""
        times = getattr(record, _REPEATED, 0)
        repeated = f" {_REPEATED}={times}" if times else ""
        traceback = self.traceback(record)
        return f"{repeated}\n{traceback}" if traceback else repeated


class _Terminal(_Text):
    """For somebody who watches: the time of day here, the level where something is wrong."""

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
    """What happened, and `` key=value`` for each value behind it, quoted where it has spaces."""
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
    """In double quotes, where it would not be one word otherwise."""
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
    """What happened: the words before the first ``key=``, or before a semicolon."""
    return re.split(r";| \w+=|%", pattern, maxsplit=1)[0].strip(" :")


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """Each ``key=%s`` of the message's pattern with what was put there; numbers stay numbers."""
    places = [place for place in _PLACE.finditer(str(record.msg)) if place[2] != "%"]
    values = record.args if isinstance(record.args, tuple) else ()
    if len(places) != len(values):
        return
    for place, value in zip(places, values, strict=True):
        if place[1]:
            plain = value is None or isinstance(value, bool | int | float)
            yield place[1], value if plain else _one_line(str(value))


def _is_relevant(record: logging.LogRecord) -> bool:
    """Whatever level a foreign library sets for itself."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


@dataclass(slots=True)
class _Repeated:
    """A message that was written at ``written`` (Unix seconds), and its last repetition since."""

    written: float
    last: logging.LogRecord | None = None
    times: int = 0


class _Suppressed(Exception):
    """A repetition that is not written now."""


class _StandardError(logging.StreamHandler[TextIO]):
    """Looks ``sys.stderr`` up for each line: a progress display replaces it while it shows.

    The same warning or error is written at most once a second. Its repetitions become one line with
    ``repeated=`` and how often, before whatever is logged next. Otherwise a fault in a loop would
    fill the disk. Our own events (info) and what ends the program are all written.
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
        """The line. Raises _Suppressed for a repetition; the library passes that to handleError, as
        it does with everything that goes wrong here."""
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
        """What was suppressed and is due; and forget messages of a while ago."""
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
        """The library's own report would repeat the arguments, tokens and all."""
        if isinstance(sys.exception(), _Suppressed):
            return
        if 0 <= record.created - self._unloggable_at < _REPEAT_AFTER:
            return
        self._unloggable_at = record.created
        try:
            self.stream.write(f"level=error event=unloggable at={record.name}:{record.lineno}\n")
        except (OSError, ValueError):  # nobody listens any more
            return


def set_up(
    *, verbose: bool, quiet: bool = False, has_colour: Callable[[], bool] = lambda: False
) -> None:
    """Log to standard error as text: the bot's own events if ``verbose``, else warnings and errors;
    if ``quiet`` errors alone. ``has_colour`` says whether a terminal there shows colours.

    Called once by each program, before anything is logged.
    """
    root = logging.getLogger()
    formatter = _Terminal(has_colour) if sys.stderr.isatty() else _Text()
    root.handlers[:] = [_StandardError(formatter)]
    root.setLevel(logging.ERROR if quiet else logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO if verbose else root.level)


def write_as(form: str) -> None:
    """Go on as ``text`` or ``json`` (``[log] format``), once the configuration is known."""
    for handler in logging.getLogger().handlers:
        if form == "json" and isinstance(handler, _StandardError):
            handler.setFormatter(_Json())


def catch_crashes() -> None:
    """Let what nobody caught, on any thread, end in the log and not raw on the terminal.

    A traceback shows the error's text, and that may quote a request with its token.
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
