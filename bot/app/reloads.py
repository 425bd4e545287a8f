"""SIGHUP makes ``daily-papers run`` reread bot.toml, whatever it is doing at that moment.

A signal that nobody receives yet, because the database server does not answer or one service has
ended and the next has not begun, is kept until somebody does. Decides nothing about what a reread
bot.toml changes.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.config import Config
from bot.errors import ConfigError

log = logging.getLogger(__name__)


class Reloads:
    """``read`` reads bot.toml, and raises ConfigError."""

    def __init__(self, read: Callable[[], Config]) -> None:
        self._read = read
        self._receiver: Callable[[], None] | None = None
        self._wanted = False

    def want(self, *_: object) -> None:
        """What handles the signal."""
        if self._receiver is None:
            self._wanted = True
        else:
            self._receiver()

    def take(self) -> bool:
        """Whether a signal has come that nobody received; it is received now."""
        wanted, self._wanted = self._wanted, False
        return wanted

    @contextmanager
    def received_by(self, receiver: Callable[[], None]) -> Iterator[None]:
        """Meanwhile each signal calls this, and so does one that came before."""
        self._receiver = receiver
        if self.take():
            receiver()
        try:
            yield
        finally:
            self._receiver = None

    @contextmanager
    def in_loop(self) -> Iterator[None]:
        """Meanwhile a signal wakes the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.want)
        try:
            yield
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, self.want)

    def config(self) -> Config | None:
        """As bot.toml has it now; ``None`` where it is wrong: then everything stays as it is."""
        try:
            return self._read()
        except ConfigError as error:
            log.warning("bot.toml was not reread, everything stays as it is: %s", error)
            return None
