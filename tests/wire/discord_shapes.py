"""How Discord describes things, and how it answers. Shapes as in its documentation (2026-08-06)."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

from tests.wire import discord_rules

BOT_ID, APPLICATION, GUILD = "901", "901", "500"
ROLE = "1142000000000000123"  # the one of a server beside that of everyone
TOKEN = "wire-discord-token"
BODY: web.RequestKey[Any] = web.RequestKey("body", object)  # what was sent, as JSON
EPOCH = 1420070400000
TEXT, ANNOUNCEMENT, THREAD, FORUM = 0, 5, 11, 15
CLOSED_THREAD = (50083, 160005, 30033)  # archived, locked, full: it can be read, not written to
PERMISSIONS = str(1 << 10 | 1 << 11 | 1 << 16 | 1 << 35 | 1 << 38)

BOT = {"id": BOT_ID, "username": "papers", "discriminator": "0", "avatar": None, "bot": True}
ABOUT = {
    "id": APPLICATION, "name": "Papers", "icon": None, "description": "", "bot_public": False,
    "bot_require_code_grant": False, "verify_key": "00", "flags": 0, "owner": {**BOT, "id": "1"},
}  # fmt: skip


def json_response(text: str, status: int = 200) -> web.Response:
    """With the bare content type of Discord's: of any other the library reads no JSON."""
    response = web.Response(body=text.encode(), status=status)
    response.headers["Content-Type"] = "application/json"
    return response


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """As Discord answers: with ``Via``, without which a 429 means a ban."""
    response = json_response(json.dumps(body), status)
    response.headers["Via"] = "1.1 google"
    for name, value in (headers or {}).items():
        if value:
            response.headers[name] = value
        else:
            del response.headers[name]
    return response


def numbered(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Discord gives every component an id of its own."""
    copied = json.loads(json.dumps(components))
    for number, part in enumerate(discord_rules.nested(copied), start=1):
        part["id"] = number  # type: ignore[index]
    return copied  # type: ignore[no-any-return]


def text_of(message: dict[str, Any]) -> str:
    parts = discord_rules.nested(message.get("components"))
    texts = [message.get("content") or "", *(part.get("content") or "" for part in parts)]
    return "\n".join(filter(None, texts))


def epoch_id(number: int) -> str:
    """An id that says when it was given, and no other says the same."""
    return str(((int(time.time() * 1000) - EPOCH) << 22) + number % (1 << 22))


def guild(guild_id: str = GUILD, name: str = "Wire") -> dict[str, Any]:
    """A server as Discord describes it."""
    role = {
        "id": guild_id, "name": "@everyone", "color": 0, "colors": {"primary_color": 0},
        "hoist": False, "position": 0, "permissions": PERMISSIONS, "managed": False,
        "mentionable": False, "flags": 0,
    }  # fmt: skip
    readers = {**role, "id": ROLE, "name": "readers", "permissions": "0"}
    return {
        "id": guild_id, "name": name, "owner_id": "1", "roles": [role, readers], "emojis": [],
        "features": [], "afk_timeout": 300, "verification_level": 0, "mfa_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "premium_tier": 0,
        "system_channel_flags": 0, "preferred_locale": "en-US", "nsfw_level": 0,
        "stickers": [], "premium_progress_bar_enabled": False,
    }  # fmt: skip
