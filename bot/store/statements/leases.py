"""Which process holds which role, where several share a database.

The clock is the server's, one for all. A holder that can't renew its lease counts it as ended
before the server does (``bot.core.leases``), so that nobody acts in a role that another has taken.
What it still records after that is refused by its fencing number.
"""

from __future__ import annotations

from bot.errors import LeaseLost
from bot.store.engines.base import Connection

NOW = "extract(epoch from clock_timestamp())"


def acquire(db: Connection, role: str, holder: str, seconds: float) -> int | None:
    """The fencing number; ``None``: another process holds it."""
    # An end that no lease of now can have was written before the server's clock was set back. It
    # becomes one that a holder who lives renews in time, and a dead one does not.
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
    """Raises LeaseLost unless the role still has this fencing number."""
    row = db.execute("select fence from leases where role = ?", (role,)).fetchone()
    if row is None or row[0] != fence:
        raise LeaseLost(f"another process is the {role} now")


def agree(db: Connection, holder: str, settings: str) -> str:
    """What the processes that are alive agree on: these settings, where no other one has a role."""
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
