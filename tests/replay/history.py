"""Real history as papers of a local arXiv: what was there, and from when on.

The files lie beside the checkout (``../shared/data/arxiv``, described in the README there) and are
no part of the repository.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.wire.arxiv_feed import StandinPaper

EASTERN = ZoneInfo("America/New_York")
NOON = time(12, 0)


@dataclass
class Day:
    """One real run: when it was, and the ids that arXiv answered for each keyword, in its order."""

    at: datetime
    listed: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class History:
    days: list[Day]
    papers: list[StandinPaper]
    submitted: dict[str, date]  # of version 1, for the ids of which it was listed

    def within(self, begin: datetime, end: datetime) -> History:
        """The runs of that time. What was listed before counts as listed on the first of them."""
        before = [day for day in self.days if day.at < begin]
        first, *later = [day for day in self.days if begin <= day.at < end]
        listed = {
            keyword: [*(i for day in before for i in day.listed.get(keyword, ())), *ids]
            for keyword, ids in first.listed.items()
        }
        papers = [paper for paper in self.papers if paper.visible_at < end]
        return replace(self, days=[Day(first.at, listed), *later], papers=papers)

    def first_listed(self, keyword: str) -> dict[str, int]:
        """Id → number of the day on which it was listed for the keyword for the first time."""
        first: dict[str, int] = {}
        for number, day in enumerate(self.days):
            for paper_id in day.listed.get(keyword, ()):
                first.setdefault(paper_id, number)
        return first


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def listings(folder: Path) -> History:
    """The half year of three keywords: each version is there from the run that first listed it."""
    days: dict[str, Day] = {}
    seen: dict[tuple[str, int], datetime] = {}
    for record in rows(folder / "history-2025.jsonl.gz"):
        at = datetime.fromisoformat(record["run_at"]).astimezone(UTC)
        day = days.setdefault(record["date"], Day(at))
        day.at = max(day.at, at)
        day.listed[record["keyword"]] = record["ids"]
    ordered = sorted(days.values(), key=lambda day: day.at)
    for record in rows(folder / "history-2025.jsonl.gz"):
        at = days[record["date"]].at
        for paper_id, version in zip(record["ids"], record["versions"], strict=True):
            key = (paper_id, version)
            seen[key] = min(seen.get(key, at), at)
    texts = {
        (row["id"], row["version"]): row for row in rows(folder / "history-versions-2025.jsonl.gz")
    }
    submitted = {
        paper_id: date.fromisoformat(row["updated"][:10])
        for (paper_id, version), row in texts.items()
        if version == 1
    }
    papers = [
        _listed_paper(texts[key], submitted.get(key[0]), at)
        for key, at in seen.items()
        if key in texts
    ]
    return History(ordered, papers, submitted)


def _listed_paper(row: dict[str, Any], submitted: date | None, at: datetime) -> StandinPaper:
    # Where version 1 was never listed, its day is unknown: the month of the id can't be too early.
    updated = date.fromisoformat(row["updated"][:10])
    month = date(2000 + int(row["id"][:2]), int(row["id"][2:4]), 1)
    return StandinPaper(
        id=row["id"],
        version=row["version"],
        title=row["title"],
        abstract=row["abstract"],
        authors=("Listed Author",),
        categories=("cs.LG",),
        published=datetime.combine(min(submitted or month, updated), NOON, UTC),
        updated=datetime.combine(updated, NOON, UTC),
        comment=row["comment"] or "",
        visible_at=at,
    )


def submissions(folder: Path) -> list[StandinPaper]:
    """April 2026, each paper visible from its announcement on.

    Ids grow in the order of announcement, so a paper was announced no earlier than those before it,
    and none before the first announcement after its submission.
    """
    papers = sorted(rows(folder / "papers-2026-04.jsonl.gz"), key=lambda row: _serial(row["id"]))
    visible = []
    latest = datetime.min.replace(tzinfo=UTC)
    by_month: dict[str, datetime] = defaultdict(lambda: latest)
    for row in papers:
        published = datetime.fromisoformat(row["published"])
        month = row["id"][:4]
        turn = datetime(2000 + int(month[:2]), int(month[2:]), 1, tzinfo=EASTERN)
        earliest = max(
            announcement_after(published), announcement_after(turn - timedelta(hours=12))
        )
        by_month[month] = max(by_month[month], earliest)
        visible.append(_submitted_paper(row, by_month[month]))
    return visible


def _submitted_paper(row: dict[str, Any], at: datetime) -> StandinPaper:
    updated = row["updated"] or row["published"]
    return StandinPaper(
        id=row["id"],
        version=row["version"] or (1 if updated == row["published"] else 2),
        title=row["title"],
        abstract=row["abstract"],
        authors=tuple(row["authors"]),
        categories=tuple(row["categories"]),
        published=datetime.fromisoformat(row["published"]),
        updated=datetime.fromisoformat(updated),
        comment=row["comment"] or "",
        visible_at=at,
    )


def announcement_after(submitted: datetime) -> datetime:
    """The first regular announcement for a submission: 14:00 is the deadline, 20:00 Eastern the
    announcement, Sunday to Thursday (arXiv's schedule; holidays are left out)."""
    local = submitted.astimezone(EASTERN)
    day = local.date() + timedelta(days=local.time() >= time(14, 0))
    while day.weekday() in (5, 6):  # the deadlines are on working days
        day += timedelta(days=1)
    evening = day + timedelta(days=2) if day.weekday() == 4 else day  # Friday's come on Sunday
    return datetime.combine(evening, time(20, 0), EASTERN).astimezone(UTC)


def _serial(paper_id: str) -> tuple[int, int]:
    month, number = paper_id.split(".")
    return int(month), int(number)
