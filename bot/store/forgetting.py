"""What the database may forget, so that years of papers stay small. Never what was posted where.

The ledger is kept for ever: it alone says what is new in a channel. What goes:

- papers that no channel's ledger knows, and that no answer has brought for a year;
- the abstracts of others that no answer has brought for a year: arXiv gives them again;
- the bytes of posts that arrived 30 days ago: the row stays, so that nothing is sent twice.

Found in one look that blocks nobody, and forgotten in small transactions, each of which looks
again whether it still may.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.store.rows import to_text

KEEP_PAPERS = timedelta(days=365)
KEEP_PAYLOADS = timedelta(days=30)

_UNSEEN = "published < :year and last_seen < :year"
_UNKNOWN = "not exists (select 1 from ledger l where l.paper_id = papers.id)"
_NOT_DUE = "not exists (select 1 from ledger l where l.paper_id = papers.id and l.state = 'due')"
_ARRIVED = "state = 'sent' and payload <> '' and settled_at < :month"


@dataclass(frozen=True, slots=True)
class Outdated:
    """Ids of papers and of papers' abstracts, and keys of posts, that may be forgotten."""

    papers: tuple[str, ...] = ()
    abstracts: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.papers) + len(self.abstracts) + len(self.payloads)

    def in_steps(self, size: int) -> Iterator[Outdated]:
        """The same in parts of at most ``size``."""
        yield from (Outdated(papers=part) for part in _parts(self.papers, size))
        yield from (Outdated(abstracts=part) for part in _parts(self.abstracts, size))
        yield from (Outdated(payloads=part) for part in _parts(self.payloads, size))


def outdated(db: sqlite3.Connection, now: datetime) -> Outdated:
    """Everything that may go at this moment. Only reads."""
    moments = _moments(now)

    def ids(query: str) -> tuple[str, ...]:
        return tuple(row[0] for row in db.execute(query, moments))

    return Outdated(
        papers=ids(f"select id from papers where {_UNSEEN} and {_UNKNOWN}"),
        abstracts=ids(
            f"select id from papers where {_UNSEEN} and abstract <> '' and not {_UNKNOWN}"
            f" and {_NOT_DUE}"
        ),
        payloads=ids(f"select key from outbox where {_ARRIVED}"),
    )


def forget(db: sqlite3.Connection, what: Outdated, now: datetime) -> None:
    """Forget these, but for what is needed again since ``outdated`` looked."""
    moments = _moments(now)
    gone = db.execute(
        f"select id from papers where id in (select value from json_each(:ids))"
        f" and {_UNSEEN} and {_UNKNOWN}",
        {**moments, "ids": json.dumps(what.papers)},
    ).fetchall()
    for table, column in (("hits", "paper_id"), ("disagreements", "paper_id"), ("papers", "id")):
        db.executemany(f"delete from {table} where {column} = ?", gone)
    db.execute(
        f"update papers set abstract = '' where id in (select value from json_each(:ids))"
        f" and {_UNSEEN} and {_NOT_DUE}",
        {**moments, "ids": json.dumps(what.abstracts)},
    )
    db.execute(
        f"update outbox set payload = '' where key in (select value from json_each(:ids))"
        f" and {_ARRIVED}",
        {**moments, "ids": json.dumps(what.payloads)},
    )


def _moments(now: datetime) -> dict[str, str]:
    return {"year": to_text(now - KEEP_PAPERS), "month": to_text(now - KEEP_PAYLOADS)}


def _parts(ids: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(ids[start : start + size]) for start in range(0, len(ids), size))
