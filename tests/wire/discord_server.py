"""A small Discord on 127.0.0.1: the REST API with a world behind it, and every way it can fail.

The gateway is in ``discord_gateway``, what Discord would not take in ``discord_rules``. Shapes,
status codes and the traps of the client library: facts of Discord, 3 and 9.3.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.wire import discord_rules
from tests.wire.discord_gateway import DiscordGateway
from tests.wire.discord_shapes import (
    ABOUT,
    APPLICATION,
    BODY,
    BOT,
    BOT_ID,
    CLOSED_THREAD,
    FORUM,
    GUILD,
    TEXT,
    THREAD,
    TOKEN,
    answer,
    epoch_id,
    guild,
    json_response,
    numbered,
    text_of,
)  # fmt: skip
from tests.wire.serving import WireServer

NONCE_LIVES = 120.0  # seconds
_STORES = re.compile(r"/api/v10/channels/\d+/(messages|threads)")


@dataclass
class Limits:
    """Discord's rate limits: requests a second over all, and of a bucket in ``per`` seconds."""

    over_all: int = 50
    bucket: int = 5
    per: float = 5.0


class DiscordServer(WireServer):
    """``documented=False`` leaves the OpenAPI document out, which costs a benchmark its time."""

    vendor = "Discord"

    def __init__(self, *, limits: Limits | None = None, documented: bool = True) -> None:
        super().__init__()
        self.limits = limits
        self._document = discord_rules.document() if documented else None
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.guilds = {GUILD: guild()}  # the servers that the bot is in
        self.about = dict(ABOUT)  # the application
        self.commands: list[dict[str, Any]] = []
        self.strangers: set[str] = set()  # people who are in no server; all others are in each
        self.closed: dict[str, int] = {}  # channels that refuse us, and the code they say
        self.too_fast = 0  # requests that were answered with 429
        self.gateway = DiscordGateway(self)
        self._nonces: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._being_stored: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._buckets: dict[str, tuple[float, int]] = {}
        self._second: tuple[float, int] = (0.0, 0)
        self._ids = 0
        self._ended = asyncio.Event()

    # -- as a test uses it -----------------------------------------------------------------------

    @property
    def settings(self) -> str:
        """For bot.toml."""
        return (
            f'[discord]\napi_url = "http://127.0.0.1:{self.port}/api/v10"\n'
            f'gateway_url = "ws://127.0.0.1:{self.port}/gateway"\n'
        )

    @property
    def options(self) -> dict[str, Any]:
        at = f"127.0.0.1:{self.port}"
        return {"api_url": f"http://{at}/api/v10", "gateway_url": f"ws://{at}/gateway"}

    def open_channel(self, kind: int = TEXT, **more: Any) -> str:
        """A new channel's id."""
        channel_id = self.new_id()
        self.channels[channel_id] = {
            "id": channel_id,
            "type": kind,
            "guild_id": GUILD,
            "name": f"channel-{len(self.channels)}",
            "parent_id": None,
            "position": 0,
            "permission_overwrites": [],
            "last_message_id": None,
            **more,
        }
        return channel_id

    def texts(self, channel_id: str) -> list[str]:
        """The whole content of each message of a channel, oldest first."""
        return [text_of(message) for message in self.messages[channel_id]]

    def papers(self, channel_id: str) -> Counter[str]:
        """How often each paper is in a channel or in its threads."""
        homes = [channel_id, *(i for i, c in self.channels.items() if c["parent_id"] == channel_id)]
        found: Counter[str] = Counter()
        for home in homes:
            for text in self.texts(home):
                found.update(re.findall(r"arxiv\.org/abs/([0-9.]+)", text))
        return found

    def new_id(self) -> str:
        self._ids += 1
        return epoch_id(self._ids)

    # -- the server -------------------------------------------------------------------------------

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._around])
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_route("*", "/api/v10/{path:.*}", self._answer)
        return app

    async def hang_up(self) -> None:
        self._ended.set()
        await self.gateway.close()

    @web.middleware
    async def _around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Records the request, lets it fail if it is to, and keeps the limits."""
        if request.path == "/gateway":
            return await handler(request)  # type: ignore[no-any-return]
        body = await _body(request)
        request[BODY] = body
        path = request.path.removeprefix("/api/v10")
        self.has_arrived(request.method, path, body)
        if request.headers.get("Authorization") not in (f"Bot {TOKEN}", None):
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        fault = self.fault_for(request.method, path)
        if fault is not None:
            if fault.how == "after":
                working = self.go_on_with(self._work(request, handler))
                if not self.storing:
                    await working
            if fault.wait:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), fault.wait)
            if fault.status == 0:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if isinstance(fault.body, str):  # JSON of another shape than documented
                return json_response(fault.body)
            if fault.status != 200:
                return answer(
                    fault.body or {"message": "fault", "code": 0}, fault.status, fault.headers
                )
        self._check(request.method, path, body)
        limited, headers = self._limited(request.method, path)
        if limited is not None:
            return limited
        response = await asyncio.shield(self.go_on_with(self._work(request, handler)))
        response.headers.update(headers)
        return response

    async def _work(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """A nonce counts from when the request arrived, and not from when it is stored."""
        if self.storing and request.method == "POST" and _STORES.fullmatch(request.path):
            nonce = (request.path, str((request[BODY] or {}).get("nonce")))
            if nonce[1] == "None" or nonce not in self._being_stored:
                stored = self.go_on_with(self.take_time())
                self._being_stored[nonce] = stored
            await asyncio.shield(self._being_stored[nonce])
        response: web.StreamResponse = await handler(request)
        self.tell_news()
        return response

    def _check(self, method: str, path: str, body: Any) -> None:
        faults = []
        if self._document is not None and body is not None:
            faults += self._document.faults(method, path, body)
        if method == "POST" and re.fullmatch(r"/channels/\d+/messages", path):
            faults += discord_rules.message_faults(body)
        if re.fullmatch(r"/webhooks/.*/messages/@original", path) and method == "PATCH":
            faults += discord_rules.message_faults({**body, "flags": body.get("flags", 0)})
        self.violations += [f"{method} {path}: {fault}" for fault in faults]

    def _limited(self, method: str, path: str) -> tuple[web.Response | None, dict[str, str]]:
        if self.limits is None or path.startswith(("/interactions", "/webhooks")):
            return None, {}
        now = time.monotonic()
        began, used = self._second if now - self._second[0] < 1 else (now, 0)
        self._second = (began, used + 1)
        if used >= self.limits.over_all:
            return self._slow_down(began + 1 - now, everywhere=True), {}
        bucket = f"{method}{path}"
        began, used = self._buckets.get(bucket, (now, 0))
        if now - began >= self.limits.per:
            began, used = now, 0
        self._buckets[bucket] = (began, used + 1)
        left = self.limits.bucket - used - 1
        after = began + self.limits.per - now
        if left < 0:
            return self._slow_down(after, everywhere=False), {}
        return None, {
            "X-RateLimit-Bucket": re.sub(r"\d+", "N", bucket),
            "X-RateLimit-Limit": str(self.limits.bucket),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(time.time() + after),
            "X-RateLimit-Reset-After": f"{after:.3f}",
        }

    def _slow_down(self, seconds: float, *, everywhere: bool) -> web.Response:
        self.too_fast += 1
        body = {"message": "slow down", "retry_after": seconds, "global": everywhere}
        return answer(body, 429, {"Retry-After": f"{seconds:.3f}"})

    async def _answer(self, request: web.Request) -> web.Response:
        path = f"/{request.match_info['path']}"
        for method, pattern, handle in self._routes():
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                given = handle(request, *found.groups())
                return await given if asyncio.iscoroutine(given) else given  # type: ignore[no-any-return]
        self.violations.append(f"no route for {request.method} {path}")
        return answer({"message": "404: Not Found", "code": 0}, 404)

    def _routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        ids = r"(\d+)"
        here = rf"/channels/{ids}"
        return [
            ("GET", "/users/@me", lambda _: answer(BOT)),
            ("GET", "(?:/oauth2)?/applications/@me", lambda _: answer(self.about)),
            ("GET", rf"/applications/{APPLICATION}/commands", lambda _: answer(self.commands)),
            ("PUT", rf"/applications/{APPLICATION}/commands", self._put_commands),
            ("POST", "/users/@me/channels", self._open_dm),
            ("GET", "/gateway/bot", lambda _: answer(self.gateway.about)),
            ("GET", rf"/guilds/{ids}", self._guild),
            ("GET", "/users/@me/guilds", self._own_guilds),
            ("GET", rf"/guilds/{ids}/members/{ids}", self._member),
            ("GET", rf"/guilds/{ids}/threads/active", self._threads),
            ("GET", rf"/guilds/{ids}/channels", self._channels_of),
            ("GET", rf"{here}/threads/archived/public", self._archive),
            ("GET", here, self._channel),
            ("GET", rf"{here}/messages", self._history),
            ("POST", rf"{here}/messages", self._post),
            ("GET", rf"{here}/messages/{ids}", self._message),
            ("POST", rf"{here}/messages/{ids}/crosspost", self._crosspost),
            ("POST", rf"{here}/messages/{ids}/threads", self._start_thread),
            ("POST", rf"{here}/threads", self._forum_post),
            ("POST", rf"/interactions/{ids}/([^/]+)/callback", self.gateway.callback),
            ("PATCH", rf"/webhooks/{ids}/([^/]+)/messages/@original", self.gateway.edited),
            ("GET", rf"/webhooks/{ids}/([^/]+)/messages/@original", self.gateway.original),
        ]

    # -- the world --------------------------------------------------------------------------------

    def _guild(self, _: web.Request, guild_id: str) -> web.Response:
        if guild_id not in self.guilds:
            return answer({"message": "Unknown Guild", "code": 10004}, 404)
        return answer(self.guilds[guild_id])

    def _refusal(self, channel_id: str) -> web.Response | None:
        if channel_id not in self.channels:
            return answer({"message": "Unknown Channel", "code": 10003}, 404)
        if (self.channels[channel_id].get("guild_id") or GUILD) not in self.guilds:
            return answer({"message": "Missing Access", "code": 50001}, 403)
        code = self.closed.get(channel_id) or self.closed.get(
            self.channels[channel_id]["parent_id"] or ""
        )
        return answer({"message": "Missing", "code": code}, 403) if code else None

    def _channel(self, _: web.Request, channel_id: str) -> web.Response:
        if channel_id in self.channels and self.closed.get(channel_id) in (50013, *CLOSED_THREAD):
            return answer(self.channels[channel_id])
        return self._refusal(channel_id) or answer(self.channels[channel_id])

    def _history(self, request: web.Request, channel_id: str) -> web.Response:
        readable = self.closed.get(channel_id) in CLOSED_THREAD
        if not readable and (refusal := self._refusal(channel_id)):
            return refusal
        after = int(request.query.get("after", 0))
        before = int(request.query.get("before", 1 << 63))
        limit = int(request.query.get("limit", 50))
        found = [each for each in self.messages[channel_id] if after < int(each["id"]) < before]
        page = found[:limit] if after else found[-limit:]
        return answer([{k: v for k, v in each.items() if k != "nonce"} for each in page[::-1]])

    def _message(self, _: web.Request, channel_id: str, message_id: str) -> web.Response:
        if channel_id not in self.channels:
            return answer({"message": "Unknown Channel", "code": 10003}, 404)
        for each in self.messages[channel_id]:
            if each["id"] == message_id:
                return answer(each)
        return answer({"message": "Unknown Message", "code": 10008}, 404)

    def _post(self, request: web.Request, channel_id: str) -> web.Response:
        if refusal := self._refusal(channel_id):
            return refusal
        body = request[BODY]
        if self.channels[channel_id]["type"] == FORUM:
            return answer(
                {"message": "Cannot send messages in a non-text channel", "code": 50008}, 400
            )
        if list(discord_rules.message_faults(body)):
            return answer({"message": "Invalid Form Body", "code": 50035}, 400)
        if discord_rules.too_heavy(body):
            return answer({"message": "500: Internal Server Error", "code": 0}, 500)
        nonce = (channel_id, str(body.get("nonce", "")))
        at, known = self._nonces.get(nonce, (-NONCE_LIVES, {}))
        if body.get("enforce_nonce") and time.monotonic() - at < NONCE_LIVES:
            return answer(known)
        message = self.store(channel_id, body)
        self._nonces[nonce] = (time.monotonic(), message)
        return answer(message)

    def made(self, channel_id: str, body: dict[str, Any], message_id: str = "") -> dict[str, Any]:
        """The message that Discord makes of a request; it is not in the channel yet."""
        message = {
            "id": message_id or self.new_id(), "channel_id": channel_id, "author": BOT,
            "content": (body.get("content") or "").strip(), "embeds": [], "attachments": [],
            "timestamp": datetime.now(UTC).isoformat(), "edited_timestamp": None, "tts": False,
            "mention_everyone": False, "mentions": [], "mention_roles": [], "pinned": False,
            "type": 0, "flags": body.get("flags", 0), "nonce": body.get("nonce"),
            "components": numbered(body.get("components") or []),
        }  # fmt: skip
        if reference := body.get("message_reference"):
            message["message_reference"] = reference
        return message

    def store(self, channel_id: str, body: dict[str, Any], message_id: str = "") -> dict[str, Any]:
        message = self.made(channel_id, body, message_id)
        self.messages[channel_id].append(message)
        self.channels[channel_id]["last_message_id"] = message["id"]
        return message

    def _crosspost(self, _: web.Request, channel_id: str, message_id: str) -> web.Response:
        [message] = [each for each in self.messages[channel_id] if each["id"] == message_id]
        if message["flags"] & 2:
            text = "This message has already been crossposted."
            return answer({"message": text, "code": 40033}, 400)
        message["flags"] |= 2
        return answer(message)

    def _start_thread(self, request: web.Request, channel_id: str, message_id: str) -> web.Response:
        if refusal := self._refusal(channel_id):
            return refusal
        if message_id in self.channels:
            return answer({"message": "A thread has already been created", "code": 160004}, 400)
        if not any(each["id"] == message_id for each in self.messages[channel_id]):
            return answer({"message": "Unknown Message", "code": 10008}, 404)
        return answer(self._thread(channel_id, request[BODY]["name"], message_id), 201)

    def _thread(self, parent: str, name: str, thread_id: str) -> dict[str, Any]:
        self.channels[thread_id] = {
            "id": thread_id, "type": THREAD, "guild_id": GUILD, "name": name, "parent_id": parent,
            "owner_id": BOT_ID, "last_message_id": None, "message_count": 0, "member_count": 1,
            "thread_metadata": {
                "archived": False, "auto_archive_duration": 1440, "locked": False,
                "archive_timestamp": datetime.now(UTC).isoformat(),
            },
        }  # fmt: skip
        return self.channels[thread_id]

    def _forum_post(self, request: web.Request, channel_id: str) -> web.Response:
        if refusal := self._refusal(channel_id):
            return refusal
        body = request[BODY]
        thread = self._thread(channel_id, body["name"], self.new_id())
        self.store(thread["id"], body["message"], thread["id"])
        return answer(thread, 201)

    def _threads(self, _: web.Request, guild: str) -> web.Response:
        return answer({"threads": self._resting(archived=False), "members": []})

    def _archive(self, request: web.Request, channel_id: str) -> web.Response:
        """The latest archived first."""

        def archived_at(thread: dict[str, Any]) -> str:
            return str(thread["thread_metadata"]["archive_timestamp"])

        before, limit = request.query.get("before", "~"), int(request.query.get("limit", "50"))
        threads = [t for t in self._resting(archived=True) if t["parent_id"] == channel_id]
        left = sorted(
            (t for t in threads if archived_at(t) < before), key=archived_at, reverse=True
        )
        return answer({"threads": left[:limit], "members": [], "has_more": len(left) > limit})

    def _resting(self, *, archived: bool) -> list[dict[str, Any]]:
        threads = [each for each in self.channels.values() if each["type"] == THREAD]
        return [t for t in threads if t["thread_metadata"]["archived"] is archived]

    def _channels_of(self, _: web.Request, guild: str) -> web.Response:
        found = [each for each in self.channels.values() if each["type"] != THREAD]
        return answer([each for each in found if each.get("guild_id") == guild])

    def _put_commands(self, request: web.Request) -> web.Response:
        self.commands = [
            {
                "description": "",
                **each,
                "id": self.new_id(),
                "application_id": APPLICATION,
                "version": "1",
            }
            for each in request[BODY]
        ]
        return answer(self.commands)

    def _own_guilds(self, request: web.Request) -> web.Response:
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 200))
        found = sorted(int(each) for each in self.guilds if int(each) > after)[:limit]
        return answer([{"id": str(each), "name": "a server"} for each in found])

    def _member(self, _: web.Request, guild_id: str, user_id: str) -> web.Response:
        if guild_id not in self.guilds:
            return answer({"message": "Unknown Guild", "code": 10004}, 404)
        if user_id in self.strangers:
            return answer({"message": "Unknown Member", "code": 10007}, 404)
        return answer({"user": BOT if user_id == BOT_ID else {"id": user_id}, "roles": []})

    def _open_dm(self, request: web.Request) -> web.Response:
        return answer(self.channels[self.private_channel(request[BODY]["recipient_id"])])

    def private_channel(self, person: str) -> str:
        """Of a person and the bot: there is one, however often it is opened."""
        for each in self.channels.values():
            if each["type"] == 1 and each["recipients"][0]["id"] == person:
                return str(each["id"])
        them = [{"id": person, "username": "ann", "global_name": "Ann", "discriminator": "0",
                 "avatar": None}]  # fmt: skip
        return self.open_channel(1, recipients=them, guild_id=None)


async def _body(request: web.Request) -> Any:
    """What is asked for; beside files it is in a part of its own (discord-api-docs, reference,
    Uploading Files, November 2026). There a new file has a number for its id, which OpenAPI has as
    text."""
    if not request.can_read_body:
        return None
    if request.content_type != "multipart/form-data":
        return await request.json()
    body = json.loads(str((await request.post())["payload_json"]))
    for attachment in body.get("attachments", ()):
        attachment["id"] = str(attachment["id"])
    return body
