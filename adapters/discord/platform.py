"""Discord as a platform: posts by REST, and listens through the gateway.

A message is sent with a nonce made of its post's key, so that what arrived and is sent again within
a minute or two stands once (docs, Create Message, 2026-08-06: "enforce_nonce"). After that the
channel's history is looked through. The gateway is opened by ``listen`` alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Self

from adapters import Settings
from adapters.discord import examining, render
from adapters.discord.finding import same
from adapters.discord.gateway import Gateway
from adapters.discord.rest import Rest, snowflake
from adapters.discord.translate import NOT_A_TEXT_CHANNEL, REFUSED, THREAD_EXISTS
from bot.errors import CannotTell, ChannelRefused, OutcomeUnknown, PostRefused, SendError
from bot.model import Channel, Digest, Draft, Finding, Post, Receipt
from bot.ports import Commands

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = (1.0, 4.0, 10.0)  # seconds; all within the life of a nonce
EARLIER: Final = timedelta(minutes=2)  # clocks differ: how far before its making a post is sought
HISTORY: Final = 100  # messages of one look back; the most that Discord gives at once
PAGES: Final = 5
ARCHIVE_AFTER: Final = 1440  # minutes until a thread without messages is archived
ANNOUNCEMENTS, FORUM, MEDIA = 5, 15, 16  # kinds of channels


class Discord:
    """The platform of ``discord:`` channels."""

    workers = 50  # as many requests as Discord takes in a second

    def __init__(self, settings: Settings) -> None:
        options = settings.options
        self._clock = settings.clock
        self._crosspost = bool(options.get("crosspost"))
        self._rest = Rest(
            api_url=options["api_url"],
            token=settings.secret("DISCORD_TOKEN"),
            proxy=options.get("proxy") or None,
            clock=settings.clock,
        )
        self._gateway = Gateway(
            gateway_url=options["gateway_url"],
            token=settings.secret("DISCORD_TOKEN"),
            proxy=options.get("proxy") or None,
            clock=settings.clock,
            say=self._say,
        )
        self._channels: dict[str, dict[str, Any]] = {}  # as Discord described them, where needed
        self._forum_locks: dict[str, asyncio.Lock] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rest.close()

    @property
    def deaf_since(self) -> datetime | None:
        return self._gateway.deaf_since

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
        return await examining.examine(self._rest, channels)

    async def _say(self, channel_id: str, text: str) -> None:
        """A line of ours, that mentions nobody. Raises SendError."""
        body = {"content": text[:2000], "allowed_mentions": {"parse": []}, "flags": 4}
        await self._rest.ask("POST", MESSAGES, channel_id=channel_id, json=body)

    # -- sending -------------------------------------------------------------------------------

    async def send(self, post: Post) -> Receipt:
        """Raises SendError and PlatformRefused.

        An outcome that is not known is asked for by sending again with the same nonce, for some
        seconds; a forum's new post has no nonce, and is looked for instead.
        """
        message = render.read(post.payload)
        body = {**message.body, "nonce": post.key, "enforce_nonce": True}
        home = _own_id(post.channel)
        if message.place is render.Place.THREAD and post.parent is not None:
            home = await self._thread_below(home, post.parent.message_id, message.day)
        if self._kind(home) in {FORUM, MEDIA}:
            return await self._send_to_forum(home, post, message)
        try:
            answer = await self._post(home, body)
        except PostRefused as error:
            if getattr(error.__cause__, "code", None) != NOT_A_TEXT_CHANNEL:
                raise
            if (await self._described(home))["type"] not in {FORUM, MEDIA}:
                raise ChannelRefused("This kind of channel holds no messages.") from error
            return await self._send_to_forum(home, post, message)
        await self._publish_announcement(home, answer)
        return await self._receipt(home, answer)

    async def _post(self, home: str, body: render.Body) -> dict[str, Any]:
        for delay in (*AGAIN_AFTER, None):
            try:
                answer: dict[str, Any] = await self._rest.ask(
                    "POST", MESSAGES, channel_id=home, json=body
                )
            except OutcomeUnknown:
                if delay is None:
                    raise
                await self._clock.sleep(delay)
            else:
                return answer
        raise AssertionError("the last try returns or raises")

    async def _thread_below(self, channel_id: str, above: str, day: str) -> str:
        """The thread of the message above: it has the message's id, so it is never made twice."""
        if (await self._described(channel_id))["type"] in {FORUM, MEDIA}:
            return above  # a forum's post is a thread itself
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        body = {"name": day, "auto_archive_duration": ARCHIVE_AFTER}
        try:
            await self._rest.ask("POST", path, channel_id=channel_id, message_id=above, json=body)
        except SendError as error:
            if getattr(error.__cause__, "code", None) != THREAD_EXISTS:
                raise
        return above

    async def _send_to_forum(self, forum: str, post: Post, message: render.Message) -> Receipt:
        """A day's post in a forum is a thread of that name; all messages of the day go into it."""
        async with self._forum_locks.setdefault(forum, asyncio.Lock()):
            thread = await self._forum_thread(forum, message.day)
            if thread is None:
                body = {
                    "name": message.day,
                    "auto_archive_duration": ARCHIVE_AFTER,
                    "message": message.body,
                }
                made = await self._rest.ask(
                    "POST", "/channels/{channel_id}/threads", channel_id=forum, json=body
                )
                return await self._receipt(str(made["id"]), {"id": made["id"]})
            first = await self._first_message(thread)
            if first is not None and same(first, message.body):
                return await self._receipt(thread, first)
        answer = await self._post(
            thread, {**message.body, "nonce": post.key, "enforce_nonce": True}
        )
        return await self._receipt(thread, answer)

    async def _forum_thread(self, forum: str, name: str) -> str | None:
        guild = (await self._described(forum)).get("guild_id")
        found = await self._rest.ask("GET", "/guilds/{guild_id}/threads/active", guild_id=guild)
        for thread in found["threads"]:
            ours = str(thread.get("owner_id")) == self._rest.user_id
            if ours and str(thread.get("parent_id")) == forum and thread["name"] == name:
                return str(thread["id"])
        return None

    async def _first_message(self, thread: str) -> dict[str, Any] | None:
        path = "/channels/{channel_id}/messages/{message_id}"
        try:
            first: dict[str, Any] = await self._rest.ask(
                "GET", path, channel_id=thread, message_id=thread
            )
        except ChannelRefused:  # somebody deleted it
            return None
        return first

    async def _publish_announcement(self, home: str, answer: dict[str, Any]) -> None:
        """Hand it on to the servers that follow the channel. That it can't be, loses no post."""
        if not self._crosspost:
            return
        path = "/channels/{channel_id}/messages/{message_id}/crosspost"
        try:
            if (await self._described(home))["type"] == ANNOUNCEMENTS:
                await self._rest.ask("POST", path, channel_id=home, message_id=answer["id"])
        except SendError as error:
            log.warning("crosspost channel=discord:%s failed why=%s", home, error)

    # -- finding -------------------------------------------------------------------------------

    async def find(self, post: Post) -> Receipt | None:
        """Look through the history since the post was made. Raises SendError."""
        message = render.read(post.payload)
        home = _own_id(post.channel)
        if (await self._described(home))["type"] in {FORUM, MEDIA}:
            thread = await self._forum_thread(home, message.day)
            if thread is None:
                return None
            home = thread
        elif message.place is render.Place.THREAD and post.parent is not None:
            found = await self._find_in(post.parent.message_id, message.body, post.created_at)
            if found is not None:
                return found
            # It went without the message above if that arrived only after a person sent it again.
        return await self._find_in(home, message.body, post.created_at)

    async def _find_in(self, home: str, body: render.Body, since: datetime) -> Receipt | None:
        after = str(snowflake((since - EARLIER).timestamp()))
        seen = 0
        for _ in range(PAGES):
            params = {"limit": HISTORY, "after": after}
            try:
                page = await self._rest.ask("GET", MESSAGES, channel_id=home, params=params)
            except ChannelRefused as error:
                if str(error) == REFUSED[10003]:
                    return None  # a thread that was not made yet, or is gone with all in it
                raise
            seen += len(page)
            for each in page:
                if str(each["author"]["id"]) == self._rest.user_id and same(each, body):
                    return await self._receipt(home, each)
            if len(page) < HISTORY:
                break
            after = max((str(each["id"]) for each in page), key=int)
        else:
            raise CannotTell("Too much was written in the channel since to look through it.")
        if not seen:
            await self._check_that_history_can_be_read(home)
        return None

    async def _check_that_history_can_be_read(self, home: str) -> None:
        """Without the permission Discord shows an empty history instead of saying so."""
        if (await self._described(home, anew=True)).get("last_message_id") is None:
            return
        page = await self._rest.ask("GET", MESSAGES, channel_id=home, params={"limit": 1})
        if not page:
            raise CannotTell(
                "I can't read the channel's history, so I can't see whether it arrived. With the"
                " permission Read Message History I could."
            )

    # -- channels ------------------------------------------------------------------------------

    def _kind(self, channel_id: str) -> int | None:
        """What kind of channel it is, where that was asked for already."""
        return self._channels.get(channel_id, {}).get("type")

    async def _described(self, channel_id: str, *, anew: bool = False) -> dict[str, Any]:
        if anew or channel_id not in self._channels:
            self._channels[channel_id] = await self._rest.ask(
                "GET", "/channels/{channel_id}", channel_id=channel_id
            )
        return self._channels[channel_id]

    async def _receipt(self, home: str, message: dict[str, Any]) -> Receipt:
        guild = self._gateway.guild_of(home)
        if not guild:
            with suppress(SendError):  # it arrived all the same; only the link to it is missing
                guild = (await self._described(home)).get("guild_id") or ""
        url = f"https://discord.com/channels/{guild}/{home}/{message['id']}" if guild else ""
        return Receipt(str(message["id"]), url)


MESSAGES: Final = "/channels/{channel_id}/messages"


def _own_id(channel: Channel) -> str:
    return channel.id.partition(":")[2]
