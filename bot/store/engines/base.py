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

    What PostgreSQL alone needs is in ``/*! … */``, which is a comment for SQLite: the locks on
    rows, where transactions write beside each other.
    """

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor: ...


Begin: TypeAlias = Callable[[], AbstractContextManager[Connection]]


class Engine(Protocol):
    """Every method raises StoreError."""

    async def run(self, work: Callable[[Begin], T]) -> T:
        """Do ``work`` on the writing thread; it opens its own transactions with what it is given.

        Raises whatever ``work`` raises, too. A caller that is cancelled meanwhile does not stop it.
        """
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do ``work`` in one transaction: all of it happened, or none.

        A caller that is cancelled meanwhile does not stop it: it commits or rolls back whole.
        """
        ...

    async def write_shared(self, work: Callable[[Connection], T]) -> T:
        """The same beside others that do so, in PostgreSQL: ``work`` locks the rows that it decides
        about, and nothing that ``write`` does happens meanwhile."""
        ...

    async def write_step(self, work: Callable[[Connection], T]) -> T:
        """The same for a step of long work: no short transaction waits for its thread."""
        ...

    @property
    def batch_size(self) -> int:
        """Rows that a step of long work writes before others get their turn: some tens of
        milliseconds, of which the commit is a small part."""
        ...

    @property
    def shared_batch_size(self) -> int:
        """The same where others write meanwhile (``write_step``)."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Answer from one consistent snapshot of what is committed; changes nothing, and waits for
        no writer."""
        ...

    async def read_all(self, query: Callable[[Connection], T]) -> T:
        """The same for a query over everything: no short one waits for it."""
        ...

    @property
    def name(self) -> str:
        """Which engine it is, and of which version."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several processes may serve the database."""
        ...

    async def write_lease(self, work: Callable[[Connection], T]) -> T:
        """One short transaction about leases: it waits for nothing that is written otherwise."""
        ...

    def size(self, db: Connection) -> int:
        """Of the database, in bytes."""
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
