"""One workspace: sends messages into it, finds them again, and writes to people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adapters.remembered import Remembered
from adapters.slack import blocks, history, render, replies
from adapters.slack.api import Web
from adapters.slack.errors import SIMPLIFY, UNTHREADED, code_of, reading_answer
from adapters.slack.limits import cut
from bot.errors import (
    ChannelRefused,
    OutcomeUnknown,
    PlatformDown,
    PlatformError,
    PlatformRefused,
    PostRefused,
    SendError,
)
from bot.model import Post, Receipt
from bot.network import Network
from bot.ports import Clock

BOT_TOKEN, APP_TOKEN = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"
MAX_LINE_LENGTH: Final = 2500
GROUPS_SCOPE: Final = "usergroups:read"
GROUPS_KEPT: Final = 600.0  # seconds; many digests are sent in the same minutes of a morning

log = logging.getLogger(__name__)


class Workspace:
    """``name`` is what bot.toml calls it, empty for a single one without a name; for one that
    installed the app, it is Slack's id (``T…``). ``distributed``: Slack treats the app as
    distributed outside its marketplace, and shows it little history at a time."""

    def __init__(
        self,
        *,
        name: str,
        api_url: str,
        bot_token: str,
        app_token: str = "",
        clock: Clock,
        network: Network | None = None,
        distributed: bool = False,
    ) -> None:
        self.name = name
        self._distributed = distributed
        self.app_token = app_token
        self.clock = clock
        self._groups = Remembered(self._user_groups, GROUPS_KEPT, clock)
        self.web = Web(api_url=api_url, token=bot_token, network=network or Network(), clock=clock)

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return f"Slack ({self.name})" if self.name else "Slack"

    async def check_token(self) -> None:
        """Try the bot token. Raises PlatformDown and PlatformRefused."""
        try:
            await self.web.me()
        except PlatformRefused as error:
            raise PlatformRefused(f"{variable(BOT_TOKEN, self.name)}: {error}") from error
        except SendError as error:
            raise PlatformDown(str(error)) from error

    async def send(self, post: Post, channel: str) -> Receipt:
        """Raises SendError and PlatformRefused. Nothing is sent twice on a guess.

        What Slack refuses is sent in a simpler way: without blocks if it refuses those, in the
        channel itself if the message above is gone. It refuses both before it posts anything.
        """
        message = {**render.read(post.payload), "metadata": history.message_metadata(post.key)}
        if post.thread is not None:
            message["thread_ts"] = post.thread.message_id
        await self.web.me()
        group = render.user_group(message)
        mention_gone = "" if group else None
        if group and not await self.has_user_group(group):
            log.warning("mentions nobody channel=%s: group %s is gone", post.channel.id, group)
            message, mention_gone = render.notifying_nobody(message), group
        while True:
            try:
                answer = await self.web.post(channel, message)
            except (PostRefused, ChannelRefused) as error:
                if code_of(error) in SIMPLIFY and "blocks" in message:
                    message = render.simplified(message)
                elif code_of(error) in UNTHREADED and "thread_ts" in message:
                    del message["thread_ts"]
                else:
                    raise
            else:
                if ts := answer.get("ts"):
                    receipt = await self._receipt(channel, str(ts), post)
                    return replace(receipt, mention_gone=mention_gone)
                raise OutcomeUnknown("Slack answered without saying which message it became.")

    async def has_user_group(self, group_id: str) -> bool:
        """False for a group that is disabled, or never existed (docs.slack.dev, methods/
        usergroups.list, which leaves these out; November 2026). True also where that is not known:
        without the scope, or when Slack does not answer. Raises nothing."""
        groups = await self._groups.get()
        return groups is None or group_id in groups

    async def _user_groups(self) -> frozenset[str] | None:
        """``None``: not known."""
        try:
            if GROUPS_SCOPE not in (await self.web.me()).scopes:
                return None
            answer = await self.web.request("usergroups.list", params={})
            with reading_answer():
                return frozenset(str(each["id"]) for each in answer["usergroups"])
        except (SendError, PlatformError) as error:
            log.info("user groups not known workspace=%s why=%s", self.title, error)
            return None

    async def find(self, post: Post, channel: str) -> Receipt | None:
        """Raises CannotTell without a scope for it, TryLater, ChannelRefused, PlatformRefused."""
        ts = await history.find(self.web, channel, post, distributed=self._distributed)
        return None if ts is None else await self._receipt(channel, ts, post)

    async def has_message(self, channel: str, ts: str) -> bool:
        """Whether the message still exists. Needs no scope (docs.slack.dev,
        methods/chat.getPermalink, November 2026). Raises SendError and PlatformRefused."""
        try:
            params = {"channel": channel, "message_ts": ts}
            await self.web.request("chat.getPermalink", params=params)
        except (SendError, PlatformRefused) as error:
            if code_of(error) == "message_not_found":
                return False
            raise
        return True

    async def _receipt(self, channel: str, ts: str, post: Post) -> Receipt:
        home = (await self.web.me()).url
        url = f"{home}archives/{channel}/p{ts.replace('.', '')}" if home else ""
        if url and post.thread is not None:
            url += f"?thread_ts={post.thread.message_id}&cid={channel}"
        return Receipt(ts, url)

    async def say(self, where: str, text: str, people: Mapping[str, str] | None = None) -> str:
        """Posts a line, in which other people's text is inert, to a channel or to one person, and
        returns the id of the channel or of the conversation. ``people`` are user ids by name: a
        name with which the text begins becomes a mention. Raises SendError and PlatformRefused."""
        line = cut(text, MAX_LINE_LENGTH)
        name = next((each for each in people or () if line.startswith(f"{each} ")), "")
        named = [blocks.user(people[name])] if people and name else []
        shown = [blocks.rich(blocks.section(*named, *blocks.running_text(line[len(name) :])))]
        posted = await self.web.post(where, render.arguments(replies.sentences(line), shown))
        return str(posted.get("channel") or where)


def variable(token: str, workspace: str) -> str:
    """The environment variable of a workspace's token: ``SLACK_BOT_TOKEN_RESEARCH``."""
    return f"{token}_{workspace.upper().replace('-', '_')}" if workspace else token


def joined(workspace: str, own: str) -> str:
    """A channel's or a person's id as the core has it."""
    return f"slack:{workspace}/{own}" if workspace else f"slack:{own}"


def parted(core_id: str) -> tuple[str, str]:
    """The reverse of ``joined``: the workspace's name, and the id there."""
    name, _, own = core_id.partition(":")[2].rpartition("/")
    return name, own
