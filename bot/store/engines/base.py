"""What the statements may use of a connection, and what the store needs of an engine.

The statements keep to SQL that SQLite and PostgreSQL share; what differs between the two
(connections, threads, transactions, locks, errors, files) is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection within a transaction: parameters are ``?`` or ``:name``, never both.

    SQL that only PostgreSQL needs is in ``/*! … */``, which SQLite takes for a comment: locks on
    rows, because its transactions write concurrently.
    """

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor: ...


Begin: TypeAlias = Callable[[], AbstractContextManager[Connection]]


class Engine(Protocol):
    """Every method raises StoreError."""

    async def run(self, work: Callable[[Begin], T]) -> T:
        """Do ``work`` on the writing thread; it opens its own transactions with the ``Begin`` that
        it is given.

        Raises whatever ``work`` raises, too. Cancelling the caller does not stop it.
        """
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do ``work`` in one transaction: all of it happens, or none.

        Cancelling the caller does not stop it: it still commits or rolls back as a whole.
        """
        ...

    async def write_shared(self, work: Callable[[Connection], T]) -> T:
        """As ``write``, but in PostgreSQL concurrently with other shared writes: ``work`` has to
        lock the rows that it decides about. No ``write`` runs at the same time."""
        ...

    async def write_step(self, work: Callable[[Connection], T]) -> T:
        """As ``write_shared``, for one step of long work: it has a thread of its own, so that short
        transactions don't queue behind it."""
        ...

    @property
    def batch_size(self) -> int:
        """How many rows a step of long work writes before others get their turn. That takes some
        tens of milliseconds, of which the commit is a small part."""
        ...

    @property
    def shared_batch_size(self) -> int:
        """The same for steps beside which others write (``write_step``)."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run ``query`` on one consistent snapshot of what is committed. Changes nothing, and waits
        for no writer."""
        ...

    async def read_all(self, query: Callable[[Connection], T]) -> T:
        """The same for a query over whole tables, on a connection of its own, so that short queries
        don't wait for it."""
        ...

    @property
    def name(self) -> str:
        """The engine and its version, for people: ``SQLite 3.46.1``."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several processes may serve the database."""
        ...

    async def write_lease(self, work: Callable[[Connection], T]) -> T:
        """Do ``work``, which is about leases alone, in one short transaction that waits for no
        other write of this process."""
        ...

    def size(self, db: Connection) -> int:
        """The size of the database in bytes."""
        ...

    def problem(self) -> str:
        """Why nothing more can be recorded in this database, in a sentence; empty if all is well.

        Costs some microseconds.
        """
        ...

    async def integrity_problems(self) -> tuple[str, ...]:
        """Damage that the database finds in itself, in its own words. Blocks nobody, and may
        be cancelled at any time. Repairs nothing."""
        ...

    def close(self) -> None:
        """Wait for the transaction that is running, then release everything."""
        ...
