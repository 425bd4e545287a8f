"""The Bolt app of one workspace: who is heard, what is dropped, and which listener hears what.

A plain Bolt app but for three things that Bolt does not do by itself (docs/design.md, Slack): its
``ack`` answers Slack the moment it is called, its listeners run in tasks that a stop waits for
(both in ``handler``), and a request that comes again changes nothing (``requests``). Whatever
receives the requests, Socket Mode or HTTP, only has to bring such an ``ack``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from slack_bolt import BoltResponse
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.slack import listeners
from adapters.slack.control_panel import ControlPanel
from adapters.slack.requests import drop_repeats
from adapters.slack.responder import Responder
from adapters.slack.workspace import Workspace
from bot.errors import PlatformError, SendError
from bot.ports import Commands

log = logging.getLogger(__name__)
# Bolt logs payloads at DEBUG, with names and what people typed, and warns of SLACK_BOT_TOKEN in the
# environment, which we read ourselves.
library = logging.getLogger("adapters.slack.app.library")
library.setLevel(logging.ERROR)

NAME: Final = "daily-papers"


def build(
    workspace: Workspace,
    commands: Commands,
    *,
    command: str,
    managers: frozenset[str],
) -> AsyncApp:
    """``command`` is what people type; ``managers`` are the user ids that may change something,
    empty where everybody may."""
    responder = Responder(workspace, commands, command=command, managers=managers)
    client = workspace.web.client
    client.token = None  # Bolt is given the token by ``authorize``

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """From what the start learned: Bolt's own would request ``auth.test`` once more."""
        me = await workspace.web.me()
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_id=me.bot_id,
            bot_user_id=me.user_id,
            bot_token=workspace.web.token,
        )

    app = AsyncApp(
        name=NAME,
        logger=library,
        client=client,
        authorize=authorize,
        before_authorize=drop_repeats(commands, responder.screens),
        # The listener runs inside of async_dispatch, which the handler keeps as a task; ``ack``
        # answers without waiting for the listener's end.
        process_before_response=True,
        raise_error_for_unhandled_request=True,  # so that it is one line of our log
    )

    @app.middleware
    async def attach_responder(
        context: AsyncBoltContext, next: Callable[[], Awaitable[None]]
    ) -> None:
        context["responder"] = responder
        context["panel"] = ControlPanel(responder)
        await next()

    @app.error
    async def report(error: Exception, request: AsyncBoltRequest) -> BoltResponse | None:
        """What goes wrong in an answer is lost to the person who waits for it, and to nobody
        else; it is logged."""
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

    listeners.register(app)
    return app
