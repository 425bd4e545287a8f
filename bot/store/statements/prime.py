"""Primes new keywords: records their existing papers as known, except the first ones, which are
posted.

A keyword that took another's place (``subscriptions.narrow``) continues where that one ended, and
has no first papers.

Each channel is primed as a whole, in one transaction: if the bot were killed in the middle of one,
it would post existing papers of a keyword as new, or never post its first ones. Between two
channels it may be killed: what is not primed yet is still new at the next run.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from bot.model import Prime, Run, Why
from bot.store.engines.base import Connection
from bot.store.statements.removal import make_due_again
from bot.store.statements.rows import id_list, to_text

ROWS_PER_CHANNEL = 10  # the cost of checking a channel, in units of one written row


def prime(
    db: Connection, run: Run, first_post: int, batch_size: int
) -> Generator[None, None, tuple[int, int]]:
    """Prime the run's new keywords in each channel where they are new. Returns how many
    subscriptions were primed, and how many papers became due.

    In steps of about ``batch_size`` rows: a step ends where this yields, and the caller runs each
    in a transaction of its own.
    """
    primes = {each.canonical: each for each in run.primes}
    fresh = db.execute(
        "select channel_id, canonical, since is not null, added_at"
        " from subscriptions"
        " join channels on channels.id = channel_id where primed_at is null order by 1, 2"
    ).fetchall()
    waiting: dict[str, list[Prime]] = {}
    continuing: dict[str, list[tuple[str, str]]] = {}  # canonical, and since when
    for channel_id, canonical, continues, added_at in fresh:
        if canonical in primes:
            new = waiting.setdefault(channel_id, [])
            if continues:
                continuing.setdefault(channel_id, []).append((canonical, added_at))
            else:
                new.append(primes[canonical])
    primed = due = written = 0
    for channel_id, new in waiting.items():
        again = 0
        for canonical, added_at in continuing.get(channel_id, ()):
            again += _continue_in(db, run, channel_id, canonical, added_at)
            primed += 1
        first, known = _prime_in(db, run, channel_id, new, first_post)
        primed += len(new)
        due += again + first
        written += again + first + known + ROWS_PER_CHANNEL
        if written >= batch_size:
            written = 0
            yield
    return primed, due


def _continue_in(db: Connection, run: Run, channel_id: str, canonical: str, added_at: str) -> int:
    """Let a keyword continue where the one it replaced ended: make due what was due at that time,
    and what was announced since."""
    at = to_text(run.started_at)
    db.execute(
        "update subscriptions set primed_at = ? where channel_id = ? and canonical = ?",
        (at, channel_id, canonical),
    )
    return make_due_again(db, channel_id, canonical, added_at, run.started_at)


def _prime_in(
    db: Connection, run: Run, channel_id: str, primes: Sequence[Prime], first_post: int
) -> tuple[int, int]:
    """Prime a channel's new keywords together, so that none hides the newest papers of another.
    Returns how many papers became due, and how many known."""
    at = to_text(run.started_at)
    values = [
        {
            "channel": channel_id,
            "canonical": prime.canonical,
            "why": Why.FIRST,
            "at": at,
            "ids": id_list(prime.paper_ids),
            "limit": first_post,
            "since": prime.since and to_text(prime.since),
            "baseline": prime.baseline,
        }
        for prime in primes
    ]
    # The first papers are the newest that are not on the channel's ledger yet. One that another new
    # keyword of the same run has just brought counts for both.
    due = [
        db.execute(
            """
            insert into ledger (channel_id, paper_id, state, why, at)
            select :channel, value, 'due', :why, :at from (
              select n.value, l.paper_id as taken from json_each(cast(:ids as text)) as n
              left join ledger l on l.channel_id = :channel and l.paper_id = n.value
              where l.paper_id is null or (l.why = :why and l.at = :at)
              order by n.key limit :limit) as newest
            where taken is null
            """,
            each,
        ).rowcount
        for each in values
    ]
    known = [
        db.execute(
            "insert into ledger (channel_id, paper_id, state, why, at)"
            " select :channel, value, 'known', '', :at from json_each(cast(:ids as text))"
            " where true on conflict do nothing",
            each,
        ).rowcount
        for each in values
    ]
    db.executemany(
        "update subscriptions set primed_at = :at, since = :since, baseline = :baseline"
        " where channel_id = :channel and canonical = :canonical",
        values,
    )
    return sum(due), sum(known)
