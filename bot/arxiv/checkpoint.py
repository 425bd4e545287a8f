"""What the source remembers from one look to the next: how far it has read what arXiv announced.

The store keeps it as text, in the transaction that records the papers of the same run, and hands it
back. It moves only behind the last page of a harvest; one whose resumption token expires in the
middle begins again, and what it reads twice is told by its id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from bot.arxiv.ids import first_serial_of, following_ids, runs_on, serial_of

log = logging.getLogger(__name__)

# A missing number is asked for until it has been in vain this long after it was missed first. Not
# by the calendar alone: after a downtime of a month it is asked for once more.
PATIENCE: Final = timedelta(days=7)
_TAIL: Final = 40  # numbers asked for behind the last known of a month that is over


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``day`` is from when on OAI-PMH is to be asked next; ``top`` the highest id read so far.

    ``counted`` is the highest id that was seen, on ``counted_on``. ``holes`` are ids below ``top``
    that are not to be had, and since when. Ids are of today's form, because only their numbers run
    on, and empty where none is known yet. Days are UTC's.
    """

    day: date | None = None
    top: str = ""
    counted: str = ""
    counted_on: date | None = None
    holes: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        """Start anew where the text is not one of ours: that reads something twice, no more."""
        if not text:
            return cls()
        try:
            held: Any = json.loads(text)
            return cls(
                day=_day(held["day"]),
                top="" if held["top"] == "" else _id(held["top"]),
                counted="" if held["counted"] == "" else _id(held["counted"]),
                counted_on=_day(held["counted_on"]),
                holes={_id(each): date.fromisoformat(day) for each, day in held["holes"].items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            log.warning("mark unreadable why=%s; what arXiv announced is read anew", error)
            return cls()

    def written(self) -> str:
        return json.dumps(
            {
                "day": self.day and self.day.isoformat(),
                "top": self.top,
                "counted": self.counted,
                "counted_on": self.counted_on and self.counted_on.isoformat(),
                "holes": {each: day.isoformat() for each, day in self.holes.items()},
            }
        )

    def open_holes(self, today: date) -> dict[str, date]:
        """All of them are asked for, however old. One since a day to come is one since today."""
        return {each: min(day, today) for each, day in self.holes.items()}


def given_up(since: date, today: date) -> bool:
    """Whether a hole that was asked for in vain today, and is one ``since`` then, stays one."""
    return today - since >= PATIENCE


def given_out(ids: Iterable[str], now: datetime) -> list[str]:
    """Those of today's form, in the order of their announcement.

    One of a month to come can't have been given out: it is a mistake, and left out.
    """
    end = first_serial_of((now.replace(day=1) + timedelta(days=32)).date())
    return sorted((each for each in ids if runs_on(each) and serial_of(each) < end), key=serial_of)


def highest(ids: Iterable[str], now: datetime) -> str:
    """The id announced last, see ``given_out``; empty if there is none."""
    return (given_out(ids, now) or [""])[-1]


def announced_since(top: str, ids: Iterable[str]) -> set[str]:
    """Every id that was announced after ``top``, if these are all that can be seen.

    With the numbers between them that can't be seen. Nothing is known before a first ``top``.
    Believes each id, however high: pass what was ``given_out``.
    """
    if not top:
        return set()
    known = serial_of(top)
    found = {each for each in ids if runs_on(each) and serial_of(each) > known}
    for last in _lasts(found):
        found.update(following_ids(top, last))
        top = last
    return found


def tails(top: str, ids: Iterable[str]) -> list[str]:
    """Numbers that may have been given out behind the last known one of a month that is over."""
    probed: list[str] = []
    for last in _lasts((top, *ids))[:-1]:
        end = int(last[5:]) + _TAIL + 1
        probed += following_ids(last, f"{last[:5]}{end:0{len(last) - 5}}")
    return probed


def _lasts(ids: Iterable[str]) -> list[str]:
    """The highest id of each month, month after month."""
    in_order = sorted(filter(runs_on, ids), key=serial_of)
    return list({each[:4]: each for each in in_order}.values())


def _id(text: str) -> str:
    if not runs_on(text):
        raise ValueError(f"{text[:100]!r} is not an id whose number runs on")
    return text


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
