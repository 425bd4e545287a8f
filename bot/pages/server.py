"""Serves the HTML page and the feeds, read-only, on a port of their own.

Serves only these files, by their own names, and nothing else from their folder. Creates none of
them, and knows nothing about their content except the policy in ``html``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from bot.http_server import ConnectionLimits, listening
from bot.pages.html import content_security_policy

log = logging.getLogger(__name__)

# Seconds for which a browser or a proxy may show its copy without asking.
MAX_AGE: Final = 300
LIFETIME: Final = 300.0  # seconds of a connection; a phone on the train takes a while for a page
_HTML: Final = "text/html; charset=utf-8"
_FEED: Final = "application/atom+xml; charset=utf-8"


@asynccontextmanager
async def serving(
    listen: tuple[str, int] | None, html: Path, limits: ConnectionLimits | None = None
) -> AsyncIterator[None]:
    """Answer on that host and port while the context is open, with the page at ``html`` and the
    feeds beside it; with ``None`` nothing listens. Raises GaveUp if it can't listen."""
    if listen is None:
        yield
        return
    limits = limits or ConnectionLimits(lifetime=LIFETIME)
    async with listening(application(html), "[page] listen", listen, limits):
        log.info("page listening on=%s:%d", *listen)
        yield


def application(html: Path) -> web.Application:
    """GET and HEAD of the page, also as ``/``, and of the feeds. aiohttp adds ETag and
    Last-Modified, and answers 304 where these match."""
    feed, feeds = html.with_suffix(".xml"), html.with_suffix("")
    of_keyword = re.compile(rf"{re.escape(feeds.name)}/([a-z0-9-]+\.xml)")

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name in ("", html.name):
            return web.FileResponse(html, headers=_headers(_HTML))
        if name == feed.name:
            return web.FileResponse(feed, headers=_headers(_FEED))
        if found := of_keyword.fullmatch(name):
            return web.FileResponse(feeds / found[1], headers=_headers(_FEED))
        raise web.HTTPNotFound

    served = web.Application()
    served.router.add_get("/{name:.*}", answer)
    return served


def _headers(content_type: str) -> dict[str, str]:
    return {
        "Content-Type": content_type,
        "Content-Security-Policy": f"{content_security_policy()}; frame-ancestors 'none'",
        "Cache-Control": f"public, max-age={MAX_AGE}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
