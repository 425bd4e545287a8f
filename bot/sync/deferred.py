"""Writing a very large ``bot.toml`` is deferred.

Rewriting a file of a thousand channels takes half a second, in which nobody else can change
anything. So there the chat goes on at once, and the file follows every ten minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

LARGE_FILE_BYTES: Final = 200_000  # some six hundred channels of ten keywords
WRITE_INTERVAL: Final = 600.0  # seconds


class DeferredWrites:
    """Whether ``bot.toml`` is behind the database, and when it is to be written.

    Defers nothing until ``enabled`` is set, by a process that keeps running and asks ``is_due``.
    """

    def __init__(self) -> None:
        self.enabled = False
        self._pending = False
        self._last_write = 0.0

    def defer(self, path: Path) -> bool:
        """Whether a change is to be written later; remembers it then."""
        try:
            large = path.stat().st_size > LARGE_FILE_BYTES
        except OSError:  # who reads the file will say what is wrong with it
            large = False
        self._pending = self._pending or (self.enabled and large)
        return self.enabled and large

    def is_due(self, now: float) -> bool:
        """``now`` is monotonic, in seconds."""
        return self._pending and now - self._last_write >= WRITE_INTERVAL

    def started(self, now: float) -> None:
        """The file is being brought up to date now, with all changes until now."""
        self._pending = False
        self._last_write = now
