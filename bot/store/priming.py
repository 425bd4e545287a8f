"""Taking the present papers of a new keyword as known, but for the first ones that are shown.

All of it belongs into the transaction that closes the run. With a part of it alone, a bot killed in
between would post the present papers of a keyword as new, or never its first ones.
"""

from __future__ import annotations

import json
import sqlite3

from bot.model import Prime, Run, Why
from bot.store.rows import to_text


def prime(db: sqlite3.Connection, run: Run, first_post: int) -> tuple[int, int]:
    """Prime the run's new keywords wherever they are new; in how many subscriptions that was, and
    how many papers became due there."""
    counts = [_prime(db, run, each, first_post) for each in run.primes]
    for each in run.primes:
        _take_as_known(db, run, each)
    return sum(primed for primed, _ in counts), sum(due for _, due in counts)


def _prime(db: sqlite3.Connection, run: Run, prime: Prime, first_post: int) -> tuple[int, int]:
    """Mark the keyword primed where it is new, and its newest papers as a first digest there.

    The newest are taken from those that the channel has not on its ledger; one that another new
    keyword of the same run brought counts for both.
    """
    fresh = db.execute(
        "select channel_id from subscriptions where canonical = ? and primed_at is null",
        (prime.canonical,),
    ).fetchall()
    at = to_text(run.started_at)
    due = 0
    for (channel_id,) in fresh:
        due += db.execute(
            """
            insert into ledger (channel_id, paper_id, state, why, at)
            select :channel, value, 'due', :why, :at from (
              select n.value, l.paper_id as taken from json_each(:ids) n
              left join ledger l on l.channel_id = :channel and l.paper_id = n.value
              where l.paper_id is null or (l.why = :why and l.at = :at)
              order by n.key limit :limit)
            where taken is null
            """,
            {
                "channel": channel_id,
                "why": Why.FIRST,
                "at": at,
                "ids": json.dumps(prime.paper_ids),
                "limit": first_post,
            },
        ).rowcount
    db.execute(
        "update subscriptions set primed_at = ?, since = ?, baseline = ?"
        " where canonical = ? and primed_at is null",
        (at, prime.since and to_text(prime.since), prime.baseline, prime.canonical),
    )
    return len(fresh), due


def _take_as_known(db: sqlite3.Connection, run: Run, prime: Prime) -> None:
    """After all first digests of the run, so that no keyword hides the newest of another."""
    db.execute(
        """
        insert or ignore into ledger (channel_id, paper_id, state, why, at)
        select s.channel_id, n.value, 'known', '', :at from subscriptions s, json_each(:ids) n
        where s.canonical = :canonical and s.primed_at = :at
        """,
        {
            "at": to_text(run.started_at),
            "ids": json.dumps(prime.paper_ids),
            "canonical": prime.canonical,
        },
    )
