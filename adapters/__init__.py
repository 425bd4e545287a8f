"""The platforms that the bot posts to: their names, and what one is given when it is made.

Imports none of them, so that a host of one platform needs no other platform's library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TextIO

PLATFORMS: Final = {"console": "adapters.console.platform:Console"}
"""The part of a channel's id before the colon → ``module:Class``. The class is called with Settings
and is both the platform's Composer and its Sender."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a platform is given when it is made; each takes what it needs.

    ``stream`` is where the console writes. ``width`` (columns) and ``colour`` are for it too;
    ``None`` means: as the stream is and can.
    """

    stream: TextIO
    width: int | None = None
    colour: bool | None = None
