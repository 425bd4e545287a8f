"""Keeps tokens out of everything that is written or shown: logs, errors, answers, the database.

Hides what the configuration loaded, tokens and the private parts of addresses, and whatever has
the shape of a token of Discord or Slack. A
platform, or a proxy before it, may repeat a request in its answer, token and all; so every error of
ours says its text through here (``errors.BotError``), whoever shows it then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

# Slack: xoxb-, xoxp-, xoxe., xapp- and their relatives (docs.slack.dev, Token types, 2026).
# Discord: three parts of base64 joined by dots (its developer docs, Authentication, 2026).
_TOKEN = re.compile(
    r"xox[a-z][-.][\w.-]+|xapp-[\w-]+|\b[\w-]{20,30}\.[\w-]{5,8}\.[\w-]{25,}", re.ASCII
)
_SHORTEST = 6  # characters; hiding what is shorter would hide words

_LONGEST_WORDS = 12  # characters of an address's path that may be words which occur elsewhere

_hidden: list[str] = []  # texts of the secrets that were loaded, the longest first
_hosts: list[str] = []  # hosts, with their ports, of the addresses that were configured
_addresses: list[re.Pattern[str]] = []  # one that finds all of these; none before the first


def hide(secrets: Iterable[str]) -> None:
    """Show these texts nowhere from now on, as long as this process lives."""
    known = {*_hidden, *(text for text in secrets if len(text) >= _SHORTEST)}
    _hidden[:] = sorted(known, key=len, reverse=True)


def hide_addresses(urls: Iterable[str]) -> None:
    """Show of these addresses only where they lead, from now on, as long as this process lives.

    They are what was configured: proxies, what is pinged, a database. A user, a password, a path
    and a query may each let somebody in. Addresses on other hosts stay whole.
    """
    for url in urls:
        parts = urlsplit(url if "://" in url else f"//{url}")
        credentials, _, host = parts.netloc.rpartition("@")
        password = credentials.partition(":")[2]
        path = f"{parts.path.lstrip('/')}{'?' * bool(parts.query)}{parts.query}"
        hide({password, unquote(password), path if len(path) > _LONGEST_WORDS else ""})
        if host and host.lower() not in _hosts:
            _hosts.append(host.lower())
    if _hosts:
        known = "|".join(map(re.escape, sorted(_hosts, key=len, reverse=True)))
        _addresses[:] = [
            re.compile(
                r"((?:\b[a-z][a-z0-9+.-]*://)?)"  # the scheme
                r"(?:[^\s/\"'<>]*@|(?<![\w.@-]))"  # whoever logs in; or a host begins here
                rf"({known})(?![\w.-]|:\d)"
                r"([/?#][^\s\"'<>)]+)?",  # what it wants there
                re.IGNORECASE,
            )
        ]


def redacted(text: str) -> str:
    """The same with ``***`` for every secret that was loaded, and for what looks like a token, and
    with no more of each configured address than where it leads."""
    for pattern in _addresses:
        text = pattern.sub(lambda at: f"{at[1]}{at[2]}{'/…' if at[3] else ''}", text)
    for secret in _hidden:
        text = text.replace(secret, "***")
    return _TOKEN.sub("***", text)
