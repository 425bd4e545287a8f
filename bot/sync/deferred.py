"""Changes from the chat are written to ``bot.toml`` later, by the loop that watches the file.

No command waits for the file: an editor may hold it, a disk may be slow, and rewriting a thousand
channels takes half a second in which nobody else can change anything. A very large file is written
every ten minutes, any other within seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

LARGE_FILE_BYTES: Final = 200_000  # some six hundred channels of ten keywords
WRITE_INTERVAL: Final = 600.0  # seconds, of a large file


class DeferredWrites:
    """Whether the file lacks changes from the database, and when it is to be written.

    Defers nothing until ``enabled`` is set, by a process that keeps running and asks ``is_due``.
    """

    def __init__(self) -> None:
        self.enabled = False
        self._pending = False
        self._large = False
        self._last_write = 0.0

    def defer(self, path: Path) -> bool:
        """Whether a change will be written later; if so, remembers that there is one."""
        if self.enabled:
            self._pending = True
            try:
                self._large = path.stat().st_size > LARGE_FILE_BYTES
            except OSError:  # whatever reads the file will report what is wrong with it
                self._large = False
        return self.enabled

    def is_due(self, now: float) -> bool:
        """Whether the file is to be written. ``now`` is monotonic, in seconds."""
        return self._pending and (not self._large or now - self._last_write >= WRITE_INTERVAL)

    def started(self, now: float) -> None:
        """The file is being brought up to date now, with all changes so far."""
        self._pending = False
        self._last_write = now
