"""Where papers come from. One module per source, and a line here for each.

The name stands in ``bot.toml``; the class is loaded by ``bot.app.bot`` alone, when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SOURCES: Final[Mapping[str, str]] = {"arxiv": "bot.arxiv.source:ArxivSource"}
