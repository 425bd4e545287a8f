"""What a killed test process left is removed, and what others use stays."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests import memory

PREFIX = "daily-papers-memory-test"


def made_and_killed() -> Path:
    """The folder of a process that could not remove it."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, str(memory.folder(PREFIX)).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(theirs)
    with open(ours) as told:
        left = Path(told.read())
    os.waitpid(child, 0)
    return left


def test_what_a_killed_process_left_is_removed_and_what_is_used_stays() -> None:
    mine = memory.folder(PREFIX)
    left = made_and_killed()
    assert left.is_dir()
    again = memory.folder(PREFIX)
    assert not left.exists()
    assert mine.is_dir()
    for each in (mine, again):
        shutil.rmtree(each)
