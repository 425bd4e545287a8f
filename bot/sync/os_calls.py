"""The few calls to the operating system that replace a file which others write, too.

Decides nothing: ``shared_file`` does. They are methods of one small object so that a test can make
each of them fail, or be the last thing that a process does. All raise OSError.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import signal
from enum import Enum
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h; renameat2(2), since Linux 3.15


class Writers(Enum):
    """Whether another process has the file open for writing at this moment."""

    NONE = "none"
    SOME = "some"
    UNKNOWN = "unknown"


class OsCalls:
    """The real calls."""

    def fsync(self, descriptor: int) -> None:
        """Wait until an open file, or the names in a folder, would survive a power failure."""
        os.fsync(descriptor)

    def create(self, path: Path, data: bytes, like: Path) -> None:
        """Create a file durably, with the mode, owner and attributes of another."""
        owner = like.stat()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            created = os.fstat(descriptor)
            if (created.st_uid, created.st_gid) != (owner.st_uid, owner.st_gid):
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            shutil.copystat(like, path)
            file.write(data)
            file.flush()
            self.fsync(descriptor)

    def exchange(self, one: Path, other: Path) -> None:
        """Exchange two files in one step.

        Fails with ENOSYS or EINVAL where the system or the file system can't.
        """
        try:
            renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
        except (OSError, AttributeError) as error:  # not Linux, or a C library without it
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
        names = os.fsencode(one), os.fsencode(other)
        if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(other))

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)

    def remove(self, path: Path) -> None:
        os.remove(path)

    def overwrite(self, descriptor: int, offset: int, data: bytes) -> None:
        """Write durably into an open file. Readers see all of it or nothing; a crash of the machine
        may leave a part."""
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], offset + written)
        self.fsync(descriptor)

    def truncate(self, descriptor: int, length: int) -> None:
        os.ftruncate(descriptor, length)
        self.fsync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Make renames, creations and removals in a folder durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.fsync(descriptor)
        finally:
            os.close(descriptor)

    def writers(self, descriptor: int) -> Writers:
        """Whether anybody else has an open file open for writing.

        Answered by Linux's file leases (fcntl(2), F_SETLEASE): a read lease is refused while
        somebody has the file open for writing, a write lease while anybody else has it open. A
        lease holds until the descriptor is closed; whoever opens the file meanwhile waits for that.
        """
        if not hasattr(fcntl, "F_SETLEASE"):
            return Writers.UNKNOWN
        writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        try:
            # The lease's holder gets a signal when somebody waits, by default one that ends the
            # process; this one is ignored.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK if writable else fcntl.F_RDLCK)
        except BlockingIOError:
            return Writers.SOME
        except OSError:  # somebody else's file, or a file system without leases
            return Writers.UNKNOWN
        return Writers.NONE
