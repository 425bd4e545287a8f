"""Writes the page's files, each whole or not at all, and only where it changed."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from bot.errors import UserError
from bot.private_files import reason

REMEDY = "Choose another path in [page] of bot.toml, or let the bot write to this folder."

# A new date alone is no reason to write a file.
_LAST_UPDATE = re.compile(rb"^(?:Last update: .*|<p>Last update: .*</p>)$", re.MULTILINE)


def write(path: Path, text: str) -> bool:
    """Write the text to this path, whole or not at all; false if it was up to date.

    A file that differs only in its date is left alone. A link is followed, and the file's mode is
    kept. Raises UserError.
    """
    target = Path(os.path.realpath(path))
    data = text.encode("utf-8")
    try:
        if _is_up_to_date(target, data):
            return False
        _replace(target, data)
    except OSError as error:
        raise _unwritable(path, error, target) from error
    return True


def problem(files: Iterable[Path], folder: Path) -> str:
    """Why ``write`` would fail for one of these files, or ``write_folder`` for the folder, as far
    as that can be told without writing; empty if nothing is in the way. See ``REMEDY``."""
    for path in files:
        target = Path(os.path.realpath(path))
        try:
            _try_to_replace(target)
        except OSError as error:
            return _problem(path, error, target)
    try:
        _try_to_fill(folder)
    except OSError as error:
        return _problem(folder, error, folder)
    return ""


def _try_to_replace(path: Path) -> None:
    """Raises OSError as ``write`` would."""
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.is_file():
        path.open("rb").close()
    path.parent.stat()
    with suppress(FileNotFoundError):
        _beside(path).lstat()
    _try_to_enter(path.parent)


def _try_to_fill(folder: Path) -> None:
    """Raises OSError as ``write_folder`` would."""
    if folder.is_dir():
        _try_to_enter(folder)
    elif os.path.lexists(folder):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def _try_to_enter(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def write_folder(
    folder: Path, texts: Mapping[str, str], *, is_ours: Callable[[bytes], bool]
) -> bool:
    """Write these texts to files of these names in a folder, which is created if it is missing, and
    remove other feeds that are ours, which ``is_ours`` tells by their first bytes. Returns whether
    anything changed. Raises UserError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error, folder) from error
    changed = [write(folder / name, text) for name, text in texts.items()]
    try:
        outdated = [
            path
            for path in folder.iterdir()
            if path.suffix == ".xml" and path.name not in texts and is_ours(_start_of(path))
        ]
        for path in outdated:
            path.unlink()
    except OSError as error:
        raise _unwritable(folder, error, folder) from error
    return any(changed) or bool(outdated)


def _start_of(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(1000)


def _unwritable(path: Path, error: OSError, target: Path) -> UserError:
    return UserError(f"{_problem(path, error, target)}. {REMEDY}")


def _problem(path: Path, error: OSError, target: Path) -> str:
    return f"The page can't be written to {path}: {reason(error, target)}"


def _is_up_to_date(path: Path, data: bytes) -> bool:
    """Whether the file has the same content, apart from the date."""
    try:
        present = path.read_bytes()
    except FileNotFoundError:
        return False
    return _LAST_UPDATE.sub(b"", present, count=1) == _LAST_UPDATE.sub(b"", data, count=1)


def _beside(path: Path) -> Path:
    """The file that is written first."""
    return path.with_name(f".{path.name}.new")


def _replace(path: Path, data: bytes) -> None:
    """Write a temporary file next to it, flush it to disk, and only then rename it."""
    temporary = _beside(path)
    temporary.unlink(missing_ok=True)  # left over from a crash
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
