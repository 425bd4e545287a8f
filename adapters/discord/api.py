"""Discord's REST API, as far as posting needs it: one session, and the global rate limit.

discord.py's client keeps to each channel's rate limit, by the response headers, and retries server
errors. It does not pace requests across all channels, so that is done here.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp
import discord
from discord.http import HTTPClient, Route, json_or_text

from adapters.discord.errors import reading_answer, translated_errors
from adapters.http_trace import checked_before_writing
from bot.network import Network
from bot.ports import Clock

# Discord allows 50 across all channels (docs, topics/rate-limits, 2026-08-06).
REQUESTS_PER_SECOND: Final = 45.0
RATE_LIMIT_TIMEOUT: Final = 30.0  # seconds that the library may wait by itself


class RestClient:
    """Logs in at the first request. Has to be closed."""

    def __init__(
        self,
        *,
        api_url: str,
        token: str,
        proxy: str | None,
        network: Network,
        clock: Clock,
    ) -> None:
        # On the class, where the library's routes look for it: one Discord per process.
        Route.BASE = api_url
        self._token = token
        self._proxy = proxy
        self._network = network
        self._clock = clock
        self._http: HTTPClient | None = None
        self._login_lock = asyncio.Lock()
        self._next_request_at = 0.0  # by the monotonic clock
        self.user_id = ""

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def request(
        self, method: str, path: str, *, json: Any = None, once: bool = False, **parts: Any
    ) -> Any:
        """The response's JSON. Raises SendError and PlatformRefused.

        ``once``: a server error is raised instead of retried. Otherwise, how a second attempt of
        the library ends (a wait, a refused connection) would hide that the first one may have been
        carried out.
        """
        with translated_errors():
            http = await self._logged_in()
            await self._wait_for_slot()
            more: dict[str, Any] = {} if json is None else {"json": json}
            if "params" in parts:
                more["params"] = parts.pop("params")
            if once:
                more["raise_for_status"] = _raise_server_errors
            return await http.request(Route(method, path, **parts), **more)

    async def _logged_in(self) -> HTTPClient:
        async with self._login_lock:
            if self._http is None:
                http = HTTPClient(
                    asyncio.get_running_loop(),
                    connector(self._network),
                    proxy=self._proxy,
                    max_ratelimit_timeout=RATE_LIMIT_TIMEOUT,
                    http_trace=checked_before_writing(),
                )
                try:
                    me = await http.static_login(self._token)
                    with reading_answer():
                        self.user_id = str(int(me["id"]))
                except BaseException:
                    await http.close()
                    raise
                self._http = http
            return self._http

    async def _wait_for_slot(self) -> None:
        now = self._clock.monotonic()
        at = max(now, self._next_request_at)
        self._next_request_at = at + 1 / REQUESTS_PER_SECOND
        if at > now:
            await self._clock.sleep(at - now)


def connector(network: Network) -> aiohttp.TCPConnector:
    """Like the library's own, but with the configured certificates."""
    return aiohttp.TCPConnector(limit=0, ssl=network.tls)


async def _raise_server_errors(response: aiohttp.ClientResponse) -> None:
    """Passed through the library to aiohttp, which calls it for each response."""
    if response.status >= 500:
        raise discord.DiscordServerError(response, await json_or_text(response))
