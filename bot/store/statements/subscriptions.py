"""Who follows what, and how each channel wants to be posted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.model import Channel, ChannelGroup, Keyword, Person, Subscription
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
    SETTING_COLUMNS,
    channel_from_row,
    id_list,
    keyword_from_row,
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
) -> bool:
    """Let the channel follow the keyword; false if it already does (in these or other words).

    One that was removed less than ``RESTORABLE_FOR`` ago goes on where it ended: what was due is
    due again, and what was announced since is new. With ``undo`` its words, who had added it and
    when are as they were, too. ``check_room`` is called in the same transaction, before a keyword
    is added; what it raises is raised. A channel that was archived is restored first: the bot is
    there, or somebody wants it to be.
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
        return False
    if check_room is not None:
        check_room(_count(db, channel_id), count_in_server(db, server, channel_id))
    added: tuple[str, ...] = (keyword.text, keyword.name, person.name, person.id, to_text(at))
    state: tuple[str | int | None, ...] = (None, None, 0)
    removed = db.execute(
        "delete from removed_subscriptions where channel_id = ? and canonical = ?"
        " returning removed_at, text, name, added_by, added_by_id, added_at, primed_at, since,"
        " baseline",
        key,
    ).fetchone()
    restored = removed is not None and removed[0] >= to_text(at - RESTORABLE_FOR)
    if restored:
        added, state = removed[1:6] if undo else added, removed[6:]
    text, name, *by = added
    position = db.execute(
        "select coalesce(max(position), 0) + 1 from subscriptions where channel_id = ?",
        (channel_id,),
    ).fetchone()[0]
    db.execute(
        f"insert into subscriptions ({SUBSCRIPTION}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, text, _free_name(db, channel_id, name), position, *by, *state),
    )
    if restored and state[0] is not None:
        make_due_again(db, channel_id, keyword.canonical, removed[0], at)
    return True


def owner_of(db: Connection, channel_id: str) -> str:
    """The person whose private conversation it is; empty for any other channel."""
    row = db.execute("select owner from channels where id = ?", (channel_id,)).fetchone()
    return "" if row is None else str(row[0])


def unfollow(db: Connection, channel_id: str, canonical: str, at: datetime) -> bool:
    """Stop following; false if the channel didn't. Papers that were due because of this keyword
    alone are dropped. The ledger stays: nothing is posted again."""
    db.execute(
        f"insert into removed_subscriptions ({SUBSCRIPTION}, removed_at)"
        f" select {SUBSCRIPTION}, ? from subscriptions where channel_id = ? and canonical = ?",
        (to_text(at), channel_id, canonical),
    )
    removed = db.execute(
        "delete from subscriptions where channel_id = ? and canonical = ?", (channel_id, canonical)
    )
    drop_due(db, channel_id, at)
    return removed.rowcount == 1


def rename(db: Connection, channel_id: str, canonical: str, name: str) -> bool:
    """Show the keyword under this name; false if the channel does not follow it, or the name is
    another keyword's there. An empty name: it is shown as it was written."""
    if name and not _free_name(db, channel_id, name, canonical):
        return False
    renamed = db.execute(
        "update subscriptions set name = ? where channel_id = ? and canonical = ?",
        (name, channel_id, canonical),
    )
    return renamed.rowcount == 1


def _free_name(db: Connection, channel_id: str, name: str, canonical: str = "") -> str:
    """The name; none if another keyword of the channel has it. Chat and bot.toml refuse that
    before; here are the two of them that chose it at the same time."""
    taken = db.execute(
        "select name from subscriptions where channel_id = ? and canonical <> ? and name <> ''",
        (channel_id, canonical),
    )
    return "" if name.casefold() in {row[0].casefold() for row in taken} else name


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
    """Keywords of this channel, and of all that somebody from that server has added to.

    0 where the server is not known. Where a channel is that stands only in bot.toml, nobody knows.
    """
    row = db.execute(
        "select count(*) from subscriptions s join channels c on c.id = s.channel_id"
        " where :server <> '' and (c.server = :server or c.id = :channel)",
        {"server": server, "channel": channel_id},
    ).fetchone()
    return int(row[0])


def ensure_channel(db: Connection, channel_id: str) -> None:
    db.execute(
        "insert into channels (id, platform) values (?, ?) on conflict do nothing",
        (channel_id, Channel(channel_id).platform),
    )


def ensure_keyword(db: Connection, keyword: Keyword, *, shared: bool) -> None:
    """Nobody sees how a person worded it for themselves: the first who follows it elsewhere does
    so in their own words."""
    db.execute(
        "insert into keywords (canonical, text, query, clauses, shared) values (?, ?, ?, ?, ?)"
        " on conflict (canonical) do update set query = excluded.query, clauses = excluded.clauses,"
        " text = case when excluded.shared and not keywords.shared then excluded.text"
        " else keywords.text end, shared = keywords.shared or excluded.shared",
        (keyword.canonical, keyword.text, keyword.query, keyword.clauses, shared),
    )


def change_setting(db: Connection, channel_id: str, name: str, value: str | None) -> None:
    """One setting at a time, so that two people who change two of them both get theirs."""
    if name not in SETTINGS:
        raise ValueError(f"{name!r} is no setting of a channel")
    ensure_channel(db, channel_id)
    db.execute(
        f'update channels set "{name}" = ?, recheck = true where id = ?', (value, channel_id)
    )
    if name == "days":
        db.execute("update channels set rescheduled = true where id = ?", (channel_id,))


def change_posting_days(db: Connection, days: str) -> None:
    """``[schedule] days`` in ``bot.toml``, for all channels without days of their own. Where these
    are others than at the last start, the days before now were not due to them."""
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
    """In bot.toml's order where they are there, else in that of adding; if none is named, of all
    channels, and of private conversations only where those are wanted."""
    these, given = in_channels("s.channel_id", channel_ids, private=private)
    rows = db.execute(
        f"""
        select s.channel_id, s.text, s.canonical, k.query, k.clauses, s.added_by, s.added_at,
               s.primed_at, s.added_by_id, s.name
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
        )
        for row in rows
    )


def in_channels(
    column: str, channel_ids: Sequence[str], *, private: bool
) -> tuple[str, dict[str, str]]:
    """A condition on a channel's id, and its parameter: one of these; if none is named, any, and
    one of a private conversation only where those are wanted."""
    if channel_ids:
        return f"{column} in ({LISTED})", {"ids": id_list(channel_ids)}
    return ("true" if private else f"{column} in (select id from channels where owner = '')"), {}


def unprimed(db: Connection) -> frozenset[tuple[str, str]]:
    """Channel and canonical keyword of each subscription whose present papers are not known yet."""
    rows = db.execute("select channel_id, canonical from subscriptions where primed_at is null")
    return frozenset((channel, canonical) for channel, canonical in rows)


def known_keywords(db: Connection, channel_id: str = "") -> tuple[Keyword, ...]:
    """All that any channel follows, mutes, or once did; of what people say for themselves only that
    of this channel, as it was worded there."""
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
    """A person wants no posts; false if one has paused it already. Papers still become due."""
    changed = db.execute(
        "update channels set paused = 'person', reason = ?, paused_at = ?, probe_at = null"
        " where id = ? and coalesce(paused, '') <> 'person'",
        (reason, to_text(at), channel_id),
    )
    return changed.rowcount == 1


def resume(db: Connection, channel_id: str, *, refused_only: bool = False) -> bool:
    """Post again, no matter who paused it; false if it was not paused, or, with ``refused_only``,
    if a person paused it. What waits there is tried at once, without the reason of the refusal."""
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
