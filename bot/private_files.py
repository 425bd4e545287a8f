"""Files and folders for the user that the bot runs as, whatever the umask.

What is there already keeps its mode, which somebody may have chosen; ``daily-papers check`` names
it where others can get at it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_folder(path: Path) -> None:
    """Unless it is there: mode 0700, its parents as the umask says. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Unless it is there: empty, mode 0600. Never opens one that is there. Raises OSError.

    (Closing a database's file would drop the locks that SQLite holds on it in this process:
    sqlite.org/howtocorrupt.html, section 2.2, read 2026-11.)
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def open_file(path: Path) -> int:
    """A descriptor for reading and writing; a new file has mode 0600. Raises OSError.

    Not for a database (see ``make_file``).
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
