"""Papers that go to a library in Zotero.

A library's id is ``users/ID`` or ``groups/ID``, the beginning of its paths in Zotero's Web API
(zotero.org/support/dev/web_api/v3/basics, read November 2026).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from bot.model.papers import Paper
from bot.model.subscriptions import Person

ZOTERO_KEY: Final = "zotero"  # the kind under which the vault keeps a person's key (ports.Vault)

_KEY_SIGNS: Final = "23456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_KEY_LENGTH: Final = 8


def item_key(library: str, paper_id: str, number: int = 0) -> str:
    """The key of a paper's item in a library, as Zotero wants it: eight of these characters
    (zotero.org/support/dev/web_api/v3/write_requests, Object Keys, read November 2026).

    It is always the same, so that a paper that is sent again, by another process, after a backup
    was restored, or by a second channel with the same library, is a single item there. ``number``
    is not 0 if another item already had that key.
    """
    text = f"{library} {paper_id} {number}"
    rest = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest())
    signs = []
    for _ in range(_KEY_LENGTH):
        rest, sign = divmod(rest, len(_KEY_SIGNS))
        signs.append(_KEY_SIGNS[sign])
    return "".join(signs)


class ZoteroLibrary(NamedTuple):
    """A library that a key may write to, and its name for people."""

    id: str
    name: str

    @property
    def is_group(self) -> bool:
        return self.id.startswith("groups/")


class ZoteroConnection(NamedTuple):
    """A library that saves go to. ``owner`` is the person or the channel (``is_channel``) whose
    saves they are; ``person`` connected it, with a key of theirs, in the channel ``channel_id``.

    ``sent`` papers have arrived; ``waiting`` ones are on their way, at least one of them delayed by
    ``error`` if that is not empty; ``rejected`` ones Zotero does not accept, because of
    ``rejection``. ``paused`` is why nothing is sent at present; empty: it is not paused.
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


class ZoteroItem(NamedTuple):
    """A paper, and the key that its item has, or will have, in a library."""

    key: str
    paper: Paper


class ZoteroBatch(NamedTuple):
    """Papers that are sent to one library in one request. ``attempt`` is the highest number of
    attempts of any of them, this one included."""

    connection: ZoteroConnection
    items: tuple[ZoteroItem, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class ZoteroResult:
    """What became of items, by their keys: ``added`` are in the library now; ``taken`` are keys
    that other items have; ``rejected`` says why items were refused for good, ``later`` why they
    should be sent again. ``wait``: for so many seconds Zotero wants no other request."""

    added: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    rejected: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
