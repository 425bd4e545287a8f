"""Which process holds which role, where several share a database.

All times are by the database server's clock. A holder that can't renew its lease considers it ended
before the server does (``bot.core.leases``), so that no process acts in a role that another one has
taken over. What it still tries to record after that is refused by its fencing number.
"""

from __future__ import annotations

from bot.errors import LeaseLost
from bot.store.engines.base import Connection

NOW = "extract(epoch from clock_timestamp())"


def acquire(db: Connection, role: str, holder: str, seconds: float) -> int | None:
    """Take or renew the role. Returns its fencing number; ``None`` if another process holds it."""
    # An end later than any current lease can have was written before the server's clock was set
    # back. It is replaced by the latest possible: a living holder renews it in time.
    db.execute(
        f"update leases set until = {NOW} + :length"
        f" where role = :role and until > {NOW} + :length + 1",
        {"role": role, "length": seconds},
    )
    row = db.execute(
        f"""
        insert into leases (role, holder, fence, until) values (:role, :holder, 1, {NOW} + :length)
        on conflict (role) do update set holder = excluded.holder, until = excluded.until,
          fence = leases.fence + case when leases.holder = excluded.holder then 0 else 1 end
        where leases.holder = excluded.holder or leases.until < {NOW}
        returning fence
        """,
        {"role": role, "holder": holder, "length": seconds},
    ).fetchone()
    return None if row is None else int(row[0])


def release(db: Connection, role: str, holder: str) -> None:
    db.execute("update leases set until = 0 where role = ? and holder = ?", (role, holder))


def refuse_lost(db: Connection, role: str, fence: int) -> None:
    """Raises LeaseLost if the role no longer has this fencing number."""
    row = db.execute("select fence from leases where role = ?", (role,)).fetchone()
    if row is None or row[0] != fence:
        raise LeaseLost(f"another process is the {role} now")


def agree(db: Connection, holder: str, settings: str) -> str:
    """The settings that all living processes share: those of the first of them. If no other process
    holds a role, they are replaced by these."""
    others = db.execute(
        f"select 1 from leases where holder <> ? and until > {NOW} limit 1", (holder,)
    ).fetchone()
    kept = db.execute("select settings from shared_settings").fetchone()
    if others and kept:
        return str(kept[0])
    db.execute(
        "insert into shared_settings (id, settings) values (1, ?)"
        " on conflict (id) do update set settings = excluded.settings",
        (settings,),
    )
    return settings
