"""Slack's Web API for one workspace: one client, and no faster than Slack allows in a channel.

The library repeats a request after a broken connection by itself, and so posts twice; that is
switched off (slack-sdk 3.47, measured: AsyncConnectionErrorRetryHandler).
"""

from __future__ import annotations

from typing import Any, Final

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.translate import at_the_border
from bot.ports import Clock

PER_CHANNEL: Final = 1.05  # seconds between two messages in a channel (docs, rate limits)
TIMEOUT: Final = 30  # seconds


class Web:
    """Close it. ``scopes`` and ``bot_id`` are known after ``introduce``."""

    def __init__(self, *, api_url: str, token: str, clock: Clock) -> None:
        self._api_url = api_url
        self._token = token
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None
        self._free_at: dict[str, float] = {}
        self.scopes: frozenset[str] | None = None  # as Slack last named them
        self.bot_id = ""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = self._client = None

    def client(self) -> AsyncWebClient:
        """The library's client, on a connection that is kept open."""
        if self._client is None:
            self._session = aiohttp.ClientSession(trust_env=True)
            self._client = AsyncWebClient(
                token=self._token,
                base_url=self._api_url,
                session=self._session,
                timeout=TIMEOUT,
                retry_handlers=[],
                trust_env_in_session=True,
            )
        return self._client

    async def ask(self, method: str, **arguments: Any) -> Any:
        """The answer to a method, named as the library does. Raises SendError, PlatformRefused."""
        with at_the_border():
            return await getattr(self.client(), method)(**arguments)

    async def introduce(self) -> None:
        """Learn who we are and what we may do. Raises SendError and PlatformRefused."""
        if self.scopes is None:
            answer = await self.ask("auth_test")
            named = answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes")
            self.scopes = frozenset(each.strip() for each in str(named or "").split(",") if each)
            self.bot_id = str(answer.get("bot_id") or "")

    async def post(self, channel: str, **arguments: Any) -> Any:
        """``chat.postMessage``, in its turn. Raises SendError and PlatformRefused."""
        now = self._clock.monotonic()
        at = max(now, self._free_at.get(channel, 0.0))
        self._free_at[channel] = at + PER_CHANNEL
        if at > now:
            await self._clock.sleep(at - now)
        return await self.ask("chat_postMessage", channel=channel, **arguments)
