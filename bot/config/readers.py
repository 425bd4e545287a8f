"""Readers for single values of ``bot.toml``: what is allowed, and what to say about anything else.

Nothing here knows a key's name. Errors may quote the value, so the caller checks first that it is
not a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import PurePath
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from bot.core.channel_settings import parse_channel_id, quoted
from bot.errors import UserError
from bot.network import is_loopback

Reader = Callable[[object], object]


class InvalidValue(Exception):
    """The key does not accept this value; becomes a Mistake with the key's path."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem)


def text(parse: Callable[[str], object]) -> Reader:
    """Reads a text, which ``parse`` turns into the value."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            hint = _as_text(value, parse)
            raise InvalidValue(f"must be text in quotes, not {kind_of(value)}", hint)
        if not value.strip():
            raise InvalidValue("is empty", "leave the line out for the default")
        try:
            return parse(value)
        except UserError as error:
            raise InvalidValue(str(error)) from error

    return read


def _as_text(value: object, parse: Callable[[str], object]) -> str:
    """A hint how to write as text what is not text; empty if there is no obvious way."""
    if isinstance(value, time):
        written = f"{value:%H:%M}"
    elif isinstance(value, float):
        written = f"{value:.2f}".replace(".", ":")  # 8.30 is the time of day in many languages
    elif isinstance(value, list) and all(re.fullmatch(r"\w{1,12}", str(each)) for each in value):
        written = ",".join(map(str, value))
    elif isinstance(value, int) and not isinstance(value, bool):
        written = str(value)
    else:
        return ""
    try:
        parse(written)
    except UserError as error:  # "…; write it like 08:00"
        return str(error).rpartition("; ")[2]
    except InvalidValue as error:
        return error.hint
    return f'write it in quotes: "{written}"'


def _without_quotes(value: object, pattern: str) -> str:
    """The hint to omit the quotes, if the value is a text that matches ``pattern``; else empty."""
    is_that = isinstance(value, str) and re.fullmatch(pattern, value)
    return f"write it without quotes: {value}" if is_that else ""


def number(least: float, most: float, *, whole: bool = False) -> Reader:
    def read(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            hint = _without_quotes(value, r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?")
            raise InvalidValue(f"must be a {'whole ' * whole}number, not {kind_of(value)}", hint)
        if not least <= value <= most:
            raise InvalidValue(f"must be from {least:g} to {most:g}")
        return value if whole else float(value)

    return read


def one_of(*words: str) -> Reader:
    def parse(value: str) -> str:
        if value not in words:
            raise InvalidValue(f"{quoted(value)} is not known here", f"one of: {', '.join(words)}")
        return value

    return text(parse)


def address(value: str) -> tuple[str, int]:
    """Where to listen: a host and a port. IPv6 addresses are in brackets."""
    if re.search("[/@]", value):  # an address on the web, perhaps with a password: not repeated
        raise InvalidValue("must be a host and a port", 'write it like "127.0.0.1:8080"')
    host, _, port = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", bare) or (":" in bare) != (bare != host):
        raise InvalidValue(f"{quoted(value)} is not an address", 'write it like "127.0.0.1:8080"')
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise InvalidValue(f"{quoted(value)} has no port", 'write it like "127.0.0.1:8080"')
    return bare, int(port)


def holidays(value: object) -> object:
    """Reads an array of dates as TOML has them (2027-01-01), or the same in quotes."""
    if not isinstance(value, list):
        raise InvalidValue(f"must be an array, not {kind_of(value)}", "write [2027-01-01]")
    found = set()
    for each in value:
        try:
            day = date.fromisoformat(each) if isinstance(each, str) else each
        except ValueError:
            day = None
        if not isinstance(day, date) or isinstance(day, datetime):
            raise InvalidValue(f"{quoted(str(each))} is not a date", "write it like 2027-01-01")
        found.add(day)
    return frozenset(found)


def slash_command(value: str) -> str:
    if not re.fullmatch(r"/[a-z0-9_-]{1,31}", value):
        raise InvalidValue(f"{quoted(value)} is not a command", 'write it like "/papers"')
    return value


def server_ids(value: object) -> object:
    """Reads an array of Discord's own server ids, as numbers or in quotes; names are refused."""
    if not isinstance(value, list):
        raise InvalidValue(
            f"must be an array, not {kind_of(value)}", 'write ["1142000000000000000"]'
        )
    for each in value:
        if isinstance(each, bool) or not re.fullmatch(r"[0-9]{15,20}", str(each)):
            hint = "in Discord, with Developer Mode on: the server's name, Copy Server ID"
            raise InvalidValue(f"{quoted(str(each))} is not the id of a server", hint)
    return tuple(str(each) for each in value)


def user_ids(value: object) -> object:
    """Reads an array of Slack's own ids of people; names are refused."""
    hint = "a person's profile, three dots, Copy member ID"
    return _slack_ids(value, "UW", "a member id", hint)


def team_ids(value: object) -> object:
    """Reads an array of Slack's own ids of workspaces."""
    hint = "open the workspace in a browser: https://app.slack.com/client/T0123456789"
    return _slack_ids(value, "T", "the id of a workspace", hint)


def _slack_ids(value: object, letters: str, what: str, hint: str) -> tuple[str, ...]:
    """Reads an array of Slack's ids that begin with one of the ``letters``."""
    if not isinstance(value, list):
        example = f'write ["{letters[0]}0123456789"]'
        raise InvalidValue(f"must be an array, not {kind_of(value)}", example)
    for each in value:
        if not isinstance(each, str) or not re.fullmatch(f"[{letters}][A-Z0-9]{{6,20}}", each):
            raise InvalidValue(f"{quoted(str(each))} is not {what}", hint)
    return tuple(value)


def workspaces(value: object) -> object:
    """Reads the names of Slack's workspaces from their blocks; one may have none."""
    if not isinstance(value, list):
        hint = "write each as a block of its own that begins with [[slack.workspaces]]"
        raise InvalidValue(f"must be [[slack.workspaces]] blocks, not {kind_of(value)}", hint)
    names = []
    for block in value:
        if not isinstance(block, dict) or not block.keys() <= {"name"}:
            hint = "its tokens are variables of the environment, SLACK_BOT_TOKEN_NAME and so on"
            raise InvalidValue("each block has a name and nothing else", hint)
        name = block.get("name", "")
        # Not "file": SLACK_BOT_TOKEN_FILE is for the token of the workspace without a name.
        if not isinstance(name, str) or not re.fullmatch(r"(?!.*\bfile$)[a-z0-9-]{0,30}", name):
            hint = 'lower-case letters, digits and hyphens, as in "research"'
            raise InvalidValue("is not the name of a workspace", hint)
        names.append(name)
    if len(set(names)) < len(names):
        raise InvalidValue("two workspaces have the same name")
    return tuple(names)


def boolean(value: object) -> object:
    if not isinstance(value, bool):
        hint = _without_quotes(value, "true|false")
        raise InvalidValue(f"must be true or false, not {kind_of(value)}", hint)
    return value


def switch(parse: Callable[[str], object]) -> Reader:
    """Reads true or false, which ``parse`` gets as text and turns into the value."""

    def read(value: object) -> object:
        return parse("true" if boolean(value) else "false")

    return read


def optional(read: Reader) -> Reader:
    """Reads the same, but also ``""``, which means that there is none."""
    return lambda value: value if value == "" else read(value)


def url(schemes: tuple[str, str], vendor: str, ending: str = "") -> Reader:
    """Reads an address; one on the vendor's own host has to use TLS. ``ending`` is added if it does
    not end with it.

    No error repeats the address, because it may contain a password or a secret path.
    """

    def parse(value: str) -> str:
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidValue(
                "is not an address that can be understood", _begins(schemes)
            ) from error
        strange = not value.isascii() or not value.isprintable() or " " in value
        if strange or parts.scheme not in schemes or not host:
            raise InvalidValue("is not an address", _begins(schemes))
        if "@" in parts.netloc:
            raise InvalidValue("must not contain a user name or password")
        if parts.query or parts.fragment:
            raise InvalidValue("must end with the path, without ? or #")
        if belongs_to(host, vendor) and parts.scheme != schemes[0]:
            raise InvalidValue(f"must begin with {schemes[0]}:// for {vendor}")
        return value.rstrip("/") + ending

    return text(parse)


def private_url(value: object) -> object:
    """Reads the address of a service that people's secrets are sent to: only over TLS, except on
    this machine."""
    read = url(("https", "http"), "")(value)
    parts = urlsplit(str(read))
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise InvalidValue("must begin with https://, because people's keys are sent there")
    return read


def _begins(schemes: tuple[str, str]) -> str:
    return f"it begins with {schemes[0]}://, and its value is not repeated here"


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
        if re.fullmatch(r"[A-Za-z]{1,5}[+-][\d:]+|[A-Z]{2,5}", value):  # UTC+2, CEST
            hint = 'name a place, like "Europe/Berlin": it also knows when the clocks change'
        if not by_lower:
            hint = "this system has no time zones; install tzdata"
        raise InvalidValue(f"{quoted(value)} is not a time zone", hint) from None


def path(value: str) -> PurePath:
    if not value.isprintable():
        raise InvalidValue("contains a character that no path should have")
    if "://" in value:
        raise InvalidValue("must be a path, not an address")
    if value.startswith("~"):
        raise InvalidValue("~ is not expanded here", "write the full path")
    return PurePath(value)


def page_path(value: str) -> PurePath:
    """The path of the Markdown page; the other files have the same name with another ending."""
    found = path(value)
    if found.name in ("", ".."):
        raise InvalidValue("must name a file", 'write it like "papers.md"')
    if found.suffix.lower() in ("", ".html", ".xml"):
        hint = f"write it like {quoted(found.with_suffix('.md').name)}"
        raise InvalidValue(
            "is the Markdown page: the others are written beside it, by its name and other endings",
            hint,
        )
    return found


def channel_ids(value: object) -> object:
    """Reads an array of channel ids, as in ``[[channels]]``."""
    if not isinstance(value, list):
        raise InvalidValue(f"must be an array, not {kind_of(value)}", 'write ["console:"]')
    return tuple(dict.fromkeys(map(text(parse_channel_id), value)))


_ADDRESS = re.compile(r"(?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_PAGE = re.compile(r"https?://[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/[\w./~%#?=&+-]*)?", re.ASCII)


def contact(value: str) -> str:
    """An e-mail or web address. It becomes part of an HTTP header, so nothing is allowed in it that
    could end one."""
    value = value.strip()
    if len(value) > 200 or not (_ADDRESS.fullmatch(value) or _PAGE.fullmatch(value)):
        hint = 'write it like "you@example.org" or "https://example.org/about"'
        private = re.search("[:/]", value.removeprefix("mailto:"))  # it may hold a password
        said = "this is" if private else f"{quoted(value)} is"
        raise InvalidValue(f"{said} not an e-mail or web address", hint)
    return value


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
