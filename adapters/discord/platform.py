"""Discord as a platform: posts by REST, and listens through the gateway.

A message is sent with a nonce made of its post's key, so that what arrived and is sent again within
a minute or two stands once (docs, Create Message, 2026-08-06: "enforce_nonce"). After that the
channel's history is looked through. The gateway is opened by ``listen`` alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self

from adapters import Settings
from adapters.discord import checks, permissions, render
from adapters.discord.api import Rest
from adapters.discord.channels import ANNOUNCEMENTS, FORUMS, Channels
from adapters.discord.errors import (
    ALREADY_CROSSPOSTED,
    NO_ACCESS,
    NO_MORE_THREADS,
    NO_PERMISSION,
    NOT_A_TEXT_CHANNEL,
    THREAD_CLOSED,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    code_of,
)
from adapters.discord.forums import ARCHIVE_AFTER, Forums
from adapters.discord.gateway import Gateway
from adapters.discord.history import MESSAGES, History
from adapters.discord.limits import CONTENT
from bot.errors import (
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    TryLater,
)
from bot.model import Channel, Digest, Draft, Finding, Post, Receipt
from bot.ports import Commands
from bot.text import shorten

log = logging.getLogger(__name__)

NOT_NAMED: Final = "It is in the server {server}, which servers below [discord] does not name."
AGAIN_AFTER: Final = (1.0, 4.0, 10.0)  # seconds; all within the life of a nonce


class Discord:
    """The platform of ``discord:`` channels."""

    workers = 50  # as many requests as Discord takes in a second

    def __init__(self, settings: Settings) -> None:
        options = settings.options
        self._clock = settings.clock
        self._servers = frozenset(options.get("servers") or ())  # empty: all of them
        self._crosspost = bool(options.get("crosspost"))
        # Of two addresses one decides: the library has one proxy for both.
        proxy = options.get("proxy") or settings.network.proxy_for(options["api_url"])
        self._rest = Rest(
            api_url=options["api_url"],
            token=settings.secret("DISCORD_TOKEN"),
            proxy=proxy,
            network=settings.network,
            clock=settings.clock,
        )
        self._gateway = Gateway(
            gateway_url=options["gateway_url"],
            token=settings.secret("DISCORD_TOKEN"),
            proxy=proxy,
            network=settings.network,
            clock=settings.clock,
            say=self._say,
            servers=self._servers,
        )
        self._channels = Channels(self._rest, self._gateway.guild_of)
        self._forums = Forums(self._rest, self._channels)
        self._history = History(self._rest, self._channels)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rest.close()

    @property
    def disconnected_since(self) -> datetime | None:
        return self._gateway.disconnected_since

    @property
    def degraded(self) -> str:
        return self._gateway.degraded

    async def listen(self, commands: Commands) -> None:
        """Raises PlatformDown and PlatformRefused."""
        await self._gateway.listen(commands)

    def compose(self, digest: Digest) -> list[Draft]:
        """Pure."""
        return render.compose(digest)

    async def tell(self, person_id: str, text: str) -> None:
        """A private message. Raises SendError."""
        person = person_id.partition(":")[2]
        made = await self._rest.ask("POST", "/users/@me/channels", json={"recipient_id": person})
        await self._say(str(made["id"]), text)

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        declared = self._gateway.declared_commands()
        return await checks.examine(self._rest, self._channels, channels, declared, self._servers)

    async def _say(self, channel_id: str, text: str) -> None:
        """A line of ours that mentions nobody, and may get lost: no post. Raises SendError."""
        body = {"content": shorten(text, CONTENT), "allowed_mentions": {"parse": []}, "flags": 4}
        await self._rest.ask("POST", MESSAGES, channel_id=channel_id, json=body, once=True)

    # -- sending -------------------------------------------------------------------------------

    async def send(self, post: Post) -> Receipt:
        """Raises SendError and PlatformRefused.

        An outcome that is not known is asked for by sending again with the same nonce, for some
        seconds; a forum's new post has no nonce, and is looked for instead.
        """
        message = render.read(post.payload)
        home = _own_id(post.channel)
        await self._check_server(home)
        try:
            return await self._send(home, post, message)
        except ChannelRefused as error:
            if code_of(error) in THREAD_CLOSED:
                raise await self._naming_the_thread(error, home) from error.__cause__
            if code_of(error) not in {NO_ACCESS, NO_PERMISSION}:
                raise
            raise await self._naming_what_is_missing(error, home, message) from error.__cause__

    async def _check_server(self, channel: str) -> None:
        """Raises ChannelRefused in a server that bot.toml does not name. Sends nothing."""
        if not self._servers:
            return
        guild = self._gateway.guild_of(channel)
        if not guild:
            try:
                guild = str((await self._channels.described(channel)).get("guild_id") or "")
            except OutcomeUnknown as error:  # of the question: no post was sent
                raise TryLater(str(error), error.seconds) from error
        if guild not in self._servers:
            raise ChannelRefused(NOT_NAMED.format(server=guild))

    async def _send(self, channel: str, post: Post, message: render.Message) -> Receipt:
        if self._channels.is_forum(channel):
            return await self._send_to_forum(channel, post, message)
        if message.place is render.Place.THREAD and post.parent is not None:
            receipt = await self._send_below(channel, post.parent.message_id, post, message)
            if receipt is not None:
                return receipt
        try:
            answer = await self._post(channel, post, message)
        except PostRefused as error:
            if code_of(error) != NOT_A_TEXT_CHANNEL:
                raise
            if (await self._channels.described(channel))["type"] not in FORUMS:
                raise ChannelRefused("This kind of channel holds no messages.") from error
            return await self._send_to_forum(channel, post, message)
        return await self._receipt(channel, channel, answer)

    async def _post(self, home: str, post: Post, message: render.Message) -> dict[str, Any]:
        """Once one try may have been obeyed, nothing but an answer to a later one says more."""
        body = {**message.body, "nonce": post.key, "enforce_nonce": True}
        for number, delay in enumerate((*AGAIN_AFTER, None)):
            try:
                answer: dict[str, Any] = await self._rest.ask(
                    "POST", MESSAGES, channel_id=home, json=body, once=True
                )
            except OutcomeUnknown:
                if delay is None:
                    raise
                await self._clock.sleep(delay)
            except (SendError, PlatformRefused) as error:
                if number == 0:
                    raise
                raise OutcomeUnknown(str(error), getattr(error, "seconds", None)) from error
            else:
                return answer
        raise AssertionError("the last try returns or raises")

    async def _send_below(
        self, channel: str, above: str, post: Post, message: render.Message
    ) -> Receipt | None:
        """Into the thread of the message above: it has the message's id, so it is never made twice.

        ``None``: somebody deleted the message or the thread, or no thread takes it; nothing was
        sent.
        """
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        body = {"name": message.day, "auto_archive_duration": ARCHIVE_AFTER}
        try:
            try:
                await self._rest.ask("POST", path, channel_id=channel, message_id=above, json=body)
            except SendError as error:
                if code_of(error) != THREAD_EXISTS:
                    raise
            answer = await self._post(above, post, message)
        except SendError as error:
            code = code_of(error)
            if code in THREAD_CLOSED | NO_MORE_THREADS:
                log.warning(
                    "beside channel=discord:%s thread=%s why=%s", channel, above, error
                )  # fmt: skip
            elif code not in {UNKNOWN_MESSAGE, UNKNOWN_CHANNEL}:
                raise
            return None
        return await self._channels.receipt(channel, above, answer)

    async def _send_to_forum(self, forum: str, post: Post, message: render.Message) -> Receipt:
        closed = ""
        while True:
            thread, answer = await self._forums.place(forum, message.day, message.body, closed)
            try:
                answer = answer or await self._post(thread, post, message)
            except ChannelRefused as error:
                if code_of(error) not in THREAD_CLOSED:
                    raise
                refusal = await self._naming_the_thread(error, thread)
                log.warning("another thread forum=discord:%s why=%s", forum, refusal)
                closed = thread
            else:
                return await self._channels.receipt(forum, thread, answer)

    async def _naming_the_thread(self, refusal: ChannelRefused, thread: str) -> ChannelRefused:
        try:
            described = await self._channels.described(thread)
        except (SendError, PlatformRefused):
            return refusal
        where = f"https://discord.com/channels/{described.get('guild_id')}/{thread}"
        return ChannelRefused(
            str(refusal).replace("The thread", f"The thread {described.get('name')} ({where})", 1)
        )

    async def _naming_what_is_missing(
        self, refusal: ChannelRefused, home: str, message: render.Message
    ) -> ChannelRefused:
        threads = message.place is render.Place.THREAD
        try:
            missing = await self._channels.missing(home, threads=threads)
        except (SendError, PlatformRefused):
            return refusal
        return ChannelRefused(permissions.remedy(missing)) if missing else refusal

    # -- handing on ----------------------------------------------------------------------------

    async def crosspost(self, channel: Channel, message_id: str) -> None:
        """To the servers that follow an announcement channel; in others there is nothing to do.

        Raises SendError and PlatformRefused. Discord takes ten in an hour from a channel, and may
        ask to wait for most of it.
        """
        home = _own_id(channel)
        if (await self._channels.described(home))["type"] != ANNOUNCEMENTS:
            return
        path = "/channels/{channel_id}/messages/{message_id}/crosspost"
        try:
            await self._rest.ask("POST", path, channel_id=home, message_id=message_id, once=True)
        except SendError as error:
            if code_of(error) == UNKNOWN_MESSAGE:
                raise PostRefused("Somebody deleted the message.") from error
            if code_of(error) != ALREADY_CROSSPOSTED:
                raise

    async def _receipt(self, channel: str, home: str, message: dict[str, Any]) -> Receipt:
        """Only what stands in the channel itself can be handed on, and not what is in a thread."""
        receipt = await self._channels.receipt(channel, home, message)
        wanted = self._crosspost and home == channel
        return replace(receipt, crosspost=wanted and self._channels.may_announce(channel))

    # -- finding -------------------------------------------------------------------------------

    async def find(self, post: Post) -> Receipt | None:
        """Look through the history since the last message before the post. Raises SendError."""
        message = render.read(post.payload)
        home = _own_id(post.channel)
        homes = [home]
        if (await self._channels.described(home))["type"] in FORUMS:
            homes = await self._forums.threads(home, message.day)
        elif message.place is render.Place.THREAD and post.parent is not None:
            # In the channel itself if the message above came late, or is gone.
            homes.insert(0, post.parent.message_id)
        for each in homes:
            found = await self._history.find(each, message.body, post.after_id)
            if found is not None:
                return await self._receipt(home, each, found)
        return None


def _own_id(channel: Channel) -> str:
    return channel.id.partition(":")[2]
