"""Discord's REST API, as far as posting needs it: one session, the limits, and the own pace.

discord.py's client keeps each channel's bucket by its headers, and repeats by itself what Discord
answers with a fault of its own. It has no limit over all channels of its own accord, so there is
one here.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp
import discord
from discord.http import HTTPClient, Route, json_or_text

from adapters.discord.errors import at_the_border
from bot.network import Network
from bot.ports import Clock

PER_SECOND: Final = 45.0  # Discord allows 50 over all (docs, topics/rate-limits, 2026-08-06)
LONGEST_WAIT: Final = 30.0  # seconds that the library may wait by itself for a bucket


class Rest:
    """Logs in at the first request. Close it."""

    def __init__(
        self,
        *,
        api_url: str,
        token: str,
        proxy: str | None,
        network: Network,
        clock: Clock,
    ) -> None:
        # Of the class, because the library builds its routes so: one Discord in a process.
        Route.BASE = api_url
        self._token = token
        self._proxy = proxy
        self._network = network
        self._clock = clock
        self._http: HTTPClient | None = None
        self._logging_in = asyncio.Lock()
        self._free_at = 0.0
        self.user_id = ""

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def ask(
        self, method: str, path: str, *, json: Any = None, once: bool = False, **parts: Any
    ) -> Any:
        """The answer's JSON. Raises SendError and PlatformRefused.

        ``once``: a fault of Discord's is told at once instead of being asked away. What the library
        meets on a second try (a wait, a refused connection) would otherwise hide that the first one
        may have been obeyed.
        """
        with at_the_border():
            http = await self._logged_in()
            await self._take_turn()
            more: dict[str, Any] = {} if json is None else {"json": json}
            if "params" in parts:
                more["params"] = parts.pop("params")
            if once:
                more["raise_for_status"] = _tell_faults
            return await http.request(Route(method, path, **parts), **more)

    async def _logged_in(self) -> HTTPClient:
        async with self._logging_in:
            if self._http is None:
                http = HTTPClient(
                    asyncio.get_running_loop(),
                    connector(self._network),
                    proxy=self._proxy,
                    max_ratelimit_timeout=LONGEST_WAIT,
                )
                try:
                    self.user_id = str((await http.static_login(self._token))["id"])
                except BaseException:
                    await http.close()
                    raise
                self._http = http
            return self._http

    async def _take_turn(self) -> None:
        now = self._clock.monotonic()
        at = max(now, self._free_at)
        self._free_at = at + 1 / PER_SECOND
        if at > now:
            await self._clock.sleep(at - now)


def connector(network: Network) -> aiohttp.TCPConnector:
    """As the library makes its own, but for the certificates that count."""
    return aiohttp.TCPConnector(limit=0, ssl=network.tls)


async def _tell_faults(response: aiohttp.ClientResponse) -> None:
    """Handed through the library to aiohttp, which asks it of each answer."""
    if response.status >= 500:
        raise discord.DiscordServerError(response, await json_or_text(response))
