"""Tokens: from the environment, or from the files that it names. Never from ``bot.toml``.

No mistake ever contains the text of a token. Does not check whether a token works.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.config.keys import Mistakes
from bot.core.channel_settings import quoted
from bot.private_files import reason

MAX_SECRET_BYTES = 64 * 1024  # a larger file is the wrong file

# Each platform's variables, and what the token in each begins with, so that Slack's two are not
# mixed up. Discord's tokens have no common beginning.
SECRETS = {
    "discord": {"DISCORD_TOKEN": ""},
    "slack": {"SLACK_BOT_TOKEN": "xoxb-", "SLACK_APP_TOKEN": "xapp-"},
}
# Slack's HTTP mode needs the signing secret, and either the token of one workspace, or the client
# id and secret with which workspaces install the app; their tokens are then stored encrypted.
SLACK_HTTP = {"SLACK_SIGNING_SECRET": ""}
SLACK_TOKEN = {"SLACK_BOT_TOKEN": "xoxb-"}
SLACK_OAUTH = {"SLACK_CLIENT_ID": "", "SLACK_CLIENT_SECRET": ""}
SECRET_KEY = "SECRET_KEY"  # noqa: S105  (the name of a variable)


def variables(platform: str, options: Mapping[str, Any]) -> dict[str, str]:
    """All variables that a platform may have, and what the token in each begins with. If there are
    several Slack workspaces, each has its own, named after it: ``SLACK_BOT_TOKEN_RESEARCH``."""
    if options.get("mode") == "http":
        return SLACK_HTTP | SLACK_TOKEN | SLACK_OAUTH
    endings = [
        f"_{name.upper().replace('-', '_')}" if name else ""
        for name in options.get("workspaces") or ("",)
    ]
    names = SECRETS[platform].items()
    return {name + ending: beginning for ending in endings for name, beginning in names}


def with_token(environ: Mapping[str, str]) -> frozenset[str]:
    """The platforms with a token, or with a file for one. An empty variable, as Compose sets it if
    it is missing in ``.env``, counts as not set."""
    return frozenset(
        platform
        for platform, names in SECRETS.items()
        if any(environ.get(each, "").strip() for name in names for each in (name, f"{name}_FILE"))
    )


class Secret:
    """A token. Only ``reveal`` returns its text; it never gets into a log, an error or a dump."""

    __slots__ = ("_text", "file")

    def __init__(self, text: str, file: Path | None = None) -> None:
        self._text = text
        self.file = file  # the file that it was read from

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret must not be serialised")


def read_secrets(
    tables: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str], mistakes: Mistakes
) -> dict[str, Secret]:
    """The secrets of the platforms that are on (they have a table), by name, and ``SECRET_KEY`` if
    it is set. A missing or wrong one is a mistake."""
    secrets = {}
    key_needed = ""
    for platform in filter(tables.__contains__, SECRETS):
        needed, need = variables(platform, tables[platform]), f"{platform} needs it"
        if tables[platform].get("mode") == "http":
            needed, need = _needed_in_http_mode(environ, mistakes), "Slack's HTTP mode needs it"
            if needed.keys() & SLACK_OAUTH.keys():
                key_needed = "the tokens of workspaces that install the app are encrypted with it"
        for name, beginning in needed.items():
            text = _secret(name, environ, need, mistakes)
            if text is None:
                continue
            if not text.isascii() or not text.isprintable() or " " in text:
                hint = "copy the token alone, without a word before it"
                mistakes.add(name, "contains a character that tokens never have", hint)
            elif not text.startswith(beginning):
                mistakes.add(name, f"is another kind of token; this one begins with {beginning}")
            else:
                file = environ.get(f"{name}_FILE")
                secrets[name] = Secret(text, Path(file) if file else None)
    if key_needed or _is_set(SECRET_KEY, environ):
        text = _secret(SECRET_KEY, environ, key_needed, mistakes)
        if text is not None and not all(map(_is_key, encryption_keys(text))):
            hint = "make one with: daily-papers secret-key. Several are separated by commas"
            mistakes.add(SECRET_KEY, "is not a valid key", hint)
        elif text is not None:
            file = environ.get(f"{SECRET_KEY}_FILE")
            secrets[SECRET_KEY] = Secret(text, Path(file) if file else None)
    return secrets


def _needed_in_http_mode(environ: Mapping[str, str], mistakes: Mistakes) -> dict[str, str]:
    """The variables that Slack's HTTP mode needs: with a token for one workspace, or those with
    which several install the app."""
    token = _is_set("SLACK_BOT_TOKEN", environ)
    oauth = any(_is_set(name, environ) for name in SLACK_OAUTH)
    if token and oauth:
        hint = "set the token for one workspace, or the other two for those that install the app"
        mistakes.add(
            "SLACK_BOT_TOKEN", "is set, and so is SLACK_CLIENT_ID or SLACK_CLIENT_SECRET", hint
        )
    if not token and not oauth:
        mistakes.add(
            "SLACK_BOT_TOKEN",
            "is not set; Slack's HTTP mode needs it, or else SLACK_CLIENT_ID, SLACK_CLIENT_SECRET"
            " and SECRET_KEY",
            "set it, or set SLACK_BOT_TOKEN_FILE to the path of a file",
        )
    return SLACK_HTTP | (SLACK_TOKEN if token else {}) | (SLACK_OAUTH if oauth else {})


def encryption_keys(text: str) -> list[str]:
    """The keys of ``SECRET_KEY``, the newest first."""
    return [key.strip() for key in text.split(",")]


def _is_key(text: str) -> bool:
    """A Fernet key: 32 bytes in URL-safe base64 (cryptography.io, Fernet, November 2026)."""
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    return bool(environ.get(name, "").strip() or environ.get(f"{name}_FILE"))


def read_database_url(environ: Mapping[str, str], mistakes: Mistakes) -> Secret | None:
    """The address of a PostgreSQL database; ``None`` if there is none, so that the database is a
    file in the bot's folder. A wrong one is a mistake."""
    text = _secret("DATABASE_URL", environ, "", mistakes)
    if text is None:
        return None
    if not text.startswith(("postgresql://", "postgres://")):
        mistakes.add(
            "DATABASE_URL",
            "is not the address of a PostgreSQL database",
            "write postgresql://user:password@host/database, or leave it out for SQLite",
        )
        return None
    file = environ.get("DATABASE_URL_FILE")
    return Secret(text, Path(file) if file else None)


def _secret(name: str, environ: Mapping[str, str], need: str, mistakes: Mistakes) -> str | None:
    """The secret's text; ``None`` if it is not set or can't be read. That is a mistake, except if
    it is not set and ``need``, why it is needed, is empty."""
    file_name = f"{name}_FILE"
    text, file = environ.get(name, "").strip(), environ.get(file_name, "")
    if text and file:
        mistakes.add(name, f"is set, and so is {file_name}", "set only one of them")
    elif file:
        return _secret_from_file(file_name, Path(file), mistakes)
    elif not text and need:
        mistakes.add(
            name, f"is not set; {need}", f"set it, or set {file_name} to the path of a file"
        )
    return text or None


def _secret_from_file(name: str, file: Path, mistakes: Mistakes) -> str | None:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_SECRET_BYTES + 1)
        text = data.decode("utf-8").strip()
    except (OSError, ValueError) as error:
        why = reason(error, file) if isinstance(error, OSError) else "it is not text"
        mistakes.add(name, f"can't read {quoted(str(file), 200)}: {why}")
        return None
    if not text or len(data) > MAX_SECRET_BYTES:
        size = "empty" if not text else "too large for a token"
        mistakes.add(name, f"the file {quoted(str(file), 200)} is {size}")
        return None
    return text
