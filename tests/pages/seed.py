"""The page that the project began with, as papers: what ours is compared with, row by row."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from bot.model import Keyword, Paper
from bot.model.views import KeywordPapers
from bot.pages.contents import PageContents
from tests.builders import paper

_ROW = re.compile(
    r"\| \*\*\[(?P<title>.+?)\]\((?P<url>https?://arxiv\.org/abs/(?P<id>[^)]+?)v(?P<version>\d+))\)"
    r"\*\* \| (?P<day>\d{4}-\d\d-\d\d) \| (?P<abstract>.*?) \| (?P<comment>.*) \|"
)
_FOLDED = re.compile(r"<details><summary>.*?</summary><p>(.*)</p></details>")
# As its readers take them from the text: up to a blank, a bracket or the end of a sentence.
ADDRESS = re.compile(r"https?://[^\s<>{}()\"]+[^\s<>{}()\".,;]")


class SeedRow(NamedTuple):
    title: str
    url: str
    day: str
    abstract: str
    comment: str

    @property
    def addresses(self) -> list[str]:
        return ADDRESS.findall(f"{self.abstract} {self.comment}")


def seed_rows(folder: Path) -> dict[str, list[SeedRow]]:
    """Heading → rows."""
    sections: dict[str, list[SeedRow]] = {}
    for line in (folder / "seed-page.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            rows = sections[line.removeprefix("## ")] = []
        elif found := _ROW.fullmatch(line):
            folded = [_FOLDED.sub(r"\1", found[name]) for name in ("abstract", "comment")]
            rows.append(SeedRow(found["title"], found["url"], found["day"], *folded))
    return sections


def seed_page(folder: Path) -> PageContents:
    """The same as it would come from the database."""
    sections = []
    for number, (heading, rows) in enumerate(seed_rows(folder).items()):
        papers = [_paper(1000 * number + 999 - place, row) for place, row in enumerate(rows)]
        keyword = Keyword(heading, heading, heading, 1)
        sections.append(KeywordPapers(keyword, tuple(papers), frozenset({papers[0].id})))
    return PageContents(tuple(sections), date(2025, 3, 18), 100)


def _paper(serial: int, row: SeedRow) -> Paper:
    found = _ROW.match(f"| **[{row.title}]({row.url})** | {row.day} |  |  |")
    assert found is not None
    moment = datetime.combine(date.fromisoformat(row.day), datetime.min.time(), UTC)
    made = paper(
        serial,
        row.title,
        abstract=html.unescape(row.abstract),
        comment=html.unescape(row.comment),
        published=moment,
        url=row.url,
    )
    return replace(made, id=found["id"], version=int(found["version"]), serial=serial)
