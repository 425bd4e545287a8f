"""Turning what is due in a channel into posts: each channel whole in one transaction.

The decision and the rendering are passed in as ``plan`` and called inside the transaction, so that
a keyword that is removed meanwhile is either in the digest or not, never half. A decision that was
``prepared`` from ``agendas`` is carried out as it is if the channel has not changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from bot.model import (
    Channel,
    ChannelAgenda,
    Entry,
    Keyword,
    Paper,
    Prepared,
    Publication,
    SharedSave,
    Why,
)
from bot.store.engines.base import Connection
from bot.store.statements import library, news
from bot.store.statements.mutes import mutes
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


def newest_papers(db: Connection, limit: int) -> tuple[Paper, ...]:
    """Newest by their ids; of the old ones (``hep-th/…``), which sort after all others, any."""
    rows = db.execute(f"select {PAPER_COLUMNS} from papers order by id desc limit ?", (limit,))
    return tuple(map(paper_from_row, rows))


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
        papers += sum(len(draft.news) for _, draft in publication.drafts)
        papers += len(publication.skipped) + len(publication.skipped_news) + len(publication.muted)
        cost += ROWS_PER_PAPER * (1 + len(publication.drafts) + papers)
        if cost >= batch_size:
            cost = 0
            yield
    return posts


def _publish(
    db: Connection, channel_id: str, plan: Plan, at: datetime, prepared: Prepared | None
) -> Publication | None:
    """Carry out what ``plan`` decides for the channel; nothing where it is gone.

    Waits for another process that writes to the channel's row: what it publishes is then no longer
    due here, and after anything else this is still the channel's time.
    """
    if not db.execute(
        "select 1 from channels where id = ? /*! for update */", (channel_id,)
    ).fetchone():
        return None
    db.execute("update channels set recheck = false where id = ? and recheck", (channel_id,))
    if prepared is not None and _basis(db, channel_id) == prepared.agenda.basis:
        publication = prepared.publication
    else:
        publication = plan(agenda(db, channel_id))
    if publication is None:
        return None
    queue(db, channel_id, publication, at)
    for state, paper_ids in (("skipped", publication.skipped), ("muted", publication.muted)):
        db.executemany(
            "update ledger set state = ?, at = ? where channel_id = ? and paper_id = ?",
            [(state, to_text(at), channel_id, paper_id) for paper_id in paper_ids],
        )
    news.settle(db, channel_id, publication.skipped_news, "skipped", at)
    if publication.published_until is not None:
        db.execute(
            "update channels set published_until = ?, rescheduled = false where id = ?",
            (to_text(publication.published_until), channel_id),
        )
    if publication.most_saved_until is not None:
        db.execute(
            "update channels set most_saved_until = ? where id = ?",
            (to_text(publication.most_saved_until), channel_id),
        )
    return publication


def agendas(db: Connection, channel_ids: Sequence[str]) -> tuple[ChannelAgenda, ...]:
    """Of those of these channels in which something is due."""
    rows = db.execute(
        f"{LISTED} where exists (select 1 from ledger where channel_id = value and state = 'due')"
        " or exists (select 1 from news_ledger where channel_id = value and state = 'due')",
        {"ids": id_list(channel_ids)},
    ).fetchall()
    return _agendas(db, [channel_id for (channel_id,) in rows])


def agenda(db: Connection, channel_id: str) -> ChannelAgenda:
    """What is due in the channel, and up to which posting time it was published to."""
    [agenda] = _agendas(db, [channel_id])
    return agenda


def _agendas(db: Connection, channel_ids: Sequence[str]) -> tuple[ChannelAgenda, ...]:
    """A paper that is due in many channels is read once, and so are the keywords it matches."""
    bases = [_basis(db, channel_id) for channel_id in channel_ids]
    kept = library.saved_papers(
        db, {row[0] for basis in bases for row in (*basis.saved, *basis.shared)}
    )
    ids = {row[0] for basis in bases for row in basis.due}
    papers = {
        paper.id: paper
        for paper in news.known_papers(db, [*ids, *(row[1] for b in bases for row in b.news)])
    }
    matched = matched_keywords(db, ids)
    return tuple(_agenda(basis, papers, matched, kept) for basis in bases)


def matched_keywords(db: Connection, paper_ids: Iterable[str]) -> dict[str, set[str]]:
    """For each of these papers the canonical forms of the keywords that it matches."""
    matched: dict[str, set[str]] = {paper_id: set() for paper_id in paper_ids}
    hits = db.execute(
        f"select paper_id, canonical from hits where paper_id in ({LISTED})",
        {"ids": id_list(matched)},
    )
    for paper_id, canonical in hits:
        matched[paper_id].add(canonical)
    return matched


class Basis(NamedTuple):
    """What a channel's agenda follows from, as rows. Hits are left out: for a paper and a keyword
    that are both here already, a later run can but add one."""

    channel: tuple[Any, ...]
    published_until: str | None
    last_complete_run_at: str | None
    rescheduled: bool
    due: list[tuple[Any, ...]]  # a paper's id, why, and what would be news of it
    news: list[tuple[Any, ...]]
    keywords: list[tuple[str, str]]  # canonical, and as it is shown
    most_saved_until: str | None
    saved: list[tuple[str, int]]  # a paper's id and version; none where the order needs none
    shared: list[tuple[str, str]]  # a paper's id, and when one of several people saved it
    mutes: tuple[Keyword, ...]


def _basis(db: Connection, channel_id: str) -> Basis:
    row = db.execute(
        f"""
        select {CHANNEL_COLUMNS}, published_until,
               (select started_at from runs where complete and not late order by id desc limit 1),
               rescheduled, most_saved_until,
               exists (select 1 from saves where channel_id = channels.id)
        from channels where id = ?
        """,
        (channel_id,),
    ).fetchone()
    *channel, published_until, last_complete_run_at, rescheduled, most_saved_until, has_saves = row
    due = db.execute(
        "select l.paper_id, l.why, p.version, p.comment, p.journal_ref from ledger l"
        " join papers p on p.id = l.paper_id"
        " where l.channel_id = ? and l.state = 'due' order by l.paper_id",
        (channel_id,),
    ).fetchall()
    keywords = db.execute(
        "select canonical, coalesce(nullif(name, ''), text) from subscriptions"
        " where channel_id = ? order by position, canonical",
        (channel_id,),
    ).fetchall()
    told = news.due(db, channel_id)
    ordered = has_saves and channel_from_row(channel).order == "similarity"
    return Basis(
        tuple(channel),
        published_until,
        last_complete_run_at,
        bool(rescheduled),
        due,
        told,
        keywords,
        most_saved_until,
        library.newest_saved(db, channel_id) if ordered else [],
        library.shared(db, channel_id) if has_saves else [],
        tuple(each.keyword for each in mutes(db, channel_id)),
    )


def _agenda(
    basis: Basis,
    papers: Mapping[str, Paper],
    matched: Mapping[str, set[str]],
    kept: Mapping[str, Paper],
) -> ChannelAgenda:
    """The newest paper first. One that matches nothing any more is left out."""
    followed = {canonical for canonical, _ in basis.keywords}
    entries: dict[str, list[Entry]] = {Why.NEW: [], Why.FIRST: []}
    for paper_id, why, *_ in basis.due:
        if found := matched[paper_id] & followed:
            keywords = tuple(label for canonical, label in basis.keywords if canonical in found)
            entries[why].append(Entry(papers[paper_id], keywords))
    for some in entries.values():
        some.sort(key=_serial, reverse=True)
    return ChannelAgenda(
        channel=channel_from_row(basis.channel),
        published_until=to_time_or_none(basis.published_until),
        last_complete_run_at=to_time_or_none(basis.last_complete_run_at),
        new=tuple(entries[Why.NEW]),
        first=tuple(entries[Why.FIRST]),
        news=tuple(news.item(row, papers[row[1]]) for row in basis.news),
        keywords=tuple(label for _, label in basis.keywords),
        mutes=basis.mutes,
        rescheduled=basis.rescheduled,
        saved=tuple(kept[paper_id] for paper_id, _ in basis.saved),
        shared=tuple(
            SharedSave(kept[paper_id], tuple(to_time(saved_at) for _, saved_at in saves))
            for paper_id, saves in groupby(basis.shared, key=itemgetter(0))
        ),
        most_saved_until=to_time_or_none(basis.most_saved_until),
        basis=basis,
    )


def _serial(entry: Entry) -> int:
    return entry.paper.serial


def queue(db: Connection, channel_id: str, publication: Publication, at: datetime) -> None:
    """The outbox rows and the ledger rows that say "posted" are one: neither exists alone."""
    when = to_text(at)
    keys = [key for key, _ in publication.drafts]
    for key, draft in publication.drafts:
        db.execute(
            """
            insert into outbox (key, channel_id, platform, payload, papers, news, parent_key,
                                not_before, created_at)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                key,
                channel_id,
                Channel(channel_id).platform,
                draft.payload,
                len(draft.paper_ids),
                len(draft.news),
                keys[draft.parent] if draft.parent is not None else draft.reply_to or None,
                when,
                when,
            ),
        )
        db.executemany(
            "update ledger set state = 'posted', at = ?, post_key = ?"
            " where channel_id = ? and paper_id = ?",
            [(when, key, channel_id, paper_id) for paper_id in draft.paper_ids],
        )
        news.settle(db, channel_id, draft.news, "posted", at, key)
