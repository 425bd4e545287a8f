"""Command lines of the program, each in a process of its own, forked from one that has loaded it.

``python -m tests.process.forked`` reads a JSON list of ``[folder, [word, …], {variable: value}]``,
where the variables are added to the environment, and writes one of
``[exit status, standard output, standard error]``. For many short calls: a start of Python for each
would take most of the time. Does not replace a real start, of which ``test_cli`` has enough.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    status: int
    out: str
    err: str


def run_all(
    calls: Sequence[tuple[Path, Sequence[str]]], environ: Sequence[Mapping[str, str]] = ()
) -> list[Done]:
    """What came of each, one after the other; ``environ`` adds variables to each, if given."""
    added = environ or [{} for _ in calls]
    done = subprocess.run(
        [sys.executable, "-m", "tests.process.forked"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1"},
        input=json.dumps(
            [
                (str(folder), words, dict(variables))
                for (folder, words), variables in zip(calls, added, strict=True)
            ]
        ),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return [Done(*each) for each in json.loads(done.stdout)]


def _child(
    folder: str,
    words: Sequence[str],
    environ: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
) -> NoReturn:
    from bot.__main__ import main

    os.environ.update(environ)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = ["daily-papers", *words]
    main()
    sys.exit(0)


def _call(folder: str, words: Sequence[str], environ: Mapping[str, str]) -> Done:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            _child(folder, words, environ, out, err)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return Done(status, out.read().decode(), err.read().decode())


if __name__ == "__main__":
    import bot.__main__
    import bot.app.wiring
    import bot.config
    import bot.demo.show
    import bot.monitoring.checks  # noqa: F401 - loaded once for all

    calls = json.load(sys.stdin)
    answers = [_call(*call) for call in calls]
    json.dump(answers, sys.stdout)
