"""Changes that a very large ``bot.toml`` shows a little later.

Rewriting a file of a thousand channels takes half a second, in which nobody else can change
anything. So there the chat goes on at once, and the file follows every ten minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

LARGE: Final = 200_000  # bytes; some six hundred channels of ten keywords
EVERY: Final = 600.0  # seconds


class ShownLate:
    """Whether ``bot.toml`` is behind the database, and when it is to follow.

    Puts nothing off until somebody promises to look again: sets ``watched``, and asks ``is_due``.
    """

    def __init__(self) -> None:
        self.watched = False
        self._behind = False
        self._last = 0.0

    def puts_off(self, path: Path) -> bool:
        """Whether a change is to be shown later; remembers it then."""
        try:
            large = path.stat().st_size > LARGE
        except OSError:  # who reads the file will say what is wrong with it
            large = False
        self._behind = self._behind or (self.watched and large)
        return self.watched and large

    def is_due(self, now: float) -> bool:
        """``now`` is monotonic, in seconds."""
        return self._behind and now - self._last >= EVERY

    def begun(self, now: float) -> None:
        """The file is being brought up to date now, with all changes until now."""
        self._behind = False
        self._last = now
