"""What the database may delete, so that it stays small over years. Never what was posted where.

The ledger is kept for ever: it alone says what is new in a channel. What is deleted:

- papers that are on no channel's ledger and were in no answer for a year;
- the abstracts of other papers that were in no answer for a year: arXiv can send them again;
- the payloads of posts that arrived more than 30 days ago: the rows stay, so that nothing is sent
  twice;
- runs of more than a year ago, except those that the next run starts from or ``status`` shows.
  Their sums stay, so that no counter goes back.

Found by queries that block nobody, and deleted in small transactions, each of which checks again
what may have changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.model import Outdated
from bot.store.engines.base import Connection
from bot.store.statements.metrics import RUN_SUMS
from bot.store.statements.rows import LISTED, id_list, to_text

KEEP_PAPERS = timedelta(days=365)
KEEP_RUNS = timedelta(days=365)
KEEP_PAYLOADS = timedelta(days=30)

_UNSEEN = "published < :year and last_seen < :year"
_UNKNOWN = "not exists (select 1 from ledger l where l.paper_id = papers.id)"
_NOT_DUE = "not exists (select 1 from ledger l where l.paper_id = papers.id and l.state = 'due')"
_ARRIVED = "state = 'sent' and payload <> '' and settled_at < :month"
# Runs that may be deleted. Kept are all from the earliest of these on: the last complete run, the
# last complete wide one and the last complete one that was not late; and besides those the first
# run, the last one, the last complete one and the last one with a checkpoint.
_PAST = """
  started_at < :old and started_at < (
    select coalesce(min(latest), :old) from (
      select max(started_at) as latest from runs where complete
      union all select max(started_at) from runs where complete and wide
      union all select max(started_at) from runs where complete and not late) as kept)
  and id not in (
    select id from runs where started_at = (select min(started_at) from runs)
    union select id from runs where id in (
      (select max(id) from runs),
      (select max(id) from runs where complete),
      (select max(id) from runs where checkpoint <> '')))
"""


def outdated(db: Connection, now: datetime) -> Outdated:
    """Everything that may be deleted now. Only reads."""
    times = _times(now)

    def ids(query: str) -> tuple[Any, ...]:
        return tuple(row[0] for row in db.execute(query, times))

    return Outdated(
        papers=ids(f"select id from papers where {_UNSEEN} and {_UNKNOWN}"),
        abstracts=ids(
            f"select id from papers where {_UNSEEN} and abstract <> '' and not {_UNKNOWN}"
            f" and {_NOT_DUE}"
        ),
        payloads=ids(f"select key from outbox where {_ARRIVED}"),
        runs=ids(f"select id from runs where {_PAST}"),
    )


def forget(db: Connection, what: Outdated, now: datetime) -> None:
    """Delete these, except what has come to be needed again since ``outdated`` was called."""
    times = _times(now)
    gone = db.execute(
        f"select id from papers where id in ({LISTED}) and {_UNSEEN} and {_UNKNOWN}",
        {**times, "ids": id_list(what.papers)},
    ).fetchall()
    for table, column in (("hits", "paper_id"), ("papers", "id")):
        db.executemany(f"delete from {table} where {column} = ?", gone)
    db.execute(
        f"update papers set abstract = '' where id in ({LISTED}) and {_UNSEEN} and {_NOT_DUE}",
        {**times, "ids": id_list(what.abstracts)},
    )
    db.execute(
        f"update outbox set payload = '' where key in ({LISTED}) and {_ARRIVED}",
        {**times, "ids": id_list(what.payloads)},
    )
    if what.runs:
        _forget_runs(db, what.runs)


def _forget_runs(db: Connection, ids: Sequence[int]) -> None:
    """Delete these runs, and add them to the sums. They need no second check: an old run can't
    come to be needed again."""
    these = f"from runs where id in (select cast(value as bigint) from ({LISTED}) as listed)"
    given = {"ids": id_list(map(str, ids))}
    sums = db.execute(f"select {', '.join(RUN_SUMS.values())} {these}", given).fetchone()
    added = ", ".join(f"{column} = {column} + ?" for column in RUN_SUMS)
    db.execute(f"update forgotten_runs set {added}", sums)
    db.execute(f"delete {these}", given)


def _times(now: datetime) -> dict[str, str]:
    return {
        "year": to_text(now - KEEP_PAPERS),
        "month": to_text(now - KEEP_PAYLOADS),
        "old": to_text(now - KEEP_RUNS),
    }
