"""Every key of ``bot.toml`` as data, and the check of a table against it.

Collects mistakes and continues, so that all of them are reported at once. Rules about several
values (a channel needs its platform to be on) are in ``bot.config``. No value that may be a secret
is ever repeated in a mistake.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import reduce
from pathlib import PurePath
from typing import Any, NamedTuple

from bot.config.readers import (
    InvalidValue,
    Reader,
    address,
    belongs_to,
    boolean,
    channel_ids,
    contact,
    holidays,
    kind_of,
    number,
    one_of,
    optional,
    page_path,
    path,
    private_url,
    server_ids,
    slash_command,
    switch,
    team_ids,
    text,
    timezone,
    url,
    user_ids,
    workspaces,
)
from bot.config.toml_blocks import ArrayTokenKind, StatementKind, array_tokens, placed
from bot.core.channel_settings import CHANNEL_SETTINGS, parse_channel_id, quoted
from bot.core.deliver import DeliveryTimeouts
from bot.core.limits import Limits
from bot.errors import Mistake
from bot.model.posts import SHOWN_IN_FULL

__all__ = [
    "ARXIV", "ARXIV_INTERVAL", "CHANNEL_KEYS", "MAX_MISTAKES", "SECRET_IN_FILE", "SECTIONS", "Key",
    "Mistakes", "belongs_to", "check_table", "contains_secret", "join", "kind_of", "line_numbers",
    "unknown",
]  # fmt: skip

ARXIV = "arxiv.org"
ARXIV_INTERVAL = 3  # seconds between requests that arXiv asks for, over all its interfaces
MAX_MISTAKES = 100  # listed; nobody reads more, and a malicious file may have a million


@dataclass(slots=True)
class Mistakes:
    """The mistakes found so far, in the file or in the ``environment``."""

    environment: bool = False
    found: list[Mistake] = field(default_factory=list)
    left_out: int = 0

    def add(self, path: str, problem: str, hint: str = "") -> None:
        if self.full:
            self.left_out += 1
        else:
            problem = problem.replace("\n", "\n    ")
            self.found.append(Mistake(path, problem, hint, environment=self.environment))

    @property
    def full(self) -> bool:
        return len(self.found) >= MAX_MISTAKES

    def listed(self, lines: Mapping[str, int]) -> list[Mistake]:
        """The mistakes in the order of their lines, then how many were left out. ``lines`` is from
        ``line_numbers``."""
        found = [replace(each, line=line_of(each.path, lines)) for each in self.found]
        found.sort(key=lambda each: each.line or sys.maxsize)
        return [*found, *([Mistake("", f"and {self.left_out} more")] if self.left_out else [])]


class Key(NamedTuple):
    """How the value of one key is read, and its default."""

    read: Reader
    default: object = None
    required: bool = False


# -- the keys -----------------------------------------------------------------------------------

_LIMITS = Limits()

SECTIONS: dict[str, dict[str, Key]] = {
    "bot": {
        "timezone": Key(text(timezone)),  # the environment's TZ, else UTC
        "data": Key(text(path), PurePath(".")),
        "mirror": Key(number(0, 10_000, whole=True), 200),
        "personal": Key(one_of("members", "anyone", "off"), "members"),
    },
    "schedule": {
        **{
            name: Key(text(setting.parse), setting.parse(setting.default_on("")))
            for name, setting in CHANNEL_SETTINGS.items()
            if setting.in_schedule
        },
        "first_post": Key(number(0, 100, whole=True), 3),
        "in_full": Key(number(1, 1000, whole=True), SHOWN_IN_FULL),
    },
    "arxiv": {
        "contact": Key(text(contact), ""),
        "url": Key(url(("https", "http"), ARXIV), "https://export.arxiv.org/api/query"),
        "oai_url": Key(optional(url(("https", "http"), ARXIV)), None),
        "plan": Key(one_of("auto", "union", "harvest"), "auto"),
        "interval": Key(number(0, 3600), float(ARXIV_INTERVAL)),
        "holidays": Key(holidays, frozenset()),
    },
    "delivery": {
        "settling": Key(number(0, 3600), DeliveryTimeouts().settling),
    },
    "limits": {
        "keywords_per_channel": Key(number(1, 10_000, whole=True), _LIMITS.keywords_per_channel),
        "keywords_per_server": Key(number(1, 100_000, whole=True), _LIMITS.keywords_per_server),
        "keywords_per_person": Key(number(1, 1000, whole=True), _LIMITS.keywords_per_person),
        "keyword_length": Key(number(10, 200, whole=True), _LIMITS.keyword_length),
        "commands_per_minute": Key(number(1, 1000, whole=True), _LIMITS.commands_per_minute),
    },
    "log": {
        "format": Key(one_of("text", "json"), "text"),
    },
    "health": {
        "listen": Key(optional(text(address)), ("127.0.0.1", 8080)),
        "ping_url": Key(optional(url(("https", "http"), "")), ""),
    },
    "discord": {
        "api_url": Key(url(("https", "http"), "discord.com"), "https://discord.com/api/v10"),
        "gateway_url": Key(url(("wss", "ws"), "discord.gg"), "wss://gateway.discord.gg"),
        "proxy": Key(optional(url(("http", "https"), "")), ""),
        "crosspost": Key(boolean, False),
        "servers": Key(server_ids, ()),
    },
    "slack": {
        "api_url": Key(url(("https", "http"), "slack.com", "/"), "https://slack.com/api/"),
        "mode": Key(one_of("socket", "http"), "socket"),
        "listen": Key(text(address), ("127.0.0.1", 8081)),
        "public_url": Key(optional(url(("https", "http"), "")), ""),
        "teams": Key(team_ids, ()),
        "command": Key(text(slash_command), "/papers"),
        "managers": Key(user_ids, ()),
        "workspaces": Key(workspaces, ()),
    },
    "zotero": {
        "api_url": Key(private_url, "https://api.zotero.org"),
    },
    "page": {
        "path": Key(text(page_path), PurePath("papers.md")),
        "channels": Key(channel_ids, ()),
        "papers_per_section": Key(number(1, 500, whole=True), 100),
        "base_url": Key(optional(url(("https", "http"), "", "/")), ""),
        "listen": Key(optional(text(address)), ""),
    },
}
CHANNEL_KEYS: dict[str, Key] = {
    "id": Key(text(parse_channel_id), required=True),
    "keywords": Key(lambda value: value, required=True),  # config reads each one
    "mute": Key(lambda value: value),  # likewise
    **{
        name: Key((switch if setting.is_switch else text)(setting.normalise))
        for name, setting in CHANNEL_SETTINGS.items()
    },
}
_SECTION_OF = {key: section for section, keys in SECTIONS.items() for key in keys}


def check_table(
    at: str, table: Mapping[str, object], keys: Mapping[str, Key], mistakes: Mistakes
) -> dict[str, Any]:
    """The value of each key; the default if the table lacks it or has a wrong value."""
    values = {name: key.default for name, key in keys.items()}
    for name, value in table.items():
        where = join(at, name)
        if name not in keys:
            mistakes.add(where, *unknown(name, value, keys, mistakes))
        elif isinstance(value, str) and contains_secret(value):
            mistakes.add(where, *SECRET_IN_FILE)
        else:
            try:
                values[name] = keys[name].read(value)
            except InvalidValue as error:
                mistakes.add(where, error.problem, error.hint)
    for name, key in keys.items():
        if key.required and name not in table:
            mistakes.add(join(at, name), "is missing")
    return values


def unknown(
    name: str, value: object, known: Mapping[str, object], mistakes: Mistakes
) -> tuple[str, str]:
    """The problem and the hint for an unknown key; its value is never repeated."""
    if is_secret_name(name) or (isinstance(value, str) and contains_secret(value)):
        return SECRET_IN_FILE
    if isinstance(value, dict) and any(
        isinstance(key, str) and is_secret_name(key) for key in value
    ):
        return SECRET_IN_FILE
    if mistakes.full:
        return "is unknown", ""
    near = get_close_matches(name[:60].lower(), known, n=1)
    if near:
        return "is unknown", f"did you mean {near[0]}?"
    if name in _SECTION_OF:
        return "is unknown here", f"it belongs below [{_SECTION_OF[name]}]"
    return "is unknown", f"known here: {', '.join(known)}"


# -- secrets --------------------------------------------------------------------------------------

SECRET_IN_FILE = (
    "a secret does not belong in this file",
    "give it in the environment: DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN, or the path of a"
    " file with it as DISCORD_TOKEN_FILE and so on",
)
_SECRET_NAME = re.compile(r"token|secret|passw|api_?key|credential", re.IGNORECASE)
# Slack: xoxb-, xapp- and their relatives. Discord: three parts of base64, joined by dots.
_SECRET = re.compile(r"xox[a-z]-|xapp-|[\w-]{20,30}\.[\w-]{5,8}\.[\w-]{25,}", re.ASCII)


def is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def contains_secret(value: str) -> bool:
    return _SECRET.search(value) is not None


# -- lines of keys --------------------------------------------------------------------------------


def line_numbers(text: str) -> dict[str, int]:
    """The line of each section, key and item in a TOML text, from 1, by its path as mistakes have
    it."""
    lines: dict[str, int] = {}
    for each in placed(text):
        where = reduce(_join_part, each.path, "")
        lines.setdefault(where, each.line)
        if each.statement.kind is StatementKind.ARRAY_HEADER:
            lines.setdefault(reduce(join, each.statement.key, ""), each.line)
        written = each.statement.value.of(text)
        if written.startswith("["):
            items = (t for t in array_tokens(written) if t.kind is ArrayTokenKind.ITEM)
            for index, item in enumerate(items):
                lines[f"{where}[{index}]"] = each.line + written.count("\n", 0, item.place.start)
    return lines


# The last part of a path: an index, or a key as ``join`` shows it.
_LAST_PART = re.compile(r"""(?:\[\d+\]|(?:^|\.)(?:"[^"]*"|[\w*-]+))$""")


def line_of(path: str, lines: Mapping[str, int]) -> int | None:
    """The line of what the path names; if that is not in the file, of what would contain it."""
    while path and path not in lines:
        last = _LAST_PART.search(path)
        path = path[: last.start()] if last else ""
    return lines.get(path)


def _join_part(at: str, part: str | int) -> str:
    return f"{at}[{part}]" if isinstance(part, int) else join(at, part)


def join(at: str, name: str) -> str:
    """The TOML path of a key in ``at``. Short, and without secrets or control characters, whatever
    the key is."""
    if contains_secret(name):
        shown = "***"
    else:
        shown = name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) else quoted(name, 40)
    return f"{at}.{shown}" if at else shown
