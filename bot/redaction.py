"""Keeps tokens out of everything that is written or shown: logs, errors, replies, the database.

Hides the secrets that the configuration loaded, the private parts of addresses, and whatever looks
like a token of Discord or Slack. A platform, or a proxy in front of it, may echo a request in its
response, token included; so the text of every ``errors.BotError`` passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

# Slack: xoxb-, xoxp-, xoxe., xapp- and their relatives (docs.slack.dev, Token types, 2026).
# Discord: three parts of base64 joined by dots (its developer docs, Authentication, 2026).
_TOKEN = re.compile(
    r"xox[a-z][-.](?=[.-]*\w)[\w.-]+|xapp-[\w-]+|\b[\w-]{20,30}\.[\w-]{5,8}\.[\w-]{25,}", re.ASCII
)
# In an address of whatever host: no paper's has one.
_PASSWORD = re.compile(r"(?<=://)([^\s/:@\"'<>]*:)[^\s/@\"'<>]+(?=@)")
_MIN_SECRET_LENGTH = 6  # characters; hiding shorter ones would hide ordinary words

_MIN_SECRET_PATH_LENGTH = 13  # characters; a shorter path may be a word that occurs elsewhere

_hidden: list[str] = []  # texts of the secrets that were loaded, the longest first
_hosts: list[str] = []  # hosts, with their ports, of the addresses that were configured
_addresses: list[re.Pattern[str]] = []  # one that finds all of these; none before the first


def hide(secrets: Iterable[str]) -> None:
    """Never show these texts again in this process."""
    known = {*_hidden, *(text for text in secrets if len(text) >= _MIN_SECRET_LENGTH)}
    _hidden[:] = sorted(known, key=len, reverse=True)


def hide_addresses(urls: Iterable[str]) -> None:
    """Show only scheme and host of these addresses from now on in this process.

    They come from the configuration: proxies, the ping address, a database. Their user name,
    password, path and query may each be a credential. Of other addresses only a password is hidden.
    """
    for url in urls:
        parts = urlsplit(url if "://" in url else f"//{url}")
        credentials, _, host = parts.netloc.rpartition("@")
        password = credentials.partition(":")[2]
        path = f"{parts.path.lstrip('/')}{'?' * bool(parts.query)}{parts.query}"
        hide({password, unquote(password), path if len(path) >= _MIN_SECRET_PATH_LENGTH else ""})
        if host and host.lower() not in _hosts:
            _hosts.append(host.lower())
    if _hosts:
        known = "|".join(map(re.escape, sorted(_hosts, key=len, reverse=True)))
        _addresses[:] = [
            re.compile(
                r"((?:\b[a-z][a-z0-9+.-]*://)?)"  # the scheme
                r"(?:[^\s/\"'<>]*@|(?<![\w.@-]))"  # credentials; or the host begins here
                rf"({known})(?![\w.-]|:\d)"
                r"([/?#][^\s\"'<>)]+)?",  # path and query
                re.IGNORECASE,
            )
        ]


def redacted(text: str) -> str:
    """The text with ``***`` for every loaded secret and everything that looks like a token, and
    with configured addresses cut to scheme and host."""
    for pattern in _addresses:
        text = pattern.sub(lambda at: f"{at[1]}{at[2]}{'/…' if at[3] else ''}", text)
    for secret in _hidden:
        text = text.replace(secret, "***")
    return _TOKEN.sub("***", _PASSWORD.sub(r"\1***", text))
