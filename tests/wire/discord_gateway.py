"""The gateway of the small Discord: sessions that are identified, resumed and broken off.

Events are kept by session, so that a resume gets what it missed. Interactions are sent through it,
and their answers come by REST.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
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
    """One identified client, and all that it was sent, by number. ``shard``: which of how many."""

    id: str
    shard: tuple[int, int] = (0, 1)
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
    """``refuse`` closes every connection that identifies or resumes with a code; ``forget`` makes
    resumes invalid, ``invalid`` so many new sessions (``math.inf``: all). ``shards`` is how many
    are recommended, and ``starts`` how many sessions may still be begun."""

    def __init__(self, server: DiscordServer) -> None:
        self._server = server
        self.sessions: dict[str, Session] = {}
        self.identifies = 0
        self.resumes = 0
        self.connections = 0
        self.refuse: int | None = None
        self.invalid = 0.0
        self.shards = 1
        self.starts = 1000
        self.max_concurrency = 1
        self.started: list[tuple[int, float]] = []  # each identified shard, with monotonic seconds
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

    @property
    def about(self) -> dict[str, Any]:
        """What ``/gateway/bot`` says."""
        return {
            "url": self._server.options["gateway_url"],
            "shards": self.shards,
            "session_start_limit": {
                "total": 1000, "remaining": self.starts, "reset_after": 7_200_000,
                "max_concurrency": self.max_concurrency,
            },
        }  # fmt: skip

    async def _identify(self, socket: Socket, asked: dict[str, Any]) -> None:
        self.identifies += 1
        self.starts -= 1
        number, count = asked.get("shard", (0, 1))
        self.started.append((number, time.monotonic()))
        self._server.tell_news()
        code = 4004 if asked["token"] != TOKEN else self.refuse
        if code is not None:
            await socket.ws.close(code=code)
            return
        if self.invalid:
            self.invalid -= 1
            await socket.send({"op": INVALID, "d": False})
            return
        session = Session(f"session{self.identifies}", (number, count), socket=socket)
        self.sessions[session.id] = session
        at = self._server.options["gateway_url"]
        mine = [each for each in self._server.guilds if self._shard_of(each, count) == number]
        ready = {
            "v": 10, "user": BOT, "session_id": session.id, "resume_gateway_url": at,
            "guilds": [{"id": each, "unavailable": True} for each in mine],
            "shard": [number, count],
            "application": {"id": APPLICATION, "flags": 0}, "private_channels": [],
        }  # fmt: skip
        await self._dispatch(session, "READY", ready)
        for each in mine:
            await self._dispatch(
                session, "GUILD_CREATE", self._guild(each) | {"unavailable": False}
            )
        self._welcome()

    def _shard_of(self, guild_id: str, count: int) -> int:
        return (int(guild_id) >> 22) % count

    def session_of(self, guild_id: str) -> Session:
        """The newest one that gets the events of this server."""
        return next(
            each
            for each in reversed(self.sessions.values())
            if each.shard[0] == self._shard_of(guild_id, each.shard[1])
        )

    def _welcome(self) -> None:
        self._welcomed += 1
        self._news.set()

    def _guild(self, guild_id: str) -> dict[str, Any]:
        """With its channels. That it is available Discord says only where it is no new one."""
        here = [c for c in self._server.channels.values() if c.get("guild_id") == guild_id]
        channels = [each for each in here if each["type"] in (0, 5, 15)]
        threads = [each for each in here if each["type"] == 11]
        me = {
            "user": BOT, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False,
            "mute": False, "flags": 0,
        }  # fmt: skip
        return {
            **self._server.guilds[guild_id], "channels": channels, "members": [me],
            "threads": threads,
            "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
            "voice_states": [], "presences": [], "large": False, "member_count": 2,
            "joined_at": "2026-01-01T00:00:00+00:00",
        }  # fmt: skip

    async def _resume(self, socket: Socket, asked: dict[str, Any]) -> None:
        self.resumes += 1
        if self.refuse is not None:
            await socket.ws.close(code=self.refuse)
            return
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

    def join(self, guild_id: str, name: str = "Another") -> None:
        """Somebody adds the bot to a server, whose channels are there already."""
        self._server.guilds[guild_id] = guild(guild_id, name)
        self._tell(guild_id, "GUILD_CREATE", self._guild(guild_id))

    def leave(self, guild_id: str, *, told: bool = True) -> None:
        """Somebody removes the bot from a server."""
        del self._server.guilds[guild_id]
        if told:
            self._tell(guild_id, "GUILD_DELETE", {"id": guild_id})

    def lose(self, guild_id: str) -> None:
        """Discord has a fault, and the server is unavailable."""
        self._tell(guild_id, "GUILD_DELETE", {"id": guild_id, "unavailable": True})

    def tell_removed(self, guild_id: str) -> None:
        """Say that the bot was removed, although it was not."""
        self._tell(guild_id, "GUILD_DELETE", {"id": guild_id})

    def delete_channel(self, channel_id: str, *, told: bool = True) -> None:
        channel = self._server.channels.pop(channel_id)
        if told:
            self._tell(channel["guild_id"], "CHANNEL_DELETE", channel)

    def _tell(self, guild_id: str, name: str, data: dict[str, Any]) -> None:
        self._server.run(self._dispatch(self.session_of(guild_id), name, data))

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
            key = "paper" if name in {"why", "save", "cite", "discuss"} else "keyword"
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
        user_id: str = "42",
        acknowledged_only: bool = False,
        installed_by_person: bool = False,
    ) -> dict[str, Any]:
        """``installed_by_person``: in a server that does not have the bot."""
        channel = self._server.channels[channel_id]
        where = channel.get("guild_id", GUILD)
        loop = asyncio.get_running_loop()
        asked = Asked(f"token{self._server.new_id()}", loop.create_future(), loop.create_future())
        self._asked[asked.token] = asked
        user = {"id": user_id, "username": "ann", "global_name": "Ann", "discriminator": "0",
                "avatar": None}  # fmt: skip
        member = {
            "user": user, "roles": [], "permissions": str(int(PERMISSIONS) | rights),
            "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0,
        }  # fmt: skip
        event = {
            "id": self._server.new_id(), "application_id": APPLICATION, "type": kind, "data": data,
            "token": asked.token, "version": 1, "guild_id": where, "channel_id": channel_id,
            "channel": self._server.channels[channel_id], "member": member, "locale": "en-US",
            "guild_locale": "en-US", "app_permissions": PERMISSIONS, "entitlements": [],
            "authorizing_integration_owners": {"1": "42"} if installed_by_person else {"0": where},
            "context": 0,
            "attachment_size_limit": 10_000_000,
            "guild": {"id": where, "features": [], "locale": "en-US"},
        }  # fmt: skip
        if channel["type"] == 1:  # private messages
            for name in ("guild_id", "guild_locale", "guild", "member"):
                del event[name]
            owners = {"authorizing_integration_owners": {"0": "0"}, "context": 1}
            event |= {"user": user, **owners}
        if message is not None:
            event["message"] = message
        await self._dispatch(self.session_of(where or GUILD), "INTERACTION_CREATE", event)
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
        """An answer that one person sees is in no channel's history."""
        channel = next(iter(self._server.channels))
        return {**self._server.made(channel, body), "guild_id": GUILD}

    def edited(self, request: web.Request, application: str, token: str) -> web.Response:
        asked = self._asked[token]
        asked.message = {**self._made(request[BODY]), "id": asked.message["id"]}
        if not asked.final.done():
            asked.final.set_result(asked.message)
        return answer(asked.message)

    def original(self, _: web.Request, application: str, token: str) -> web.Response:
        return answer(self._asked[token].message)
