"""When arXiv was last queried, if several processes share a database (``arxiv.rate_limit``)."""

from __future__ import annotations

from bot.store.engines.base import Connection


def pace(db: Connection) -> str:
    """The pace that was saved last; empty before the first time."""
    row = db.execute("select state from pace").fetchone()
    return "" if row is None else str(row[0])


def save(db: Connection, state: str) -> None:
    db.execute(
        "insert into pace (id, state) values (1, ?)"
        " on conflict (id) do update set state = excluded.state",
        (state,),
    )
