"""Changes of papers after they were posted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

FOLLOWED_FOR: Final = timedelta(days=730)
"""For how long after a paper was posted in a channel its changes are news there."""

NEWS_SHOWN: Final = 20
"""How many pieces of news in a digest get a line each; the others are only counted."""


class NewsKind(StrEnum):
    """What has changed. A digest shows the kinds in this order."""

    WITHDRAWN = "withdrawn"
    RESTORED = "restored"  # a new version of a withdrawn paper that is not withdrawn
    VENUE = "venue"  # accepted or published somewhere
    VERSION = "version"  # a new version that is none of the above


@dataclass(frozen=True, slots=True)
class News:
    """One change of a posted paper. ``paper_id``, ``kind`` and ``mark`` (which venue, which
    version) are its identity: each change is posted once in a channel.

    ``text`` is the venue, or the comment of a withdrawal; ``published`` means that the venue is
    from a journal reference. ``titles`` and ``comments`` are those before and after a new version,
    ``None`` if they are the same. ``version`` is ``VERSION_UNKNOWN`` if the source did not say
    which it is. The texts are ready to be shown.
    """

    paper_id: str
    kind: NewsKind
    mark: str
    text: str = ""
    published: bool = False
    version: int = 0
    titles: tuple[str, str] | None = None
    comments: tuple[str, str] | None = None
