"""What the source remembers from one look to the next: how far it has read what arXiv announced.

The store keeps it as text, together with the papers of the same look, and hands it back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from bot.sources.ids import first_serial_of, following_ids, serial_of

log = logging.getLogger(__name__)

PATIENCE: Final = timedelta(days=7)  # so long a missing number is asked for; then nobody has it
_TAIL: Final = 40  # numbers asked for behind the last known of a month that is over


@dataclass(frozen=True, slots=True)
class Mark:
    """``day`` is from when on OAI-PMH is to be asked next; ``top`` the highest id read so far.

    ``counted`` is the highest id that was seen, on ``counted_on``. ``holes`` are ids below ``top``
    that are not to be had, and since when. ``archives`` were read alone, further than the whole.
    Ids are empty where none is known yet. Days are UTC's.
    """

    day: date | None = None
    top: str = ""
    counted: str = ""
    counted_on: date | None = None
    holes: Mapping[str, date] = field(default_factory=dict)
    archives: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Mark:
        """Start anew where the text is not one of ours: that reads something twice, no more."""
        if not text:
            return cls()
        try:
            held: Any = json.loads(text)
            for paper_id in filter(None, (held["top"], held["counted"], *held["holes"])):
                serial_of(paper_id)
            return cls(
                day=_day(held["day"]),
                top=held["top"],
                counted=held["counted"],
                counted_on=_day(held["counted_on"]),
                holes=_days(held["holes"]),
                archives=_days(held["archives"]),
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
                "archives": {each: day.isoformat() for each, day in self.archives.items()},
            }
        )

    def open_holes(self, today: date) -> dict[str, date]:
        """Those that are still worth asking for."""
        return {each: day for each, day in self.holes.items() if today - day < PATIENCE}


def highest(ids: Iterable[str], now: datetime) -> str:
    """The id announced last, empty if there is none. One of a month to come is a mistake."""
    this_month = (now + timedelta(days=2)).replace(day=1)  # clocks differ, and time zones
    end = first_serial_of((this_month + timedelta(days=32)).date())
    return max((each for each in ids if serial_of(each) < end), key=serial_of, default="")


def announced_since(top: str, ids: Iterable[str]) -> set[str]:
    """Every id that was announced after ``top``, if these are all that can be seen.

    With the numbers between them that can't be seen. Nothing is known before a first ``top``.
    """
    if not top:
        return set()
    found = {each for each in ids if serial_of(each) > serial_of(top)}
    lasts = {each[:4]: each for each in sorted(found, key=serial_of)}
    known = [top]
    for last in sorted(lasts.values(), key=serial_of):
        found.update(following_ids(known[-1], last))
        known.append(last)
    return found


def tails(top: str, ids: Iterable[str]) -> list[str]:
    """Numbers that may have been given out behind the last known one of a month that is over."""
    lasts = {each[:4]: each for each in sorted(filter(None, (top, *ids)), key=serial_of)}
    probed: list[str] = []
    for month, last in list(lasts.items())[:-1]:
        end = f"{month}.{int(last[5:]) + _TAIL + 1:0{len(last) - 5}}"
        probed += following_ids(last, end)
    return probed


def _days(held: dict[str, str]) -> dict[str, date]:
    return {each: date.fromisoformat(day) for each, day in held.items()}


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
