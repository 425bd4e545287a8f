"""Turns what is due in a channel into posts: each channel as a whole, in one transaction.

Deciding and rendering are passed in as a ``plan``, which is called inside the transaction, so that
a keyword that is removed meanwhile is either in the whole digest or not at all. A decision that was
``prepared`` from ``agendas`` is carried out as it is if the channel has not changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from bot.model import (
    Channel,
    ChannelAgenda,
    ChannelSaves,
    Draft,
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
    grouped,
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
        order by id
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
    """The newest papers by their ids. Ids in the old style (``hep-th/…``) sort after all others, so
    these papers come first, whatever their age."""
    rows = db.execute(f"select {PAPER_COLUMNS} from papers order by id desc limit ?", (limit,))
    return tuple(map(paper_from_row, rows))


Plan = Callable[[ChannelAgenda], Publication | None]

ROWS_PER_PAPER = 4  # the cost of checking and queueing a paper, in units of one written row
_LAST_RUN = "(select coalesce(max(id), 0) from runs)"
_OPEN = "paused is null and archived_at is null"
_UNCHECKED = f"{_OPEN} and checked_run < {_LAST_RUN}"


def unchecked(db: Connection, platforms: Collection[str]) -> list[str]:
    """The ids of the channels of these platforms that were not published to since the last run.
    None that is paused or archived."""
    rows = db.execute(
        f"select id from channels where platform in ({LISTED}) and {_UNCHECKED} order by id",
        {"ids": id_list(platforms)},
    )
    return [channel_id for (channel_id,) in rows]


def has_unchecked(db: Connection, platforms: Collection[str]) -> bool:
    """Whether ``unchecked`` would return anything. Uses an index: some microseconds."""
    found = db.execute(
        f"select 1 from channels where platform in ({LISTED}) and {_UNCHECKED} limit 1",
        {"ids": id_list(platforms)},
    )
    return found.fetchone() is not None


def publish_all(
    db: Connection,
    plans: Iterable[tuple[str, Plan]],
    at: datetime,
    batch_size: int,
    prepared: Mapping[str, Prepared],
    *,
    once_per_run: bool,
) -> Generator[None, None, int]:
    """Carry out what each channel's plan decides. Returns how many posts went into the outbox.

    In steps that cost about as much as writing ``batch_size`` rows, each channel as a whole in one
    of them: a step ends where this yields, and the caller runs each in a transaction of its own.
    Committing after every channel would mean thousands of waits for the disk, even if little or
    nothing is due.
    """
    posts = 0
    for number, some in enumerate(_steps(plans, batch_size, prepared)):
        if number:
            yield
        posts += _publish(db, some, at, prepared, once_per_run=once_per_run)
    return posts


def _steps(
    plans: Iterable[tuple[str, Plan]], batch_size: int, prepared: Mapping[str, Prepared]
) -> Iterator[dict[str, Plan]]:
    some: dict[str, Plan] = {}
    cost = 0
    for channel_id, plan in plans:
        some[channel_id] = plan
        cost += ROWS_PER_PAPER * (1 + _size(prepared.get(channel_id)))
        if cost >= batch_size:
            yield some
            some, cost = {}, 0
    if some:
        yield some


def _size(prepared: Prepared | None) -> int:
    """How many messages were prepared, plus the papers and news that they show or leave out."""
    if prepared is None or (publication := prepared.publication) is None:
        return 0
    shown = sum(1 + len(draft.paper_ids) + len(draft.news) for _, draft in publication.drafts)
    left_out = (publication.skipped, publication.skipped_news, publication.muted)
    return shown + sum(map(len, left_out))


def _publish(
    db: Connection,
    plans: Mapping[str, Plan],
    at: datetime,
    prepared: Mapping[str, Prepared],
    *,
    once_per_run: bool,
) -> int:
    """Carry out what the plans of these channels decide. Returns how many posts that made.

    Skips channels that are gone, paused or archived by now, and those whose row another process has
    locked: that one publishes to the channel, or makes a change that the next check takes into
    account. ``once_per_run`` also skips channels that were published to since the last run, and
    leaves ``recheck`` as it is.
    """
    free = db.execute(
        f"select id from channels where id in ({LISTED})"
        f" and {_UNCHECKED if once_per_run else _OPEN}"
        " /*! for no key update skip locked */",
        {"ids": id_list(plans)},
    ).fetchall()
    bases = _bases(db, [channel_id for (channel_id,) in free])
    decided: dict[str, Publication | None] = {}
    for channel_id, basis in bases.items():
        ready = prepared.get(channel_id)
        if ready is not None and ready.agenda.basis == basis:
            decided[channel_id] = ready.publication
    again = [basis for channel_id, basis in bases.items() if channel_id not in decided]
    for agenda in _agendas(db, again):
        decided[agenda.channel.id] = plans[agenda.channel.id](agenda)
    publications = {
        channel_id: decided[channel_id] or Publication()
        for channel_id in plans
        if channel_id in decided
    }
    _carry_out(db, publications, at, rechecked=not once_per_run)
    return sum(len(publication.drafts) for publication in publications.values())


def _carry_out(
    db: Connection, publications: Mapping[str, Publication], at: datetime, *, rechecked: bool
) -> None:
    when = to_text(at)
    for channel_id, publication in publications.items():
        if publication.profile is not None:
            library.keep_profile(db, channel_id, publication.profile)
        most_saved = publication.most_saved_until is not None
        queue(db, channel_id, publication.drafts, at, most_saved=most_saved)
        news.settle(db, channel_id, publication.skipped_news, "skipped", at)
    db.executemany(
        "update ledger set state = ?, at = ? where channel_id = ? and paper_id = ?",
        [
            (state, when, channel_id, paper_id)
            for channel_id, each in publications.items()
            for state, paper_ids in (("skipped", each.skipped), ("muted", each.muted))
            for paper_id in paper_ids
        ],
    )
    db.executemany(
        f"""
        update channels set checked_run = {_LAST_RUN},
          recheck = recheck and not :rechecked,
          rescheduled = rescheduled and cast(:published_until as text) is null,
          published_until = coalesce(cast(:published_until as text), published_until),
          most_saved_until = coalesce(cast(:most_saved_until as text), most_saved_until)
        where id = :id
        """,
        [
            {
                "id": channel_id,
                "rechecked": rechecked,
                "published_until": _text_or_none(each.published_until),
                "most_saved_until": _text_or_none(each.most_saved_until),
            }
            for channel_id, each in publications.items()
        ],
    )


def _text_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def agendas(
    db: Connection, channel_ids: Sequence[str], papers: dict[str, Paper] | None = None
) -> tuple[ChannelAgenda, ...]:
    """The agendas of those of these channels in which something is due. ``papers`` is a cache:
    papers in it that have not changed since are not read again, and the others are added."""
    rows = db.execute(
        f"{LISTED} where exists (select 1 from ledger where channel_id = value and state = 'due')"
        " or exists (select 1 from news_ledger where channel_id = value and state = 'due')",
        {"ids": id_list(channel_ids)},
    ).fetchall()
    bases = _bases(db, [channel_id for (channel_id,) in rows])
    return _agendas(db, list(bases.values()), papers)


def _agendas(
    db: Connection, bases: Sequence[Basis], papers: dict[str, Paper] | None = None
) -> tuple[ChannelAgenda, ...]:
    """The agendas. A paper that is due in many channels is read once, and so are the keywords that
    it matches."""
    saves = _saves(db, bases)
    kept = library.saved_papers(db, {row[0] for basis in bases for row in basis.shared})
    papers = {} if papers is None else papers
    due = {paper_id: state for basis in bases for paper_id, _, *state in basis.due}
    wanted = {paper_id for paper_id, state in due.items() if _state(papers, paper_id) != state}
    wanted.update(row[1] for basis in bases for row in basis.news)
    papers.update((paper.id, paper) for paper in news.known_papers(db, tuple(wanted)))
    matched = matched_keywords(db, due)
    return tuple(
        _agenda(basis, papers, matched, kept, saves.get(basis.channel[0])) for basis in bases
    )


def _saves(db: Connection, bases: Sequence[Basis]) -> dict[str, ChannelSaves]:
    """What was saved in those of the channels whose order depends on it. Whole papers are read only
    where a kept profile lacks them."""
    revisions = {
        basis.channel[0]: basis.saves_revision
        for basis in bases
        if basis.saves_revision is not None
    }
    profiles = library.profiles(db, revisions)
    wanted: dict[str, frozenset[str]] = {}
    for channel_id, revision in revisions.items():
        profile = profiles.get(channel_id)
        if profile is None or profile.revision != revision:
            wanted[channel_id] = library.newest_saved(db, channel_id)
    missing = {
        channel_id: ids.difference(profiles[channel_id].ids if channel_id in profiles else ())
        for channel_id, ids in wanted.items()
    }
    papers = library.saved_papers(db, frozenset().union(*missing.values()))
    return {
        channel_id: ChannelSaves(
            revision,
            profiles.get(channel_id),
            wanted.get(channel_id),
            tuple(papers[paper_id] for paper_id in sorted(missing.get(channel_id, ()))),
        )
        for channel_id, revision in revisions.items()
    }


def _state(papers: Mapping[str, Paper], paper_id: str) -> list[object]:
    """The part of a cached paper that ``Basis.due`` has, to see whether it has changed; empty if
    the paper is not in the cache."""
    paper = papers.get(paper_id)
    return [] if paper is None else [paper.version, paper.comment, paper.journal_ref]


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
    """The rows that a channel's agenda is made from. Hits are left out: for a paper and a keyword
    that are both here already, a later run can only add one."""

    channel: tuple[Any, ...]
    published_until: str | None
    last_complete_run_at: str | None
    rescheduled: bool
    due: tuple[tuple[Any, ...], ...]  # a paper's id, why, version, comment and journal reference
    news: tuple[tuple[Any, ...], ...]
    keywords: tuple[tuple[str, str], ...]  # canonical, and as it is shown
    most_saved_until: str | None
    saves_revision: int | None  # ``None`` if the order needs none
    shared: list[tuple[str, str]]  # as ``library.shared``
    mutes: tuple[Keyword, ...]


def _bases(db: Connection, channel_ids: Sequence[str]) -> dict[str, Basis]:
    """The basis of each of these channels that exists. Each table is read once for all of them."""
    given = {"ids": id_list(channel_ids)}
    channels = db.execute(
        f"""
        select {CHANNEL_COLUMNS}, published_until,
               (select started_at from runs where complete and not late order by id desc limit 1),
               rescheduled, most_saved_until,
               exists (select 1 from saves where channel_id = channels.id),
               coalesce((select revision from profiles where channel_id = channels.id), 0)
        from channels where id in ({LISTED})
        """,
        given,
    ).fetchall()
    due = _by_channel(
        db,
        "select l.channel_id, l.paper_id, l.why, p.version, p.comment, p.journal_ref from ledger l"
        f" join papers p on p.id = l.paper_id where l.channel_id in ({LISTED}) and l.state = 'due'"
        " order by l.paper_id",
        given,
    )
    keywords = _by_channel(
        db,
        "select channel_id, canonical, coalesce(nullif(name, ''), text) from subscriptions"
        f" where channel_id in ({LISTED}) order by position, canonical",
        given,
    )
    told = news.due(db, channel_ids)
    muted = grouped((each.channel_id, each.keyword) for each in mutes(db, *channel_ids))
    bases = {}
    for row in channels:
        *channel, published_until, last_run_at, rescheduled, most_saved, has_saves, revision = row
        channel_id = channel[0]
        ordered = has_saves and channel_from_row(channel).order == "similarity"
        bases[channel_id] = Basis(
            tuple(channel),
            published_until,
            last_run_at,
            bool(rescheduled),
            due.get(channel_id, ()),
            told.get(channel_id, ()),
            keywords.get(channel_id, ()),
            most_saved,
            revision if ordered else None,
            library.shared(db, channel_id) if has_saves else [],
            muted.get(channel_id, ()),
        )
    return bases


def _by_channel(
    db: Connection, sql: str, given: Mapping[str, object]
) -> dict[str, tuple[tuple[Any, ...], ...]]:
    """The rows by their first column, the channel, without it."""
    return grouped((row[0], tuple(row[1:])) for row in db.execute(sql, given))


def _agenda(
    basis: Basis,
    papers: Mapping[str, Paper],
    matched: Mapping[str, set[str]],
    kept: Mapping[str, Paper],
    saves: ChannelSaves | None,
) -> ChannelAgenda:
    """The agenda, the newest paper first. Papers that match no keyword any more are left out."""
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
        saves=saves,
        shared=tuple(
            SharedSave(kept[paper_id], tuple(to_time(saved_at) for _, saved_at in saves))
            for paper_id, saves in groupby(basis.shared, key=itemgetter(0))
        ),
        most_saved_until=to_time_or_none(basis.most_saved_until),
        basis=basis,
    )


def _serial(entry: Entry) -> int:
    return entry.paper.serial


def queue(
    db: Connection,
    channel_id: str,
    drafts: Sequence[tuple[str, Draft]],
    at: datetime,
    *,
    most_saved: bool = False,
) -> None:
    """Put the messages into the outbox and mark their papers and news as posted, in the same
    transaction, so that neither exists without the other."""
    channel, when = Channel(channel_id), to_text(at)
    keys = [key for key, _ in drafts]
    db.executemany(
        """
        insert into outbox (key, channel_id, platform, account, payload, papers, news, most_saved,
                            parent_key, not_before, created_at)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            (
                key,
                channel_id,
                channel.platform,
                channel.account,
                draft.payload,
                len(draft.paper_ids),
                len(draft.news),
                int(most_saved),
                keys[draft.parent] if draft.parent is not None else draft.reply_to or None,
                when,
                when,
            )
            for key, draft in drafts
        ],
    )
    db.executemany(
        "update ledger set state = 'posted', at = ?, post_key = ?"
        " where channel_id = ? and paper_id = ?",
        [
            (when, key, channel_id, paper_id)
            for key, draft in drafts
            for paper_id in draft.paper_ids
        ],
    )
    for key, draft in drafts:
        news.settle(db, channel_id, draft.news, "posted", at, key)
