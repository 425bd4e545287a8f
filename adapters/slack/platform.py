"""Slack as a platform: one workspace, or several that have their own tokens.

A message is sent once. What became of one whose answer was lost is looked for by its metadata,
where a history scope is granted; else nobody can say, and a person decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Self

from adapters import Settings
from adapters.slack import render
from adapters.slack.socket import Socket
from adapters.slack.workspace import Workspace
from bot.errors import ChannelRefused, PlatformRefused
from bot.model import Channel, Digest, Draft, Finding, Post, Receipt
from bot.ports import Commands

log = logging.getLogger(__name__)

BOT_TOKEN, APP_TOKEN = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"
WORKERS: Final = 16  # several hundred messages a minute are allowed (docs, rate limits)


class Slack:
    """The platform of ``slack:`` channels: ``slack:C…``, or ``slack:name/C…`` of several."""

    workers = WORKERS

    def __init__(self, settings: Settings) -> None:
        names = [each["name"] for each in settings.options.get("workspaces") or ()] or [""]
        self._workspaces = {
            name: Workspace(
                name=name,
                api_url=settings.options["api_url"],
                bot_token=settings.secret(variable(BOT_TOKEN, name)),
                app_token=settings.secret(variable(APP_TOKEN, name)),
                clock=settings.clock,
            )
            for name in names
        }
        self._sockets = [
            Socket(
                workspace,
                command=settings.options["command"],
                managers=frozenset(settings.options["managers"]),
            )
            for workspace in self._workspaces.values()
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for workspace in self._workspaces.values():
            await workspace.web.close()

    @property
    def deaf_since(self) -> datetime | None:
        return min(filter(None, (each.deaf_since for each in self._sockets)), default=None)

    async def listen(self, commands: Commands) -> None:
        """To all workspaces. One that does not let us in leaves the others alone.

        Raises PlatformDown if one is lost, PlatformRefused if none lets us in.
        """
        tasks = {asyncio.create_task(each.listen(commands)): each for each in self._sockets}
        try:
            while True:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    socket = tasks.pop(task)
                    try:
                        task.result()
                    except PlatformRefused as error:
                        if not tasks:
                            raise
                        log.error("workspace=%s refused why=%s", socket.name, error)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def compose(self, digest: Digest) -> list[Draft]:
        """Pure."""
        return render.compose(digest)

    async def send(self, post: Post) -> Receipt:
        """Raises SendError and PlatformRefused."""
        workspace, channel = self._home(post.channel)
        try:
            return await workspace.send(post, channel)
        except PlatformRefused as error:
            if len(self._workspaces) > 1:  # the others go on
                raise ChannelRefused(str(error)) from error
            raise

    async def find(self, post: Post) -> Receipt | None:
        """Raises CannotTell where no history may be read, and SendError."""
        workspace, channel = self._home(post.channel)
        return await workspace.find(post, channel)

    async def tell(self, person_id: str, text: str) -> None:
        """Raises SendError and PlatformRefused."""
        workspace, user = self._home(Channel(person_id))
        await workspace.tell(user, text)

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        findings: list[Finding] = []
        for workspace in self._workspaces.values():
            own = [
                (channel, self._home(channel)[1])
                for channel in channels
                if self._home(channel)[0] is workspace
            ]
            findings += await workspace.examine(own)
        return findings

    def _home(self, channel: Channel) -> tuple[Workspace, str]:
        """The workspace of a channel or a person, and their own id there. Raises ChannelRefused."""
        own = channel.id.partition(":")[2]
        name, _, short = own.rpartition("/")
        if name not in self._workspaces:
            raise ChannelRefused(
                f"There is no workspace {name or 'without a name'} in bot.toml. Add it below"
                " [[slack.workspaces]], or remove the channel."
            )
        return self._workspaces[name], short


def variable(token: str, workspace: str) -> str:
    """The environment variable of a workspace's token: ``SLACK_BOT_TOKEN_RESEARCH``."""
    return f"{token}_{workspace.upper().replace('-', '_')}" if workspace else token
