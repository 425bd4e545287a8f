"""Discord as a platform: posts by REST, and listens through the gateway.

A message is sent with its post's key as the nonce, so that a message that arrived and is sent again
within a minute or two is posted once (docs, Create Message, 2026-08-06: "enforce_nonce"). After
that the channel's history is searched. The gateway is opened by ``listen`` alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self

from adapters import Settings
from adapters.discord import checks, permissions, render, replies
from adapters.discord.api import RestClient
from adapters.discord.channels import ANNOUNCEMENT, FORUMS, ChannelCache
from adapters.discord.errors import (
    ALREADY_CROSSPOSTED,
    CANNOT_REPLY,
    NO_ACCESS,
    NO_MORE_THREADS,
    NO_PERMISSION,
    NOT_A_TEXT_CHANNEL,
    THREAD_CLOSED,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    code_of,
    reading_answer,
)
from adapters.discord.forums import ARCHIVE_AFTER_MINUTES, ForumThreads
from adapters.discord.gateway import Gateway
from adapters.discord.history import MESSAGES, MessageHistory
from adapters.discord.limits import CONTENT
from adapters.discord.markup import inert
from adapters.discord.mentions import as_plain_text
from adapters.discord.people import People
from bot.errors import (
    ChannelGone,
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    TryLater,
)
from bot.model import Channel, Draft, Finding, Paper, Post, Receipt
from bot.ports import Commands, Composer
from bot.text import shorten

log = logging.getLogger(__name__)

SERVER_NOT_LISTED: Final = (
    "It is in the server {server}, which servers below [discord] does not name."
)
NO_MEMBER: Final = "The person is in no server with the bot any more."
RETRY_DELAYS: Final = (1.0, 4.0, 10.0)  # seconds; all within the life of a nonce


class Discord:
    """The platform of ``discord:`` channels."""

    workers = 50  # as many requests as Discord accepts in a second

    def __init__(self, settings: Settings) -> None:
        options = settings.options
        self._clock = settings.clock
        self._servers = frozenset(options.get("servers") or ())  # empty: every server is served
        self._members_only = settings.personal == "members"
        self._crosspost = bool(options.get("crosspost"))
        # The library takes one proxy for both addresses: the one for the API.
        proxy = options.get("proxy") or settings.network.proxy_for(options["api_url"])
        self._rest = RestClient(
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
            rest=self._rest,
            send_line=self._send_line,
            servers=self._servers,
            sessions=settings.sessions,
            personal=settings.personal != "off",
        )
        self._channels = ChannelCache(self._rest, self._gateway.guild_of, settings.clock)
        self._forums = ForumThreads(self._rest, self._channels)
        self._history = MessageHistory(self._rest, self._channels)
        self._people = People(self._rest, settings.clock, self._servers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rest.close()

    @property
    def disconnected_since(self) -> datetime | None:
        return self._gateway.disconnected_since

    @property
    def shards(self) -> Mapping[int, datetime | None]:
        return self._gateway.shards

    @property
    def degraded(self) -> str:
        return self._gateway.degraded

    async def listen(self, commands: Commands) -> None:
        """Raises PlatformDown and PlatformRefused."""
        await self._gateway.listen(commands)

    def composer(self) -> Composer:
        return render.DiscordComposer()

    async def tell(self, person_id: str, text: str) -> str:
        """Sends a private message, and returns the conversation's channel id. Raises SendError and
        PlatformRefused."""
        person = person_id.partition(":")[2]
        channel = await self._rest.request(
            "POST", "/users/@me/channels", json={"recipient_id": person}
        )
        with reading_answer():
            conversation = str(int(channel["id"]))
        await self._send_line(conversation, as_plain_text(text))
        return f"discord:{conversation}"

    async def knows(self, person_id: str) -> bool:
        """Whether the person is in a server with the bot. Raises SendError and PlatformRefused."""
        return await self._people.is_member(person_id.partition(":")[2])

    async def channel_name(self, channel_id: str) -> str:
        """The name as people know it. If neither the gateway nor the REST API tells it, a mention,
        which Discord's clients show as the name to people who can see the channel."""
        own = channel_id.partition(":")[2]
        if name := self._gateway.name_of(own):
            return name
        try:
            return f"#{inert(str((await self._channels.get(own))['name']))}"
        except (SendError, PlatformRefused, KeyError):
            return f"<#{own}>"

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        declared = self._gateway.declared_commands()
        return await checks.examine(self._rest, self._channels, channels, declared, self._servers)

    async def _send_line(self, channel_id: str, text: str) -> None:
        """Sends a line that mentions nobody. It may get lost, as it is not a post. Raises
        SendError and PlatformRefused."""
        body = {
            "content": shorten(text, CONTENT),
            "allowed_mentions": {"parse": []},
            "flags": 4,
        }
        await self._rest.request("POST", MESSAGES, channel_id=channel_id, json=body, once=True)

    # -- sending -------------------------------------------------------------------------------

    async def send(self, post: Post) -> Receipt:
        """Raises SendError and PlatformRefused.

        Where the outcome is unknown, the message is sent again with the same nonce, for some
        seconds; a forum's new thread has no nonce, and is searched for instead.
        """
        target = _channel_id(post.channel)
        message = render.read(post.payload)
        if post.channel.owner:
            await self._check_member(post.channel.owner)
        else:
            await self._check_server(target)
        message, gone = await self._with_valid_mention(target, message)
        try:
            return replace(await self._send(target, post, message), mention_gone=gone)
        except ChannelRefused as error:
            if code_of(error) == UNKNOWN_CHANNEL and await self._is_deleted(target, post.server):
                raise self._deleted(target) from error.__cause__
            if code_of(error) in THREAD_CLOSED:
                raise await self._with_thread_link(error, target) from error.__cause__
            if code_of(error) not in {NO_ACCESS, NO_PERMISSION}:
                raise
            refusal = await self._with_missing_permissions(error, target, message)
            if _is_discussion(message) and post.parent is not None:
                # The channel takes messages, so its digests must not wait for this thread.
                raise PostRefused(str(refusal)) from error.__cause__
            raise refusal from error.__cause__

    async def _with_valid_mention(
        self, channel: str, message: render.Message
    ) -> tuple[render.Message, str | None]:
        """The message, without its mention if the role is @everyone (whose id is the server's) or
        is gone: bot.toml can name any role. And the receipt's ``mention_gone``, which is ``None``
        also where it is not known whether the role is @everyone. Without a gateway, as in ``once``,
        this asks Discord for the roles, and leaves the mention where that does not answer."""
        role = message.mentioned
        if not role:
            return message, None
        try:
            guild = str((await self._channels.get(channel)).get("guild_id") or "")
        except (SendError, PlatformRefused) as error:
            log.warning("mentions nobody channel=discord:%s: no server, %s", channel, error)
            return message.mentioning_nobody(), None
        roles = self._gateway.roles_of(channel)
        if roles is None and role != guild:
            roles = await self._channels.recent_roles(channel)
        if role != guild and (roles is None or role in roles):
            return message, ""
        why = "that of everyone" if role == guild else "gone"
        log.warning("mentions nobody channel=discord:%s: role %s is %s", channel, role, why)
        return message.mentioning_nobody(), role

    async def _is_deleted(self, channel: str, server: str) -> bool:
        """Whether Discord knows no such channel although we are in its server. If we are not, it
        may be another application's channel, or one that never existed."""
        if not server:
            return False
        try:
            guild = server.partition(":")[2]
            await self._rest.request("GET", "/guilds/{guild_id}", guild_id=guild)
            await self._channels.get(channel, refresh=True)
        except (SendError, PlatformRefused) as error:
            return code_of(error) == UNKNOWN_CHANNEL
        return False

    def _deleted(self, channel: str) -> ChannelGone:
        name = self._channels.name_of(channel)
        return ChannelGone(f"The channel {f'#{name} ' if name else ''}on Discord was deleted.")

    async def _check_member(self, person_id: str) -> None:
        """Raises ChannelGone where the person has left every server with the bot. Sends nothing."""
        if self._members_only and not await self.knows(person_id):
            raise ChannelGone(NO_MEMBER)

    async def _check_server(self, channel: str) -> None:
        """Raises ChannelRefused in a server that bot.toml does not name. Sends nothing."""
        if not self._servers:
            return
        guild = self._gateway.guild_of(channel)
        if not guild:
            try:
                guild = str((await self._channels.get(channel)).get("guild_id") or "")
            except OutcomeUnknown as error:  # of the lookup: no post was sent
                raise TryLater(str(error), error.seconds) from error
        if guild not in self._servers:
            raise ChannelRefused(SERVER_NOT_LISTED.format(server=guild))

    async def _send(self, channel: str, post: Post, message: render.Message) -> Receipt:
        if message.place is render.Destination.REPLY and post.parent is not None:
            receipt = await self._send_reply(channel, post.parent, post, message)
            if receipt is not None:
                return receipt
        if self._channels.is_forum(channel):
            return await self._send_to_forum(channel, post, message)
        if message.place.in_thread and post.parent is not None:
            receipt = await self._send_to_thread(channel, post.parent.message_id, post, message)
            if receipt is not None:
                return receipt
        try:
            response = await self._post(channel, post, message)
        except PostRefused as error:
            if code_of(error) != NOT_A_TEXT_CHANNEL:
                raise
            if (await self._channels.get(channel))["type"] not in FORUMS:
                raise ChannelRefused("This kind of channel holds no messages.") from error
            return await self._send_to_forum(channel, post, message)
        return await self._receipt(channel, channel, response, message)

    async def _post(self, target: str, post: Post, message: render.Message) -> dict[str, Any]:
        """Sends the message, with retries. Once an attempt may have been carried out, only a
        successful response settles the outcome: any other failure leaves it unknown."""
        body = {**message.body, "nonce": post.key, "enforce_nonce": True}
        for attempt, delay in enumerate((*RETRY_DELAYS, None)):
            try:
                response: dict[str, Any] = await self._rest.request(
                    "POST", MESSAGES, channel_id=target, json=body, once=True
                )
                with reading_answer(OutcomeUnknown):
                    int(response["id"])
            except OutcomeUnknown:
                if delay is None:
                    raise
                await self._clock.sleep(delay)
            except (SendError, PlatformRefused) as error:
                if attempt == 0:
                    raise
                raise OutcomeUnknown(str(error), getattr(error, "seconds", None)) from error
            else:
                return response
        raise AssertionError("the last attempt returns or raises")

    async def _send_to_thread(
        self, channel: str, parent: str, post: Post, message: render.Message
    ) -> Receipt | None:
        """Into the thread of the message ``parent``. The thread has the message's id, so it is
        never created twice.

        ``None``: somebody deleted the message or the thread, or it takes no messages; nothing was
        sent.
        """
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        body = {"name": message.thread_name, "auto_archive_duration": ARCHIVE_AFTER_MINUTES}
        try:
            try:
                await self._rest.request(
                    "POST", path, channel_id=channel, message_id=parent, json=body
                )
            except SendError as error:
                if code_of(error) != THREAD_EXISTS:
                    raise
            response = await self._post(parent, post, message)
        except SendError as error:
            code = code_of(error)
            if code in THREAD_CLOSED | NO_MORE_THREADS:
                log.warning(
                    "posted outside the thread channel=discord:%s thread=%s why=%s",
                    channel, parent, error,
                )  # fmt: skip
            elif code not in {UNKNOWN_MESSAGE, UNKNOWN_CHANNEL}:
                raise
            return None
        return await self._channels.receipt(channel, parent, response)

    async def _send_reply(
        self, channel: str, parent: Receipt, post: Post, message: render.Message
    ) -> Receipt | None:
        """As a reply to the message ``parent``, in the channel or thread that it is in; where
        somebody deleted it, as any message there (docs, Message Reference, "fail_if_not_exists").

        ``None``: it can't be replied to, and nothing was sent.
        """
        target = _place_of(parent) or channel
        reference = {"message_id": parent.message_id, "fail_if_not_exists": False}
        reply = replace(message, body={**message.body, "message_reference": reference})
        try:
            response = await self._post(target, post, reply)
        except SendError as error:
            unreachable = THREAD_CLOSED | {UNKNOWN_CHANNEL} if target != channel else frozenset()
            if code_of(error) not in unreachable | CANNOT_REPLY:
                raise
            log.info("posted without a reply channel=discord:%s why=%s", channel, error)
            return None
        return await self._receipt(channel, target, response, message)

    async def _send_to_forum(self, forum: str, post: Post, message: render.Message) -> Receipt:
        closed = ""
        while True:
            thread, response = await self._forums.find_or_create(
                forum, message.thread_name, message.body, closed
            )
            try:
                response = response or await self._post(thread, post, message)
            except ChannelRefused as error:
                if code_of(error) not in THREAD_CLOSED:
                    raise
                refusal = await self._with_thread_link(error, thread)
                log.warning("new forum thread forum=discord:%s why=%s", forum, refusal)
                closed = thread
            else:
                return await self._channels.receipt(forum, thread, response)

    async def _with_thread_link(self, refusal: ChannelRefused, thread: str) -> ChannelRefused:
        try:
            data = await self._channels.get(thread)
        except (SendError, PlatformRefused):
            return refusal
        where = f"https://discord.com/channels/{data.get('guild_id')}/{thread}"
        return ChannelRefused(
            str(refusal).replace("The thread", f"The thread {data.get('name')} ({where})", 1)
        )

    async def _with_missing_permissions(
        self, refusal: ChannelRefused, target: str, message: render.Message
    ) -> ChannelRefused:
        threads = message.place.in_thread
        try:
            missing = await self._channels.missing_permissions(target, threads=threads)
        except (SendError, PlatformRefused):
            return refusal
        return ChannelRefused(permissions.remedy(missing)) if missing else refusal

    # -- crossposting --------------------------------------------------------------------------

    async def crosspost(self, channel: Channel, message_id: str) -> None:
        """Publish to the servers that follow an announcement channel; in other channels do nothing.

        Raises SendError and PlatformRefused. Discord accepts ten an hour from a channel, and may
        ask us to wait for most of it.
        """
        target = _channel_id(channel)
        if (await self._channels.get(target))["type"] != ANNOUNCEMENT:
            return
        path = "/channels/{channel_id}/messages/{message_id}/crosspost"
        try:
            await self._rest.request(
                "POST", path, channel_id=target, message_id=message_id, once=True
            )
        except SendError as error:
            if code_of(error) == UNKNOWN_MESSAGE:
                raise PostRefused("Somebody deleted the message.") from error
            if code_of(error) != ALREADY_CROSSPOSTED:
                raise

    async def _receipt(
        self, channel: str, target: str, posted: dict[str, Any], message: render.Message
    ) -> Receipt:
        """Only a message in the channel itself can be crossposted, not one in a thread; and what
        begins a thread is for the people of the channel alone."""
        receipt = await self._channels.receipt(channel, target, posted)
        wanted = self._crosspost and target == channel and not _is_discussion(message)
        return replace(receipt, crosspost=wanted and self._channels.may_be_announcement(channel))

    # -- finding -------------------------------------------------------------------------------

    async def find(self, post: Post) -> Receipt | None:
        """Search the history since the last message before the post. Raises SendError."""
        message = render.read(post.payload)
        channel_id = _channel_id(post.channel)
        targets = [channel_id]
        if (await self._channels.get(channel_id))["type"] in FORUMS:
            targets = await self._forums.threads(channel_id, message.thread_name, post.after_id)
        elif message.place.in_thread and post.parent is not None:
            # It is in the channel itself if the parent message was late or has been deleted.
            targets.insert(0, post.parent.message_id)
        if message.place is render.Destination.REPLY and post.parent is not None:
            targets.insert(0, _place_of(post.parent) or channel_id)
        for target in dict.fromkeys(targets):
            found = await self._history.find(target, message.body, post.after_id)
            if found is not None:
                return await self._receipt(channel_id, target, found, message)
        return None

    # -- discussions ---------------------------------------------------------------------------

    def discussion(self, paper: Paper) -> Sequence[Draft]:
        first = replies.paper_view(paper).to_components()  # type: ignore[no-untyped-call]
        return render.discussion(paper, {"components": first})

    async def thread_exists(self, channel: Channel, opening: Receipt, first: Receipt) -> bool:
        """Finds out by requesting its first message. Raises SendError and PlatformRefused."""
        own = _channel_id(channel)
        thread = _place_of(first) or own
        path = "/channels/{channel_id}/messages/{message_id}"
        try:
            await self._rest.request("GET", path, channel_id=thread, message_id=first.message_id)
        except SendError as error:
            if code_of(error) == UNKNOWN_CHANNEL:
                return False
            if code_of(error) == UNKNOWN_MESSAGE:  # somebody deleted it; what was said there stays
                return thread != own
            raise
        return True


def _is_discussion(message: render.Message) -> bool:
    return message.place is render.Destination.DISCUSSION


def _place_of(message: Receipt) -> str:
    """The channel or thread of a message that arrived; empty where its address is not known."""
    parts = message.url.rsplit("/", 2)
    return parts[1] if len(parts) == 3 else ""


def _channel_id(channel: Channel) -> str:
    return channel.id.partition(":")[2]
