"""The time zone that a machine is set to, by its IANA name.

Used only if ``bot.toml`` names none, and for a ``bot.toml`` that is written at a first start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.config.readers import InvalidValue, timezone
from bot.core.channel_settings import quoted

VARIABLE = "TZ"
UTC = ZoneInfo("UTC")
_UTCS = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu")


def from_environment(environ: Mapping[str, str]) -> tuple[ZoneInfo, str]:
    """The zone of ``TZ``, else UTC; and a warning if ``TZ`` is set to something that is not a name.

    POSIX also allows rules there (``CET-1CEST,M3.5.0,M10.5.0/3``), which name no zone.
    """
    value = environ.get(VARIABLE, "").strip()
    if not value:
        return UTC, ""
    try:
        return _zone(value), ""
    except InvalidValue as error:
        hint = f" ({error.hint})" if error.hint else ""
        return UTC, f"TZ: {quoted(value, 60)} is not a time zone{hint}; times are UTC"


def of_machine(environ: Mapping[str, str], etc: Path = Path("/etc")) -> str:
    """The name of the zone of ``TZ``, else of ``/etc/timezone`` or ``/etc/localtime``, else
    ``UTC``."""
    for value in (environ.get(VARIABLE, "").strip(), *_configured(etc)):
        with suppress(InvalidValue):
            if value:
                return _zone(value).key
    return UTC.key


def _configured(etc: Path) -> Iterator[str]:
    with suppress(OSError, ValueError):
        yield (etc / "timezone").read_text("utf-8").strip()
    with suppress(OSError):
        yield str((etc / "localtime").readlink())


def known(name: str) -> str:
    """The name of the zone, if there is one of this name. Raises InvalidValue."""
    return timezone(name.strip()).key


def _zone(value: str) -> ZoneInfo:
    """The zone by its name or the path of its file, with or without POSIX's colon. Raises
    InvalidValue."""
    name = re.sub(r"^.*/zoneinfo/(?:posix/|right/)?", "", value.removeprefix(":"))
    found = timezone(name)
    return UTC if found.key in _UTCS else found
