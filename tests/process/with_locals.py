"""``daily-papers``, and if it crashes, its traceback with every local variable, as rich or a
debugger would print it (run by ``test_crashes.py``)."""

import sys

from rich.console import Console
from rich.traceback import Traceback

from bot.__main__ import app

if __name__ == "__main__":
    try:
        app(sys.argv[1:], standalone_mode=False)
    except KeyError:
        shown = Traceback(
            show_locals=True,
            locals_max_length=None,  # type: ignore[arg-type]  # documented: no limit
            locals_max_string=None,  # type: ignore[arg-type]  # the same
        )
        Console(width=500).print(shown)
