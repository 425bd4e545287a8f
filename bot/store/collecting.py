"""The two transactions of a collect: what to ask for, and what the answer changes.

Decides what is new in a channel, because that must be one with the ledger; what matches was
decided before, and nothing here touches the network.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.model import UNTOLD, Expected, Interests, NoteKind, Prime, Recorded, Run, Why
from bot.store.rows import (
    PAPER_COLUMNS,
    keyword_from_row,
    paper_to_row,
    to_text,
    to_time_or_none,
)

UNTOLD_FOR = timedelta(days=14)  # so long it is asked for what is not told of a paper
UNTOLD_AT_ONCE = 500
SAMPLES_KEPT = 50
SAMPLE_BYTES = 64 * 1024


def interests(db: sqlite3.Connection) -> Interests:
    select = """
        select canonical, text, query, clauses from keywords where canonical in
        (select canonical from subscriptions where primed_at is {} null) order by canonical
    """
    primed = db.execute(select.format("not")).fetchall()
    fresh = db.execute(select.format("")).fetchall()
    first, complete, swept = db.execute(
        "select min(started_at), max(started_at) filter (where complete),"
        " max(started_at) filter (where complete and wide) from runs"
    ).fetchone()
    mark = db.execute("select mark from runs where mark <> '' order by id desc limit 1").fetchone()
    untold = db.execute(
        """
        select id from papers where version = ? and julianday(first_seen) >=
        (select julianday(max(started_at)) from runs) - ? order by serial desc limit ?
        """,
        (UNTOLD, UNTOLD_FOR.days, UNTOLD_AT_ONCE),
    ).fetchall()
    return Interests(
        primed=tuple(map(keyword_from_row, primed)),
        fresh=tuple(map(keyword_from_row, fresh)),
        first_at=to_time_or_none(first),
        complete_at=to_time_or_none(complete),
        swept_at=to_time_or_none(swept),
        mark="" if mark is None else mark[0],
        untold=tuple(row[0] for row in untold),
    )


def expected(db: sqlite3.Connection, canonicals: Sequence[str], since: datetime) -> Expected:
    """What the last complete run saw of these keywords among papers submitted since ``since``."""
    complete = db.execute("select max(started_at) from runs where complete").fetchone()[0]
    if complete is None:
        return Expected(frozenset())
    ids = db.execute(
        """
        select distinct p.id from papers p join hits h on h.paper_id = p.id
        where p.published >= ? and p.last_seen >= ?
          and h.canonical in (select value from json_each(?))
        """,
        (to_text(since), complete, json.dumps(list(canonicals))),
    )
    short = db.execute(
        """
        select count(*) from runs where started_at > ? and exists (
          select 1 from json_each(notes) where json_extract(value, '$.kind') = ?)
        """,
        (complete, NoteKind.SHORT),
    ).fetchone()[0]
    return Expected(frozenset(row[0] for row in ids), short)


def unexplained(db: sqlite3.Connection, paper_ids: Sequence[str]) -> frozenset[str]:
    """Those of these papers about which the source was not asked yet."""
    rows = db.execute(
        "select value from json_each(?) where value not in (select paper_id from disagreements)",
        (json.dumps(list(paper_ids)),),
    )
    return frozenset(row[0] for row in rows)


def untold(db: sqlite3.Connection, paper_ids: Sequence[str]) -> frozenset[str]:
    """Those of these papers that are not here, or not all told."""
    rows = db.execute(
        "select value from json_each(?) where value not in"
        " (select id from papers where version <> ?)",
        (json.dumps(list(paper_ids)), UNTOLD),
    )
    return frozenset(row[0] for row in rows)


def record(db: sqlite3.Connection, run: Run, first_post: int) -> Recorded:
    """Save the papers, put on the ledger what is due, prime, and close the run."""
    new_papers = _count_unseen(db, run)
    _save_papers(db, run)
    due_before = _count_due(db)
    _save_hits(db, run)
    _put_due(db, run)
    primed = sum(_prime(db, run, prime, first_post) for prime in run.primes)
    for prime in run.primes:
        _take_as_known(db, run, prime)
    recorded = Recorded(new_papers, _count_due(db) - due_before, primed)
    _save_disagreements(db, run)
    _save_run(db, run, recorded)
    return recorded


def _save_papers(db: sqlite3.Connection, run: Run) -> None:
    names = PAPER_COLUMNS.replace(" ", "").split(",")
    # The text of the highest version wins; a stale index may answer with an older one.
    db.executemany(
        f"""
        insert into papers ({PAPER_COLUMNS}, first_seen, last_seen)
        values ({", ".join("?" * len(names))}, ?, ?)
        on conflict (id) do update set {", ".join(f"{n} = excluded.{n}" for n in names[1:])}
        where excluded.version >= papers.version
        """,
        [(*paper_to_row(paper), to_text(run.started_at), "") for paper in run.papers],
    )
    db.executemany(
        "update papers set last_seen = ? where id = ?",
        [(to_text(run.started_at), paper.id) for paper in run.papers],
    )


def _save_hits(db: sqlite3.Connection, run: Run) -> None:
    db.execute("create temp table if not exists run_hits (canonical text, paper_id text)")
    db.execute("delete from run_hits")
    db.executemany(
        "insert into run_hits values (?, ?)", [(hit.canonical, hit.paper_id) for hit in run.hits]
    )
    db.executemany(
        "insert or ignore into hits (canonical, paper_id, field) values (?, ?, ?)",
        [(hit.canonical, hit.paper_id, hit.field) for hit in run.hits],
    )


def _put_due(db: sqlite3.Connection, run: Run) -> None:
    """New in a channel is what its ledger does not hold, whatever its date or version.

    One exception: a paper that was announced before the keyword was primed (its serial is not
    above the baseline) and that the primed history was too short to hold. It was there already.
    When that can't be told by its first submission, the serial alone decides.
    """
    db.execute(
        """
        insert or ignore into ledger (channel_id, paper_id, state, why, at)
        select channel_id, paper_id, iif(is_new, 'due', 'known'), iif(is_new, ?, ''), ?
        from (
        select s.channel_id, h.paper_id, max(p.serial > s.baseline
               or (p.version <> ? and p.published > coalesce(s.since, ''))) as is_new
        from run_hits h
        join papers p on p.id = h.paper_id
        join subscriptions s on s.canonical = h.canonical and s.primed_at is not null
        group by s.channel_id, h.paper_id)
        """,
        (Why.NEW, to_text(run.started_at), UNTOLD),
    )


def _prime(db: sqlite3.Connection, run: Run, prime: Prime, first_post: int) -> int:
    """Mark the keyword primed where it is new, and its newest papers as a first digest there.

    The newest are taken from those that the channel has not on its ledger; one that another new
    keyword of the same run brought counts for both.
    """
    fresh = db.execute(
        "select channel_id from subscriptions where canonical = ? and primed_at is null",
        (prime.canonical,),
    ).fetchall()
    at = to_text(run.started_at)
    for (channel_id,) in fresh:
        db.execute(
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
        )
    db.execute(
        "update subscriptions set primed_at = ?, since = ?, baseline = ?"
        " where canonical = ? and primed_at is null",
        (at, prime.since and to_text(prime.since), prime.baseline, prime.canonical),
    )
    return len(fresh)


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


def _save_disagreements(db: sqlite3.Connection, run: Run) -> None:
    db.executemany(
        "insert or ignore into disagreements (paper_id, canonical, at) values (?, ?, ?)",
        [
            (paper_id, canonical, to_text(run.started_at))
            for paper_id, canonical in run.disagreements
        ],
    )


def _save_run(db: sqlite3.Connection, run: Run, recorded: Recorded) -> None:
    notes = [{"kind": n.kind, "text": n.text, "keyword": n.keyword} for n in run.notes]
    db.execute(
        """
        insert into runs (started_at, finished_at, since, wide, complete, requests, fetched,
                          matched, new_papers, due, primed, notes, plan, announced, missing, mark)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            to_text(run.started_at),
            to_text(run.finished_at),
            to_text(run.since),
            run.wide,
            run.complete,
            run.requests,
            run.fetched,
            len({hit.paper_id for hit in run.hits}),
            recorded.new_papers,
            recorded.due,
            recorded.primed,
            json.dumps(notes, ensure_ascii=False),
            run.survey.plan,
            run.survey.announced,
            run.survey.missing,
            run.survey.mark,
        ),
    )
    db.executemany(
        "insert into samples (at, kind, text, body) values (?, ?, ?, ?)",
        [
            (to_text(run.started_at), note.kind, note.text, note.sample[:SAMPLE_BYTES])
            for note in run.notes
            if note.sample
        ],
    )
    db.execute("delete from samples where id <= (select max(id) from samples) - ?", (SAMPLES_KEPT,))


def _count_unseen(db: sqlite3.Connection, run: Run) -> int:
    ids = json.dumps([paper.id for paper in run.papers])
    row = db.execute(
        "select count(*) from json_each(?) where value not in (select id from papers)", (ids,)
    ).fetchone()
    return int(row[0])


def _count_due(db: sqlite3.Connection) -> int:
    return int(db.execute("select count(*) from ledger where state = 'due'").fetchone()[0])
