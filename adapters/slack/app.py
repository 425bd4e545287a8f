"""The Bolt app: whose requests are handled, which are dropped, and the listeners.

A plain Bolt app except for three things that Bolt does not do by itself (docs/design.md, Slack):
its ``ack`` answers Slack the moment it is called, its listeners run in tasks that a stop waits for
(both in ``handler``), and a repeated request changes nothing (``requests``). Whatever receives the
requests, Socket Mode or HTTP, only has to provide such an ``ack``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from slack_bolt import BoltResponse
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncCallableAuthorize
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import listeners
from adapters.slack.api import Me
from adapters.slack.control_panel import ControlPanel
from adapters.slack.fields import below_field
from adapters.slack.requests import Middleware, drop_repeats
from adapters.slack.responder import Place, Responder
from adapters.slack.screens import Screens
from adapters.slack.workspace import Workspace
from bot.errors import PlatformError, SendError, UserError
from bot.ports import Commands

log = logging.getLogger(__name__)
# Bolt logs payloads at DEBUG, with names and what people typed, and warns of SLACK_BOT_TOKEN in the
# environment, which we read ourselves.
library = logging.getLogger("adapters.slack.app.library")
library.setLevel(logging.ERROR)

NAME: Final = "daily-papers"
RETRY_DELAYS: Final = (0.5, 1.0, 2.0)  # seconds

FindWorkspace = Callable[[str], Awaitable[Workspace | None]]
Next = Callable[[], Awaitable[None]]


def only(workspace: Workspace) -> FindWorkspace:
    """Finds this workspace for every request."""

    async def find(team_id: str) -> Workspace | None:
        return workspace

    return find


def build(
    find: FindWorkspace,
    commands: Commands,
    *,
    client: AsyncWebClient,
    command: str,
    managers: frozenset[str],
    oauth_flow: AsyncOAuthFlow | None = None,
) -> AsyncApp:
    """``find`` gives the workspace that a request is about by its team id, which is empty if the
    request does not name it. A request that turns out to be another workspace's is dropped: Slack
    sends those of all that have installed the app, and the ids of their channels may be the same.
    ``command`` is what people type; ``managers`` are the user ids that may make changes, empty if
    everybody may. ``client`` becomes Bolt's own."""
    client.token = None  # Bolt is given the token by ``authorize``
    screens = Screens()
    panels = _Panels(commands, command=command, managers=managers, screens=screens)
    app = AsyncApp(
        name=NAME,
        logger=library,
        client=client,
        # Wrapped here, because beside an OAuth flow Bolt accepts no plain function.
        authorize=AsyncCallableAuthorize(logger=library, func=_authorize),  # type: ignore[arg-type]
        oauth_flow=oauth_flow,
        before_authorize=_workspace_first(find, panels, drop_repeats(commands, screens)),
        # ``http`` verifies signatures, because it acknowledges before anything is dispatched.
        request_verification_enabled=False,
        # The listener runs inside async_dispatch, which the handler keeps as a task; ``ack``
        # answers without waiting for the listener to end.
        process_before_response=True,
        raise_error_for_unhandled_request=True,  # so that it becomes one line in our log
    )

    app.use(panels.attach)
    app.error(_report)
    listeners.register(app)
    return app


class _Panels:
    """The control panel of each workspace, with its responder."""

    def __init__(
        self, commands: Commands, *, command: str, managers: frozenset[str], screens: Screens
    ) -> None:
        self._commands = commands
        self._command = command
        self._managers = managers
        self._screens = screens
        self._made: dict[str, ControlPanel] = {}

    def of(self, workspace: Workspace) -> ControlPanel:
        found = self._made.get(workspace.name)
        # it may have been installed again since
        if found is None or found.responder.workspace is not workspace:
            responder = Responder(
                workspace,
                self._commands,
                command=self._command,
                managers=self._managers,
                screens=self._screens,
            )
            found = self._made[workspace.name] = ControlPanel(responder)
        return found

    async def attach(self, context: AsyncBoltContext, next: Next) -> None:
        """A middleware: listeners find the panel and its responder in the context."""
        panel = context["panel"] = self.of(context["workspace"])
        context["responder"] = panel.responder
        await next()


def _workspace_first(find: FindWorkspace, panels: _Panels, drop_repeated: Middleware) -> Middleware:
    """A middleware that puts the workspace into the context, or ends the request."""

    async def before_authorize(
        body: dict[str, Any], context: AsyncBoltContext, next: Next
    ) -> BoltResponse | None:
        if body.get("type") == "url_verification":  # about no workspace
            await next()
            return None
        workspace, team = await find(context.team_id or ""), context.team_id
        if workspace is not None:
            try:
                home = (await introduced(workspace, body)).team_id
            except (SendError, PlatformError) as error:
                return await apologize(panels.of(workspace).responder, body, context.ack, error)
            workspace = workspace if not team or not home or team == home else None
        if workspace is None:
            log.warning("request of a workspace without the app team=%s", team)
            return await context.ack()
        context["workspace"] = workspace
        return await drop_repeated(body=body, context=context, next=next)

    return before_authorize


async def _authorize(context: AsyncBoltContext) -> AuthorizeResult:
    """From what is known already: Bolt's own would request ``auth.test`` again."""
    workspace: Workspace = context["workspace"]
    me = await workspace.web.me()
    return AuthorizeResult(
        enterprise_id=context.enterprise_id,
        team_id=context.team_id,
        bot_id=me.bot_id,
        bot_user_id=me.user_id,
        bot_token=workspace.web.token,
    )


async def _report(error: Exception, request: AsyncBoltRequest) -> BoltResponse | None:
    """Logs what went wrong in a listener. Nobody is affected but the person who waits for the
    answer."""
    kind = str(request.body.get("type") or "command")
    if isinstance(error, BoltUnhandledRequestError):
        await request.context.ack()
        log.info("unmatched request type=%s", kind)
        return BoltResponse(status=200)
    if isinstance(error, SendError | PlatformError):
        log.warning("answering failed type=%s why=%s", kind, error)
    else:
        log.error("answering failed type=%s", kind, exc_info=error)
    return None


async def introduced(workspace: Workspace, body: Mapping[str, Any]) -> Me:
    """Who the bot is in the workspace, without which no request can be handled. That is known
    except at the first request to a workspace that this process has just loaded; then Slack is
    asked, if need be several times. Raises SendError and PlatformRefused."""
    waits = body.get("type") == "view_submission"  # the window shows the answer
    for delay in RETRY_DELAYS[:1] if waits else RETRY_DELAYS:
        try:
            return await workspace.web.me()
        except SendError:
            await workspace.clock.sleep(delay)
    return await workspace.web.me()


async def apologize(
    responder: Responder, body: Mapping[str, Any], ack: AsyncAck, error: SendError | PlatformError
) -> BoltResponse:
    """Tells the person that their request can't be handled; a submitted form stays as filled in."""
    text = f"Nothing was done: {error} Please try again in a minute."
    log.warning("request not handled type=%s why=%s", body.get("type") or "command", error)
    if body.get("type") == "view_submission":
        below = next(iter(body["view"]["state"]["values"]), None)
        if below is not None:
            return await ack(response_action="errors", errors={below: below_field(text)})
        return await ack(response_action="update", view=responder.sentence("Papers", text))
    acknowledged = await ack()
    try:
        await responder.refuse(Place.of(body), UserError(text))
    except (SendError, PlatformError) as again:
        log.warning("and not told why=%s", again)
    return acknowledged
