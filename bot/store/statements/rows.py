"""Between rows and frozen data: times as fixed-width UTC text, lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.model import Channel, Hit, Keyword, News, NewsKind, Paper
from bot.model.snapshots import SETTINGS
from bot.store.engines.base import Connection

T = TypeVar("T")

PAPER_COLUMNS = (
    "id, version, serial, title, abstract, authors, categories, primary_category, "
    "published, updated, url, pdf_url, comment, journal_ref, doi"
)

# A subquery over the texts of ``id_list``, the parameter ``:ids``: SQLite's own function, for which
# PostgreSQL is given one of the same name and columns (``key``, ``value``).
LISTED = "select value from json_each(cast(:ids as text))"

_LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)  # before arXiv

NEWS_DETAILS = ("text", "published", "version", "titles", "comments")
# Quoted, because a setting may be called as SQL calls something else (group).
SETTING_COLUMNS = tuple(f'"{setting}"' for setting in SETTINGS)
CHANNEL_COLUMNS = ", ".join(["id", *SETTING_COLUMNS, "owner"])  # in the order of Channel's fields


def to_text(moment: datetime) -> str:
    """Milliseconds, always 24 characters, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_time(text: str) -> datetime:
    """A text that is no time, as only damage leaves one, is a time of long ago: so nothing of it
    waits, and no other row has to."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _LONG_AGO
    return found if found.tzinfo else _LONG_AGO


def to_time_or_none(text: str | None) -> datetime | None:
    return None if text is None else to_time(text)


def qualified(prefix: str, columns: str = PAPER_COLUMNS) -> str:
    """The columns for a select that joins their table under another name."""
    return ", ".join(f"{prefix}.{column.strip()}" for column in columns.split(","))


def grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    """What belongs to each key, in its order."""
    groups: dict[str, list[T]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in groups.items()}


def id_list(ids: Iterable[str]) -> str:
    """The value of ``:ids`` in ``LISTED``."""
    return json.dumps(list(ids))


def paper_to_row(paper: Paper) -> tuple[object, ...]:
    return (
        paper.id,
        paper.version,
        paper.serial,
        paper.title,
        paper.abstract,
        _list_to_text(paper.authors),
        _list_to_text(paper.categories),
        paper.primary_category,
        to_text(paper.published),
        to_text(paper.updated),
        paper.url,
        paper.pdf_url,
        paper.comment,
        paper.journal_ref,
        paper.doi,
    )


def paper_from_row(row: Sequence[Any]) -> Paper:
    return Paper(
        id=row[0],
        version=row[1],
        serial=row[2],
        title=row[3],
        abstract=row[4],
        authors=tuple(json.loads(row[5])),
        categories=tuple(json.loads(row[6])),
        primary_category=row[7],
        published=to_time(row[8]),
        updated=to_time(row[9]),
        url=row[10],
        pdf_url=row[11],
        comment=row[12],
        journal_ref=row[13],
        doi=row[14],
    )


def save_hits(db: Connection, hits: Iterable[Hit]) -> None:
    """Record which paper matches which keyword. The papers are in the database; a keyword may have
    been forgotten with the last person who followed it."""
    db.executemany(
        "insert into hits (canonical, paper_id, field)"
        " select canonical, ?, ? from keywords where canonical = ? on conflict do nothing",
        [(hit.paper_id, hit.field, hit.canonical) for hit in hits],
    )


def news_from_row(row: Sequence[Any]) -> News:
    """From ``paper_id, kind, mark, details``."""
    paper_id, kind, mark, details = row
    stored = json.loads(details)
    pairs = {name: tuple(stored[name]) for name in ("titles", "comments") if stored.get(name)}
    return News(paper_id, NewsKind(kind), mark, **{**stored, **pairs})


def news_details(news: News) -> str:
    """What is shown of news, as ``news_from_row`` reads it. What is not there is left out."""
    shown = asdict(news)
    return json.dumps(
        {name: shown[name] for name in NEWS_DETAILS if shown[name]}, ensure_ascii=False
    )


def keyword_from_row(row: Sequence[Any]) -> Keyword:
    """From ``canonical, text, query, clauses``."""
    return Keyword(text=row[1], canonical=row[0], query=row[2], clauses=row[3])


def channel_from_row(row: Sequence[Any]) -> Channel:
    """From ``CHANNEL_COLUMNS``."""
    return Channel(*row)


def _list_to_text(values: Sequence[str]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
