"""What people are shown: status, why, and the page's sections. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import Note, NoteKind
from bot.model import Channel, Keyword, NewsKind, Person, Why
from bot.model.views import (
    ArchivedChannel,
    Arrival,
    ChannelPaper,
    ChannelView,
    FailingCrosspost,
    KeywordPapers,
    OpenPost,
    PaperView,
    PlatformRefusal,
    PostedDigest,
    RunView,
    Standing,
    StateView,
    ToldNews,
)
from bot.store.engines.base import Connection
from bot.store.statements.mutes import mutes
from bot.store.statements.publish import matched_keywords
from bot.store.statements.removal import KEEP_ARCHIVED
from bot.store.statements.rows import (
    CHANNEL_COLUMNS,
    LISTED,
    PAPER_COLUMNS,
    channel_from_row,
    grouped,
    id_list,
    news_from_row,
    paper_from_row,
    qualified,
    to_text,
    to_time,
    to_time_or_none,
)
from bot.store.statements.subscriptions import owner_of, posting_days, subscriptions

DIGESTS_FOR = timedelta(days=7)  # channels are posted to at least once a week
NEVER = "9"  # sorts after every time
NEW_FOR = timedelta(hours=20)  # how long before the last complete run a paper counts as new


def state(db: Connection, channel_ids: Sequence[str] = (), database: str = "") -> StateView:
    """The state with these channels, as far as they are known; with all if none is named."""
    return StateView(
        last_run=_run(db, ""),
        last_complete=_run(db, "where complete"),
        papers=db.execute("select count(*) from papers").fetchone()[0],
        channels=_channels(db, channel_ids),
        archived=_archived(db, channel_ids),
        refusals=_refusals(db, channel_ids),
        database=database,
        posting_days=posting_days(db),
    )


def _archived(db: Connection, channel_ids: Sequence[str]) -> tuple[ArchivedChannel, ...]:
    """The archived channels whose keywords are kept, without private conversations."""
    these, given = _these("c.id", channel_ids)
    rows = db.execute(
        "select c.id, c.archived_at, c.archive_reason, count(*) from channels c"
        " join removed_subscriptions r on r.channel_id = c.id and r.archived"
        f" where c.archived_at is not null and c.owner = '' {these} group by c.id order by c.id",
        given,
    )
    return tuple(
        ArchivedChannel(own, to_time(at), to_time(at) + KEEP_ARCHIVED, reason, keywords)
        for own, at, reason, keywords in rows
    )


def first_added_by(db: Connection, channel_ids: Sequence[str]) -> Person | None:
    """Who first added a keyword that is followed in one of these channels, or was when it was
    archived; ``None`` if nobody who did can be written to. Private conversations are left out:
    whoever blocks the bot does not want to hear from it."""
    row = db.execute(
        f"""
        select added_by, added_by_id from (
          select added_at, added_by, added_by_id, channel_id from subscriptions
          union all select added_at, added_by, added_by_id, channel_id from removed_subscriptions
          where archived) as added
        where added_by_id <> '' and channel_id in ({LISTED})
          and channel_id not in (select id from channels where owner <> '')
        order by added_at, added_by_id limit 1
        """,
        {"ids": id_list(channel_ids)},
    ).fetchone()
    return None if row is None else Person(row[0], row[1])


def channels_of_person(db: Connection, person_id: str) -> Sequence[str]:
    """The channels that follow something which this person added."""
    rows = db.execute(
        "select distinct channel_id from subscriptions where added_by_id = ? order by 1",
        (person_id,),
    )
    return [channel_id for (channel_id,) in rows]


def _these(column: str, ids: Sequence[str]) -> tuple[str, dict[str, str]]:
    """A condition on a column, and its parameter; both empty if no ids are named."""
    return (f"and {column} in ({LISTED})", {"ids": id_list(ids)}) if ids else ("", {})


def _refusals(db: Connection, channel_ids: Sequence[str]) -> tuple[PlatformRefusal, ...]:
    """The refusals of all platforms, or of those of these channels."""
    these, given = _these("platform", [Channel(each).platform for each in channel_ids])
    rows = db.execute(
        "select platform, reason, refused_at from refused_platforms"
        f" where true {these} order by platform",
        given,
    )
    return tuple(PlatformRefusal(row[0], row[1], to_time(row[2])) for row in rows)


def _run(db: Connection, where: str) -> RunView | None:
    row = db.execute(
        f"""
        select started_at, finished_at, since, complete, requests, fetched, matched, new_papers,
               due, primed, notes, plan, announced, missing
        from runs {where} order by id desc limit 1
        """
    ).fetchone()
    if row is None:
        return None
    notes = tuple(
        Note(NoteKind(note["kind"]), note["text"], note["keyword"]) for note in json.loads(row[10])
    )
    return RunView(
        started_at=to_time(row[0]),
        finished_at=to_time(row[1]),
        since=to_time(row[2]),
        complete=bool(row[3]),
        requests=row[4],
        fetched=row[5],
        matched=row[6],
        new=row[7],
        due=row[8],
        primed=row[9],
        notes=notes,
        plan=row[11],
        announced=row[12],
        missing=row[13],
    )


def _channels(db: Connection, channel_ids: Sequence[str]) -> tuple[ChannelView, ...]:
    following = grouped(
        (each.channel_id, each) for each in subscriptions(db, *channel_ids, private=True)
    )
    muting = grouped((each.channel_id, each) for each in mutes(db, *channel_ids, private=True))
    these, given = _these("channel_id", channel_ids)
    due, sent = (
        dict(
            db.execute(
                f"select channel_id, count(*) from {table} where state = '{state}' {these}"
                " group by 1",
                given,
            )
        )
        for table, state in (("ledger", "due"), ("outbox", "sent"))
    )
    news_due = _news_due(db, channel_ids)
    posts = _open_posts(db, channel_ids)
    digests = _digests(db, channel_ids)
    skipped, muted = (_last_left_out(db, each, channel_ids) for each in ("skipped", "muted"))
    crossposts = _failing_crossposts(db, channel_ids)
    stopped: dict[str, str] = dict(
        db.execute(
            "select owner, name from zotero_connections where is_channel and paused <> ''"
            f" {_these('owner', channel_ids)[0]}",
            given,
        )
    )
    rows = db.execute(
        "select published_until, coalesce(paused, ''), reason, paused_at, probe_at, rescheduled,"
        " mention_gone,"
        f" {CHANNEL_COLUMNS}"
        f" from channels where archived_at is null {_these('id', channel_ids)[0]} order by id",
        given,
    )
    return tuple(
        ChannelView(
            channel=channel_from_row(channel),
            subscriptions=following.get(channel[0], ()),
            due=due.get(channel[0], 0),
            news_due=news_due.get(channel[0], {}),
            sent=sent.get(channel[0], 0),
            posts=posts.get(channel[0], ()),
            published_until=to_time_or_none(published),
            paused=paused,
            reason=reason,
            paused_at=to_time_or_none(paused_at),
            probe_at=to_time_or_none(probe_at),
            digests=digests.get(channel[0], ()),
            skipped=skipped.get(channel[0], (0, None))[0],
            skipped_at=skipped.get(channel[0], (0, None))[1],
            crosspost=crossposts.get(channel[0]),
            mutes=muting.get(channel[0], ()),
            muted=muted.get(channel[0], (0, None))[0],
            muted_at=muted.get(channel[0], (0, None))[1],
            rescheduled=bool(rescheduled),
            mention_gone=gone,
            stopped_library=stopped.get(channel[0], ""),
        )
        for published, paused, reason, paused_at, probe_at, rescheduled, gone, *channel in rows
    )


def _news_due(db: Connection, channel_ids: Sequence[str]) -> dict[str, dict[NewsKind, int]]:
    """How many news of each kind are due in each channel."""
    these, given = _these("channel_id", channel_ids)
    rows = db.execute(
        "select channel_id, kind, count(*) from news_ledger join news on news.id = news_id"
        f" where state = 'due' {these} group by 1, 2",
        given,
    )
    counted = grouped((channel, (NewsKind(kind), count)) for channel, kind, count in rows)
    return {channel: dict(counts) for channel, counts in counted.items()}


def _open_posts(db: Connection, channel_ids: Sequence[str]) -> dict[str, tuple[OpenPost, ...]]:
    these, given = _these("channel_id", channel_ids)
    rows = db.execute(
        f"""
        select channel_id, key, state, attempt, created_at, not_before, papers, error
        from outbox where state <> 'sent' {these} order by seq
        """,
        given,
    )
    return grouped(
        (channel, OpenPost(key, state, attempt, to_time(made), to_time(due), papers, error))
        for channel, key, state, attempt, made, due, papers, error in rows
    )


def _failing_crossposts(db: Connection, channel_ids: Sequence[str]) -> dict[str, FailingCrosspost]:
    """For each channel whose last crosspost has not succeeded, why."""
    these, given = _these("channel_id", channel_ids)
    rows = db.execute(
        "select channel_id, x.error, x.state from crossposts x join outbox using (key)"
        " where x.error <> '' and seq in ("
        "  select max(seq) from crossposts join outbox using (key)"
        f" where true {these} group by channel_id)",
        given,
    )
    return {row[0]: FailingCrosspost(row[1], row[2] == "failed") for row in rows}


def _last_left_out(
    db: Connection, state: str, channel_ids: Sequence[str]
) -> dict[str, tuple[int, datetime]]:
    """When papers last got this state (``skipped`` or ``muted``) in each channel, and how many."""
    these, given = _these("channel_id", channel_ids)
    rows = db.execute(
        f"select channel_id, at, count(*) from ledger where state = '{state}' {these}"
        " group by 1, 2 order by 1, 2",
        given,
    )
    return {channel: (count, to_time(at)) for channel, at, count in rows}


def _digests(db: Connection, channel_ids: Sequence[str]) -> dict[str, tuple[PostedDigest, ...]]:
    """What arrived in each channel, or in these, as ``ChannelView.digests`` says.

    One query for each channel: it reads a few rows of an index, however old the bot is.
    """
    these, given = _these("id", channel_ids)
    latest = db.execute(
        "select id, (select max(settled_at) from outbox"
        " where channel_id = channels.id and state = 'sent') from channels"
        f" where true {these}",
        given,
    ).fetchall()
    return {
        channel: tuple(
            PostedDigest(to_time(published_at), to_time(posted_at), papers, told, bool(saved))
            for published_at, posted_at, papers, told, saved in db.execute(
                "select created_at, max(settled_at), sum(papers), sum(news), max(most_saved)"
                " from outbox"
                " where channel_id = ? and state = 'sent' and settled_at >= ?"
                " group by created_at having sum(papers) + sum(news) + max(most_saved) > 0"
                " order by 2, 1",
                (channel, to_text(to_time(last) - DIGESTS_FOR)),
            )
        )
        for channel, last in latest
        if last is not None
    }


def paper(db: Connection, paper_id: str) -> PaperView:
    row = db.execute(
        f"select {PAPER_COLUMNS}, first_seen from papers where id = ?", (paper_id,)
    ).fetchone()
    standings = db.execute(
        """
        select l.channel_id, l.state, l.why, l.at, coalesce(o.key, ''), coalesce(o.state, ''),
               o.settled_at, coalesce(o.message_url, ''), coalesce(o.error, '')
        from ledger l left join outbox o on o.key = l.post_key
        where l.paper_id = ? order by l.channel_id
        """,
        (paper_id,),
    )
    news = db.execute(
        "select d.channel_id, d.state, d.at, n.paper_id, n.kind, n.mark, n.details"
        " from news_ledger d join news n on n.id = d.news_id where n.paper_id = ? order by n.id",
        (paper_id,),
    )
    saves = db.execute(
        "select channel_id, count(*) from saves where paper_id = ? group by channel_id", (paper_id,)
    )
    threads = db.execute(
        "select d.channel_id, p.message_url from discussions d join outbox o on o.key = d.post_key"
        " join outbox p on p.key = o.parent_key where d.paper_id = ?",
        (paper_id,),
    )
    told = grouped(
        (channel, ToldNews(news_from_row(row), state, to_time(at)))
        for channel, state, at, *row in news
    )
    return PaperView(
        paper=None if row is None else paper_from_row(row[:15]),
        first_seen=None if row is None else to_time(row[15]),
        standings=tuple(
            Standing(
                channel_id=r[0],
                state=r[1],
                why=r[2],
                at=to_time(r[3]),
                post_key=r[4],
                post_state=r[5],
                sent_at=to_time_or_none(r[6]),
                message_url=r[7],
                error=r[8],
                news=told.get(r[0], ()),
            )
            for r in standings
        ),
        saves=dict(saves.fetchall()),
        threads=dict(threads.fetchall()),
    )


def channel_papers(
    db: Connection, channel_id: str, since: datetime, *, first: bool = False
) -> tuple[ChannelPaper, ...]:
    """The papers that the channel got, waits for, or would have got without a mute, if that was
    decided at or after ``since``; the newest first. With the first papers of new keywords, which
    would distort the papers a day, only if ``first``."""
    labels = [
        (each.keyword.canonical, each.keyword.label) for each in subscriptions(db, channel_id)
    ]
    rows = db.execute(
        f"""
        select {qualified("p")}, l.state = 'muted', p.first_seen,
               case o.state when 'sent' then o.settled_at end
        from ledger l join papers p on p.id = l.paper_id left join outbox o on o.key = l.post_key
        where l.channel_id = ? and l.state in ('due', 'posted', 'muted') and l.at >= ?
          and l.why in (?, ?)
        order by p.serial desc
        """,
        (channel_id, to_text(since), Why.NEW, Why.FIRST if first else Why.NEW),
    ).fetchall()
    matched = matched_keywords(db, [row[0] for row in rows])
    return tuple(
        ChannelPaper(
            paper_from_row(row[:15]),
            bool(row[15]),
            to_time(row[16]),
            to_time_or_none(row[17]),
            tuple(label for canonical, label in labels if canonical in matched[row[0]]),
        )
        for row in rows
    )


def page(
    db: Connection, channel_ids: Sequence[str], limit: int, most: int
) -> Sequence[KeywordPapers]:
    """A section per keyword that one of these channels follows (private conversations show none),
    in the order of the channels and of their keywords; each as the first of them calls it."""
    keywords: dict[str, tuple[Keyword, str]] = {}  # and since when it is primed in one of them
    for channel_id in dict.fromkeys(channel_ids):
        if owner_of(db, channel_id):  # private, even if bot.toml names it
            continue
        for subscription in subscriptions(db, channel_id):
            canonical = subscription.keyword.canonical
            primed_at = to_text(subscription.primed_at) if subscription.primed_at else NEVER
            keyword, earlier = keywords.get(canonical, (subscription.keyword, NEVER))
            keywords[canonical] = (keyword, min(earlier, primed_at))
    complete = db.execute("select max(started_at) from runs where complete").fetchone()[0]
    new_from = "" if complete is None else to_text(to_time(complete) - NEW_FOR)
    limit = max(1, min(limit, most // max(len(keywords), 1)))
    return [
        _section(db, keyword, limit, primed_at, new_from)
        for keyword, primed_at in keywords.values()
    ]


def _section(
    db: Connection, keyword: Keyword, limit: int, primed_at: str, new_from: str
) -> KeywordPapers:
    newest, latest = (
        db.execute(
            f"""
            select {qualified("p")}, p.first_seen, p.first_seen >= ? and p.first_seen > ?
            from hits h join papers p on p.id = h.paper_id
            where h.canonical = ? order by p.{moment} desc, p.serial desc limit ?
            """,
            (new_from, primed_at, keyword.canonical, limit),
        ).fetchall()
        for moment in ("published", "first_seen")
    )
    return KeywordPapers(
        keyword,
        tuple(paper_from_row(row[:15]) for row in newest),
        frozenset(row[0] for row in newest if row[16]),
        tuple(Arrival(paper_from_row(row[:15]), to_time(row[15])) for row in latest),
    )
