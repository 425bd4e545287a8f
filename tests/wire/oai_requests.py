"""What a request to OAI-PMH may ask for, and the errors that it gets otherwise.

As in arXiv's public server source (arXiv/oaipmh at 27ad99e, 2026-08-11); the words of the errors
are ours. Nothing here knows a paper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tests.wire.oai_xml import ARCHIVES, ID_PREFIX

EARLIEST: Final = date(2005, 9, 16)
PREFIXES: Final = ("arXiv", "arXivRaw")

_LIST_ARGUMENTS: Final = ("verb", "metadataPrefix", "from", "until", "set")
_ID: Final = re.compile(r"(\d{4}\.\d{4,6}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?")
_DESCRIPTIONS: Final = {
    "badArgument": "The request includes illegal or repeated arguments, or misses one.",
    "badResumptionToken": "The value of the resumptionToken argument is invalid or expired.",
    "badVerb": "The verb argument is missing, repeated, or not a legal OAI-PMH verb.",
    "cannotDisseminateFormat": "The metadataPrefix is not supported by this repository.",
    "idDoesNotExist": "The value of the identifier argument is unknown or illegal here.",
    "noRecordsMatch": (
        "The combination of the values of the from, until, set and metadataPrefix arguments"
        " results in an empty list."
    ),
}

Arguments = dict[str, str]


class OaiError(Exception):
    """An error as OAI-PMH has it: with status 200. ``request`` is what the answer repeats."""

    def __init__(
        self, code: str, reason: str = "", request: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, reason)
        self.code = code
        self.request = dict(request or {})
        self.text = _DESCRIPTIONS.get(code, "Something else went wrong.")
        if reason:
            self.text += f" Reason: {reason}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list request selects; both days are included, and an empty set is everything."""

    prefix: str
    since: date
    until: date
    set: str


def selection(arguments: Arguments, today: date, request: Arguments) -> Selection:
    """What a list request, or the one inside its token, asks for. ``today`` is in UTC.

    A ``from`` or ``until`` later than today is a bad argument.
    """
    if "metadataPrefix" not in arguments or not arguments.keys() <= set(_LIST_ARGUMENTS):
        raise OaiError("badArgument", "metadataPrefix is missing, or something is too much")
    prefix = metadata_prefix(arguments, request)
    since = _day(arguments, "from") or EARLIEST
    until = _day(arguments, "until") or today
    wanted = arguments.get("set", "")
    if wanted and not _is_set(wanted):
        raise OaiError("badArgument", "there is no such set")
    if not EARLIEST <= since <= until <= today:
        raise OaiError("badArgument", "the dates are out of order, or out of bounds")
    return Selection(prefix, since, until, wanted)


def metadata_prefix(arguments: Arguments, request: Arguments) -> str:
    prefix = arguments["metadataPrefix"]
    if prefix not in PREFIXES:
        raise OaiError("cannotDisseminateFormat", request=request)
    return prefix


def paper_id(given: Arguments) -> str:
    """The id without its version."""
    name = given["identifier"]
    match = _ID.fullmatch(name.removeprefix(ID_PREFIX)) if name.startswith(ID_PREFIX) else None
    if match is None:
        raise OaiError("idDoesNotExist", "not an identifier of arXiv", given)
    return match[1]


def named(arguments: Mapping[str, str]) -> Arguments:
    """The arguments of a list request that say something, in arXiv's order."""
    return {name: arguments[name] for name in _LIST_ARGUMENTS if arguments.get(name)}


def token_text(arguments: Mapping[str, str], skip: int) -> str:
    return quote(urlencode({**named(arguments), "skip": skip}))


def token_parts(given: Arguments) -> tuple[Arguments, int]:
    """The request inside a token, and how many of its records to skip."""
    if given.keys() != {"verb", "resumptionToken"}:
        raise OaiError("badArgument", "resumptionToken is an exclusive argument")
    arguments = dict(parse_qsl(unquote(given["resumptionToken"]), keep_blank_values=True))
    skip = arguments.pop("skip", "")
    if not skip.isdecimal() or arguments.get("verb") != given["verb"]:
        raise OaiError("badResumptionToken", "its form is invalid, or its verb another", given)
    return arguments, int(skip)


def _day(arguments: Arguments, name: str) -> date | None:
    text = arguments.get(name, "")
    if not text:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise OaiError("badArgument", f"{name} must be YYYY-MM-DD") from error


def _is_set(name: str) -> bool:
    """Groups and archives are known by name; a category by its archive only."""
    parts = name.split(":")
    if len(parts) == 1:
        return name in ARCHIVES.values()
    archive = parts[1]
    return len(parts) <= 3 and ARCHIVES.get(archive) == parts[0] and all(parts)
