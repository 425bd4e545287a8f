"""Turning what is due in a channel into posts: each channel whole in one transaction.

The decision and the rendering are handed in as ``plan`` and called inside the transaction, so that
a keyword that is removed meanwhile is either in the digest or not, never half. Where they were
``prepared`` from ``agendas``, and the channel is still as it was then, that stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime

from bot.model import Channel, ChannelAgenda, Entry, Paper, Prepared, Publication, Why
from bot.store.engines.base import Connection
from bot.store.statements.rows import (
    CHANNEL_COLUMNS,
    LISTED,
    PAPER_COLUMNS,
    channel_from_row,
    id_list,
    paper_from_row,
    to_text,
    to_time,
    to_time_or_none,
)


def publishable(db: Connection) -> tuple[Channel, ...]:
    """Every channel that is neither paused nor archived and follows something, or still has papers
    due."""
    rows = db.execute(
        f"""
        select {CHANNEL_COLUMNS} from channels c where paused is null and archived_at is null and (
          exists (select 1 from subscriptions s where s.channel_id = c.id)
          or exists (select 1 from ledger l where l.channel_id = c.id and l.state = 'due'))
        order by published_until, id
        """
    )
    return tuple(map(channel_from_row, rows))


def to_recheck(db: Connection) -> tuple[Channel, ...]:
    """The channels that came back after a pause, or whose settings changed, since they were last
    published to. None that is paused or archived."""
    rows = db.execute(
        f"select {CHANNEL_COLUMNS} from channels c"
        " where recheck and paused is null and archived_at is null order by id"
    )
    return tuple(map(channel_from_row, rows))


Plan = Callable[[ChannelAgenda], Publication | None]

ROWS_PER_PAPER = 4  # what checking and queueing one costs, in rows that are only written


def publish_all(
    db: Connection,
    plans: Iterable[tuple[str, Plan]],
    at: datetime,
    batch_size: int,
    prepared: Mapping[str, Prepared],
) -> Generator[None, None, int]:
    """Carry out what each channel's plan decides; how many posts went into the outbox.

    In steps that cost about as much as writing ``batch_size`` rows, each channel whole in one of
    them: the caller opens a transaction for each step, and a step ends where this yields. A commit
    for every channel would be thousands of waits for the disk where little or nothing is due.
    """
    posts = cost = 0
    for channel_id, plan in plans:
        publication = _publish(db, channel_id, plan, at, prepared.get(channel_id)) or Publication()
        posts += len(publication.drafts)
        papers = sum(len(draft.paper_ids) for _, draft in publication.drafts)
        cost += ROWS_PER_PAPER * (1 + len(publication.drafts) + papers + len(publication.skipped))
        if cost >= batch_size:
            cost = 0
            yield
    return posts


def _publish(
    db: Connection, channel_id: str, plan: Plan, at: datetime, prepared: Prepared | None
) -> Publication | None:
    """Carry out what ``plan`` decides for the channel."""
    db.execute("update channels set recheck = false where id = ? and recheck", (channel_id,))
    if prepared is not None and _still_is(db, prepared.agenda):
        publication = prepared.publication
    else:
        publication = plan(agenda(db, channel_id))
    if publication is None:
        return None
    queue(db, channel_id, publication, at)
    db.executemany(
        "update ledger set state = 'skipped', at = ? where channel_id = ? and paper_id = ?",
        [(to_text(at), channel_id, paper_id) for paper_id in publication.skipped],
    )
    if publication.published_until is not None:
        db.execute(
            "update channels set published_until = ? where id = ?",
            (to_text(publication.published_until), channel_id),
        )
    return publication


def agendas(db: Connection, channel_ids: Sequence[str]) -> tuple[ChannelAgenda, ...]:
    """Of those of these channels in which something is due."""
    rows = db.execute(
        f"{LISTED} where exists (select 1 from ledger where channel_id = value and state = 'due')",
        {"ids": id_list(channel_ids)},
    ).fetchall()
    return _agendas(db, [channel_id for (channel_id,) in rows])


def agenda(db: Connection, channel_id: str) -> ChannelAgenda:
    """What is due in the channel, and up to which posting time it was published to."""
    [agenda] = _agendas(db, [channel_id])
    return agenda


def _agendas(db: Connection, channel_ids: Sequence[str]) -> tuple[ChannelAgenda, ...]:
    """A paper that is due in many channels is read once."""
    matched = {channel_id: _matched(db, channel_id) for channel_id in channel_ids}
    ids = {paper_id for each in matched.values() for _, paper_id, _ in each}
    rows = db.execute(
        f"select {PAPER_COLUMNS} from papers where id in ({LISTED})", {"ids": id_list(list(ids))}
    )
    papers = {paper.id: paper for paper in map(paper_from_row, rows)}
    return tuple(
        ChannelAgenda(*_progress(db, channel_id), *_entries(matched[channel_id], papers))
        for channel_id in channel_ids
    )


Matched = tuple[str, str, str]


def _matched(db: Connection, channel_id: str) -> set[Matched]:
    """Of what is due in the channel: why, the paper's id, and one of the keywords it matches."""
    return set(
        db.execute(
            """
            select l.why, l.paper_id, s.text from ledger l
            join hits h on h.paper_id = l.paper_id
            join subscriptions s on s.canonical = h.canonical and s.channel_id = l.channel_id
            where l.channel_id = ? and l.state = 'due'
            """,
            (channel_id,),
        )
    )


def _entries(
    matched: Iterable[Matched], papers: Mapping[str, Paper]
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The new papers and the first ones, the newest paper first."""
    keywords: dict[str, dict[str, list[str]]] = {Why.NEW: {}, Why.FIRST: {}}
    for why, paper_id, keyword in matched:
        keywords[why].setdefault(paper_id, []).append(keyword)

    def newest_first(by_paper: Mapping[str, list[str]]) -> tuple[Entry, ...]:
        found = sorted(map(papers.__getitem__, sorted(by_paper)), key=_serial, reverse=True)
        return tuple(Entry(paper, tuple(sorted(by_paper[paper.id]))) for paper in found)

    return newest_first(keywords[Why.NEW]), newest_first(keywords[Why.FIRST])


def _serial(paper: Paper) -> int:
    return paper.serial


def _progress(db: Connection, channel_id: str) -> tuple[Channel, datetime | None, datetime | None]:
    """The channel, up to which posting time it was published to, and when the last complete run
    began."""
    *channel, published_until = db.execute(
        f"select {CHANNEL_COLUMNS}, published_until from channels where id = ?", (channel_id,)
    ).fetchone()
    last_complete_run_at = db.execute(
        "select started_at from runs where complete and not late order by id desc limit 1"
    ).fetchone()
    return (
        channel_from_row(channel),
        to_time_or_none(published_until),
        to_time(last_complete_run_at[0]) if last_complete_run_at else None,
    )


def _still_is(db: Connection, seen: ChannelAgenda) -> bool:
    """Whether the channel's agenda is the one that was seen, but for texts of its papers."""
    channel_id = seen.channel.id
    matched = {
        (str(why), entry.paper.id, keyword)
        for why, entries in ((Why.NEW, seen.new), (Why.FIRST, seen.first))
        for entry in entries
        for keyword in entry.keywords
    }
    progress = (seen.channel, seen.published_until, seen.last_complete_run_at)
    return _progress(db, channel_id) == progress and _matched(db, channel_id) == matched


def queue(db: Connection, channel_id: str, publication: Publication, at: datetime) -> None:
    """The outbox rows and the ledger rows that say "posted" are one: neither exists alone."""
    when = to_text(at)
    keys = [key for key, _ in publication.drafts]
    for key, draft in publication.drafts:
        db.execute(
            """
            insert into outbox (key, channel_id, platform, payload, papers, parent_key, not_before,
                                created_at)
            values (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                key,
                channel_id,
                Channel(channel_id).platform,
                draft.payload,
                len(draft.paper_ids),
                None if draft.parent is None else keys[draft.parent],
                when,
                when,
            ),
        )
        db.executemany(
            "update ledger set state = 'posted', at = ?, post_key = ?"
            " where channel_id = ? and paper_id = ?",
            [(when, key, channel_id, paper_id) for paper_id in draft.paper_ids],
        )
