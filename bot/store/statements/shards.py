"""Which process has which shards of a platform that is listened to over several connections.

Shards are leased like roles (``statements.leases``), but shared out evenly: each living process
gets as many as any other, give or take one. A process that joins takes its part once the others
have released it; the shards of one that died are free when its leases end. All times are by the
database server's clock.
"""

from __future__ import annotations

from collections.abc import Collection

from bot.model.roles import ShardShare
from bot.store.engines.base import Connection
from bot.store.statements.leases import NOW
from bot.store.statements.rows import LISTED, id_list


def share(db: Connection, account: str, count: int, holder: str, seconds: float) -> ShardShare:
    """Renew the process's shards of an account, and take free ones up to its fair part.

    There are ``count`` shards, unless other living processes use another number: then that one
    counts, because connections with two different numbers of shards would get each event twice.
    """
    given = {"account": account, "holder": holder, "length": seconds, "count": count}
    # Writing this row makes all other processes wait for the commit.
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
    # An end later than any current lease can have was written before the server's clock was set
    # back.
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
    """Release these shards for others to take at once. With ``None`` all of the process's, which
    then no longer counts as a member."""
    if shards is None:
        for table in ("shard_leases", "shard_members"):
            db.execute(f"delete from {table} where account = ? and holder = ?", (account, holder))
        return
    db.execute(
        "delete from shard_leases where account = :account and holder = :holder"
        f" and cast(shard as text) in ({LISTED})",
        {"account": account, "holder": holder, "ids": id_list(map(str, shards))},
    )
