"""The settings of a channel as one table, and how their values are written.

From ``CHANNEL_SETTINGS`` follow the keys that ``bot.toml`` may have in ``[[channels]]`` and
``[schedule]``, what the chat understands, offers and explains, and what the database stores. A new
setting is a row in it, a field of ``model.Channel``, a column of that name, its row in
``docs/configuration.md``, and the code that uses it.

Nothing here knows a file or a platform's library. Every function is pure and raises UserError with
a text that says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from enum import StrEnum
from typing import Any

from bot.errors import NotAllowed, UserError
from bot.model import Channel, Person
from bot.model.subscriptions import NOBODY

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NUMBERS = {name: number for names in (DAYS, _LONG_DAYS) for number, name in enumerate(names)}

WEEKLY = "weekly"
_WEEKLY_SYNONYMS = ("mondays", "every monday", "each monday")

MAX_CATCH_UP = 10_000  # papers

# What an id looks like, and an example. Discord's is a snowflake of 17 to 20 digits. Slack's begins
# with C (public), G (private or a group) or D (a direct message), then capitals and digits; the
# name of its workspace and a slash stand before it where bot.toml gives the workspace one.
_CHANNEL_IDS = {
    "discord": (re.compile(r"[0-9]{17,20}"), "discord:1142000000000000000"),
    "slack": (
        re.compile(r"(?:(?:[a-z0-9-]{1,30}|T[A-Z0-9]{6,20})/)?[CGD][A-Z0-9]{6,20}"),
        "slack:C0123456789",
    ),
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


@dataclass(frozen=True, slots=True)
class PostingDays:
    """The weekdays with a post, 0 for Monday. ``weekly``: one post for the past week."""

    weekdays: frozenset[int]
    weekly: bool = False


def parse_days(text: str) -> PostingDays:
    """``mon-fri``, ``mon,wed,fri``, ``sat-mon``, ``daily``, or ``weekly``, which is on Mondays."""
    words = text.strip().lower().replace("–", "-")
    if words == "daily":
        return PostingDays(frozenset(range(7)))
    if words in (WEEKLY, *_WEEKLY_SYNONYMS):
        return PostingDays(frozenset({0}), weekly=True)
    days: set[int] = set()
    for part in words.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        start = _day(first, text)
        end = _day(last, text) if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return PostingDays(frozenset(days))


def _day(word: str, text: str) -> int:
    try:
        return _DAY_NUMBERS[word]
    except KeyError:
        raise UserError(
            f"{quoted(text)} is not a list of days; write it like mon-fri, mon,wed,fri, daily"
            " or weekly"
        ) from None


def write_days(posting: PostingDays) -> str:
    """As ``parse_days`` reads it: ``weekly``, ``daily``, ``mon-fri``, or the days one by one."""
    if posting.weekly:
        return WEEKLY
    days = posting.weekdays
    if len(days) == 7:
        return "daily"
    first, last = min(days), max(days)
    if len(days) > 2 and len(days) == last - first + 1:
        return f"{DAYS[first]}-{DAYS[last]}"
    return ",".join(DAYS[day] for day in sorted(days))


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
        if 1 <= limit <= MAX_CATCH_UP:
            return CatchUp(CatchUpKind.NEWEST, limit)
        raise UserError(f'the number after "newest" must be from 1 to {MAX_CATCH_UP}')
    raise UserError(f'{quoted(text)} is not a way to catch up; write "all", "newest 20" or "skip"')


# A role's id, or as Discord writes its mention; likewise a user group's, S and capitals and digits.
# Formats: discord/discord-api-docs, reference, 2026-08-06; docs.slack.dev, formatting message text,
# November 2026.
_MENTIONED = {
    "discord": (
        re.compile(r"(?:<@&)?(?P<id>[0-9]{17,20})>?"),
        "the id of a role",
        "choose the role from the list that Discord offers, or write its id (Copy Role ID)",
    ),
    "slack": (
        re.compile(r"(?:<!subteam\^)?(?P<id>S[A-Z0-9]{6,20})(?:\|[^>]*)?>?", re.IGNORECASE),
        "the id of a user group",
        "write that",
    ),
}
_EVERYBODY = re.compile(r"<?[@!]?(?:everyone|here|channel|group)(?:\|[^>]*)?>?", re.IGNORECASE)


def parse_mention(text: str, platform: str = "") -> str:
    """The id of one role or user group, or ``none``. Everybody at once is refused."""
    word = text.strip()
    if word.lower() == NOBODY:
        return NOBODY
    if _EVERYBODY.fullmatch(word):
        raise UserError(
            f"{quoted(word)} would notify everybody, which the bot never does; name one role or"
            f' user group, or "{NOBODY}"'
        )
    if platform and platform not in _MENTIONED:
        raise UserError(f'nobody can be mentioned; write "{NOBODY}"')
    kinds = [_MENTIONED[platform]] if platform else list(_MENTIONED.values())
    for pattern, _, _ in kinds:
        if found := pattern.fullmatch(word):
            return found["id"].upper()
    what = either([what for _, what, _ in kinds])
    instead = kinds[0][2] if platform else "write that"
    raise UserError(f'{quoted(word)} is not {what}; {instead}, or "{NOBODY}"')


def check_mention(value: str, person: Person) -> None:
    """Raises NotAllowed where the person may not mention that role themselves, or it is gone."""
    if value == NOBODY:
        return
    if person.server.partition(":")[2] == value:
        raise NotAllowed("That is the role of everyone, which the bot never mentions.")
    may = person.manages if person.mentionable is None else value in person.mentionable
    if not may:
        raise NotAllowed(
            "That can't be mentioned: it is not there any more, or you or the bot may not."
            " In Discord a role can allow it to everybody, and the permission Mention Everyone"
            " allows it for every role."
        )


def sound(channel: Channel) -> tuple[Channel, dict[str, str]]:
    """The channel without its invalid settings, which only a damaged database has, and with all
    others in their normal form; and the names of the invalid ones."""
    unsound, changed = {}, dict[str, Any]()
    for name, setting in CHANNEL_SETTINGS.items():
        value = getattr(channel, name)
        if value is None:
            continue
        try:
            normal = setting.normalise(value, channel.platform)
        except UserError:
            unsound[name], normal = value, None
        if normal != value:
            changed[name] = normal
    return (replace(channel, **changed) if changed else channel), unsound


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
    """The text in quotes for a message: shortened, and without control characters."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return '"' + "".join(char if char.isprintable() else "�" for char in short) + '"'


def either(words: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


# -- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChannelSetting:
    """One setting that each channel may have of its own.

    ``name`` is its key in ``bot.toml``, its name in the chat, the field of ``model.Channel`` and
    the column in the database. ``values`` are the words that a chat offers, by platform, and below
    ``""`` for every other. With a ``reader`` other values can be set too: it turns text into the
    value, and ``writer`` turns the value into text. Without one there are these values only, and
    ``noun`` says in an error what they are, with its article. ``default`` is the first of them
    unless it is given.

    ``labels`` are what a chat shows for values that do not explain themselves. ``weekly_default``
    is the default of a channel that is posted to once a week. ``reader_by_platform`` is a reader
    that is told the platform. ``is_switch``: true or false in ``bot.toml``, without quotes.
    ``check`` is given the value and who sets it, and raises NotAllowed.

    ``in_schedule``: ``[schedule]`` in ``bot.toml`` has the same key, for all channels without a
    value of their own. ``for_governors``: whoever manages the channel may not change it; whoever
    runs the server may. ``for_channels``: it means nothing where one person reads alone.
    """

    name: str
    meaning: str
    example: str
    values: Mapping[str, tuple[str, ...]]
    reader: Callable[[str], Any] | None = None
    writer: Callable[[Any], str] = str
    noun: str = ""
    default: str = ""
    weekly_default: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    reader_by_platform: Callable[[str, str], Any] | None = None
    is_switch: bool = False
    check: Callable[[str, Person], None] | None = None
    in_schedule: bool = False
    for_governors: bool = False
    for_channels: bool = False

    def values_on(self, platform: str) -> tuple[str, ...]:
        return self.values.get(platform) or self.values[""]

    def default_on(self, platform: str, *, weekly: bool = False) -> str:
        usual = self.default or self.values_on(platform)[0]
        return self.weekly_default or usual if weekly else usual

    def in_force(self, channel: Channel, *, weekly: bool = False) -> str:
        """The channel's own value, or else the default, of a setting that ``[schedule]`` does not
        have."""
        own: str | None = getattr(channel, self.name)
        return own or self.default_on(channel.platform, weekly=weekly)

    @property
    def is_open(self) -> bool:
        """Whether values other than those offered are accepted."""
        return self.reader is not None or self.reader_by_platform is not None

    def in_toml(self, value: str) -> str | bool:
        """A stored value as ``bot.toml`` has it."""
        return value == "true" if self.is_switch else value

    def meaning_on(self, platform: str) -> str:
        """The meaning, with the list of values where no others are accepted."""
        known = f": {either(self.values_on(platform))}" if not self.is_open else ""
        return f"{self.meaning}{known}"

    def parse(self, text: str, platform: str = "") -> Any:
        """The value that a text means. Without a platform, what any of them allows. Raises
        UserError."""
        if self.reader_by_platform is not None:
            return self.reader_by_platform(text, platform)
        if self.reader is not None:
            return self.reader(text)
        word, known = text.strip().lower(), self.values_on(platform)
        if word not in known:
            these = either([f'"{each}"' for each in known])
            raise UserError(f"{quoted(text)} is not {self.noun}; write {these}")
        return word

    def normalise(self, text: str, platform: str = "") -> str:
        """The one text for everything that means the same: this is what is stored and compared.
        Raises UserError."""
        return self.writer(self.parse(text, platform))


_LAYOUTS = {
    "": ("digest", "list", "thread", "inline", "messages"),
    "console": ("digest", "list"),
    "discord": ("digest", "list", "thread"),
    "slack": ("thread", "digest", "inline", "messages", "list"),
}

CHANNEL_SETTINGS: Mapping[str, ChannelSetting] = {
    setting.name: setting
    for setting in (
        ChannelSetting(
            "post_at",
            "time of day of the post",
            example="09:30",
            values={"": ("07:00", "08:00", "09:00", "10:00", "12:00", "18:00")},
            reader=parse_post_at,
            writer=lambda at: f"{at:%H:%M}",
            default="08:00",
            in_schedule=True,
        ),
        ChannelSetting(
            "days",
            "days with a post; weekly is one on Mondays with the week's papers",
            example="mon-fri",
            values={"": ("mon-fri", "daily", "mon,thu", WEEKLY)},
            labels={WEEKLY: "weekly, on Mondays"},
            reader=parse_days,
            writer=write_days,
            in_schedule=True,
        ),
        ChannelSetting(
            "catch_up",
            "which papers of missed days are posted: all, newest N, or skip",
            example="newest 20",
            values={"": ("all", "newest 20", "skip")},
            reader=parse_catch_up,
            in_schedule=True,
        ),
        ChannelSetting(
            "layout", "how papers are shown", example="list", values=_LAYOUTS, noun="a layout"
        ),
        ChannelSetting(
            "editors",
            "who may change what the channel follows",
            example="members",
            values={"": ("managers", "members")},
            noun="a group of people",
            for_governors=True,
            for_channels=True,
        ),
        ChannelSetting(
            "updates",
            "news of papers posted here (all: new versions too)",
            example="all",
            values={"": ("status", "all", "none")},
            noun="a kind of news",
        ),
        ChannelSetting(
            "group",
            "whether a digest is grouped by keyword",
            example="keyword",
            values={"": ("none", "keyword")},
            noun="a way to group papers",
            weekly_default="keyword",
        ),
        ChannelSetting(
            "mention",
            "the one role (on Slack: user group) that a digest with new papers notifies, or none",
            example=NOBODY,
            values={"": (NOBODY,)},
            reader_by_platform=parse_mention,
            check=check_mention,
            for_channels=True,
        ),
        ChannelSetting(
            "announce_changes",
            "whether the channel is told who changed what",
            example="false",
            values={"": ("true", "false")},
            noun="an answer",
            is_switch=True,
            for_channels=True,
        ),
        ChannelSetting(
            "order",
            "which papers of a digest come first (similarity: to those saved here, from ten on)",
            example="similarity",
            values={"": ("newest", "similarity")},
            noun="an order",
        ),
    )
}
TO_DEFAULT = "default"  # in the chat: takes the channel's own value away
