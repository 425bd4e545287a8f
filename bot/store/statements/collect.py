"""The transactions of a collect: what to fetch, and, step by step, what the answer changes.

Decides what is new in a channel, because that depends on the ledger and has to happen in the same
transaction. What matches was decided before. Nothing here touches the network.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

from bot.errors import NoteKind
from bot.model import (
    VERSION_UNKNOWN,
    Expected,
    Hit,
    Interests,
    News,
    Paper,
    Recorded,
    Run,
    Why,
)
from bot.store.engines.base import Connection
from bot.store.statements import news, prime, removal
from bot.store.statements.rows import (
    LISTED,
    PAPER_COLUMNS,
    id_list,
    keyword_from_row,
    paper_to_row,
    save_hits,
    to_text,
    to_time,
    to_time_or_none,
)

T = TypeVar("T")

INCOMPLETE_RETRIED_FOR = timedelta(days=14)  # how long a paper's full metadata is requested
INCOMPLETE_BATCH_SIZE = 500
SAMPLES_KEPT = 50
SAMPLE_BYTES = 64 * 1024

# Costs in units of one written row: checking a channel that has all of its papers already, and
# writing a paper with its text.
ROWS_PER_CHANNEL = 10
ROWS_PER_PAPER = 4

_ANY_NEW = """
  max(case when h.serial > s.baseline or h.published > coalesce(s.since, '') then 1 else 0 end)
"""
_PAPER_NAMES = PAPER_COLUMNS.replace(" ", "").split(",")


def interests(db: Connection) -> Interests:
    select = (
        "select canonical, text, query, clauses from keywords where canonical in ({})"
        " order by canonical"
    )
    # Recently removed keywords are fetched too: whoever adds one again has missed nothing.
    primed = db.execute(
        select.format(
            "select canonical from subscriptions where primed_at is not null union"
            " select canonical from removed_subscriptions where primed_at is not null"
        )
    ).fetchall()
    fresh = db.execute(
        select.format("select canonical from subscriptions where primed_at is null")
    ).fetchall()
    personal = db.execute("select canonical from keywords where not shared").fetchall()
    first, last, complete, swept = db.execute(
        "select min(started_at), max(started_at), max(started_at) filter (where complete),"
        " max(started_at) filter (where complete and wide) from runs"
    ).fetchone()
    followed = db.execute(
        "select followed_until from runs where followed_until <> '' order by id desc limit 1"
    ).fetchone()
    checkpoint = db.execute(
        "select checkpoint from runs where checkpoint <> '' order by id desc limit 1"
    ).fetchone()
    retried_from = "" if last is None else to_text(to_time(last) - INCOMPLETE_RETRIED_FOR)
    metadata_incomplete = db.execute(
        f"select id from papers where version = {VERSION_UNKNOWN} and first_seen >= ?"
        " order by serial desc limit ?",
        (retried_from, INCOMPLETE_BATCH_SIZE),
    ).fetchall()
    return Interests(
        primed=tuple(map(keyword_from_row, primed)),
        fresh=tuple(map(keyword_from_row, fresh)),
        first_at=to_time_or_none(first),
        complete_at=to_time_or_none(complete),
        swept_at=to_time_or_none(swept),
        checkpoint="" if checkpoint is None else checkpoint[0],
        metadata_incomplete=tuple(row[0] for row in metadata_incomplete),
        followed_until=None if followed is None else date.fromisoformat(followed[0]),
        personal=frozenset(canonical for (canonical,) in personal),
    )


def expected(db: Connection, canonicals: Sequence[str], since: datetime) -> Expected:
    """What the last complete run saw of these keywords among papers submitted since ``since``."""
    complete = db.execute("select max(started_at) from runs where complete").fetchone()[0]
    if complete is None:
        return Expected(frozenset())
    ids = db.execute(
        f"""
        select distinct p.id from papers p join hits h on h.paper_id = p.id
        where p.published >= :since and p.last_seen >= :complete and h.canonical in ({LISTED})
        """,
        {"since": to_text(since), "complete": complete, "ids": id_list(canonicals)},
    )
    short = db.execute(
        "select count(*) from runs where started_at > ? and short", (complete,)
    ).fetchone()[0]
    return Expected(frozenset(row[0] for row in ids), short)


def metadata_incomplete(db: Connection, paper_ids: Sequence[str]) -> frozenset[str]:
    """Those of these papers that are not stored, or only without their full metadata."""
    rows = db.execute(
        f"{LISTED} where value not in (select id from papers where version <> :unknown)",
        {"ids": id_list(paper_ids), "unknown": VERSION_UNKNOWN},
    )
    return frozenset(row[0] for row in rows)


def record(
    db: Connection, run: Run, first_post: int, batch_size: int
) -> Generator[None, None, Recorded]:
    """Save the papers, put on the ledger what is due, prime new keywords, and record the run.

    In steps of about ``batch_size`` rows: a step ends where this yields, and the caller runs each
    in a transaction of its own. If the bot is killed in between, what was recorded by then is what
    an incomplete run would have left: papers are stored, some are due in some channels, each once
    on their ledgers, and some new keywords are primed, each channel's as a whole. Only the last
    step makes the run count: it writes the row that moves the cursor. Until then the next run
    fetches everything again, and finds new whatever no ledger holds.

    Only one at a time may run on a connection.
    """
    # Of the tables' collation: with another, PostgreSQL can't use the index to join it to them.
    db.execute(
        """
        create temp table if not exists run_hits (
          canonical text /*! collate "C" */, paper_id text /*! collate "C" */, serial bigint,
          published text /*! collate "C" */, primary key (canonical, paper_id))
        """
    )
    db.execute("delete from run_hits")
    new_papers = due = 0
    told: dict[str, list[News]] = {}
    for each in run.news:
        told.setdefault(each.paper_id, []).append(each)
    without_news = [paper for paper in run.papers if paper.id not in told]
    for papers in _parts(without_news, batch_size // ROWS_PER_PAPER):
        new_papers += _count_unseen(db, papers)
        _save_papers(db, run, papers)
        yield
    for papers in _parts(
        [paper for paper in run.followed if paper.id not in told], batch_size // ROWS_PER_PAPER
    ):
        _save_followed(db, run, papers)
        yield
    yield from _save_with_news(db, run, told, batch_size)
    # Those of a keyword together, on few pages, as they are read for each channel.
    for hits in _parts(sorted(run.hits, key=lambda hit: hit.canonical), batch_size):
        _save_hits(db, hits)
        yield
    # PostgreSQL has no statistics of a temporary table, and would scan all of it for each channel.
    db.execute("/*! analyze run_hits */")
    last: str | None = ""
    while last is not None:
        last, more = _put_due(db, run, last, batch_size)
        due += more
        yield
    primed, first = yield from prime.prime(db, run, first_post, batch_size)
    recorded = Recorded(new_papers, due + first, primed)
    _save_run(db, run, recorded)
    removal.forget_removed(db, run.started_at)
    return recorded


def _save_with_news(
    db: Connection, run: Run, told: Mapping[str, Sequence[News]], batch_size: int
) -> Generator[None, None, None]:
    """Save each paper in the same step as its news, because the next run finds news by comparing a
    paper with what is stored. A paper that was posted in thousands of channels is a step of its
    own."""
    written = 0
    for papers, save in ((run.papers, _save_papers), (run.followed, _save_followed)):
        for paper in papers:
            if paper.id in told:
                written += ROWS_PER_PAPER + news.record(db, told[paper.id], run.started_at)
                save(db, run, [paper])
            if written >= batch_size:
                written = 0
                yield
    yield


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    size = max(size, 1)
    return (values[start : start + size] for start in range(0, len(values), size))


def _save_papers(db: Connection, run: Run, papers: Sequence[Paper]) -> None:
    # The text of the highest version wins; a stale index may answer with an older one.
    db.executemany(
        f"""
        insert into papers ({PAPER_COLUMNS}, first_seen, last_seen)
        values ({", ".join("?" * len(_PAPER_NAMES))}, ?, ?)
        on conflict (id) do update
        set {", ".join(f"{n} = excluded.{n}" for n in _PAPER_NAMES[1:])}
        where excluded.version >= papers.version
        """,
        [(*paper_to_row(paper), to_text(run.started_at), "") for paper in papers],
    )
    db.executemany(
        "update papers set last_seen = ? where id = ?",
        [(to_text(run.started_at), paper.id) for paper in papers],
    )


def _save_followed(db: Connection, run: Run, papers: Sequence[Paper]) -> None:
    """Update posted papers that were only followed up: a deleted abstract stays deleted, and the
    paper does not count as seen in an answer."""
    names = [name for name in _PAPER_NAMES if name not in ("id", "abstract")]
    db.executemany(
        f"update papers set {', '.join(f'{name} = ?' for name in names)},"
        " abstract = case abstract when '' then '' else ? end where id = ? and version <= ?",
        [_followed_row(paper, names) for paper in papers],
    )
    db.executemany(
        "update papers set followed_at = ? where id = ?",
        [(to_text(run.started_at), paper.id) for paper in papers],
    )


def _followed_row(paper: Paper, names: Sequence[str]) -> tuple[object, ...]:
    row = dict(zip(_PAPER_NAMES, paper_to_row(paper), strict=True))
    return (*(row[name] for name in names), paper.abstract, paper.id, paper.version)


def _save_hits(db: Connection, hits: Sequence[Hit]) -> None:
    db.executemany(
        "insert into run_hits"
        " select ?, id, serial, case version when ? then '' else published end"
        " from papers where id = ? on conflict do nothing",
        [(hit.canonical, VERSION_UNKNOWN, hit.paper_id) for hit in hits],
    )
    save_hits(db, hits)


def _put_due(db: Connection, run: Run, last: str, batch_size: int) -> tuple[str | None, int]:
    """Put what is due on the ledgers of the channels after ``last``, for about ``batch_size`` rows.
    Returns the last channel done (``None`` if there are no more), and how many papers became due.

    Channel by channel, because that is the order of the ledger in the file. In a damaged database a
    channel that follows something may be missing; that does not affect the others.
    """
    channels = db.execute(
        "select distinct channel_id from subscriptions join channels on channels.id = channel_id"
        " where channel_id > ? order by 1 limit ?",
        (last, max(batch_size // ROWS_PER_CHANNEL, 1)),
    ).fetchall()
    written = due = 0
    for (channel_id,) in channels:
        states = _put_due_in(db, run, channel_id)
        written += len(states)
        due += states.count("due")
        if written >= batch_size:
            return channel_id, due
    return (channels[-1][0] if channels else None), due


def _put_due_in(db: Connection, run: Run, channel_id: str) -> list[str]:
    """Put the run's papers on the channel's ledger, and return the states of those that were added.

    A paper is new in a channel if the ledger does not hold it, whatever its date or version. One
    exception: if it was announced before the keyword was primed (its serial is not above the
    baseline) and submitted before the primed history begins, it was there already, and becomes
    ``known``. If its first submission is not known, the serial alone decides.
    """
    states = db.execute(
        f"""
        insert into ledger (channel_id, paper_id, state, why, at)
        select :channel, h.paper_id,
               case {_ANY_NEW} when 1 then 'due' else 'known' end,
               case {_ANY_NEW} when 1 then :new else '' end,
               :at
        from subscriptions s join run_hits h on h.canonical = s.canonical
        where s.channel_id = :channel and s.primed_at is not null
        group by h.paper_id
        on conflict do nothing
        returning state
        """,
        {"channel": channel_id, "new": Why.NEW, "at": to_text(run.started_at)},
    )
    return [state for (state,) in states]


def _save_run(db: Connection, run: Run, recorded: Recorded) -> None:
    notes = [{"kind": n.kind, "text": n.text, "keyword": n.keyword} for n in run.notes]
    kinds = {note.kind for note in run.notes}
    db.execute(
        """
        insert into runs (started_at, finished_at, since, wide, complete, requests, fetched,
                          matched, new_papers, due, primed, notes, late, short, plan,
                          announced, missing, checkpoint, followed_until)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
            NoteKind.LATE in kinds,
            NoteKind.SHORT in kinds,
            run.announcement_stats.plan,
            run.announcement_stats.announced,
            run.announcement_stats.missing,
            run.announcement_stats.checkpoint,
            run.followed_until.isoformat() if run.followed_until else "",
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


def _count_unseen(db: Connection, papers: Sequence[Paper]) -> int:
    row = db.execute(
        f"select count(*) from ({LISTED} where value not in (select id from papers)) as unseen",
        {"ids": id_list(paper.id for paper in papers)},
    ).fetchone()
    return int(row[0])
