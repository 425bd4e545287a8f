"""What the source remembers from one run to the next: how far it has read what arXiv announced.

The store keeps it as text, in the transaction that records the papers of the same run, and passes
it back. It moves only behind the last page of a harvest; one whose resumption token expires in the
middle begins again, and records that are read twice are recognized by their ids.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from bot.arxiv.ids import first_serial_of, following_ids, is_sequential, serial_of

log = logging.getLogger(__name__)

# A missing number is looked up until this long after it was first missed. Not
# by the calendar alone: after a downtime of a month it is looked up once more.
GIVE_UP_AFTER: Final = timedelta(days=7)
_MONTH_END_PROBES: Final = 40  # numbers looked up behind the last known of a month that is over


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``resume_from`` is the day from which on OAI-PMH is to be read next; ``highest_id`` the
    highest id read so far.

    ``counted_id`` is the highest id that was seen, on ``counted_on``. ``missing`` are ids below
    ``highest_id`` that are not to be had, and since when. Ids are of today's form, because only
    their numbers run on, and empty where none is known yet. Days are UTC's.
    """

    resume_from: date | None = None
    highest_id: str = ""
    counted_id: str = ""
    counted_on: date | None = None
    missing: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        """Read it from text. Any other text gives a new checkpoint: then something is read twice,
        no more."""
        if not text:
            return cls()
        try:
            found: Any = json.loads(text)
            return cls(
                resume_from=_day(found["resume_from"]),
                highest_id="" if found["highest_id"] == "" else _id(found["highest_id"]),
                counted_id="" if found["counted_id"] == "" else _id(found["counted_id"]),
                counted_on=_day(found["counted_on"]),
                missing={
                    _id(each): date.fromisoformat(day) for each, day in found["missing"].items()
                },
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            log.warning("checkpoint unreadable, what arXiv announced is read again why=%s", error)
            return cls()

    def to_json(self) -> str:
        return json.dumps(
            {
                "resume_from": self.resume_from and self.resume_from.isoformat(),
                "highest_id": self.highest_id,
                "counted_id": self.counted_id,
                "counted_on": self.counted_on and self.counted_on.isoformat(),
                "missing": {each: day.isoformat() for each, day in self.missing.items()},
            }
        )

    def open_missing(self, today: date) -> dict[str, date]:
        """All of them are looked up, however old. One since a day to come is one since today."""
        return {each: min(day, today) for each, day in self.missing.items()}


def is_given_up(since: date, today: date) -> bool:
    """Whether a number that is missing ``since`` then, and was looked up in vain today, is not
    looked up again."""
    return today - since >= GIVE_UP_AFTER


def assigned_ids(ids: Iterable[str], now: datetime) -> list[str]:
    """Those of today's form, in the order of their announcement.

    One of a month to come can't have been assigned yet: it is a mistake, and left out.
    """
    end = first_serial_of((now.replace(day=1) + timedelta(days=32)).date())
    assigned = (each for each in ids if is_sequential(each) and serial_of(each) < end)
    return sorted(assigned, key=serial_of)


def latest_id(ids: Iterable[str], now: datetime) -> str:
    """The id announced last, see ``assigned_ids``; empty if there is none."""
    return (assigned_ids(ids, now) or [""])[-1]


def announced_since(known_id: str, ids: Iterable[str]) -> set[str]:
    """Every id that was announced after a known one, if ``ids`` are all that can be seen.

    With the numbers between them that can't be seen. Nothing before there is a known one. Believes
    each id, however high: pass ``assigned_ids``.
    """
    if not known_id:
        return set()
    known = serial_of(known_id)
    found = {each for each in ids if is_sequential(each) and serial_of(each) > known}
    for last in _last_of_each_month(found):
        found.update(following_ids(known_id, last))
        known_id = last
    return found


def month_end_probes(known_id: str, ids: Iterable[str]) -> list[str]:
    """Numbers that may have been assigned behind the last known one of a month that is over."""
    probes: list[str] = []
    for last in _last_of_each_month((known_id, *ids))[:-1]:
        end = int(last[5:]) + _MONTH_END_PROBES + 1
        probes += following_ids(last, f"{last[:5]}{end:0{len(last) - 5}}")
    return probes


def _last_of_each_month(ids: Iterable[str]) -> list[str]:
    in_order = sorted(filter(is_sequential, ids), key=serial_of)
    return list({each[:4]: each for each in in_order}.values())


def _id(text: str) -> str:
    if not is_sequential(text):
        raise ValueError(f"{text[:100]!r} is not an id whose number runs on")
    return text


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
