"""HTTP mode: what Slack sends to a public address, behind a reverse proxy that speaks HTTPS.

A request is accepted if it carries a signature of Slack's that is at most five minutes old and was
not used before. It is acknowledged at once, as in Socket Mode (``handler``), and a stop waits for
its listener.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from slack_bolt import BoltResponse
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.request.internals import parse_body
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from adapters.slack.app import build, only
from adapters.slack.handler import Dispatcher, ListenerTasks, SentAck
from adapters.slack.workspace import Workspace
from bot.errors import GaveUp, PlatformDown
from bot.http_server import ConnectionLimits, listening, max_connections
from bot.ports import Clock, Commands

log = logging.getLogger(__name__)

EVENTS_PATH: Final = "/slack/events"
INSTALL_PATH: Final = "/slack/install"
REDIRECT_PATH: Final = "/slack/oauth_redirect"
SETTING: Final = "[slack] listen"
SHUTDOWN_GRACE: Final = 1.0  # seconds that running listeners get when the bot stops
# A window of Slack's has at most 250 kB (docs.slack.dev, reference/views, November 2026), and comes
# percent-encoded.
MAX_BODY_BYTES: Final = 1024 * 1024
BODY_TIMEOUT: Final = 5.0  # seconds for a body to arrive; Slack waits for three altogether
SIGNED_FOR: Final = 300.0  # seconds (docs.slack.dev, verifying-requests-from-slack)


def connection_limits() -> ConnectionLimits:
    """Each request may take a connection of its own, so as many people as this can press something
    at once (a quarter of the usual 1,024 file descriptors). A reverse proxy may keep connections
    for long."""
    count = max_connections(256, share=4)
    return ConnectionLimits(count=count, header_timeout=10.0, lifetime=3600.0)


class _Seconds(SignatureClock):
    """Our clock, as slack_sdk expects it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()


class SignatureCheck:
    """Whether a request is Slack's own, fresh, and comes for the first time. Another process, or
    this one after a restart, does not know which signatures were used: there, the request's ids
    keep it from doing anything twice (``requests``)."""

    def __init__(self, signing_secret: str, clock: Clock) -> None:
        self._verifier = SignatureVerifier(signing_secret, _Seconds(clock))
        self._clock = clock
        self._accepted: OrderedDict[str, float] = OrderedDict()  # until when to remember each

    def accepts(self, headers: Mapping[str, str], body: bytes) -> bool:
        timestamp = headers.get("X-Slack-Request-Timestamp", "")
        signature = headers.get("X-Slack-Signature", "")
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
            return False
        if not signature.isascii() or not _is_text(body):
            return False
        if not self._verifier.is_valid(body, timestamp, signature):
            return False
        now = self._clock.now().timestamp()
        while self._accepted and next(iter(self._accepted.values())) < now:
            self._accepted.popitem(last=False)
        if signature in self._accepted:
            return False
        self._accepted[signature] = now + 2 * SIGNED_FOR  # a clock may be ahead by as much
        return True


@dataclass(frozen=True, slots=True)
class ServedApp:
    """The app, and the work that goes on while it is served. ``flow`` lets workspaces install the
    app; that of ``app`` is ignored, because Bolt makes one by itself if SLACK_CLIENT_ID is set,
    even to nothing."""

    app: AsyncApp
    work: Callable[[], Awaitable[object]]
    flow: AsyncOAuthFlow | None = None


class Receiver:
    """Receives the requests for one Bolt app. ``body_timeout`` is in seconds."""

    def __init__(
        self,
        prepared: ServedApp,
        signatures: SignatureCheck,
        tasks: ListenerTasks,
        clock: Clock,
        *,
        body_timeout: float = BODY_TIMEOUT,
    ) -> None:
        self._body_timeout = body_timeout
        self._flow = prepared.flow
        self._signatures = signatures
        self._tasks = tasks
        self._dispatcher = Dispatcher(prepared.app, tasks, clock)

    def application(self) -> web.Application:
        served = web.Application(client_max_size=MAX_BODY_BYTES)
        served.router.add_post(EVENTS_PATH, self._take_request)
        if (flow := self._flow) is not None:
            served.router.add_get(flow.install_path, _page(flow.handle_installation))
            served.router.add_get(flow.redirect_uri_path, _page(flow.handle_callback))
        return served

    async def _take_request(self, request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._body_timeout):
                raw = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        if not self._signatures.accepts(request.headers, raw):
            log.warning("request refused why=its signature is missing, wrong, old or was used")
            return web.Response(status=401)
        if self._tasks.closed:
            return web.Response(status=503)
        text = raw.decode("utf-8")
        try:
            body = parse_body(text, request.content_type)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            log.warning("malformed request why=the body is no object")
            return web.Response(status=400)
        answered: asyncio.Future[web.StreamResponse] = asyncio.get_running_loop().create_future()

        async def send(response: BoltResponse) -> None:
            """Returns once the answer has been written."""
            answer = await to_aiohttp_response(response)
            await answer.prepare(request)
            await answer.write_eof()
            if not answered.done():
                answered.set_result(answer)

        def bolt_request() -> AsyncBoltRequest:
            return AsyncBoltRequest(
                body=text,
                query=request.query_string,
                headers=dict(request.headers),
            )

        kind = str(body.get("type") or "command")
        handling = await self._dispatcher.take(body, SentAck(send), bolt_request, kind)
        if handling is not None:
            either: set[asyncio.Future[Any]] = {answered, handling}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return answered.result() if answered.done() else web.Response(status=503)


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _page(
    handle: Callable[[AsyncBoltRequest], Awaitable[BoltResponse]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A page of Bolt's OAuth flow, for a browser."""

    async def answer(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await handle(await to_bolt_request(request)))

    return answer


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What HTTP mode needs. ``public_url`` is where Slack finds the reverse proxy, or empty."""

    signing_secret: str = field(repr=False)
    listen: tuple[str, int]
    public_url: str
    command: str
    managers: frozenset[str]


class HttpListener(ABC):
    """Listens for the workspaces of one app, once at a time."""

    def __init__(self, options: HttpOptions, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.disconnected_since: datetime | None = None

    degraded = ""

    async def listen(self, commands: Commands) -> None:
        """Runs until cancelled. Raises PlatformDown and PlatformRefused."""
        self.disconnected_since = self.disconnected_since or self.clock.now()
        tasks = ListenerTasks()
        signatures = SignatureCheck(self.options.signing_secret, self.clock)
        try:
            prepared = await self.prepare(commands)
            receiver = Receiver(prepared, signatures, tasks, self.clock)
            async with _receiving(receiver, tasks, self.options.listen):
                self.disconnected_since = None
                await prepared.work()
        finally:
            self.disconnected_since = None

    @abstractmethod
    async def prepare(self, commands: Commands) -> ServedApp:
        """Raises PlatformDown and PlatformRefused."""


class TokenListener(HttpListener):
    """For the one workspace whose token is in the environment."""

    def __init__(self, workspace: Workspace, options: HttpOptions) -> None:
        super().__init__(options, workspace.clock)
        self.workspace = workspace

    async def prepare(self, commands: Commands) -> ServedApp:
        await self.workspace.check_token()
        app = build(
            only(self.workspace),
            commands,
            client=self.workspace.web.client,
            command=self.options.command,
            managers=self.options.managers,
        )
        return ServedApp(app, asyncio.Event().wait)


@asynccontextmanager
async def _receiving(
    receiver: Receiver,
    tasks: ListenerTasks,
    listen: tuple[str, int],
) -> AsyncIterator[None]:
    """Receives requests while the context is open; its end waits for running listeners. Raises
    PlatformDown."""
    try:
        async with listening(receiver.application(), SETTING, listen, connection_limits()):
            log.info("slack listening on=%s:%d", *listen)
            try:
                yield
            finally:
                await tasks.drain(SHUTDOWN_GRACE)
    except GaveUp as error:
        raise PlatformDown(str(error)) from error
