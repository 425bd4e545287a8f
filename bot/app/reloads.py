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
        """Handle the signal: pass it on, or keep it until somebody receives it."""
        if self._receiver is None:
            self._wanted = True
        else:
            self._receiver()

    def take(self) -> bool:
        """Receive the signal that was kept; false if there is none."""
        wanted, self._wanted = self._wanted, False
        return wanted

    @contextmanager
    def received_by(self, receiver: Callable[[], None]) -> Iterator[None]:
        """Call ``receiver`` for each signal inside the context, and for one that was kept."""
        self._receiver = receiver
        if self.take():
            receiver()
        try:
            yield
        finally:
            self._receiver = None

    @contextmanager
    def in_loop(self) -> Iterator[None]:
        """Let the running event loop handle the signal inside the context."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.want)
        try:
            yield
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, self.want)

    def config(self) -> Config | None:
        """The configuration as it is in bot.toml now; ``None``, with a log
        entry, if that is wrong."""
        try:
            return self._read()
        except ConfigError as error:
            log.warning("bot.toml was not reread, everything stays as it is: %s", error)
            return None
