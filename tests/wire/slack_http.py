"""HTTP mode of the small Slack: what it sends to the bot's address, signed as Slack does it.

The signature: docs.slack.dev, authentication/verifying-requests-from-slack (November 2026).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from tests.wire.slack_socket import SlackSocket

if TYPE_CHECKING:
    from tests.wire.slack_server import SlackServer

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


@dataclass(frozen=True)
class Signed:
    """A request as it goes over the wire, to be sent again as it is."""

    body: bytes
    headers: Mapping[str, str]


class SlackHttp(SlackSocket):
    """The same requests as through Socket Mode, to a port of this machine. ``now`` is Slack's
    clock."""

    def __init__(
        self, server: SlackServer, port: int, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(server)
        self.url = f"http://127.0.0.1:{port}"
        self.now = now

    def signed(
        self,
        kind: str,
        payload: Any,
        *,
        secret: str = SIGNING_SECRET,
        age: float = 0.0,
        retry: int = 0,
    ) -> Signed:
        if kind == "events_api":
            body, content_type = json.dumps(payload), "application/json"
        else:
            fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content_type = urlencode(fields), "application/x-www-form-urlencoded"
        return self.sign(body.encode(), content_type, secret=secret, age=age, retry=retry)

    def sign(
        self,
        body: bytes,
        content_type: str,
        *,
        secret: str = SIGNING_SECRET,
        age: float = 0.0,
        retry: int = 0,
    ) -> Signed:
        timestamp = str(int(self.now() - age) + retry)  # another time for each
        base = b"v0:" + timestamp.encode() + b":" + body
        digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
        again = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        return Signed(
            body,
            {
                "Content-Type": content_type,
                "X-Slack-Request-Timestamp": timestamp,
                "X-Slack-Signature": f"v0={digest}",
                **(again if retry else {}),
            },
        )

    def post(self, request: Signed, **headers: str) -> tuple[int, str]:
        """Status and body of the answer; a header that is empty is left out. Slack waits for
        three seconds."""
        sent = {name: value for name, value in {**request.headers, **headers}.items() if value}
        return self._server.run(self._post(request.body, sent))

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        timeout = aiohttp.ClientTimeout(total=3)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{self.url}/slack/events", data=BytesIO(body), headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    async def _deliver(self, kind: str, payload: dict[str, Any], times: int = 1) -> dict[str, Any]:
        """Again as Slack does where it had no answer; what was answered the last time, as Socket
        Mode has it."""
        for retry in range(times):
            request = self.signed(kind, payload, retry=retry)
            status, text = await self._post(request.body, request.headers)
            assert status == 200, (status, text)
        return {"payload": json.loads(text)} if text else {}

    def get(self, path: str, *, cookie: str = "") -> tuple[int, str, Mapping[str, str]]:
        """A page, as a browser gets it: status, text and headers; redirections are not followed."""

        async def getting() -> tuple[int, str, Mapping[str, str]]:
            headers = {"Cookie": cookie} if cookie else {}
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.url + path, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status, await answer.text(), answer.headers.copy()

        return self._server.run(getting())
