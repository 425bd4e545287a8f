"""The gateway of the small Discord: sessions that are identified, resumed and broken off.

Events are kept by session, so that a resume gets what it missed. Interactions are sent through it,
and their answers come by REST.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.wire.discord_shapes import (
    APPLICATION,
    BODY,
    BOT,
    GUILD,
    PERMISSIONS,
    TOKEN,
    answer,
    guild,
)

if TYPE_CHECKING:
    from tests.wire.discord_server import DiscordServer

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
MANAGE_CHANNELS, MANAGE_GUILD = 1 << 4, 1 << 5


@dataclass
class Session:
    """One identified client, and all that it was sent, by number."""

    id: str
    events: list[dict[str, Any]] = field(default_factory=list)
    socket: Socket | None = None


class Socket:
    """One connection, compressed as Discord does: one stream for its whole life."""

    def __init__(
        self, ws: web.WebSocketResponse, transport: asyncio.Transport, *, compressed: bool
    ) -> None:
        self.ws = ws
        self.transport = transport
        self._deflate = zlib.compressobj() if compressed else None

    async def send(self, payload: dict[str, Any]) -> None:
        if self.ws.closed:
            return
        data = json.dumps(payload)
        if self._deflate is None:
            await self.ws.send_str(data)
        else:
            packed = self._deflate.compress(data.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self.ws.send_bytes(packed)


@dataclass
class Asked:
    """An interaction that was sent, and what came back for it."""

    token: str
    callback: asyncio.Future[dict[str, Any]]
    final: asyncio.Future[dict[str, Any]]
    message: dict[str, Any] = field(default_factory=dict)


class DiscordGateway:
    """``refuse`` closes every new connection with a code; ``forget`` makes resumes invalid."""

    def __init__(self, server: DiscordServer) -> None:
        self._server = server
        self.sessions: dict[str, Session] = {}
        self.identifies = 0
        self.resumes = 0
        self.connections = 0
        self.refuse: int | None = None
        self.pausing = threading.Event()  # unset: who connects is kept waiting
        self.pausing.set()
        self.forget = False
        self._asked: dict[str, Asked] = {}
        self._welcomed = 0
        self._news = asyncio.Event()

    async def close(self) -> None:
        for session in self.sessions.values():
            if session.socket is not None:
                await session.socket.ws.close(code=1001)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.connections += 1
        self._server.tell_news()
        await asyncio.to_thread(self.pausing.wait, 20)
        if self.refuse is not None:
            await ws.close(code=self.refuse)
            return ws
        assert request.transport is not None
        compressed = request.query.get("compress") == "zlib-stream"
        socket = Socket(ws, request.transport, compressed=compressed)
        await socket.send({"op": HELLO, "d": {"heartbeat_interval": 41_250}})
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            payload = json.loads(message.data)
            if payload["op"] == HEARTBEAT:
                await socket.send({"op": ACK})
            elif payload["op"] == IDENTIFY:
                await self._identify(socket, payload["d"])
            elif payload["op"] == RESUME:
                await self._resume(socket, payload["d"])
        return ws

    async def _identify(self, socket: Socket, asked: dict[str, Any]) -> None:
        self.identifies += 1
        if asked["token"] != TOKEN:
            await socket.ws.close(code=4004)
            return
        session = Session(f"session{self.identifies}", socket=socket)
        self.sessions[session.id] = session
        at = self._server.options["gateway_url"]
        ready = {
            "v": 10, "user": BOT, "session_id": session.id, "resume_gateway_url": at,
            "guilds": [{"id": guild()["id"], "unavailable": True}],
            "application": {"id": APPLICATION, "flags": 0}, "private_channels": [],
        }  # fmt: skip
        await self._dispatch(session, "READY", ready)
        await self._dispatch(session, "GUILD_CREATE", self._guild())
        self._welcome()

    def _welcome(self) -> None:
        self._welcomed += 1
        self._news.set()

    def _guild(self) -> dict[str, Any]:
        channels = [each for each in self._server.channels.values() if each["type"] in (0, 5, 15)]
        threads = [each for each in self._server.channels.values() if each["type"] == 11]
        return {
            **guild(), "channels": channels, "members": [], "threads": threads,
            "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
            "voice_states": [], "presences": [], "large": False, "member_count": 2,
            "unavailable": False, "joined_at": "2026-01-01T00:00:00+00:00",
        }  # fmt: skip

    async def _resume(self, socket: Socket, asked: dict[str, Any]) -> None:
        self.resumes += 1
        session = self.sessions.get(asked["session_id"])
        if session is None or self.forget:
            await socket.send({"op": INVALID, "d": False})
            return
        session.socket = socket
        for event in session.events[asked["seq"] :]:
            await socket.send(event)
        await self._dispatch(session, "RESUMED", {})
        self._welcome()

    async def _dispatch(self, session: Session, name: str, data: dict[str, Any]) -> None:
        event = {"op": DISPATCH, "t": name, "s": len(session.events) + 1, "d": data}
        session.events.append(event)
        if session.socket is not None:
            await session.socket.send(event)

    @property
    def latest(self) -> Session:
        return list(self.sessions.values())[-1]

    # -- as a test uses it, on any thread ---------------------------------------------------------

    def wait_for_client(self, count: int = 1) -> None:
        """Until so many clients have been told of their servers, resumed ones counted."""

        async def waiting() -> None:
            while self._welcomed < count:
                self._news.clear()
                await self._news.wait()

        self._server.run(asyncio.wait_for(waiting(), 20))

    def break_off(self, code: int = 4000, *, abort: bool = False) -> None:
        async def breaking() -> None:
            socket = self.latest.socket
            assert socket is not None
            if abort:
                socket.transport.abort()
            else:
                await socket.ws.close(code=code)

        self._server.run(breaking())

    def ask(self, words: str, channel_id: str, **more: Any) -> dict[str, Any]:
        """``/papers words`` as a person types it; the message that they are shown at the end."""
        name, _, value = words.partition(" ")
        option: dict[str, Any] = {"type": 1, "name": name, "options": []}
        if value:
            key = {"why": "paper"}.get(name, "keyword")
            option["options"] = [{"type": 3, "name": key, "value": value}]
        data = {"id": "77", "name": "papers", "type": 1, "options": [option]}
        return self._server.run(self._interact(2, data, channel_id, **more))

    def press(self, custom_id: str, message: dict[str, Any], channel_id: str) -> dict[str, Any]:
        """A button of a message; what its presser is shown at the end."""
        data = {"component_type": 2, "custom_id": custom_id, "id": 9}
        return self._server.run(self._interact(3, data, channel_id, message=message))

    async def _interact(
        self,
        kind: int,
        data: dict[str, Any],
        channel_id: str,
        *,
        message: dict[str, Any] | None = None,
        rights: int = MANAGE_CHANNELS,
        acknowledged_only: bool = False,
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        asked = Asked(f"token{self._server.new_id()}", loop.create_future(), loop.create_future())
        self._asked[asked.token] = asked
        user = {"id": "42", "username": "ann", "global_name": "Ann", "discriminator": "0",
                "avatar": None}  # fmt: skip
        member = {
            "user": user, "roles": [], "permissions": str(int(PERMISSIONS) | rights),
            "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0,
        }  # fmt: skip
        event = {
            "id": self._server.new_id(), "application_id": APPLICATION, "type": kind, "data": data,
            "token": asked.token, "version": 1, "guild_id": GUILD, "channel_id": channel_id,
            "channel": self._server.channels[channel_id], "member": member, "locale": "en-US",
            "guild_locale": "en-US", "app_permissions": PERMISSIONS, "entitlements": [],
            "authorizing_integration_owners": {"0": GUILD}, "context": 0,
            "attachment_size_limit": 10_000_000,
            "guild": {"id": GUILD, "features": [], "locale": "en-US"},
        }  # fmt: skip
        if message is not None:
            event["message"] = message
        await self._dispatch(self.latest, "INTERACTION_CREATE", event)
        first = await asyncio.wait_for(asked.callback, 3)  # or Discord shows a failure
        if acknowledged_only:
            return first
        return await asyncio.wait_for(asked.final, 25)

    # -- what the bot answers, by REST ------------------------------------------------------------

    def callback(self, request: web.Request, interaction: str, token: str) -> web.Response:
        asked = self._asked[token]
        if asked.callback.done():
            self._server.violations.append("an interaction was acknowledged twice")
            return answer({"message": "already acknowledged", "code": 40060}, 400)
        asked.callback.set_result(request[BODY])
        message = self._made(request[BODY].get("data") or {})
        asked.message = message
        if request[BODY]["type"] in (4, 8, 9):
            asked.final.set_result(message)
        resource = {"type": request[BODY]["type"], "message": message}
        about = {"id": interaction, "type": 2, "response_message_id": message["id"]}
        return answer({"interaction": about, "resource": resource})

    def _made(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = next(iter(self._server.channels))
        message = self._server.store(channel, body)
        self._server.messages[channel].remove(message)
        return {**message, "guild_id": GUILD}

    def edited(self, request: web.Request, application: str, token: str) -> web.Response:
        asked = self._asked[token]
        asked.message = {**self._made(request[BODY]), "id": asked.message["id"]}
        if not asked.final.done():
            asked.final.set_result(asked.message)
        return answer(asked.message)

    def original(self, _: web.Request, application: str, token: str) -> web.Response:
        return answer(self._asked[token].message)
