"""Papers that go to a library in Zotero.

A library is ``users/ID`` or ``groups/ID``, as it begins an address of Zotero's Web API
(zotero.org/support/dev/web_api/v3/basics, read November 2026).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.model.papers import Paper
from bot.model.subscriptions import Person

ZOTERO_KEY: Final = "zotero"  # the kind of secret that an owner's key is (bot.ports.Vault)

_KEY_SIGNS: Final = "23456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_KEY_LENGTH: Final = 8


def item_key(library: str, paper_id: str, number: int = 0) -> str:
    """Zotero's name for a paper in a library, in Zotero's form: eight of these signs
    (zotero.org/support/dev/web_api/v3/write_requests, Object Keys, read November 2026).

    Always the same one, so that whatever is sent again, by another process, after a restored
    backup or by a second channel that shares the library, is one item there. ``number`` is another
    than 0 where an item of somebody else has that name.
    """
    text = f"{library} {paper_id} {number}"
    rest = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest())
    signs = []
    for _ in range(_KEY_LENGTH):
        rest, sign = divmod(rest, len(_KEY_SIGNS))
        signs.append(_KEY_SIGNS[sign])
    return "".join(signs)


@dataclass(frozen=True, slots=True)
class ZoteroLibrary:
    """One that a key may write to, and what people call it."""

    id: str
    name: str

    @property
    def is_group(self) -> bool:
        return self.id.startswith("groups/")


@dataclass(frozen=True, slots=True)
class ZoteroConnection:
    """``owner`` is the person or the channel (``is_channel``) whose saves go to the library;
    ``person`` is who connected it, with a key of theirs, in the channel ``channel_id``.

    ``sent`` papers have arrived, ``waiting`` ones are on their way, one of them held up by
    ``error`` if that is not empty; ``rejected`` ones Zotero does not take, for ``rejection``. While
    it is ``paused``, for the reason that this is, nothing is sent.
    """

    owner: str
    is_channel: bool
    channel_id: str
    library: ZoteroLibrary
    person: Person
    connected_at: datetime
    paused: str = ""
    paused_at: datetime | None = None
    sent: int = 0
    waiting: int = 0
    rejected: int = 0
    error: str = ""
    rejection: str = ""


@dataclass(frozen=True, slots=True)
class ZoteroItem:
    """A paper, and the name that it has, or will have, in a library."""

    key: str
    paper: Paper


@dataclass(frozen=True, slots=True)
class ZoteroBatch:
    """Papers that are sent together to one library, for the ``attempt``-th time at most."""

    connection: ZoteroConnection
    items: tuple[ZoteroItem, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class ZoteroResult:
    """What became of items, by their keys: those that are in the library now, those whose key
    somebody else's item has, and why others were rejected for good or may be taken another time.
    ``wait``: for so many seconds Zotero wants no other request."""

    added: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    rejected: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
