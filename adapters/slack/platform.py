"""Slack as a platform: one workspace, or several that have their own tokens.

A message is sent once. What became of one whose answer was lost is looked for by its metadata,
where a history scope is granted; else nobody can say, and a person decides. The socket is opened by
``listen`` alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Self

from adapters import Settings
from adapters.slack import checks, render, replies
from adapters.slack.socket import Socket
from adapters.slack.workspace import APP_TOKEN, BOT_TOKEN, Workspace, parted, variable
from bot.errors import ChannelRefused, PlatformDown, PlatformRefused
from bot.model import Channel, Finding, Post, Receipt
from bot.ports import Clock, Commands, Composer

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = 60.0  # seconds until one of several workspaces is connected to again


class Slack:
    """The platform of ``slack:`` channels: ``slack:C…``, and ``slack:name/C…`` of a workspace that
    bot.toml gives a name."""

    workers = 20  # channels at once; a workspace takes several hundred messages a minute

    def __init__(self, settings: Settings) -> None:
        options = settings.options
        self._clock: Clock = settings.clock
        self._command: str = options.get("command") or replies.COMMAND
        names = options.get("workspaces") or ("",)
        self._workspaces = {
            name: Workspace(
                name=name,
                api_url=options["api_url"],
                bot_token=settings.secret(variable(BOT_TOKEN, name)),
                app_token=settings.secret(variable(APP_TOKEN, name)),
                clock=settings.clock,
                network=settings.network,
            )
            for name in names
        }
        self._sockets = [
            Socket(
                workspace,
                command=self._command,
                managers=frozenset(options.get("managers") or ()),
            )
            for workspace in self._workspaces.values()
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for workspace in self._workspaces.values():
            await workspace.web.close()

    # -- listening -----------------------------------------------------------------------------

    @property
    def disconnected_since(self) -> datetime | None:
        return min(filter(None, (each.disconnected_since for each in self._sockets)), default=None)

    degraded = ""  # its commands are in the app's manifest, which is not ours to write

    async def listen(self, commands: Commands) -> None:
        """To all workspaces. Raises PlatformDown and PlatformRefused.

        Of several, one that is lost is connected to again by itself, and one that does not let us
        in leaves the others alone.
        """
        if len(self._sockets) == 1:
            await self._sockets[0].listen(commands)
            return
        listening = [
            asyncio.create_task(self._keep_listening(each, commands)) for each in self._sockets
        ]
        try:
            refusals = [str(refusal) for refusal in await asyncio.gather(*listening)]
        finally:
            for task in listening:
                if not task.cancelling():  # a second time would interrupt its tidying up
                    task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        raise PlatformRefused(" ".join(refusals))

    async def _keep_listening(self, socket: Socket, commands: Commands) -> PlatformRefused:
        """Until cancelled, or until the workspace does not let us in."""
        while True:
            try:
                await socket.listen(commands)
            except PlatformRefused as error:
                log.error("refused workspace=%s why=%s", socket.workspace.title, error)
                return error
            except PlatformDown as error:
                log.warning("down workspace=%s why=%s", socket.workspace.title, error)
            await self._clock.sleep(AGAIN_AFTER)

    # -- posting -------------------------------------------------------------------------------

    def composer(self) -> Composer:
        return render.SlackComposer()

    async def send(self, post: Post) -> Receipt:
        """Raises SendError and PlatformRefused."""
        workspace, channel = self._home(post.channel.id)
        try:
            return await workspace.send(post, channel)
        except PlatformRefused as error:
            raise self._alone(error) from error

    async def find(self, post: Post) -> Receipt | None:
        """Raises CannotTell where no history may be read, SendError and PlatformRefused."""
        workspace, channel = self._home(post.channel.id)
        try:
            return await workspace.find(post, channel)
        except PlatformRefused as error:
            raise self._alone(error) from error

    async def tell(self, person_id: str, text: str) -> None:
        """Raises SendError and PlatformRefused."""
        workspace, person = self._home(person_id)
        await workspace.say(person, replies.readable(text, self._command))

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        findings: list[Finding] = []
        for socket in self._sockets:
            name = socket.workspace.name
            own = [channel for channel in channels if parted(channel.id)[0] == name]
            findings += await checks.examine(socket, own)
        return findings

    def _alone(self, error: PlatformRefused) -> PlatformRefused | ChannelRefused:
        """A workspace's fault is Slack's as a whole only where there is no other workspace."""
        return error if len(self._workspaces) == 1 else ChannelRefused(str(error))

    def _home(self, core_id: str) -> tuple[Workspace, str]:
        """The workspace of a channel or a person, and the id there. Raises ChannelRefused."""
        name, own = parted(core_id)
        if name not in self._workspaces:
            raise ChannelRefused(
                f"bot.toml has no workspace {name or 'without a name'} any more. Add it below"
                " [[slack.workspaces]], or remove the channel."
            )
        return self._workspaces[name], own
