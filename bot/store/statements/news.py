"""News of posted papers on the ledgers: each change once in each channel that got the paper.

Each change is one row, however many channels get it, and only the transaction that inserts it puts
it on their ledgers. So a change that is found a second time reaches nobody again, and in a channel
where the paper is posted after the change was found, the change is no news.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.model import News, NewsItem, Paper
from bot.model.news import FOLLOWED_FOR
from bot.store.engines.base import Connection
from bot.store.statements.rows import (
    LISTED,
    PAPER_COLUMNS,
    grouped,
    id_list,
    news_details,
    news_from_row,
    paper_from_row,
    to_text,
    to_time,
)


def posted(db: Connection, since: datetime) -> dict[str, datetime]:
    rows = db.execute(
        "select id, case when followed_at > last_seen then followed_at else last_seen end"
        " from papers where exists (select 1 from ledger l"
        " where l.paper_id = papers.id and l.state = 'posted' and l.at >= ?)",
        (to_text(since),),
    )
    return {paper_id: to_time(last_seen) for paper_id, last_seen in rows}


def known_papers(db: Connection, paper_ids: Sequence[str]) -> tuple[Paper, ...]:
    rows = db.execute(
        f"select {PAPER_COLUMNS} from papers where id in ({LISTED})", {"ids": id_list(paper_ids)}
    )
    return tuple(map(paper_from_row, rows))


def record(db: Connection, news: Sequence[News], at: datetime) -> int:
    """Put new changes on the ledgers of the channels that got the paper; returns how many rows were
    added.

    A channel that follows nothing any more gets none; one that is archived gets it if it comes
    back. Whether a channel wants it is decided when it is published to.
    """
    rows = 0
    for each in news:
        row = db.execute(
            "insert into news (paper_id, kind, mark, details, at) values (?, ?, ?, ?, ?)"
            " on conflict do nothing returning id",
            (each.paper_id, each.kind, each.mark, news_details(each), to_text(at)),
        ).fetchone()
        if row is None:
            continue
        rows += db.execute(
            """
            insert into news_ledger (channel_id, news_id, state, at)
            select l.channel_id, :news, 'due', :at from ledger l
            where l.paper_id = :paper and l.state = 'posted' and l.at >= :since and (
              exists (select 1 from subscriptions s where s.channel_id = l.channel_id)
              or exists (select 1 from removed_subscriptions r
                         where r.channel_id = l.channel_id and r.archived))
            """,
            {
                "news": row[0],
                "at": to_text(at),
                "paper": each.paper_id,
                "since": to_text(at - FOLLOWED_FOR),
            },
        ).rowcount
    return rows


def due(db: Connection, channel_ids: Sequence[str]) -> dict[str, tuple[tuple[Any, ...], ...]]:
    """The news that are due, by channel, as rows for ``item``. Without those of papers whose
    message is not known to have arrived: they come once it has."""
    rows = db.execute(
        f"""
        select d.channel_id, n.id, n.paper_id, n.kind, n.mark, n.details, o.key, o.settled_at,
               o.message_url
        from news_ledger d
        join news n on n.id = d.news_id
        join ledger l on l.channel_id = d.channel_id and l.paper_id = n.paper_id
        join outbox o on o.key = l.post_key
        where d.channel_id in ({LISTED}) and d.state = 'due' and o.state = 'sent'
        order by n.id
        """,
        {"ids": id_list(channel_ids)},
    )
    return grouped((row[0], tuple(row[1:])) for row in rows)


def item(row: Sequence[Any], paper: Paper) -> NewsItem:
    return NewsItem(
        number=row[0],
        news=news_from_row(row[1:5]),
        paper=paper,
        posted_at=to_time(row[6]),
        post_key=row[5],
        link=row[7],
    )


def settle(
    db: Connection,
    channel_id: str,
    numbers: Sequence[int],
    state: str,
    at: datetime,
    post_key: str | None = None,
) -> None:
    """Mark them as posted there, or as skipped."""
    if not numbers:
        return
    db.executemany(
        "update news_ledger set state = ?, at = ?, post_key = ?"
        " where channel_id = ? and news_id = ? and state = 'due'",
        [(state, to_text(at), post_key, channel_id, number) for number in numbers],
    )
