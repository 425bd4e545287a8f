"""Folders in memory, where the machine has a place for them: what is written there is not waited
for until a disk has it. A process that is killed loses nothing of that; no test kills the machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

NEEDED_BYTES = 1 << 30  # a container often has 64 MB there, too little for a run of all tests


def root() -> Path | None:
    """Where files are in memory; ``None`` where there is no such place, or little room in it."""
    path = Path("/dev/shm")  # noqa: S108 - folders of our own are made in it
    if not os.access(path, os.W_OK) or shutil.disk_usage(path).free < NEEDED_BYTES:
        return None
    return path


def folder(prefix: str, *, on_disk: bool = False) -> Path:
    """A new folder of this process; on disk also where memory has no room. Whoever makes it removes
    it: what a process left that was killed is removed by the next call with that prefix."""
    base = (None if on_disk else root()) or Path(tempfile.gettempdir())
    for left in base.glob(f"{prefix}-[0-9]*-*"):
        with suppress(ValueError, OSError):  # another's, or removed by somebody else just now
            if not _is_running(int(left.name.removeprefix(f"{prefix}-").partition("-")[0])):
                shutil.rmtree(left)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-", dir=base))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
