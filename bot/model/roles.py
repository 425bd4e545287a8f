"""What one process does at a time, where several share a database: the names of the roles."""

from __future__ import annotations

from typing import Final, NamedTuple

COLLECTOR: Final = "collector"
"""Asks arXiv at the appointed times, forgets what nobody needs, writes the page, sends the ping:
arXiv allows one request in three seconds for all machines together."""

FILE: Final = "bot.toml"
"""Keeps bot.toml and the database the same: it is one file on one disk."""

ARXIV: Final = "arxiv"
"""Sends the one request to arXiv that may be under way."""

ZOTERO: Final = "zotero"
"""Sends saved papers to Zotero: it asks all clients of one person, and sometimes all of the world,
to slow down."""


def delivery(platform: str) -> str:
    """Sends a platform's posts: platforms count their limits by token."""
    return f"deliver {platform}"


class ShardShare(NamedTuple):
    """What a process has of a platform that is listened to over several connections."""

    total: int  # of all shards, which all processes agree on
    held: frozenset[int]
    surplus: frozenset[int]  # of these, what another process is to have: disconnect, then release
