"""Slack as a platform: one workspace, several that have their own tokens, or those that installed
the app.

A message is sent once. If Slack's answer is lost, the message is searched for by its metadata,
provided that a history scope is granted; otherwise a person has to decide. Only ``listen`` opens a
socket or a port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Self, TypeVar

from adapters import Settings
from adapters.slack import blocks, checks, render, replies
from adapters.slack.api import Web
from adapters.slack.errors import UNREACHABLE, WITHOUT_ACCOUNT, code_of
from adapters.slack.http import HttpOptions, TokenListener
from adapters.slack.oauth import InstalledListener, OAuthOptions
from adapters.slack.socket import Socket
from adapters.slack.workspace import APP_TOKEN, BOT_TOKEN, Workspace, joined, parted, variable
from adapters.slack.workspaces import ConfiguredWorkspaces, Workspaces
from bot.errors import ChannelGone, ChannelRefused, PlatformDown, PlatformRefused
from bot.model import Channel, Draft, Finding, Paper, Post, Receipt
from bot.ports import Clock, Commands, Composer

log = logging.getLogger(__name__)

T = TypeVar("T")

AGAIN_AFTER: Final = 60.0  # seconds until a lost connection to one of several is retried


class Slack:
    """The platform of ``slack:`` channels: ``slack:C…``; ``slack:name/C…`` of a workspace that
    bot.toml gives a name; ``slack:T…/C…`` of one that installed the app."""

    workers = 20  # channels of a workspace at once; it takes several hundred messages a minute

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock: Clock = settings.clock
        self._command: str = settings.options.get("command") or replies.COMMAND
        self._managers = frozenset(settings.options.get("managers") or ())
        self._web: Web | None = None  # for requests that need no workspace's token
        self._workspaces: Workspaces
        self._listeners: Sequence[Socket | TokenListener | InstalledListener]
        if settings.options.get("mode") == "http":
            self._workspaces, listener = self._http()
            self._listeners = [listener]
        else:
            self._workspaces, self._listeners = self._sockets()

    def _workspace(self, name: str, bot_token: str, **more: Any) -> Workspace:
        return Workspace(
            name=name,
            api_url=self._settings.options["api_url"],
            bot_token=bot_token,
            clock=self._clock,
            network=self._settings.network,
            **more,
        )

    def _sockets(self) -> tuple[Workspaces, Sequence[Socket]]:
        secret = self._settings.secret
        workspaces = {
            name: self._workspace(
                name, secret(variable(BOT_TOKEN, name)), app_token=secret(variable(APP_TOKEN, name))
            )
            for name in self._settings.options.get("workspaces") or ("",)
        }
        sockets = [
            Socket(workspace, command=self._command, managers=self._managers)
            for workspace in workspaces.values()
        ]
        return ConfiguredWorkspaces(workspaces), sockets

    def _http(self) -> tuple[Workspaces, TokenListener | InstalledListener]:
        given, secret = self._settings.options, self._settings.secret
        options = HttpOptions(
            signing_secret=secret("SLACK_SIGNING_SECRET"),
            listen=given["listen"],
            public_url=given["public_url"],
            command=self._command,
            managers=self._managers,
        )
        try:
            client_id = secret("SLACK_CLIENT_ID")
        except KeyError:  # one workspace, whose token is there
            workspace = self._workspace("", secret(BOT_TOKEN))
            return ConfiguredWorkspaces({"": workspace}), TokenListener(workspace, options)
        if self._settings.vault is None:
            raise KeyError("SECRET_KEY")
        installing = OAuthOptions(
            client_id=client_id,
            client_secret=secret("SLACK_CLIENT_SECRET"),
            vault=self._settings.vault,
            teams=given["teams"],
        )
        self._web = Web(
            api_url=given["api_url"], token="", network=self._settings.network, clock=self._clock
        )
        make = partial(self._workspace, distributed=True)
        listener = InstalledListener(options, installing, make, self._web, self._clock)
        return listener.workspaces, listener

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._workspaces.close()
        if self._web is not None:
            await self._web.close()

    # -- listening -----------------------------------------------------------------------------

    @property
    def disconnected_since(self) -> datetime | None:
        times = (each.disconnected_since for each in self._listeners)
        return min(filter(None, times), default=None)

    @property
    def degraded(self) -> str:
        """Never about commands: Slack's are in the app's manifest, which is not ours to write."""
        return " ".join(filter(None, (each.degraded for each in self._listeners)))

    async def listen(self, commands: Commands) -> None:
        """Listens to all workspaces. Raises PlatformDown and PlatformRefused.

        Of several sockets, each reconnects on its own, and one that is refused does not affect the
        others.
        """
        if len(self._listeners) == 1:
            await self._listeners[0].listen(commands)
            return
        listening = [
            asyncio.create_task(self._keep_listening(each, commands))
            for each in self._listeners
            if isinstance(each, Socket)
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
        """Runs until cancelled, or until the workspace refuses us."""
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
        try:
            return await self._with_workspace(
                post.channel.id, lambda workspace, channel: workspace.send(post, channel)
            )
        except ChannelRefused as error:
            if not post.channel.owner:
                raise
            raise _of_person(error) from error.__cause__

    async def find(self, post: Post) -> Receipt | None:
        """Raises CannotTell where no history may be read, SendError and PlatformRefused."""
        return await self._with_workspace(
            post.channel.id, lambda workspace, channel: workspace.find(post, channel)
        )

    def discussion(self, paper: Paper) -> Sequence[Draft]:
        return render.discussion(paper, replies.paper_blocks(paper, blocks.authors(paper)))

    async def thread_exists(self, channel: Channel, opening: Receipt, first: Receipt) -> bool:
        """Raises SendError and PlatformRefused."""
        # Without the message above, the first one was posted in its place.
        above = opening if "?thread_ts=" in first.url else first
        return await self._with_workspace(
            channel.id, lambda workspace, own: workspace.has_message(own, above.message_id)
        )

    async def tell(self, person_id: str, text: str) -> str:
        """Raises SendError and PlatformRefused."""
        line = replies.readable(text, self._command)
        try:
            own = await self._with_workspace(
                person_id, lambda workspace, person: workspace.say(person, line)
            )
        except ChannelRefused as error:
            raise _of_person(error) from error.__cause__
        return joined(parted(person_id)[0], own)

    async def knows(self, person_id: str) -> bool:
        """Always: Slack lets only people of the workspace use its app, except for the buttons in
        shared channels, and others have no conversation with it (docs.slack.dev,
        apis/slack-connect, November 2026)."""
        return True

    async def _with_workspace(
        self, core_id: str, work: Callable[[Workspace, str], Awaitable[T]]
    ) -> T:
        """Do the work in the workspace of a channel or a person; again if it was refused because of
        a token that the workspace has replaced since. Only if there is no other workspace does a
        refusal count as one by Slack as a whole."""
        name, own = parted(core_id)
        workspace = await self._workspaces.named(name)
        try:
            try:
                return await work(workspace, own)
            except PlatformRefused:
                renewed = await self._workspaces.renewed(workspace)
                if renewed is None:
                    raise
                return await work(renewed, own)
        except PlatformRefused as error:
            if self._workspaces.shared:
                raise ChannelRefused(str(error)) from error
            raise

    async def channel_name(self, channel_id: str) -> str:
        """Empty: a name takes a scope that posting does not need."""
        return ""

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        findings: list[Finding] = []
        for listener in self._listeners:
            match listener:
                case Socket():
                    name = listener.workspace.name
                    own = [channel for channel in channels if parted(channel.id)[0] == name]
                    findings += await checks.examine_socket(listener, own)
                case TokenListener():
                    own = [channel for channel in channels if not parted(channel.id)[0]]
                    findings += await checks.examine_token(
                        listener.options, listener.workspace, own
                    )
                case InstalledListener():
                    findings += await checks.examine_installed(
                        listener.options, listener.workspaces, listener.given.teams, channels
                    )
        return findings


def _of_person(refusal: ChannelRefused) -> ChannelRefused:
    """What a refusal means in a private conversation."""
    code = code_of(refusal)
    if code in WITHOUT_ACCOUNT:
        return ChannelGone(str(refusal))
    return ChannelRefused(UNREACHABLE.format(code=code)) if code == "channel_not_found" else refusal
