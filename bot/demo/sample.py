"""The demo's invented papers, and on which day the channel must get each (``sample.toml``).

Only reads: what matches and what is new is decided by the bot, and checked against this.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoPaper:
    """One version of a paper. It is announced, and so becomes visible, at ``visible_at``."""

    id: str
    title: str
    abstract: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    published: datetime
    visible_at: datetime
    version: int = 1
    updated: datetime | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """``papers`` holds a row for each version; ``posted`` says on which day a paper's id must be
    posted, and lacks those that never must; ``parts`` names the ids that the story speaks of."""

    keywords: tuple[str, ...]
    papers: tuple[DemoPaper, ...]
    posted: Mapping[str, date]
    parts: Mapping[str, str]

    def expected(self, day: date) -> frozenset[str]:
        """The ids that the channel must get on that day."""
        return frozenset(paper_id for paper_id, at in self.posted.items() if at == day)


def load() -> Sample:
    """The sample that comes with the program."""
    text = resources.files("bot.demo").joinpath("sample.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    rows = document["papers"]
    return Sample(
        keywords=tuple(document["keywords"]),
        papers=tuple(map(_paper, rows)),
        posted={row["id"]: row["posted"] for row in rows if "posted" in row},
        parts={row["part"]: row["id"] for row in rows if "part" in row},
    )


def _paper(row: Mapping[str, Any]) -> DemoPaper:
    return DemoPaper(
        id=row["id"],
        title=row["title"],
        abstract=row["abstract"],
        authors=tuple(row["authors"]),
        categories=tuple(row["categories"]),
        published=row["submitted"],
        visible_at=row["announced"],
        version=row.get("version", 1),
        updated=row.get("updated"),
        comment=row.get("comment", ""),
    )
