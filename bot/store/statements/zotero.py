"""Saved papers on their way to a library in Zotero: an outbox of its own.

A paper is queued in the transaction that saves it, for the library of the person and for that of
the channel, under a key that is decided then (``bot.model.zotero.item_key``). It is ``queued``,
then ``sending`` while its batch is under way, then ``sent``, or ``dead`` if Zotero rejects it. It
may be sent any number of times, because Zotero accepts a key only once. A paper whose save is taken
back before it is sent is not sent; one that has arrived stays in the library. If it is saved anew,
it is sent again under the same key, which changes nothing if it is still there.

The owner's key for Zotero is a secret (``bot.vault``), written and deleted in the transactions that
write a connection and delete it (``statements.zotero_disconnect``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bot.model import Person
from bot.model.zotero import (
    ZOTERO_KEY,
    ZoteroBatch,
    ZoteroConnection,
    ZoteroItem,
    ZoteroLibrary,
    item_key,
)
from bot.store.engines.base import Connection
from bot.store.statements.rows import (
    LISTED,
    PAPER_COLUMNS,
    READY_AT,
    id_list,
    paper_from_row,
    qualified,
    ready_times,
    to_text,
    to_time,
    to_time_or_none,
)
from bot.store.statements.secrets import save_secret
from bot.store.statements.subscriptions import ensure_channel

MAX_WAIT: Final = timedelta(hours=25)  # longer than any wait between two attempts
MAX_BATCH: Final = 50  # objects in a request (zotero.org, Web API v3, Write Requests, Nov. 2026)
MAX_TOGETHER: Final = 3  # attempts in a batch; then alone, so that a bad item delays no others

_COLUMNS = (
    "z.owner, z.is_channel, z.channel_id, z.library, z.name, z.person_id, z.person,"
    " z.connected_at, z.paused, z.paused_at"
)
_COUNTED = ("sent", "waiting", "rejected", "error", "rejection")  # may follow _COLUMNS in a row
_WAITING = """
    from zotero_outbox x join zotero_connections z on z.owner = x.owner
    join saved_papers p on p.id = x.paper_id left join channels c on c.id = z.owner
    where x.state in ('queued', 'sending') and z.paused = '' and c.archived_at is null
"""
_ORDER = "order by x.not_before, x.created_at, x.paper_id"
_UNKEPT = (
    "not exists (select 1 from saves s where s.paper_id = zotero_outbox.paper_id"
    " and (s.person_id = zotero_outbox.owner or s.channel_id = zotero_outbox.owner))"
)
# Items of ``:owner`` that are being sent, by their keys ``:ids``.
_SENDING = f"owner = :owner and item_key in ({LISTED}) and state = 'sending'"


def connect(db: Connection, connection: ZoteroConnection, sealed: str, at: datetime) -> None:
    owner, library = connection.owner, connection.library
    ensure_channel(db, connection.channel_id)
    save_secret(db, ZOTERO_KEY, owner, sealed, at)
    before = db.execute(
        "select library from zotero_connections where owner = ?", (owner,)
    ).fetchone()
    if before is not None and before[0] != library.id:
        db.execute("delete from zotero_outbox where owner = ?", (owner,))
    db.execute(
        "insert into zotero_connections"
        " (owner, is_channel, channel_id, library, name, person_id, person, connected_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (owner) do update set"
        " channel_id = excluded.channel_id, library = excluded.library, name = excluded.name,"
        " person_id = excluded.person_id, person = excluded.person,"
        " connected_at = excluded.connected_at, paused = '', paused_at = null",
        (
            owner,
            connection.is_channel,
            connection.channel_id,
            library.id,
            library.name,
            connection.person.id,
            connection.person.name,
            to_text(at),
        ),
    )
    db.execute(
        "update zotero_outbox set attempt = 0, error = '' where owner = ? and state <> 'sent'",
        (owner,),
    )
    _queue_again(db, "owner = :owner and state <> 'sent'", {"owner": owner}, at)
    kept = db.execute(
        "select distinct paper_id from saves where person_id = ? or channel_id = ?", (owner, owner)
    )
    _queue(db, owner, library.id, [paper_id for (paper_id,) in kept.fetchall()], at, anew=False)


def queue(
    db: Connection, channel_id: str, person_id: str, paper_ids: Sequence[str], at: datetime
) -> None:
    """Queue papers that were just saved, for the libraries of the channel and the person. Papers
    that were saved before for the same library's owner are left out."""
    owners = db.execute(
        "select owner, library, is_channel from zotero_connections where owner in (?, ?)",
        (channel_id, person_id),
    ).fetchall()
    for owner, library, is_channel in owners:
        whose = "channel_id" if is_channel else "person_id"
        new = db.execute(
            f"select paper_id from saves where {whose} = :owner and paper_id in ({LISTED})"
            " group by paper_id having count(*) = 1",
            {"owner": owner, "ids": id_list(paper_ids)},
        )
        _queue(db, owner, library, [paper_id for (paper_id,) in new.fetchall()], at, anew=True)


def _queue(
    db: Connection, owner: str, library: str, paper_ids: Iterable[str], at: datetime, *, anew: bool
) -> None:
    """Queue these papers; with ``anew`` also those that were sent or rejected before."""
    again = (
        "update set state = 'queued', attempt = 0, not_before = excluded.not_before, error = ''"
        " where zotero_outbox.state in ('sent', 'dead')"
    )
    db.executemany(
        "insert into zotero_outbox (owner, paper_id, item_key, not_before, created_at)"
        f" values (?, ?, ?, ?, ?) on conflict (owner, paper_id) do {again if anew else 'nothing'}",
        [
            (owner, paper_id, item_key(library, paper_id), to_text(at), to_text(at))
            for paper_id in paper_ids
        ],
    )


def _queue_again(db: Connection, which: str, given: dict[str, str], not_before: datetime) -> None:
    """Let what the condition ``which`` selects be claimed again from ``not_before`` on, except
    papers that nobody has saved any more for that library."""
    again = db.execute(
        f"update zotero_outbox set state = 'queued', not_before = :not_before where {which}"
        " returning paper_id",
        {**given, "not_before": to_text(not_before)},
    ).fetchall()
    drop_unkept(db, [paper_id for (paper_id,) in again])


def drop_unkept(db: Connection, paper_ids: Iterable[str]) -> None:
    """Delete those of these papers that nobody has saved any more for a library that they wait for,
    or that rejected them. One that is being sent is deleted when it would be sent again, or is
    rejected."""
    db.execute(
        f"delete from zotero_outbox where state in ('queued', 'dead') and paper_id in ({LISTED})"
        f" and {_UNKEPT}",
        {"ids": id_list(paper_ids)},
    )


def connections(db: Connection, *owners: str) -> tuple[ZoteroConnection, ...]:
    """The connections of these owners, or of all if none is named, sorted by owner."""
    among = f"where z.owner in ({LISTED})" if owners else ""
    rows = db.execute(
        f"""
        select {_COLUMNS},
          (select count(*) from zotero_outbox x where x.owner = z.owner and x.state = 'sent'),
          (select count(*) from zotero_outbox x
           where x.owner = z.owner and x.state in ('queued', 'sending')),
          (select count(*) from zotero_outbox x where x.owner = z.owner and x.state = 'dead'),
          {_one_error("('queued', 'sending')")}, {_one_error("('dead')")}
        from zotero_connections z {among} order by z.owner
        """,
        {"ids": id_list(owners)} if owners else {},
    )
    return tuple(_connection(row) for row in rows.fetchall())


def _one_error(states: str) -> str:
    return (
        "coalesce((select x.error from zotero_outbox x where x.owner = z.owner and x.error <> ''"
        f" and x.state in {states} order by x.not_before desc, x.paper_id limit 1), '')"
    )


def _connection(row: Sequence[Any]) -> ZoteroConnection:
    own, counted = row[:10], row[10:]
    owner, is_channel, channel_id, library, name, person_id, person, at, paused, paused_at = own
    counts: dict[str, Any] = dict(zip(_COUNTED, counted, strict=False))
    return ZoteroConnection(
        owner=owner,
        is_channel=bool(is_channel),
        channel_id=channel_id,
        library=ZoteroLibrary(library, name),
        person=Person(person, person_id),
        connected_at=to_time(at),
        paused=paused,
        paused_at=to_time_or_none(paused_at),
        **counts,
    )


def claim(db: Connection, now: datetime, lease_until: datetime) -> ZoteroBatch | None:
    """Claim what has waited longest, with what else is ready for the same library; ``None`` if
    nothing is."""
    times = ready_times(now, MAX_WAIT)
    if _held_until(db, now) > now:
        return None
    first = db.execute(
        f"select {_COLUMNS}, x.attempt {_WAITING} and {READY_AT} <= :now {_ORDER} limit 1", times
    ).fetchone()
    if first is None:
        return None
    *row, attempt = first
    together = attempt < MAX_TOGETHER
    items = db.execute(
        f"select x.item_key, x.attempt, {qualified('p', PAPER_COLUMNS)} {_WAITING}"
        f" and {READY_AT} <= :now and x.owner = :owner"
        f" and x.attempt {'<' if together else '>='} :most {_ORDER} limit :limit",
        {
            **times,
            "owner": row[0],
            "most": MAX_TOGETHER,
            "limit": MAX_BATCH if together else 1,
        },
    ).fetchall()
    db.executemany(
        "update zotero_outbox set state = 'sending', attempt = attempt + 1, not_before = ?"
        " where owner = ? and paper_id = ?",
        [(to_text(lease_until), row[0], each[2]) for each in items],
    )
    return ZoteroBatch(
        _connection(row),
        tuple(ZoteroItem(key, paper_from_row(paper)) for key, _, *paper in items),
        attempt=max(tries for _, tries, *_ in items) + 1,
    )


def next_claim(db: Connection, now: datetime) -> datetime | None:
    row = db.execute(f"select min({READY_AT}) {_WAITING}", ready_times(now, MAX_WAIT)).fetchone()
    if row[0] is None:
        return None
    return max(to_time(row[0]), _held_until(db, now))


def _held_until(db: Connection, now: datetime) -> datetime:
    row = db.execute("select until from zotero_hold").fetchone()
    until = now if row is None else to_time(row[0])
    return until if until <= now + MAX_WAIT else now


def mark_sent(db: Connection, owner: str, keys: Collection[str], at: datetime) -> None:
    db.execute(
        "update zotero_outbox set state = 'sent', settled_at = :at, error = ''"
        f" where owner = :owner and item_key in ({LISTED})",
        {"owner": owner, "at": to_text(at), "ids": id_list(keys)},
    )


def requeue(
    db: Connection, owner: str, keys: Collection[str], not_before: datetime, error: str
) -> None:
    given = {"owner": owner, "ids": id_list(keys)}
    db.execute(
        f"update zotero_outbox set error = :error where {_SENDING}", {**given, "error": error}
    )
    _queue_again(db, _SENDING, given, not_before)


def rename(db: Connection, owner: str, keys: Collection[str], at: datetime) -> None:
    """Queue these items again, each under its next key: other people's items have their present
    keys."""
    rows = db.execute(
        "select x.paper_id, x.item_key, z.library from zotero_outbox x"
        f" join zotero_connections z using (owner) where {_SENDING}",
        {"owner": owner, "ids": id_list(keys)},
    ).fetchall()
    renamed = [
        (_next_key(library, paper_id, key), owner, paper_id) for paper_id, key, library in rows
    ]
    db.executemany(
        "update zotero_outbox set item_key = ? where owner = ? and paper_id = ?", renamed
    )
    given = {"owner": owner, "ids": id_list([key for key, _, _ in renamed])}
    _queue_again(db, _SENDING, given, at)


def _next_key(library: str, paper_id: str, key: str) -> str:
    number = 0
    while item_key(library, paper_id, number) != key:
        number += 1
    return item_key(library, paper_id, number + 1)


def reject(db: Connection, owner: str, key: str, at: datetime, error: str) -> None:
    rejected = db.execute(
        "update zotero_outbox set state = 'dead', settled_at = ?, error = ?"
        " where owner = ? and item_key = ? and state = 'sending' returning paper_id",
        (to_text(at), error, owner, key),
    ).fetchall()
    drop_unkept(db, [paper_id for (paper_id,) in rejected])


def pause(db: Connection, owner: str, connected_at: datetime, at: datetime, reason: str) -> bool:
    """Pause the connection; false if it is paused already, or was connected again after
    ``connected_at``: the key of then is no longer used."""
    _queue_again(db, "owner = :owner and state = 'sending'", {"owner": owner}, at)
    paused = db.execute(
        "update zotero_connections set paused = ?, paused_at = ?"
        " where owner = ? and connected_at = ? and paused = ''",
        (reason, to_text(at), owner, to_text(connected_at)),
    )
    return paused.rowcount == 1


def hold(db: Connection, until: datetime) -> None:
    db.execute(
        "insert into zotero_hold (id, until) values (1, ?)"
        " on conflict (id) do update set until = excluded.until",
        (to_text(until),),
    )


def release(db: Connection, now: datetime) -> None:
    """Queue again what a process that died was sending. Only for when no other process sends."""
    _queue_again(db, "state = 'sending'", {}, now)
