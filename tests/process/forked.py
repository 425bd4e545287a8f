"""Starts the program by forking a process that has loaded it already.

A start of Python with all of the program's libraries takes longer than most of what the tests do
with it. ``start`` is like ``subprocess.Popen`` and ``call`` like ``subprocess.run``, for
``daily-papers`` with some words; ``in_a_shell`` lets a shell have that command. All workers of a
run share the process that forks, since it takes a second or more to load: the first that needs it
starts it, and it ends with the last of them.

What is started is a process of its own in every respect; only what the interpreter reads at its
start (``PYTHONIOENCODING``, ``PYTHONTZPATH``, …) is the parent's, its output has no buffer, and at
its end Python's memory is not taken apart. So tests of such variables, of what is loaded when, and
of readers that leave start Python themselves.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import random
import runpy
import select
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn
from uuid import uuid4

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("forked_client.py")
TIMEOUT_SECONDS = 110.0  # a program that takes longer is killed, before pytest ends the test
_CHUNK_BYTES = 1 << 16


class Process:
    """A started program, as ``subprocess.Popen`` has it."""

    def __init__(self, pid: int, lifeline: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._lifeline = lifeline  # a pipe that ends when the process does

    def poll(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while it runs."""
        if self.returncode is None:
            self.returncode = _parent().request({"poll": self.pid})
            if self.returncode is not None:
                os.close(self._lifeline)
        return self.returncode

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> int:
        if self.poll() is None and not select.select([self._lifeline], [], [], timeout)[0]:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} seconds")
        while (status := self.poll()) is None:  # its files are closed a moment before it ends
            os.sched_yield()
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(
                self.pid, number
            )  # its number is not another's before ``poll`` has seen the end

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        """Unlike Popen's: whatever still runs then is killed."""
        self.kill()
        self.wait()


def start(
    words: Sequence[str],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
    module: str = "bot",
    umask: int = -1,
    ordinary: bool = False,
) -> Process:
    """``python -m MODULE WORD …``; ``env`` is the whole environment, and both it and a ``umask``
    below 0 are this process's. ``ordinary``: the user is the same, but root may no more than any
    other (only on Linux). May be called by any thread."""
    lifeline, theirs = os.pipe()
    with open(os.devnull, "r+b") as nowhere, os.fdopen(theirs, "wb"):
        files = [
            nowhere if each == subprocess.DEVNULL else each for each in (stdin, stdout, stderr)
        ]
        descriptors = [each if isinstance(each, int) else each.fileno() for each in files]
        descriptors.append(theirs)
        message = {
            "module": module,
            "words": list(words),
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
            "umask": umask,
            "ordinary": ordinary,
        }
        pid = _parent().request(message, descriptors)
    assert pid is not None
    return Process(pid, lifeline)


def call(
    *words: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    module: str = "bot",
    umask: int = -1,
    ordinary: bool = False,
) -> subprocess.CompletedProcess[str]:
    """What came of one call. Raises TimeoutError."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with start(
            words, cwd=cwd, env=env, stdout=out, stderr=err, module=module, umask=umask,
            ordinary=ordinary,
        ) as process:  # fmt: skip
            status = process.wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(
            [*words], status, out.read().decode(), err.read().decode()
        )


@contextmanager
def in_a_shell() -> Iterator[tuple[str, int]]:
    """A shell's function ``daily-papers``, and the descriptor that the shell has to be given."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _parent().request({"listen": True}, [theirs.fileno()])
        number = ours.fileno()
        client = f"{sys.executable} -I -S {shlex.quote(str(CLIENT))} {number}"
        yield f'daily-papers() {{ {client} "$@"; }}\n', number


class _Parent:
    """A connection to the process that has loaded the program: a message for each start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX)
        self._process: subprocess.Popen[bytes] | None = None
        folder = _meeting_place()
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            address = folder / "socket"
            try:
                self._socket.connect(str(address))
            except (FileNotFoundError, ConnectionRefusedError):  # refused: that process was killed
                address.unlink(missing_ok=True)
                self._process = _listening_process(address)
                self._socket.connect(str(address))
        atexit.register(self.close)

    def request(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> int | None:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], descriptors)
            answer: int | None = json.loads(self._socket.recv(_CHUNK_BYTES))
        return answer

    def close(self) -> None:
        """Waits for the process to end, which the other workers have to close, too, if it was
        started here."""
        self._socket.close()
        if self._process is not None:
            self._process.wait()


def _meeting_place() -> Path:
    """A folder that is the same for all workers of a run, and another for every other run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    return Path(tempfile.gettempdir(), f"papers-{run}")


def _listening_process(address: Path) -> subprocess.Popen[bytes]:
    """Can be connected to at once, but answers only when it has loaded the program."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        return subprocess.Popen(
            [sys.executable, "-m", "tests.process.forked", str(listening.fileno())],
            cwd=ROOT,
            env={**os.environ, "PYTHONUTF8": "1"},
            pass_fds=[listening.fileno()],
        )


_ONE_AT_A_TIME = threading.Lock()


def _parent() -> _Parent:
    """The only one, whichever thread comes first: ``cache`` alone lets two threads make two."""
    with _ONE_AT_A_TIME:
        return _started()


@cache
def _started() -> _Parent:
    return _Parent()


# -- in the parent ---------------------------------------------------------------------------------


def _serve(listening: socket.socket) -> None:
    """Until the last connection ends."""
    selector = selectors.DefaultSelector()
    selector.register(listening, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            if connection is listening:
                selector.register(listening.accept()[0], selectors.EVENT_READ)
            elif request := _received(connection):
                answer = json.dumps(_answer(*request, selector)).encode()
                with suppress(ConnectionError):  # it ends, then
                    connection.send(answer)
            else:
                selector.unregister(connection)
                connection.close()
                if len(selector.get_map()) == 1:
                    return


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A message and what came with it; ``None`` at the end, however it came about."""
    try:
        data, descriptors, *_ = socket.recv_fds(connection, _CHUNK_BYTES, 4)
        while data and not data.endswith(b"\n"):
            data += connection.recv(_CHUNK_BYTES)
    except ConnectionError:  # whoever asked was killed
        return None
    return (json.loads(data), descriptors) if data else None


def _answer(
    message: Mapping[str, Any], descriptors: list[int], selector: selectors.BaseSelector
) -> int | None:
    if "poll" in message:
        pid, status = os.waitpid(message["poll"], os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None
    if "listen" in message:
        selector.register(socket.socket(fileno=descriptors[0]), selectors.EVENT_READ)
        return None
    pid = os.fork()
    if pid == 0:
        for key in [*selector.get_map().values()]:
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        selector.close()
        _become(message, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return pid


def _unbuffered(descriptor: int, errors: str) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w")
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)


def _become(message: Mapping[str, Any], descriptors: Sequence[int]) -> NoReturn:
    from bot.__main__ import main

    os.environ.clear()
    os.environ.update(message["env"])
    os.chdir(message["cwd"])
    if message["umask"] >= 0:
        os.umask(message["umask"])
    if message["ordinary"]:
        _give_up_capabilities()
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = _unbuffered(1, "strict")
    sys.stderr = _unbuffered(2, "backslashreplace")
    if os.environ.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    random.seed()
    sys.argv = ["daily-papers", *message["words"]]
    try:
        if message["module"] == "bot":
            main()
        else:
            runpy.run_module(message["module"], run_name="__main__")
    except SystemExit as error:
        if not isinstance(error.code, int | None):
            raise
        _end(error.code or 0)
    _end(0)


def _give_up_capabilities() -> None:
    """What lets root do everything (capset(2)); a user who is not root has none."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    none = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, each in two halves
    if ctypes.CDLL(None, use_errno=True).capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _end(status: int) -> NoReturn:
    """As the interpreter does it, but for taking apart all that was loaded, which would first copy
    the memory of the parent: more work than most commands are."""
    threading._shutdown()  # type: ignore[attr-defined]  # private; multiprocessing does the same
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _load_all() -> None:
    """All of the program once, with what libraries load when they are first used; its command line
    and the certificates, which take longer to make than most of what a command does."""
    import adapters
    import bot

    for package in (bot, adapters):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(each.name)
    for name in ("anyio._backends._asyncio", "httpcore", "typer._adapters"):
        importlib.import_module(name)
    from bot.__main__ import command_line
    from bot.network import Network

    assert command_line() is command_line()
    assert Network().tls is Network().tls


if __name__ == "__main__":
    _load_all()
    gc.freeze()  # or else every process that ends looks through all of it
    with socket.socket(fileno=int(sys.argv[1])) as door:
        _serve(door)
        folder = Path(door.getsockname()).parent
    shutil.rmtree(folder)
