"""Socket Mode of the small Slack: envelopes that are to be acknowledged, and sockets that break.

Envelopes and their payloads have the shapes of slackapi/bolt-python's own tests (facts, 8.1).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from tests.wire.slack_server import SlackServer


class SlackSocket:
    """``silent`` keeps new sockets open without a message."""

    def __init__(self, server: SlackServer) -> None:
        self._server = server
        self.opened = 0  # addresses that were given out
        self.connected = 0
        self.silent = False
        self.refuses = ""  # the reason for which every new socket is ended at once
        self.refused = 0
        self._sockets: list[tuple[web.WebSocketResponse, asyncio.Transport]] = []
        self._acks: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._news = asyncio.Event()
        self._numbers = count()

    async def close(self) -> None:
        for socket, _ in self._sockets:
            await socket.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=not self.silent)
        await socket.prepare(request)
        assert request.transport is not None
        self._sockets.append((socket, request.transport))
        if self.refuses:
            await socket.send_json({"type": "disconnect", "reason": self.refuses, "debug_info": {}})
            self.refused += 1
            self._server.tell_news()
        elif not self.silent:
            self.connected += 1
            self._news.set()
            self._server.tell_news()
            await socket.send_json(
                {
                    "type": "hello",
                    "num_connections": 1,
                    "debug_info": {"approximate_connection_time": 3600},
                    "connection_info": {"app_id": "A1"},
                }
            )
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._hear(json.loads(message.data))
        return socket

    def _hear(self, payload: dict[str, Any]) -> None:
        waiting = self._acks.pop(payload.get("envelope_id", ""), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(payload)

    # -- as a test uses it, on any thread --------------------------------------------------

    def wait_for_client(self, count: int = 1) -> None:
        """Until so many sockets were opened in all."""

        async def waiting() -> None:
            while self.connected < count:
                self._news.clear()
                await self._news.wait()

        self._server.run(asyncio.wait_for(waiting(), 40))

    def disconnect(self, reason: str) -> None:
        """As Slack does before it renews a connection, or when it has too many."""
        self._server.run(self._send({"type": "disconnect", "reason": reason, "debug_info": {}}))

    def hang_up(self, *, abort: bool = False) -> None:
        async def breaking() -> None:
            socket, transport = self._sockets[-1]
            if abort:
                transport.abort()
            else:
                await socket.close()

        self._server.run(breaking())

    def envelope(self, kind: str, payload: dict[str, Any], *, times: int = 1) -> dict[str, Any]:
        """Send one, and wait for it to be acknowledged, as Slack does: for three seconds."""
        return self._server.run(self._deliver(kind, payload, times))

    async def _deliver(self, kind: str, payload: dict[str, Any], times: int = 1) -> dict[str, Any]:
        envelope = f"envelope-{next(self._numbers)}"
        for _ in range(times):
            acknowledged = asyncio.get_running_loop().create_future()
            self._acks[envelope] = acknowledged
            await self._send(
                {
                    "type": kind,
                    "envelope_id": envelope,
                    "payload": payload,
                    "accepts_response_payload": kind != "events_api",
                }
            )
            ack: dict[str, Any] = await asyncio.wait_for(acknowledged, 3)
        return ack

    def command(self, text: str, room: str, *, times: int = 1, **more: Any) -> str:
        """``/papers text`` as a person types it; the name under which answers come."""
        name, payload = self._command(text, room, more)
        self.envelope("slash_commands", payload, times=times)
        return name

    def commands_at_once(self, texts: Sequence[str], room: str) -> dict[str, float]:
        """As many people who type at the same moment: none of their commands waits for another to
        be acknowledged. After how many seconds each was, by the name under which answers come."""
        given = [
            self._command(text, room, {"user_id": f"U{number:07d}"})
            for number, text in enumerate(texts)
        ]

        async def typing(payload: dict[str, Any]) -> float:
            began = time.monotonic()
            await self._deliver("slash_commands", payload)
            return time.monotonic() - began

        async def everybody() -> list[float]:
            return await asyncio.gather(*(typing(payload) for _, payload in given))

        return dict(zip((name for name, _ in given), self._server.run(everybody()), strict=True))

    def _command(self, text: str, room: str, more: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name = self._answer_name()
        return name, {
            "token": "t", "team_id": "T1", "channel_id": room, "channel_name": "papers",
            "user_id": "U0000001", "user_name": "ann", "command": "/papers", "text": text,
            "api_app_id": "A1", "response_url": f"{self._server.url}/answers/{name}",
            "trigger_id": self._server.new_trigger(), **more,
        }  # fmt: skip

    def _answer_name(self) -> str:
        return f"answer{next(self._numbers)}"

    def press(self, action_id: str, value: str, room: str, **more: Any) -> str:
        """A button of a message; the name under which answers come."""
        name = self._answer_name()
        payload = {
            "type": "block_actions", "user": {"id": "U0000001", "username": "ann", "name": "ann"},
            "team": {"id": "T1"}, "channel": {"id": room, "name": "papers"},
            "actions": [{"type": "button", "action_id": action_id, "value": value,
                         "block_id": "b"}],
            "trigger_id": self._server.new_trigger(),
            "response_url": f"{self._server.url}/answers/{name}", **more,
        }  # fmt: skip
        self.envelope("interactive", payload)
        return name

    def submit(
        self,
        view: dict[str, Any],
        values: dict[str, Any],
        room: str,
        *,
        times: int = 1,
        **more: Any,
    ) -> dict[str, Any]:
        """A window that was filled in; what was acknowledged, which changes what it shows."""
        name = self._answer_name()
        payload = {
            "type": "view_submission", "user": {"id": "U0000001", "username": "ann", "name": "ann"},
            "team": {"id": "T1"}, "view": {**view, "state": {"values": values}},
            "response_urls": [{
                "response_url": f"{self._server.url}/answers/{name}", "channel_id": room,
                "block_id": "channel", "action_id": "channel",
            }],
            "trigger_id": self._server.new_trigger(), **more,
        }  # fmt: skip
        answer: dict[str, Any] = {}
        for _ in range(times):
            acknowledged = self.envelope("interactive", payload)
            answer = acknowledged.get("payload") or {}
            self._server.take_submission_answer(view, answer)
        return answer

    def open_home(self, user: str) -> None:
        event = {"type": "app_home_opened", "user": user, "channel": "D1", "tab": "home"}
        payload = {
            "type": "event_callback", "team_id": "T1", "event": event,
            "event_id": f"Ev{next(self._numbers):08d}",
        }  # fmt: skip
        self.envelope("events_api", payload)

    def join(self, user: str, room: str) -> None:
        """Somebody, perhaps the bot, becomes a member of a channel."""
        event = {
            "type": "member_joined_channel", "user": user, "channel": room, "channel_type": "C",
            "team": "T1", "inviter": "U0000001",
        }  # fmt: skip
        payload = {
            "type": "event_callback", "team_id": "T1", "event": event,
            "event_id": f"Ev{next(self._numbers):08d}",
        }  # fmt: skip
        self.envelope("events_api", payload)

    async def _send(self, payload: dict[str, Any]) -> None:
        await self._sockets[-1][0].send_json(payload)
