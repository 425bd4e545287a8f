"""One workspace's Web API: one session, the bot's own pace, and what Slack says about the token.

Repeats nothing by itself: what may be sent again is the core's decision. slack_sdk's own handlers
are off, because the default one posts twice after a connection that broke (measured with 3.47).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.http_trace import checked_before_writing
from adapters.slack.errors import ASKED_TO_WAIT, at_the_border, reading_answer
from bot.errors import OutcomeUnknown, TryLater
from bot.network import Network
from bot.ports import Clock

# docs.slack.dev, apis/web-api/rate-limits (November 2026): a message per second and channel, and
# "several hundred messages per minute" for a workspace; what exceeds that may not be shown.
CHANNEL_INTERVAL: Final = 1.0  # seconds between two messages
WORKSPACE_INTERVAL: Final = 0.2  # 300 a minute; a burst beyond "several hundred" may go unshown
REFUSAL_PAUSE: Final = 1.0  # seconds for all channels, after Slack has refused a message to one
MAX_WAIT: Final = 20.0  # seconds that a message waits here for its turn
REQUEST_TIMEOUT: Final = 30.0  # seconds
CONNECT_TIMEOUT: Final = 10.0  # seconds

# At DEBUG the libraries would log tickets, names and what people typed, so they never may.
quiet = logging.getLogger("adapters.slack.library")
quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Me:
    """Who the bot is in this workspace, and what it may do there."""

    team: str
    team_id: str
    url: str
    name: str
    user_id: str
    bot_id: str
    scopes: frozenset[str]


class Web:
    """Opens its session at the first request. Has to be closed."""

    def __init__(self, *, api_url: str, token: str, network: Network, clock: Clock) -> None:
        self._api_url = api_url
        self.token = token
        self.network = network
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._me: Me | None = None
        self._identifying = asyncio.Lock()
        self._free_at = 0.0
        self._channels: dict[str, float] = {}  # when each takes the next message
        self._paused_until: dict[str, float] = {}  # by channel or method

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def client(self) -> AsyncWebClient:
        client = AsyncWebClient(
            token=self.token,
            base_url=self._api_url,
            ssl=self.network.tls,
            session=self._opened(),
            retry_handlers=[],
            logger=quiet,
        )
        # Set afterwards: given None, the library reads the environment by itself, without regard
        # to exemptions and without checking what is there (slack_sdk 3.47).
        client.proxy = self.network.proxy_for(self._api_url)
        return client

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT)
            self._session = aiohttp.ClientSession(
                timeout=timeout, trace_configs=[checked_before_writing()]
            )
        return self._session

    async def me(self, *, refresh: bool = False) -> Me:
        """Requested once, or again with ``refresh``. Raises TryLater and PlatformRefused."""
        async with self._identifying:
            if self._me is None or refresh:
                self._me = await self._identify()
            return self._me

    async def _identify(self) -> Me:
        try:
            with at_the_border():
                answer = await self.client.auth_test()
        except OutcomeUnknown as error:
            raise TryLater(str(error)) from error
        data = _data(answer)
        granted = str(answer.headers.get("x-oauth-scopes") or "")
        return Me(
            team=str(data.get("team") or "the workspace"),
            team_id=str(data.get("team_id") or ""),
            url=str(data.get("url") or ""),
            name=str(data.get("user") or "papers"),
            user_id=str(data.get("user_id") or ""),
            bot_id=str(data.get("bot_id") or ""),
            scopes=frozenset(each.strip() for each in granted.split(",") if each.strip()),
        )

    async def post(self, channel: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a message when it is its turn. Raises SendError and PlatformRefused."""
        await self._take_turn(channel)
        return await self.request("chat.postMessage", json={**message, "channel": channel})

    async def request(
        self,
        method: str,
        *,
        json: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Raises SendError and PlatformRefused. With ``params`` it is a GET request."""
        # What is paused when Slack asks us to wait: a channel's messages, or a method that reads.
        # Not windows: each is one person's, and too many of theirs must not hold up others'.
        whose = str((json or {}).get("channel") or (method if json is None else ""))
        wait = self._paused_until.get(whose, 0.0) - self._clock.monotonic()
        if wait > 0:
            raise TryLater(ASKED_TO_WAIT, wait)
        try:
            with at_the_border(self._me.name if self._me else "papers"):
                verb = "POST" if params is None else "GET"
                return _data(
                    await self.client.api_call(method, http_verb=verb, json=json, params=params)
                )
        except TryLater as error:
            if error.seconds is not None and whose:
                now = self._clock.monotonic()
                self._paused_until[whose] = now + error.seconds
                self._free_at = max(self._free_at, now + REFUSAL_PAUSE)
            raise

    async def upload(self, name: str, text: str) -> str:
        """Uploads a file, and returns its id. Nobody sees it before it is shared. Needs
        ``files:write`` (docs.slack.dev, messaging/working-with-files, November 2026). Raises
        SendError and PlatformRefused."""
        content = text.encode()
        given = {"filename": name, "length": str(len(content))}
        target = await self.request("files.getUploadURLExternal", params=given)
        with reading_answer():
            url, file_id = str(target["upload_url"]), str(target["file_id"])
        with at_the_border():
            async with self._opened().post(
                url, data=content, proxy=self.network.proxy_for(url), ssl=self.network.tls
            ) as answer:
                if answer.status != 200:
                    raise TryLater(f"Slack answered {answer.status} to the file.")
        return file_id

    async def share_file(self, channel: str, name: str, file_id: str) -> None:
        """Shows an uploaded file in a conversation that exists already. Raises SendError and
        PlatformRefused."""
        done = {"files": [{"id": file_id, "title": name}], "channel_id": channel}
        await self.request("files.completeUploadExternal", json=done)

    async def open_socket(self, app_token: str) -> None:
        """Tries whether Socket Mode accepts the token. Raises SendError and PlatformRefused."""
        with at_the_border():
            await self.client.apps_connections_open(app_token=app_token)

    async def respond(self, url: str, message: Mapping[str, Any]) -> bool:
        """Answer an interaction by its own address; whether Slack took the answer. Raises SendError
        and PlatformRefused."""
        webhook = AsyncWebhookClient(
            url, ssl=self.network.tls, session=self._opened(), retry_handlers=[], logger=quiet
        )
        webhook.proxy = self.network.proxy_for(url)  # as in ``client``
        with at_the_border():
            answer = await webhook.send_dict(dict(message))
        if answer.status_code != 200:
            quiet.warning("answer status=%s said=%s", answer.status_code, answer.body[:200])
        return answer.status_code == 200

    async def _take_turn(self, channel: str) -> None:
        now = self._clock.monotonic()
        turn = max(now, self._free_at)
        at = max(turn, self._channels.get(channel, 0.0))
        if at - now > MAX_WAIT:
            raise TryLater("Many messages wait to be sent.", at - now)
        self._free_at = turn + WORKSPACE_INTERVAL
        self._channels = {key: free for key, free in self._channels.items() if free > now}
        self._channels[channel] = at + CHANNEL_INTERVAL
        if at > now:
            await self._clock.sleep(at - now)


def _data(answer: Any) -> dict[str, Any]:
    data = answer.data
    return dict(data) if isinstance(data, dict) else {}
