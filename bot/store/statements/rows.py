"""Converts between rows and frozen data: times are UTC text of a fixed width, lists are JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.model import Channel, Hit, Keyword, News, NewsKind, Paper
from bot.model.snapshots import SETTINGS
from bot.store.engines.base import Connection

T = TypeVar("T")

PAPER_COLUMNS = (
    "id, version, serial, title, abstract, authors, categories, primary_category, "
    "published, updated, url, pdf_url, comment, journal_ref, doi"
)

# A subquery over the texts of ``id_list``, passed as ``:ids``. ``json_each`` is built into SQLite;
# in PostgreSQL we create a function of the same name and columns (``key``, ``value``).
LISTED = "select value from json_each(cast(:ids as text))"

# When a row ``x`` may be claimed; ``ready_times`` has the parameters. A time that is later than any
# wait can end was written by a wrong clock, and counts as passed.
READY_AT = "case when x.not_before > :latest then :now else x.not_before end"

_LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)  # before arXiv

NEWS_DETAILS = ("text", "published", "version", "titles", "comments")
# Quoted, because a setting's name may be a keyword of SQL ("group").
SETTING_COLUMNS = tuple(f'"{setting}"' for setting in SETTINGS)
CHANNEL_COLUMNS = ", ".join(["id", *SETTING_COLUMNS, "owner"])  # in the order of Channel's fields


def to_text(moment: datetime) -> str:
    """The time in UTC with milliseconds, always 24 characters, so that texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_time(text: str) -> datetime:
    """The time in a text of ``to_text``. A text that is not a time, which only damage can cause, is
    read as one of long ago, so that neither this row nor others have to wait for it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _LONG_AGO
    return found if found.tzinfo else _LONG_AGO


def to_time_or_none(text: str | None) -> datetime | None:
    return None if text is None else to_time(text)


def ready_times(now: datetime, longest_wait: timedelta) -> dict[str, str]:
    """The parameters of ``READY_AT``."""
    return {"now": to_text(now), "latest": to_text(now + longest_wait)}


def qualified(prefix: str, columns: str = PAPER_COLUMNS) -> str:
    """The columns, each prefixed with the alias of their table."""
    return ", ".join(f"{prefix}.{column.strip()}" for column in columns.split(","))


def grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    """The values by key, in their order."""
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
    """Record which paper matches which keyword. The papers have to be in the database; hits of a
    keyword that was deleted meanwhile are left out."""
    db.executemany(
        "insert into hits (canonical, paper_id, field)"
        " select canonical, ?, ? from keywords where canonical = ? on conflict do nothing",
        [(hit.paper_id, hit.field, hit.canonical) for hit in hits],
    )


def news_from_row(row: Sequence[Any]) -> News:
    """News from a row of ``paper_id, kind, mark, details``."""
    paper_id, kind, mark, details = row
    stored = json.loads(details)
    pairs = {name: tuple(stored[name]) for name in ("titles", "comments") if stored.get(name)}
    return News(paper_id, NewsKind(kind), mark, **{**stored, **pairs})


def news_details(news: News) -> str:
    """What is shown of news as JSON, which ``news_from_row`` reads. Empty values are left out."""
    shown = asdict(news)
    return json.dumps(
        {name: shown[name] for name in NEWS_DETAILS if shown[name]}, ensure_ascii=False
    )


def keyword_from_row(row: Sequence[Any]) -> Keyword:
    """The keyword from a row of ``canonical, text, query, clauses``."""
    return Keyword(text=row[1], canonical=row[0], query=row[2], clauses=row[3])


def channel_from_row(row: Sequence[Any]) -> Channel:
    """The channel from a row of ``CHANNEL_COLUMNS``."""
    return Channel(*row)


def _list_to_text(values: Sequence[str]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
