"""Roles: work that only one process may do at a time, if several share a database."""

from __future__ import annotations

from typing import Final, NamedTuple

COLLECTOR: Final = "collector"
"""Queries arXiv on schedule, deletes old data, writes the page and sends the ping. arXiv allows one
request every three seconds for all machines together."""

FILE: Final = "bot.toml"
"""Keeps bot.toml and the database the same: the file is on one machine's disk."""

ARXIV: Final = "arxiv"
"""Sends requests to arXiv, of which only one may be under way at a time."""

ZOTERO: Final = "zotero"
"""Sends saved papers to Zotero, which may ask the clients of one person, or all clients, to slow
down."""


def delivery(platform: str) -> str:
    """The role that sends a platform's posts: platforms count their rate limits per token."""
    return f"deliver {platform}"


class ShardShare(NamedTuple):
    """The shards that a process has of a platform that is listened to over several connections."""

    total: int  # the number of all shards, the same for all processes
    held: frozenset[int]
    surplus: frozenset[int]  # held ones to give to other processes: disconnect, then release
