"""Papers that people keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.model.papers import Paper


@dataclass(frozen=True, slots=True)
class SavedPaper:
    """A paper as it was when it was last saved, who saved it, the first one first, and when the
    last of them did. ``mine``: whoever asks is among them."""

    paper: Paper
    names: tuple[str, ...]
    saved_at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class SavedPage:
    """Some of the ``total`` papers that were found, the one saved last first."""

    papers: tuple[SavedPaper, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted of a person: how many saves, and in how many places their name."""

    saves: int
    names: int
