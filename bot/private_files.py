"""Creates files and folders that only the bot's own user can use, whatever the umask; and says why
one can't be used.

Existing ones keep their mode, which somebody may have chosen; ``daily-papers check`` reports those
that others can open.
"""

from __future__ import annotations

import errno
import os
import pwd
import shlex
from contextlib import suppress
from pathlib import Path


def make_folder(path: Path) -> None:
    """Create the folder unless it exists, with mode 0700 and its parents as the umask says. Raises
    OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Create an empty file with mode 0600 unless it exists. Never opens an existing one. Raises
    OSError.

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


def reason(error: OSError, path: Path) -> str:
    """Why the file or folder can't be used; if a permission is missing, with the command that
    grants it."""
    denied = error.errno in (errno.EACCES, errno.EPERM)
    return (permission_problem(path) if denied else "") or error.strerror or str(error)


def permission_problem(path: Path) -> str:
    """What about the permissions keeps the bot from using this file or folder, and the command that
    changes it: ``data belongs to root, the bot runs as user 1000: sudo chown 1000:1000 data``.
    Empty if permissions are not the problem.
    """
    path = path.absolute()
    for folder in reversed(path.parents):
        if folder.exists() and not _allowed(folder, os.X_OK):
            return (
                _closed(folder)
                if folder == path.parent
                else f"{folder} does not let {_user(os.geteuid())} in; choose another folder"
            )
    if path.exists():
        needed = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        if not _allowed(path, needed):
            return _closed(path)
    inside = next((each for each in path.parents if each.exists()), path)
    return "" if _allowed(inside, os.W_OK | os.X_OK) else _closed(inside)


def _allowed(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _closed(path: Path) -> str:
    owner, own = path.stat().st_uid, os.geteuid()
    shown = shlex.quote(str(path))
    if owner == own:
        return f"{path} is closed to its owner: chmod u+rwX {shown}"
    who = f"{path} belongs to {_user(owner)}, the bot runs as {_user(own)}"
    return f"{who}: sudo chown {own}:{os.getegid()} {shown}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in a container, where a number is enough
        return f"user {uid}"
