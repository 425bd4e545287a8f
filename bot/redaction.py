"""Keeps tokens out of everything that is written or shown: logs, errors, answers, the database.

Hides what the configuration loaded, and whatever has the shape of a token of Discord or Slack. A
platform, or a proxy before it, may repeat a request in its answer, token and all; so every error of
ours says its text through here (``errors.BotError``), whoever shows it then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Slack: xoxb-, xoxp-, xoxe., xapp- and their relatives (docs.slack.dev, Token types, 2026).
# Discord: three parts of base64 joined by dots (its developer docs, Authentication, 2026).
_TOKEN = re.compile(
    r"xox[a-z][-.][\w.-]+|xapp-[\w-]+|\b[\w-]{20,30}\.[\w-]{5,8}\.[\w-]{25,}", re.ASCII
)
_SHORTEST = 6  # characters; hiding what is shorter would hide words

_hidden: list[str] = []  # texts of the secrets that were loaded, the longest first


def hide(secrets: Iterable[str]) -> None:
    """Show these texts nowhere from now on, as long as this process lives."""
    known = {*_hidden, *(text for text in secrets if len(text) >= _SHORTEST)}
    _hidden[:] = sorted(known, key=len, reverse=True)


def redacted(text: str) -> str:
    """The same with ``***`` for every secret that was loaded, and for what looks like a token."""
    for secret in _hidden:
        text = text.replace(secret, "***")
    return _TOKEN.sub("***", text)
