"""Every key of ``bot.toml`` as data, and the checking of one table against it.

Collects mistakes and goes on, so that a person hears of all of them at once. What the values mean
together (a channel needs its platform's section) is ``config``'s business. No value that may be a
secret is ever repeated in a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from bot.errors import ConfigError, Mistake, UserError
from bot.settings import (
    parse_catch_up,
    parse_channel_id,
    parse_days,
    parse_editors,
    parse_layout,
    parse_post_at,
    quoted,
)

ARXIV = "arxiv.org"
ARXIV_INTERVAL = 3  # seconds between requests that arXiv asks for, over all its interfaces
MOST_LISTED = 100  # mistakes; nobody reads more, and a hostile file has a million

Reader = Callable[[object], object]


class Wrong(Exception):
    """One value is not what its key takes; becomes a Mistake with the key's path."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem)


@dataclass(slots=True)
class Mistakes:
    """The mistakes found so far."""

    found: list[Mistake] = field(default_factory=list)
    left_out: int = 0

    def add(self, path: str, problem: str, hint: str = "") -> None:
        if self.full:
            self.left_out += 1
        else:
            self.found.append(Mistake(path, problem.replace("\n", "\n    "), hint))

    @property
    def full(self) -> bool:
        return len(self.found) >= MOST_LISTED

    def raise_any(self, where: object) -> None:
        """Raise ConfigError if there are any."""
        if self.found:
            rest = [Mistake("", f"and {self.left_out} more")] if self.left_out else []
            raise ConfigError(str(where), (*self.found, *rest))


@dataclass(frozen=True, slots=True)
class Key:
    """How one key is read, and what it is when the file does not say."""

    read: Reader
    default: object = None
    required: bool = False


# -- readers ------------------------------------------------------------------------------------


def text(parse: Callable[[str], object]) -> Reader:
    """Text that ``parse`` turns into the value."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            raise Wrong(f"must be text in quotes, not {kind_of(value)}")
        if not value.strip():
            raise Wrong("is empty", "leave the line out for the default")
        try:
            return parse(value)
        except UserError as error:
            raise Wrong(str(error)) from error

    return read


def spelled(parse: Callable[[str], object]) -> Reader:
    """Text that ``parse`` understands, as it was written."""

    def checked(value: str) -> str:
        parse(value)
        return value

    return text(checked)


def number(least: float, most: float, *, whole: bool = False) -> Reader:
    def read(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise Wrong(f"must be a {'whole ' * whole}number, not {kind_of(value)}")
        if not least <= value <= most:
            raise Wrong(f"must be from {least:g} to {most:g}")
        return value if whole else float(value)

    return read


def slash_command(value: str) -> str:
    if not re.fullmatch(r"/[a-z0-9_-]{1,31}", value):
        raise Wrong(f"{quoted(value)} is no command", 'write it like "/papers"')
    return value


def user_ids(value: object) -> object:
    """Slack's own ids of people; a name is no id."""
    if not isinstance(value, list):
        raise Wrong(f"must be an array, not {kind_of(value)}", 'write ["U0123456789"]')
    for each in value:
        if not isinstance(each, str) or not re.fullmatch(r"[UW][A-Z0-9]{6,20}", each):
            hint = "a person's profile, three dots, Copy member ID"
            raise Wrong(f"{quoted(str(each))} is no member id", hint)
    return tuple(value)


def truth(value: object) -> object:
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false, not {kind_of(value)}")
    return value


def or_nothing(read: Reader) -> Reader:
    """The same, where ``""`` says that there is none."""
    return lambda value: value if value == "" else read(value)


def url(schemes: tuple[str, str], vendor: str, ending: str = "") -> Reader:
    """An address; the vendor's own host only over TLS. ``ending`` is what it must end with."""

    def parse(value: str) -> str:
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise Wrong(f"{quoted(value)} is not an address: {error}") from error
        strange = not value.isascii() or not value.isprintable() or " " in value
        if strange or parts.scheme not in schemes or not host:
            raise Wrong(f"{quoted(value)} is not an address", f"it begins with {schemes[0]}://")
        if "@" in parts.netloc:
            raise Wrong("must not hold a user name or password")
        if parts.query or parts.fragment:
            raise Wrong("must end with the path, without ? or #")
        if belongs_to(host, vendor) and parts.scheme != schemes[0]:
            raise Wrong(f"must begin with {schemes[0]}:// for {vendor}")
        return value.rstrip("/") + ending

    return text(parse)


def belongs_to(host: str | None, vendor: str) -> bool:
    return host is not None and (host == vendor or host.endswith(f".{vendor}"))


def timezone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (OSError, ValueError, LookupError):  # a folder, a strange path, no such zone
        by_lower = {name.lower(): name for name in available_timezones()}
        tail = {name.rpartition("/")[2]: full for name, full in by_lower.items()}
        known = {**tail, **by_lower}
        near = get_close_matches(value.lower().replace(" ", "_"), known, n=1)
        hint = f'did you mean "{known[near[0]]}"?' if near else 'write it like "Europe/Berlin"'
        if not by_lower:
            hint = "this system has no time zones; install tzdata"
        raise Wrong(f"{quoted(value)} is not a time zone", hint) from None


def path(value: str) -> PurePath:
    if not value.isprintable():
        raise Wrong("holds a character that no path should have")
    if value.startswith("~"):
        raise Wrong("~ is not understood here", "write the whole path")
    return PurePath(value)


_ADDRESS = re.compile(r"(?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_PAGE = re.compile(r"https?://[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/[\w./~%#?=&+-]*)?", re.ASCII)


def contact(value: str) -> str:
    """It goes into a header, so it holds nothing that could end one."""
    value = value.strip()
    if len(value) > 200 or not (_ADDRESS.fullmatch(value) or _PAGE.fullmatch(value)):
        hint = 'write it like "mailto:you@example.org" or "https://example.org/about"'
        raise Wrong(f"{quoted(value)} is no e-mail or web address", hint)
    return value


# -- the keys -----------------------------------------------------------------------------------

SECTIONS: dict[str, dict[str, Key]] = {
    "bot": {
        "timezone": Key(text(timezone), ZoneInfo("UTC")),
        "data": Key(text(path), PurePath("data")),
    },
    "schedule": {
        "post_at": Key(text(parse_post_at), parse_post_at("08:00")),
        "days": Key(text(parse_days), parse_days("mon-fri")),
        "catch_up": Key(text(parse_catch_up), parse_catch_up("all")),
        "first_post": Key(number(0, 100, whole=True), 3),
        "in_full": Key(number(1, 1000, whole=True), 30),
    },
    "arxiv": {
        "contact": Key(text(contact), ""),
        "url": Key(url(("https", "http"), ARXIV), "https://export.arxiv.org/api/query"),
        "interval": Key(number(0, 3600), float(ARXIV_INTERVAL)),
    },
    "discord": {
        "api_url": Key(url(("https", "http"), "discord.com"), "https://discord.com/api/v10"),
        "gateway_url": Key(url(("wss", "ws"), "discord.gg"), "wss://gateway.discord.gg"),
        "proxy": Key(or_nothing(url(("http", "https"), "")), ""),
        "crosspost": Key(truth, False),
    },
    "slack": {
        "api_url": Key(url(("https", "http"), "slack.com", "/"), "https://slack.com/api/"),
        "command": Key(text(slash_command), "/papers"),
        "managers": Key(user_ids, ()),
    },
    "page": {
        "path": Key(text(path), PurePath("papers.md")),
    },
}
CHANNEL_KEYS: dict[str, Key] = {
    "id": Key(text(parse_channel_id), required=True),
    "keywords": Key(lambda value: value, required=True),  # config reads each one
    "post_at": Key(spelled(parse_post_at)),
    "days": Key(spelled(parse_days)),
    "catch_up": Key(spelled(parse_catch_up)),
    "layout": Key(text(parse_layout)),
    "editors": Key(text(parse_editors)),
}
_HOMES = {key: section for section, keys in SECTIONS.items() for key in keys}


def check_table(
    at: str, table: Mapping[str, object], keys: Mapping[str, Key], mistakes: Mistakes
) -> dict[str, Any]:
    """The value of each key; the default stands where the file is silent or wrong."""
    values = {name: key.default for name, key in keys.items()}
    for name, value in table.items():
        where = join(at, name)
        if name not in keys:
            mistakes.add(where, *unknown(name, value, keys, mistakes))
        elif isinstance(value, str) and holds_secret(value):
            mistakes.add(where, *SECRET_HERE)
        else:
            try:
                values[name] = keys[name].read(value)
            except Wrong as wrong:
                mistakes.add(where, wrong.problem, wrong.hint)
    for name, key in keys.items():
        if key.required and name not in table:
            mistakes.add(join(at, name), "is missing")
    return values


def unknown(
    name: str, value: object, known: Mapping[str, object], mistakes: Mistakes
) -> tuple[str, str]:
    """What to say of a key that nobody knows; its value is never repeated."""
    if names_secret(name) or (isinstance(value, str) and holds_secret(value)):
        return SECRET_HERE
    if isinstance(value, dict) and any(isinstance(key, str) and names_secret(key) for key in value):
        return SECRET_HERE
    if mistakes.full:
        return "is unknown", ""
    near = get_close_matches(name[:60].lower(), known, n=1)
    if near:
        return "is unknown", f"did you mean {near[0]}?"
    if name in _HOMES:
        return "is unknown here", f"it belongs below [{_HOMES[name]}]"
    return "is unknown", f"known here: {', '.join(known)}"


# -- what must not be repeated --------------------------------------------------------------------

SECRET_HERE = (
    "a secret does not belong into this file",
    "give it in the environment: DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN, or the path of a"
    " file with it as DISCORD_TOKEN_FILE and so on",
)
_SECRET_NAME = re.compile(r"token|secret|passw|api_?key|credential", re.IGNORECASE)
# Slack: xoxb-, xapp- and their relatives. Discord: three parts of base64, joined by dots.
_SECRET = re.compile(r"xox[a-z]-|xapp-|[\w-]{20,30}\.[\w-]{5,8}\.[\w-]{25,}", re.ASCII)


def names_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def holds_secret(value: str) -> bool:
    return _SECRET.search(value) is not None


def join(at: str, name: str) -> str:
    """A TOML path, short and harmless whatever the key is."""
    if holds_secret(name):
        shown = "***"
    else:
        shown = name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) else quoted(name, 40)
    return f"{at}.{shown}" if at else shown


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),  # before int, which it is in Python
    (str, "text"),
    (int, "a whole number"),
    (float, "a number"),
    (list, "an array"),
    (dict, "a table"),
    (datetime, "a date with a time"),
    (date, "a date"),
    (time, "a time without quotes"),
)


def kind_of(value: object) -> str:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "that")
