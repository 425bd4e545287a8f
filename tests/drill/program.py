"""The real program with another clock: ``python -m tests.drill.program FILE WORDS …``.

FILE holds the time (seconds since 1970) that it shall be; where it changes, the wall clock jumps
there, as it does on a machine that slept. The monotonic clock and all waiting stay real.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import time_machine

from bot.__main__ import main

LOOK_EVERY = 0.02  # seconds


def follow(file: Path, clock: time_machine.Traveller, pause: threading.Event) -> None:
    """Runs until the process ends."""
    last = file.read_text()
    while not pause.wait(LOOK_EVERY):
        text = file.read_text()
        if text and text != last:
            clock.move_to(float(text), tick=True)
            last = text


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    with time_machine.travel(float(file.read_text()), tick=True) as clock:
        arguments = (file, clock, threading.Event())
        threading.Thread(target=follow, args=arguments, daemon=True).start()
        assert time.time() > 0
        main()
