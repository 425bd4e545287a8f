"""The last check of a post (``bot.last_check``) in aiohttp, which both platforms' clients use."""

from __future__ import annotations

import aiohttp

from bot.last_check import before_writing


def checked_before_writing() -> aiohttp.TraceConfig:
    """For an aiohttp session: a request that may no longer be sent ends with the check's error.

    Despite the name ``on_request_headers_sent``, aiohttp calls it right before it writes the
    headers, on an open connection (aiohttp 3.14, http_writer.StreamWriter.write_headers).
    """
    trace = aiohttp.TraceConfig()

    async def check(*_: object) -> None:
        before_writing()

    trace.on_request_headers_sent.append(check)
    return trace
