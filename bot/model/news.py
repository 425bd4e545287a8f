"""What becomes of papers after they were posted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

FOLLOWED_FOR: Final = timedelta(days=730)
"""So long after a paper was posted in a channel its changes are news there."""

NEWS_SHOWN: Final = 20
"""News of a digest that get a line each; the others are counted."""


class NewsKind(StrEnum):
    """In the order in which they are told."""

    WITHDRAWN = "withdrawn"
    RESTORED = "restored"  # it was withdrawn, and has a version again that is not
    VENUE = "venue"  # accepted or published somewhere
    VERSION = "version"  # a new one, with nothing of the above


@dataclass(frozen=True, slots=True)
class News:
    """One change of a posted paper. With ``paper_id`` and ``kind``, ``mark`` is its identity, which
    is told once in a channel: which venue, which version.

    ``text`` is the venue, or the comment of a withdrawal; ``published`` says that the venue is
    in a journal reference. ``titles`` and ``comments`` are those before and after a new version,
    where they differ. ``version`` is ``VERSION_UNKNOWN`` where the source did not say it. Texts are
    ready to be shown.
    """

    paper_id: str
    kind: NewsKind
    mark: str
    text: str = ""
    published: bool = False
    version: int = 0
    titles: tuple[str, str] | None = None
    comments: tuple[str, str] | None = None
