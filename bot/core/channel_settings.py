"""The small words that settings are written in: days, times of day, catch-up, layout, channel ids.

The same words stand in ``bot.toml`` and are typed in the chat, so there is one reader for both.
Nothing here knows a file, a default or a platform's library. Every function is pure and raises
UserError with a text that says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from bot.errors import UserError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NUMBERS = {name: number for names in (DAYS, _LONG_DAYS) for number, name in enumerate(names)}

# How papers can be shown, the usual way first; ``digest`` is understood everywhere.
LAYOUTS = {
    "console": ("digest", "list"),
    "discord": ("digest", "list", "thread"),
    "slack": ("thread", "digest", "inline", "list"),
}
EDITORS = ("managers", "members")
LONGEST_CATCH_UP = 10_000

# What an id looks like, and an example. Discord's is a snowflake of 17 to 20 digits. Slack's begins
# with C (public), G (private or a group) or D (a direct message), then capitals and digits; the
# name of its workspace and a slash stand before it where bot.toml gives the workspace one.
_CHANNEL_IDS = {
    "discord": (re.compile(r"[0-9]{17,20}"), "discord:1142000000000000000"),
    "slack": (re.compile(r"(?:[a-z0-9-]{1,30}/)?[CGD][A-Z0-9]{6,20}"), "slack:C0123456789"),
    "console": (re.compile(r""), "console:"),
}
PLATFORMS = tuple(_CHANNEL_IDS)


class CatchUpKind(StrEnum):
    """Which part of the papers of missed days is posted."""

    ALL = "all"
    NEWEST = "newest"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What to do with papers of the days that the bot was down. ``limit`` is for ``NEWEST``."""

    kind: CatchUpKind
    limit: int = 0

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.kind} {self.limit}" if self.kind is CatchUpKind.NEWEST else str(self.kind)

    @property
    def backlog(self) -> int | None:
        """How many papers of missed days are posted: ``None`` for all of them."""
        return None if self.kind is CatchUpKind.ALL else self.limit


def parse_days(text: str) -> frozenset[int]:
    """``mon-fri``, ``mon,wed,fri``, ``sat-mon`` or ``daily`` as weekdays, 0 for Monday."""
    words = text.strip().lower().replace("–", "-")
    if words == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in words.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        start = _day(first, text)
        end = _day(last, text) if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(days)


def _day(word: str, text: str) -> int:
    try:
        return _DAY_NUMBERS[word]
    except KeyError:
        raise UserError(
            f"{quoted(text)} are not days; write them like mon-fri, mon,wed,fri or daily"
        ) from None


def parse_post_at(text: str) -> time:
    """``08:00`` as a time of day, in hours 0 to 23 and minutes."""
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise UserError(f"{quoted(text)} is not a time of day; write it like 08:00 or 17:30")
    return time(int(found[1]), int(found[2]))


def parse_catch_up(text: str) -> CatchUp:
    """``all``, ``skip`` or ``newest 20``."""
    words = text.lower().split()
    if words in (["all"], ["skip"]):
        return CatchUp(CatchUpKind(words[0]))
    if len(words) == 2 and words[0] == "newest" and re.fullmatch(r"[0-9]{1,9}", words[1]):
        limit = int(words[1])
        if 1 <= limit <= LONGEST_CATCH_UP:
            return CatchUp(CatchUpKind.NEWEST, limit)
        raise UserError(f'the number after "newest" must be from 1 to {LONGEST_CATCH_UP}')
    raise UserError(f'{quoted(text)} is no way to catch up; write "all", "newest 20" or "skip"')


def parse_layout(text: str, platform: str = "") -> str:
    """``digest``, ``list`` …: one of the platform's, or of any if none is named."""
    anywhere = dict.fromkeys(layout for layouts in LAYOUTS.values() for layout in layouts)
    return _one_of(LAYOUTS.get(platform, tuple(anywhere)), text, "layout")


def parse_editors(text: str) -> str:
    """``managers`` or ``members``: who may change what a channel follows."""
    return _one_of(EDITORS, text, "group of people")


def _one_of(known: Sequence[str], text: str, what: str) -> str:
    word = text.strip().lower()
    if word not in known:
        first, last = ", ".join(f'"{each}"' for each in known[:-1]), f'"{known[-1]}"'
        raise UserError(f"{quoted(text)} is no {what}; write {first} or {last}")
    return word


def parse_channel_id(text: str) -> str:
    """``discord:…``, ``slack:…`` or ``console:``, exactly as the platform writes its ids."""
    platform, colon, own_id = text.partition(":")
    if not colon or platform not in _CHANNEL_IDS:
        examples = ", ".join(example for _, example in _CHANNEL_IDS.values())
        raise UserError(f"{quoted(text)} is not a channel; write it like one of {examples}")
    pattern, example = _CHANNEL_IDS[platform]
    if not pattern.fullmatch(own_id):
        raise UserError(f"{quoted(text)} is not a channel id; write it like {example}")
    return text


def quoted(text: str, limit: int = 60) -> str:
    """The text in quotes for a message: shortened, and with nothing in it that a terminal obeys."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return '"' + "".join(char if char.isprintable() else "�" for char in short) + '"'
