"""A file that people's editors write too: read when nobody is in the middle of writing it, and
replaced without losing what somebody has just saved.

Knows nothing about what the file says, keeps nothing but two temporary files beside it, and never
waits: where it would have to, it says so and leaves everything as it was.

- **Read** under a Linux lease, which says whether somebody has the file open for writing. An editor
  that writes in place empties the file first; what is read in between is not what anybody meant.
- **Replace** by exchanging the file with the new one in one step, and then looking at what came
  out. If that is not what had been read, or somebody is writing it, it is *left over*: somebody
  saved in between, and a rename would have destroyed it. It stays beside the file until it is
  complete and the caller has taken over what it says, and then goes back. In this order, because
  whoever opens the file meanwhile sees our text, without the left-over one, and may save over it.
  Where the system can't exchange, the file is compared just before the rename.
- **In place**, from the first byte that differs, where a rename is impossible (a single file
  mounted into a container), not permitted (the folder), or would break something (a hard link, an
  owner that can't be kept). A shorter text is first filled up with empty lines, so that the file
  is whole before and after each step. Only a crash of the machine can leave a part.
- **After a crash** there is at most such a left-over text, and it goes the same way. If its place
  is taken, it gets a name that a person will find.

A link stays a link: what it points to is replaced.
"""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from bot.config.toml_source import FileUnreadable, read_bytes
from bot.private_files import permission_problem
from bot.sync.os_calls import OsCalls, Writers

_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_CANNOT_RENAME = {errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS}


class FileUnwritable(Exception):
    """The file stays as it is; the text is the reason."""


class FileContent(NamedTuple):
    """What the file held, and whether somebody was writing it at that moment."""

    data: bytes
    writers: Writers

    @property
    def digest(self) -> str:
        return digest_of(self.data)


class ReplaceResult(Enum):
    """The result of an attempt to replace the file. After the other two, check for a left-over."""

    WRITTEN = "written"
    RACED = "raced"  # somebody saved since it was read
    BUSY = "busy"  # somebody is saving it now


def _reason(error: OSError | FileUnreadable) -> str:
    return getattr(error, "strerror", None) or str(error)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class SharedFile:
    """One such file. Callers exclude each other (``Synchronizer`` holds a lock).

    ``rescued`` are the files to which left-over texts were moved that could not go back.
    """

    def __init__(self, path: Path, os_calls: OsCalls) -> None:
        self._path = path
        self._os = os_calls
        self.rescued: list[Path] = []

    def read(self) -> FileContent:
        """The file's bytes. Raises FileUnreadable."""
        return self._read(self._path)

    def signature(self) -> tuple[int, ...] | None:
        """Differs if the file was changed, except in the same instant; ``None``: no file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def replace(self, seen: bytes, new: bytes, *, steady: bool) -> ReplaceResult:
        """Replace ``seen`` by ``new``.

        ``steady`` tells that the file has been like this for a while, so that somebody who has it
        open need not be waited for. Raises FileUnwritable.
        """
        target, beside, part = self._places()
        try:
            status = target.stat()
            if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
                raise FileUnwritable(permission_problem(target) or "it is read-only")
            if status.st_nlink > 1 or not self._prepare(target, beside, part, new):
                return self._in_place(target, seen, new, steady=steady)
            return self._exchange(target, beside, seen, new, steady=steady)
        except FileNotFoundError:
            return ReplaceResult.RACED
        except (OSError, FileUnreadable) as error:
            raise FileUnwritable(_reason(error)) from error

    def left_over(self) -> FileContent | None:
        """What a race or a crash left beside the file, if anything. Raises FileUnwritable."""
        _, beside, part = self._places()
        try:
            if part.exists():  # perhaps not complete, and never anybody else's
                self._os.remove(part)
            return self._read(beside) if beside.exists() else None
        except (OSError, FileUnreadable) as error:
            raise FileUnwritable(_reason(error)) from error

    def discard(self) -> None:
        """Remove what was left over, which nobody needs any more. Raises FileUnwritable."""
        try:
            self._os.remove(self._places()[1])
        except OSError as error:
            raise FileUnwritable(_reason(error)) from error

    def restore_previous(self, ours: str) -> None:
        """Move what was left over back to its place, if our text, whose digest is ``ours``, is
        there; whatever comes out of there is left over next.

        If by now something else stands there, that stays, and the left-over text is rescued.
        Raises FileUnwritable.
        """
        target, beside, _ = self._places()
        try:
            if target.exists() and self._read(target).digest == ours:
                self._os.exchange(beside, target)
            else:
                name = f"{target.name}.rescued-{self._read(beside).digest[:8]}"
                self._os.rename(beside, target.with_name(name))
                self.rescued.append(target.with_name(name))
            self._os.sync_folder(target.parent)
        except (OSError, FileUnreadable) as error:
            raise FileUnwritable(_reason(error)) from error

    def _places(self) -> tuple[Path, Path, Path]:
        """The file itself, with links followed; the new one beside it; and that one unfinished."""
        target = Path(os.path.realpath(self._path))
        beside = target.with_name(f".{target.name}.daily-papers")
        return target, beside, beside.with_name(f"{beside.name}.part")

    def _read(self, path: Path) -> FileContent:
        writers = [Writers.UNKNOWN]

        def check_writers(descriptor: int) -> None:
            writers[0] = self._os.writers(descriptor)

        return FileContent(read_bytes(path, check_writers), writers[0])

    def _prepare(self, target: Path, beside: Path, part: Path, new: bytes) -> bool:
        """Write the new file beside the old one; false if that is not permitted."""
        try:
            self._os.create(part, new, like=target)
            self._os.rename(part, beside)
        except OSError as error:
            with suppress(OSError):
                self._os.remove(part)
            if error.errno in _CANNOT_RENAME:
                return False
            raise
        return True

    def _exchange(
        self, target: Path, beside: Path, seen: bytes, new: bytes, *, steady: bool
    ) -> ReplaceResult:
        try:
            self._os.exchange(beside, target)
        except OSError as error:
            if error.errno in _CANNOT_EXCHANGE:
                return self._rename(target, beside, seen, new, steady=steady)
            self._os.remove(beside)
            if error.errno in _CANNOT_RENAME:
                return self._in_place(target, seen, new, steady=steady)
            raise
        displaced = self._read(beside)
        if displaced.data != seen:
            return ReplaceResult.RACED
        if displaced.writers is Writers.SOME and not steady:
            return ReplaceResult.BUSY
        self._os.remove(beside)
        self._os.sync_folder(target.parent)
        return ReplaceResult.WRITTEN

    def _rename(
        self, target: Path, beside: Path, seen: bytes, new: bytes, *, steady: bool
    ) -> ReplaceResult:
        if self._read(target).data != seen:
            self._os.remove(beside)
            return ReplaceResult.RACED
        try:
            self._os.rename(beside, target)
        except OSError as error:
            self._os.remove(beside)
            if error.errno in _CANNOT_RENAME:
                return self._in_place(target, seen, new, steady=steady)
            raise
        self._os.sync_folder(target.parent)
        return ReplaceResult.WRITTEN

    def _in_place(self, target: Path, seen: bytes, new: bytes, *, steady: bool) -> ReplaceResult:
        descriptor = os.open(target, os.O_RDWR | os.O_CLOEXEC)
        with open(descriptor, "r+b", buffering=0) as file:
            writers = self._os.writers(descriptor)
            if file.read() != seen:
                return ReplaceResult.RACED
            if writers is Writers.SOME and not steady:
                return ReplaceResult.BUSY
            pairs = enumerate(zip(seen, new, strict=False))
            same = next((at for at, (a, b) in pairs if a != b), min(len(seen), len(new)))
            filling = b"\n" * (len(seen) - len(new))
            self._os.overwrite(descriptor, same, new[same:] + filling)
            if filling:
                self._os.truncate(descriptor, len(new))
        return ReplaceResult.WRITTEN
