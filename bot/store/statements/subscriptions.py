"""Who follows what, and how each channel wants to be posted to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.errors import UserError
from bot.model import Channel, ChannelGroup, Followed, Hit, Keyword, Paper, Person, Subscription
from bot.model.snapshots import SETTINGS
from bot.store.engines.base import Connection
from bot.store.statements.archive import restore_channels
from bot.store.statements.removal import (
    RESTORABLE_FOR,
    SUBSCRIPTION,
    drop_due,
    make_due_again,
)
from bot.store.statements.rows import (
    CHANNEL_COLUMNS,
    LISTED,
    PAPER_COLUMNS,
    SETTING_COLUMNS,
    channel_from_row,
    id_list,
    keyword_from_row,
    paper_from_row,
    save_hits,
    to_text,
    to_time,
    to_time_or_none,
)

# Called with the number of keywords in the channel and in its server; raises to refuse one more.
CheckRoom = Callable[[int, int], None]


def follow(
    db: Connection,
    channel_id: str,
    keyword: Keyword,
    person: Person,
    at: datetime,
    *,
    check_room: CheckRoom | None = None,
    undo: bool = False,
) -> Followed | None:
    """Let the channel follow the keyword; ``None`` if it already does (in these or other words).

    A keyword that was removed less than ``RESTORABLE_FOR`` ago continues where it ended: what was
    due is due again, and what was announced since becomes due. With ``undo`` its position, its
    words, who had added it and when are restored, too. ``check_room`` is called in the same
    transaction before a keyword is added, and may raise. A channel that was archived is restored
    first.
    """
    ensure_channel(db, channel_id)
    restore_channels(db, ChannelGroup(ids=(channel_id,)), at)
    server = person.id if person.private else person.server
    if person.private:
        db.execute("update channels set owner = ? where id = ?", (person.id, channel_id))
    if server:
        db.execute("update channels set server = ? where id = ?", (server, channel_id))
    ensure_keyword(db, keyword, shared=not owner_of(db, channel_id))
    key = (channel_id, keyword.canonical)
    if db.execute(
        "select 1 from subscriptions where channel_id = ? and canonical = ?", key
    ).fetchone():
        return None
    if check_room is not None:
        # Keeps others from adding to another channel of the server meanwhile.
        lock = "select 1 /*! from pg_advisory_xact_lock(0, hashtext(:server)) */"
        db.execute(lock, {"server": server})
        check_room(_count(db, channel_id), count_in_server(db, server, channel_id))
    added: tuple[str, ...] = (keyword.text, keyword.name, person.name, person.id, to_text(at))
    state: tuple[str | int | None, ...] = (None, None, 0)
    removed = db.execute(
        "delete from removed_subscriptions where channel_id = ? and canonical = ?"
        " returning removed_at, position, text, name, added_by, added_by_id, added_at, primed_at,"
        " since, baseline",
        key,
    ).fetchone()
    restored = removed is not None and removed[0] >= to_text(at - RESTORABLE_FOR)
    position = None
    if restored:
        state = removed[7:]
        if undo:
            position, added = removed[1], removed[2:7]
    text, name, *by = added
    place = _end(db, channel_id) if position is None else _make_room(db, channel_id, position)
    name = _free_name(db, channel_id, name)
    _free_words(db, channel_id, keyword.canonical, text)
    db.execute(
        f"insert into subscriptions ({SUBSCRIPTION}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, text, name, place, *by, *state),
    )
    continues = restored and state[0] is not None
    if continues:
        make_due_again(db, channel_id, keyword.canonical, removed[0], at)
    return Followed(continues)


def follow_again(
    db: Connection,
    channel_id: str,
    keywords: Sequence[Keyword],
    person: Person,
    at: datetime,
    *,
    check_room: CheckRoom,
) -> tuple[Keyword, ...]:
    """Undo the removal of these keywords. Returns those that were not followed before. If
    ``check_room`` raises for the first, that is raised; for a later one, it and the rest are left
    out."""
    added: list[Keyword] = []
    for keyword in keywords:
        try:
            is_new = follow(db, channel_id, keyword, person, at, check_room=check_room, undo=True)
        except UserError:
            if not added:
                raise
            break
        if is_new:
            added.append(keyword)
    return tuple(added)


def narrow(
    db: Connection,
    channel_id: str,
    broad: str,
    narrower: Keyword,
    person: Person,
    at: datetime,
    *,
    match: Callable[[Paper], Sequence[Hit]],
) -> Keyword | None:
    """Follow ``narrower`` in place of ``broad``; it has to match only papers that ``broad`` does.
    Returns the keyword as it is followed now; ``None`` if the channel does not follow ``broad``.

    It continues where the other one ends: due papers that ``match`` finds stay due, and what a run
    that began before this change brings is due after the next one (``statements.prime``).
    """
    row = db.execute(
        "select name, position, case when primed_at is null then since"
        " else coalesce(since, '') end, baseline from subscriptions"
        " where channel_id = ? and canonical = ?",
        (channel_id, broad),
    ).fetchone()
    if row is None:
        return None
    name, position, since, baseline = row
    key = (channel_id, narrower.canonical)
    ensure_keyword(db, narrower, shared=not owner_of(db, channel_id))
    db.execute("delete from removed_subscriptions where channel_id = ? and canonical = ?", key)
    db.execute(
        f"insert into subscriptions ({SUBSCRIPTION}) values (?, ?, ?, '', ?, ?, ?, ?, null, ?, ?)"
        " on conflict do nothing",
        (*key, narrower.text, position, person.name, person.id, to_text(at), since, baseline),
    )
    due = db.execute(
        f"select {PAPER_COLUMNS} from papers where id in"
        " (select paper_id from ledger where channel_id = ? and state = 'due')",
        (channel_id,),
    ).fetchall()
    save_hits(db, [hit for row in due for hit in match(paper_from_row(row))])
    unfollow(db, channel_id, [broad], at)
    db.execute(
        "update subscriptions set name = ? where channel_id = ? and canonical = ? and name = ''",
        (name, *key),
    )
    _free_words(db, channel_id, narrower.canonical, narrower.text)
    [(text, name)] = db.execute(
        "select text, name from subscriptions where channel_id = ? and canonical = ?", key
    )
    return replace(narrower, text=text, name=name)


def _end(db: Connection, channel_id: str) -> int:
    """The position after all of the channel's keywords, including removed ones that may come
    back."""
    row = db.execute(
        "select coalesce(max(position), 0) + 1 from ("
        "select position from subscriptions where channel_id = :channel union all"
        " select position from removed_subscriptions where channel_id = :channel) as taken",
        {"channel": channel_id},
    ).fetchone()
    return int(row[0])


def _make_room(db: Connection, channel_id: str, position: int) -> int:
    """Free this position, and return it: if a keyword has it, that one and all after it move by
    one."""
    given = {"channel": channel_id, "position": position}
    where = "where channel_id = :channel and position >= :position"
    if db.execute(
        "select 1 from subscriptions where channel_id = :channel and position = :position", given
    ).fetchone():
        for table in ("subscriptions", "removed_subscriptions"):
            db.execute(f"update {table} set position = position + 1 {where}", given)
    return position


def owner_of(db: Connection, channel_id: str) -> str:
    """The person whose private conversation it is; empty for any other channel."""
    row = db.execute("select owner from channels where id = ?", (channel_id,)).fetchone()
    return "" if row is None else str(row[0])


def unfollow(
    db: Connection, channel_id: str, canonicals: Iterable[str], at: datetime
) -> frozenset[str]:
    """Stop following these keywords. Returns which of them the channel did follow. Papers that were
    due because of them alone are dropped; they stay on the ledger."""
    lock_channel(db, channel_id)
    given = {"channel": channel_id, "at": to_text(at), "ids": id_list(canonicals)}
    db.execute(
        f"insert into removed_subscriptions ({SUBSCRIPTION}, removed_at)"
        f" select {SUBSCRIPTION}, :at from subscriptions"
        f" where channel_id = :channel and canonical in ({LISTED})",
        given,
    )
    removed = db.execute(
        f"delete from subscriptions where channel_id = :channel and canonical in ({LISTED})"
        " returning canonical",
        given,
    ).fetchall()
    drop_due(db, channel_id, at)
    return frozenset(canonical for (canonical,) in removed)


def rename(db: Connection, channel_id: str, canonical: str, name: str) -> bool:
    """Show the keyword under this name, or with an empty one as it was written. False if the
    channel does not follow it, or another of its keywords is shown like that."""
    lock_channel(db, channel_id)
    if name and not _free_name(db, channel_id, name, canonical):
        return False
    renamed = db.execute(
        "update subscriptions set name = ? where channel_id = ? and canonical = ?",
        (name, channel_id, canonical),
    )
    return renamed.rowcount == 1


def _free_name(db: Connection, channel_id: str, name: str, canonical: str = "") -> str:
    """The name; empty if another keyword of the channel has it as its name or text. The chat and
    bot.toml refuse such a name before; this is for two people who choose it at the same time."""
    if not name:
        return ""
    others = db.execute(
        "select name, text from subscriptions where channel_id = ? and canonical <> ?",
        (channel_id, canonical),
    )
    taken = {words.casefold() for other in others for words in other if words}
    return "" if name.casefold() in taken else name


def _free_words(db: Connection, channel_id: str, canonical: str, text: str) -> None:
    """The other way round: take its name from another keyword that is called like this one's
    text."""
    named = db.execute(
        "select canonical, name from subscriptions where channel_id = ? and name <> ''",
        (channel_id,),
    ).fetchall()
    for other, name in named:
        if other != canonical and name.casefold() == text.casefold():
            rename(db, channel_id, other, "")


def arrange(db: Connection, channel_id: str, canonicals: Sequence[str]) -> None:
    """Put the channel's keywords into this order; those that are not named come last, in the
    order that they had."""
    rows = db.execute(
        "select canonical from subscriptions where channel_id = ? order by position, canonical",
        (channel_id,),
    ).fetchall()
    present = [row[0] for row in rows]
    order = dict.fromkeys([each for each in canonicals if each in present] + present)
    for position, canonical in enumerate(order, start=1):
        db.execute(
            "update subscriptions set position = ? where channel_id = ? and canonical = ?",
            (position, channel_id, canonical),
        )


def _count(db: Connection, channel_id: str) -> int:
    row = db.execute(
        "select count(*) from subscriptions where channel_id = ?", (channel_id,)
    ).fetchone()
    return int(row[0])


def count_in_server(db: Connection, server: str, channel_id: str) -> int:
    """The number of keywords in this channel and in all others known to be in that server; 0 if the
    server is not known.

    A channel's server is known once somebody there has added a keyword, so channels that are only
    in bot.toml are not counted.
    """
    row = db.execute(
        "select count(*) from subscriptions s join channels c on c.id = s.channel_id"
        " where :server <> '' and (c.server = :server or c.id = :channel)",
        {"server": server, "channel": channel_id},
    ).fetchone()
    return int(row[0])


def ensure_channel(db: Connection, channel_id: str) -> None:
    """Create the channel's row if there is none, and lock it until the transaction ends."""
    db.execute(
        "insert into channels (id, platform) values (?, ?) on conflict do nothing",
        (channel_id, Channel(channel_id).platform),
    )
    lock_channel(db, channel_id)


def lock_channel(db: Connection, channel_id: str) -> None:
    """Keep others from publishing to the channel, or changing what it follows, until the
    transaction ends. To avoid deadlocks, lock this row before any others."""
    db.execute("select 1 from channels where id = ? /*! for no key update */", (channel_id,))


def ensure_keyword(db: Connection, keyword: Keyword, *, shared: bool) -> None:
    """Create the keyword's row, or update its query. Others must not see how a person worded it in
    their private conversation: the text of the first who follows it elsewhere replaces that."""
    db.execute(
        "insert into keywords (canonical, text, query, clauses, shared) values (?, ?, ?, ?, ?)"
        " on conflict (canonical) do update set query = excluded.query, clauses = excluded.clauses,"
        " text = case when excluded.shared and not keywords.shared then excluded.text"
        " else keywords.text end, shared = keywords.shared or excluded.shared",
        (keyword.canonical, keyword.text, keyword.query, keyword.clauses, shared),
    )


def change_settings(db: Connection, channel_id: str, values: Mapping[str, str | None]) -> None:
    """Change these settings and no others, so that two people can change two of them at the same
    time."""
    ensure_channel(db, channel_id)
    for name, value in values.items():
        if name not in SETTINGS:
            raise ValueError(f"{name!r} is no setting of a channel")
        db.execute(
            f'update channels set "{name}" = ?, recheck = true where id = ?', (value, channel_id)
        )
    if "days" in values:
        db.execute("update channels set rescheduled = true where id = ?", (channel_id,))


def change_posting_days(db: Connection, days: str) -> None:
    """Record ``[schedule] days`` of ``bot.toml``. If they differ from those at the last start,
    channels without days of their own count as rescheduled, so that no earlier day counts as
    missed."""
    if posting_days(db) not in ("", days):
        db.execute("update channels set rescheduled = true where days is null")
    db.execute(
        "insert into posting_days (id, days) values (1, ?)"
        " on conflict (id) do update set days = excluded.days",
        (days,),
    )


def posting_days(db: Connection) -> str:
    """What ``change_posting_days`` kept; empty before the first start."""
    row = db.execute("select days from posting_days").fetchone()
    return "" if row is None else str(row[0])


def channels(db: Connection) -> tuple[Channel, ...]:
    """Every channel that follows or mutes something or has a setting of its own, and is not
    archived. No private conversations."""
    rows = db.execute(
        f"""
        select {CHANNEL_COLUMNS} from channels c
        where archived_at is null and owner = '' and (
          coalesce({", ".join(SETTING_COLUMNS)}) is not null
          or exists (select 1 from subscriptions s where s.channel_id = c.id)
          or exists (select 1 from mutes m where m.channel_id = c.id))
        order by id
        """
    )
    return tuple(map(channel_from_row, rows))


def subscriptions(
    db: Connection, *channel_ids: str, private: bool = False
) -> tuple[Subscription, ...]:
    """The subscriptions of these channels: in the order of bot.toml if the channel is there, else
    as they were added. If no channel is named, those of all channels; ``private``: of private
    conversations, too."""
    these, given = in_channels("s.channel_id", channel_ids, private=private)
    rows = db.execute(
        f"""
        select s.channel_id, s.text, s.canonical, k.query, k.clauses, s.added_by, s.added_at,
               s.primed_at, s.added_by_id, s.name, s.primed_at is null and s.since is not null
        from subscriptions s join keywords k using (canonical)
        where {these} order by s.channel_id, s.position, s.canonical
        """,
        given,
    )
    return tuple(
        Subscription(
            channel_id=row[0],
            keyword=Keyword(row[1], row[2], row[3], row[4], row[9]),
            added_by=Person(row[5], row[8]),
            added_at=to_time(row[6]),
            primed_at=to_time_or_none(row[7]),
            continues=bool(row[10]),
        )
        for row in rows
    )


def in_channels(
    column: str, channel_ids: Sequence[str], *, private: bool
) -> tuple[str, dict[str, str]]:
    """A condition on a channel's id, and its parameters. If no channel is named, it holds for all;
    with ``private`` for private conversations, too."""
    if channel_ids:
        return f"{column} in ({LISTED})", {"ids": id_list(channel_ids)}
    return ("true" if private else f"{column} in (select id from channels where owner = '')"), {}


def unprimed(db: Connection) -> frozenset[tuple[str, str]]:
    """Channel and canonical keyword of each subscription that has still to be primed."""
    rows = db.execute("select channel_id, canonical from subscriptions where primed_at is null")
    return frozenset((channel, canonical) for channel, canonical in rows)


def known_keywords(db: Connection, channel_id: str = "") -> tuple[Keyword, ...]:
    """All keywords that any channel follows or mutes, or once did. Those that are only in private
    conversations are left out, except this channel's, as they are worded there."""
    rows = db.execute(
        """
        select canonical, text, query, clauses from keywords where shared
        union
        select canonical, own.text, query, clauses from keywords join (
          select canonical, text, channel_id from subscriptions
          union all select canonical, text, channel_id from removed_subscriptions
          union all select canonical, text, channel_id from mutes
        ) as own using (canonical)
        where not shared and own.channel_id = ?
        """,
        (channel_id,),
    )
    return tuple(map(keyword_from_row, rows))


def pause(db: Connection, channel_id: str, reason: str, at: datetime) -> bool:
    """Pause the channel for a person; false if a person has paused it already. Papers still become
    due."""
    changed = db.execute(
        "update channels set paused = 'person', reason = ?, paused_at = ?, probe_at = null"
        " where id = ? and coalesce(paused, '') <> 'person'",
        (reason, to_text(at), channel_id),
    )
    return changed.rowcount == 1


def resume(db: Connection, channel_id: str, *, refused_only: bool = False) -> bool:
    """Resume the channel, no matter who or what paused it; with ``refused_only`` only if it had
    refused posts. False if nothing was resumed. Waiting posts are tried at once, and no longer show
    the refusal as their error."""
    db.execute(
        "update outbox set error = '' where channel_id = :channel"
        " and state in ('queued', 'sending', 'unknown')"
        " and error = (select reason from channels where id = :channel and paused = 'refused')",
        {"channel": channel_id},
    )
    changed = db.execute(
        "update channels set paused = null, reason = '', paused_at = null, probe_at = null,"
        " probes = 0, recheck = true where id = ? and (paused = 'refused' or paused = ?)",
        (channel_id, "refused" if refused_only else "person"),
    )
    return changed.rowcount == 1
