"""Papers that people save, and threads about papers."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from bot.model.papers import Paper
from bot.model.posts import Receipt

EXPORT_FORMATS: Final = ("bib", "ris", "json")  # the endings of their files


class SavedPaper(NamedTuple):
    """A paper as it was when it was last saved. ``names`` are the people who saved it, the first
    one first; ``saved_at`` is when the last of them did. ``mine``: the person asking is among
    them."""

    paper: Paper
    names: tuple[str, ...]
    saved_at: datetime
    mine: bool


class SavedPage(NamedTuple):
    """One page of the ``total`` papers that were found, the one saved last first."""

    papers: tuple[SavedPaper, ...]
    total: int


class Forgotten(NamedTuple):
    """How much was deleted about a person: their saves, the places with their name, and their keys
    for libraries in Zotero."""

    saves: int
    names: int
    libraries: int = 0


class Discussion(NamedTuple):
    """The thread about a paper in a channel. ``key`` is the post of its first message.

    ``opening`` is the message in the channel that begins it, ``first`` the first message in it,
    each ``None`` until it is known to have arrived. ``stuck`` are the keys of those of the two that
    a person has to decide about, ``dead`` the keys that the platform rejected; ``error`` says why.
    ``refusal`` is why the channel takes no posts now, empty if it does.
    """

    key: str
    opening: Receipt | None = None
    first: Receipt | None = None
    stuck: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    error: str = ""
    refusal: str = ""
