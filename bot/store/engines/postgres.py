"""PostgreSQL: connections on threads of their own, transactions, locks.

psycopg is used synchronously on the store's threads, as sqlite3 is in the other engine, so that
every statement and every generator runs on both. A process has at most eight connections, each
opened at its first use, and reopened after it was lost.

**Who may write at the same time.** Some use cases read much and then write what follows from it:
a collect, archiving, ``bot.toml``. They take the database's write lock, an advisory lock that one
transaction holds exclusively, as SQLite's single writer does: what is correct there is correct
here. Claiming and settling posts, publishing, and what people change in a channel, which is nearly
everything, take that lock as shared and lock the rows that they decide about; see ``write_shared``.

**Texts** can't contain NUL characters here (PostgreSQL's documentation, "Character Types", read
2026-11); each is replaced by U+FFFD.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import NumericLoader
from psycopg.types.string import StrDumper

from bot.errors import SchemaTooNew, StoreBroken, StoreUnavailable
from bot.store.engines import postgres_schema
from bot.store.engines.base import Begin, Connection
from bot.store.engines.connection_thread import ConnectionThread
from bot.store.engines.postgres_errors import translated
from bot.store.migrations import APPLICATION_ID, refuse_newer

log = logging.getLogger(__name__)

T = TypeVar("T")
Connect = Callable[..., "psycopg.Connection[Any]"]

CONNECT_TIMEOUT: Final = 10  # seconds
LOCK_TIMEOUT: Final = 10  # seconds to wait for another transaction
STATEMENT_TIMEOUT: Final = 120  # seconds
# The server ends a transaction that does nothing for so long: otherwise a process that was stopped
# in the middle of one would block all others.
IDLE_TIMEOUT: Final = 5  # seconds
# See ``base.Engine``. A row costs up to ten times what it costs in SQLite: five indexes, two
# foreign keys, and another process that works on it.
BATCH_SIZE: Final = 200
SHARED_BATCH_SIZE: Final = 500
# Connections for short queries. A command makes some six of them, with dozens of round trips, each
# of which waits for a processor where others compose: with one connection, the slowest commands
# spent two thirds of their time in its queue (2,000 channels, two processes).
READERS: Final = 3

# Connection parameters that a URL does not have to name. The last two: a server that vanished
# without closing the connection is noticed within half a minute, and of several hosts the one that
# accepts writes is used.
_DEFAULTS: Final = {
    "connect_timeout": CONNECT_TIMEOUT,
    "application_name": "daily-papers",
    "client_encoding": "utf8",
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "target_session_attrs": "read-write",
}
_SESSION = (
    f"set lock_timeout = '{LOCK_TIMEOUT}s'; set statement_timeout = '{STATEMENT_TIMEOUT}s';"
    f" set idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}s'; set timezone = 'UTC';"
    " set standard_conforming_strings = on"
)
_WRITE = f"begin isolation level read committed; select pg_advisory_xact_lock({APPLICATION_ID})"
_WRITE_SHARED = (
    f"begin isolation level read committed; select pg_advisory_xact_lock_shared({APPLICATION_ID})"
)
# Short timeouts: a process that can't renew its lease in time should give up its role, not wait.
_LEASE = (
    "begin isolation level read committed; set local lock_timeout = '3s';"
    " set local statement_timeout = '3s'"
)
_READ = "begin isolation level repeatable read, read only"


def connect(url: str, **defaults: Any) -> psycopg.Connection[Any]:
    """A connection in autocommit mode: transactions begin and end where this package says so."""
    return psycopg.connect(url, autocommit=True, **defaults)


class PostgresEngine:
    """One database of a server; see ``base.Engine``. A closed engine can't be used again.

    Any number of processes may serve it; what only one may do at a time belongs to a role
    (``LeaseStore`` in ``bot.ports``).
    """

    def __init__(self, url: str, connect: Connect = connect) -> None:
        self._server = Server(url, connect)
        self._problem = ""
        self._writer = Session(self._server, "store", _WRITE, self._on_connect)
        self._sharer = Session(self._server, "store-shared", _WRITE_SHARED, self._on_connect)
        self._stepper = Session(self._server, "store-steps", _WRITE_SHARED, self._on_connect)
        # Queries have connections of their own, as in the other engine.
        self._readers = [
            Session(self._server, f"store-reader-{number}", _READ, self._on_connect)
            for number in range(1, READERS + 1)
        ]
        self._reader_of_all = Session(self._server, "store-reader-all", _READ, self._on_connect)
        self._leases = Session(self._server, "store-leases", _LEASE, self._on_connect)
        try:
            with translated(self._server.name):
                self._server.refuse_shared_connections()
                self._writer.open(postgres_schema.prepare)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return f"PostgreSQL {self._server.version}"

    def close(self) -> None:
        writers = (self._writer, self._sharer, self._stepper, self._leases)
        for session in (*writers, *self._readers, self._reader_of_all):
            session.close()

    async def run(self, work: Callable[[Begin], T]) -> T:
        return await self._writer.run(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._writer.run_in_transaction(work)

    async def write_shared(self, work: Callable[[Connection], T]) -> T:
        return await self._sharer.run_in_transaction(work)

    async def write_step(self, work: Callable[[Connection], T]) -> T:
        return await self._stepper.run_in_transaction(work)

    @property
    def batch_size(self) -> int:
        return BATCH_SIZE

    @property
    def shared_batch_size(self) -> int:
        return SHARED_BATCH_SIZE

    async def write_lease(self, work: Callable[[Connection], T]) -> T:
        return await self._leases.run_in_transaction(work)

    async def read(self, query: Callable[[Connection], T]) -> T:
        free = min(self._readers, key=lambda each: each.pending)
        return await free.run_in_transaction(query)

    async def read_all(self, query: Callable[[Connection], T]) -> T:
        return await self._reader_of_all.run_in_transaction(query)

    @property
    def is_shared(self) -> bool:
        return True

    def size(self, db: Connection) -> int:
        return int(db.execute("select pg_database_size(current_database())").fetchone()[0])

    def problem(self) -> str:
        return self._problem

    async def integrity_problems(self) -> tuple[str, ...]:
        """What the server's checksums found; its own tools (amcheck) need more rights than ours."""
        failures = await self.read_all(
            lambda db: db.execute(
                "select coalesce(checksum_failures, 0) from pg_stat_database"
                " where datname = current_database()"
            ).fetchone()[0]
        )
        return (f"{failures} pages whose checksum is wrong",) if failures else ()

    def _on_connect(self, db: psycopg.Connection[Any]) -> None:
        """Raises SchemaTooNew if a newer version of the bot has migrated the database meanwhile."""
        try:
            refuse_newer(postgres_schema.version(db))
        except SchemaTooNew as error:
            self._problem = str(error)
            raise


class Server:
    """Where the database is, and how to connect to it. Raises StoreBroken for an invalid URL."""

    def __init__(self, url: str, connect: Connect = connect) -> None:
        self._url = url
        self._connect = connect
        self.version = ""
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise StoreBroken(
                "DATABASE_URL is not understood. It has the form"
                " postgresql://user:password@host:5432/database; in a password @ : / % are written"
                " %40 %3A %2F %25, and what follows a question mark is name=value, with names that"
                " libpq knows."
            ) from None  # the original error quotes the URL, password included
        self._defaults = {key: value for key, value in _DEFAULTS.items() if key not in given}
        hosts = str(given.get("host") or given.get("hostaddr") or "this machine").split(",")
        ports = str(given.get("port") or "5432").split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        self.address = ", ".join(
            host if host.startswith("/") or port == "5432" else f"{host}:{port}"
            for host, port in zip(hosts, ports, strict=False)
        )
        self.name = f"the database at {self.address}"

    def open(self) -> psycopg.Connection[Any]:
        """A new connection, set up as the statements need it. Raises psycopg.Error."""
        db = self._connect(self._url, **self._defaults)
        try:
            db.execute(_SESSION)
            db.adapters.register_dumper(str, _TextDumper)
            db.adapters.register_loader("numeric", _SumLoader)
        except BaseException:
            db.close()
            raise
        number = db.info.server_version
        self.version = f"{number // 10_000}.{number % 10_000}"
        return db

    def refuse_shared_connections(self) -> None:
        """Raises StoreBroken behind a pooler that gives each transaction another server connection
        (transaction mode): locks and temporary tables would end up with other clients.

        A pooler is recognised because PgBouncer makes up the process id that a server states at the
        start of a connection (pgbouncer.org/features.html, read 2026-11). In session mode it is
        harmless, so two connections are compared before one is refused.
        """
        with self._opened() as one:
            if _server_process(one) == one.info.backend_pid:
                return
            with self._opened() as other:
                other.execute("begin")
                shared = _server_process(other) == _server_process(one)
                other.execute("rollback")
        if shared:
            raise StoreBroken(
                "DATABASE_URL leads to a pooler (PgBouncer) in transaction mode, where locks do not"
                " hold. Connect to PostgreSQL itself, or to a pool with pool_mode = session."
            )

    @contextmanager
    def _opened(self) -> Iterator[psycopg.Connection[Any]]:
        db = self.open()
        try:
            yield db
        finally:
            db.close()


def _server_process(db: psycopg.Connection[Any]) -> int:
    row = db.execute("select pg_backend_pid()").fetchone()
    return 0 if row is None else int(row[0])


class Session(ConnectionThread):
    """One connection to the server, on its thread. ``begin`` is the SQL that begins its
    transactions; ``on_connect`` is called with each new connection."""

    def __init__(
        self,
        server: Server,
        name: str,
        begin: str,
        on_connect: Callable[[psycopg.Connection[Any]], None],
    ) -> None:
        super().__init__(name)
        self._server = server
        self._begin = begin
        self._on_connect = on_connect
        self._db: psycopg.Connection[Any] | None = None

    def open(self, prepare: Callable[[psycopg.Connection[Any]], None]) -> None:
        """Connect now, and let ``prepare`` check or migrate the database first. Raises
        psycopg.Error and what ``prepare`` raises."""
        db = self._server.open()
        try:
            prepare(db)
            self._on_connect(db)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _run_now(self, work: Callable[[Begin], T]) -> T:
        with translated(self._server.name):
            return work(self._transaction)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        db = self._begun()
        try:
            yield Statements(db)
            db.execute("commit")
        except BaseException:
            self._roll_back(db)
            raise

    def _begun(self) -> psycopg.Connection[Any]:
        """A connection in a new transaction. Reconnects if the connection was lost while it was
        idle, for example because the server was restarted."""
        if self._db is not None:
            try:
                self._db.execute(self._begin.encode())
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if not self._db.closed:
                    self._roll_back(self._db)
                    raise
                self._disconnect()
            else:
                return self._db
        self.open(lambda _: None)
        db = self._db
        if db is None:
            raise StoreUnavailable(f"{self._server.name} does not answer")
        try:
            db.execute(self._begin.encode())
        except BaseException:
            self._roll_back(db)
            raise
        return db

    def _roll_back(self, db: psycopg.Connection[Any]) -> None:
        """Roll back. If even that fails, disconnect: a new connection is made when one is
        needed."""
        try:
            db.execute("rollback")
        except psycopg.Error:
            self._disconnect()
            return
        if db.info.parameter_status("in_hot_standby") == "on":
            self._disconnect()

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


class Statements:
    """A connection as the statements use it: see ``base.Connection``."""

    def __init__(self, db: psycopg.Connection[Any]) -> None:
        self._db = db

    def execute(self, sql: str, parameters: Any = (), /) -> psycopg.Cursor[Any]:
        return self._db.execute(as_postgres(sql), parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> psycopg.Cursor[Any]:
        cursor = self._db.cursor()
        cursor.executemany(as_postgres(sql), parameters)
        return cursor


# A string literal; a ``/*! … */`` part; a parameter, as ``?`` or ``:name``; a percent sign, which
# psycopg would take for the beginning of a parameter.
_TOKEN = re.compile(r"('[^']*')|/\*!(.*?)\*/|(\?)|(?<![:\w]):(\w+)|(%)", re.DOTALL)


@lru_cache(maxsize=512)
def as_postgres(sql: str) -> bytes:
    """The statement as psycopg takes it: ``?`` and ``:name`` become ``%s`` and ``%(name)s``, and
    what is in ``/*! … */`` becomes part of it (``base.Connection``)."""

    def one(found: re.Match[str]) -> str:
        text, ours, mark, name, _ = found.groups()
        if text is not None:
            return str(text).replace("%", "%%")
        if ours is not None:
            return _TOKEN.sub(one, ours)
        return "%s" if mark else f"%({name})s" if name else "%%"

    return _TOKEN.sub(one, sql).encode()


class _TextDumper(StrDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))


class _SumLoader(NumericLoader):
    """Reads whole numbers of the type ``numeric`` as ``int``: a sum of integers is a ``numeric`` in
    PostgreSQL, but an integer in SQLite."""

    def load(self, data: Any) -> Any:
        found = super().load(data)
        return int(found) if found == found.to_integral_value() else float(found)
