"""Which process has which part of a platform that is listened to over several connections.

As leases (``statements.leases``), but handed out together: each process that lives gets as many as
any other, give or take one. One that joins takes its part when the others have given it up; that of
one that died is free when its lease ends. The clock is the server's.
"""

from __future__ import annotations

from collections.abc import Collection

from bot.model.roles import ShardShare
from bot.store.engines.base import Connection
from bot.store.statements.leases import NOW
from bot.store.statements.rows import LISTED, id_list


def share(db: Connection, account: str, count: int, holder: str, seconds: float) -> ShardShare:
    """Renew what the process has of an account, and take what is free and its part.

    ``count`` shards there are, unless others that live have begun with another number: then theirs,
    because two numbers of shards would bring each event twice.
    """
    given = {"account": account, "holder": holder, "length": seconds, "count": count}
    # Makes all others wait for this commit.
    db.execute(
        """
        insert into shard_members (account, holder, until) values (:account, '', 0)
        on conflict (account, holder) do update set until = 0
        """,
        given,
    )
    db.execute(
        f"""
        insert into shard_members (account, holder, until)
        values (:account, :holder, {NOW} + :length)
        on conflict (account, holder) do update set until = excluded.until
        """,
        given,
    )
    # An end that no lease of now can have was written before the server's clock was set back.
    for table in ("shard_members", "shard_leases"):
        db.execute(
            f"delete from {table} where account = :account and holder not in ('', :holder)"
            f" and (until <= {NOW} or until > {NOW} + :length + 60)",
            given,
        )
    row = db.execute(
        "select shards from shard_leases where account = :account and holder <> :holder limit 1",
        given,
    ).fetchone()
    given["count"] = count = count if row is None else int(row[0])
    db.execute(
        "delete from shard_leases where account = :account and holder = :holder"
        " and shards <> :count",
        given,
    )
    db.execute(
        f"update shard_leases set until = {NOW} + :length"
        " where account = :account and holder = :holder",
        given,
    )
    members = db.execute(
        "select count(*) from shard_members where account = :account and holder <> ''", given
    ).fetchone()[0]
    return _take(db, given, count, fair=-(-count // members))


def _take(db: Connection, given: dict[str, object], count: int, fair: int) -> ShardShare:
    rows = db.execute(
        "select shard, holder from shard_leases where account = :account", given
    ).fetchall()
    taken = {shard for shard, _ in rows}
    mine = {shard for shard, holder in rows if holder == given["holder"]}
    free = [shard for shard in range(count) if shard not in taken][: max(0, fair - len(mine))]
    db.executemany(
        f"""
        insert into shard_leases (account, shard, shards, holder, until)
        values (:account, :shard, :count, :holder, {NOW} + :length)
        """,
        [{**given, "shard": shard} for shard in free],
    )
    mine.update(free)
    return ShardShare(count, frozenset(mine), frozenset(sorted(mine)[fair:]))


def release(
    db: Connection, account: str, holder: str, shards: Collection[int] | None = None
) -> None:
    """Others may have these at once; with ``None`` all, and the process is no member any more."""
    if shards is None:
        for table in ("shard_leases", "shard_members"):
            db.execute(f"delete from {table} where account = ? and holder = ?", (account, holder))
        return
    db.execute(
        "delete from shard_leases where account = :account and holder = :holder"
        f" and cast(shard as text) in ({LISTED})",
        {"account": account, "holder": holder, "ids": id_list(map(str, shards))},
    )
