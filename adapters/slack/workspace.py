"""One workspace: sends messages into it, finds them again, and examines what it lets us do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from adapters.slack import render
from adapters.slack.render import Arguments
from adapters.slack.translate import TOO_MUCH, code_of
from adapters.slack.web import Web
from bot.errors import CannotTell, PlatformError, PostRefused, SendError
from bot.model import Channel, Finding, Post, Receipt
from bot.ports import Clock

EVENT: Final = "daily_papers"  # what our metadata is called; everybody in the workspace may read it
EARLIER: Final = timedelta(minutes=2)  # clocks differ: how far before its making a post is sought
PAGE: Final = 15  # messages of one look; more are not given to every kind of app (docs, 2025-05-29)
PAGES: Final = 20
NEEDED: Final = ("commands", "chat:write")
FOR_FINDING: Final = ("channels:history", "groups:history")


class Workspace:
    """``name`` is empty where there is only one."""

    def __init__(
        self, *, name: str, api_url: str, bot_token: str, app_token: str, clock: Clock
    ) -> None:
        self.name = name
        self.api_url = api_url
        self.app_token = app_token
        self.clock = clock
        self.web = Web(api_url=api_url, token=bot_token, clock=clock)

    async def send(self, post: Post, channel: str) -> Receipt:
        """Raises SendError and PlatformRefused. Nothing is sent twice on a guess."""
        message = render.read(post.payload)
        arguments = {
            **message.arguments,
            "metadata": {"event_type": EVENT, "event_payload": {"key": post.key}},
            **_below(message, post),
        }
        try:
            answer = await self.web.post(channel, **arguments)
        except PostRefused as error:
            if code_of(getattr(error.__cause__, "response", None)) not in TOO_MUCH:
                raise
            answer = await self.web.post(channel, **render.simplified(arguments))
        return self._receipt(channel, answer["ts"])

    async def find(self, post: Post, channel: str) -> Receipt | None:
        """Look through the history since the post was made, by its metadata.

        Raises CannotTell without a scope for it, and SendError.
        """
        await self.web.introduce()
        if not self.web.scopes or not self.web.scopes & set(FOR_FINDING):
            raise CannotTell(
                "I can't read the channel's history, so I can't see whether it arrived. With the"
                " scope channels:history (groups:history for private channels) I could."
            )
        message = render.read(post.payload)
        below = _below(message, post)
        method = "conversations_replies" if below else "conversations_history"
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{(post.created_at - EARLIER).timestamp():.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": PAGE,
            **({"ts": below["thread_ts"]} if below else {}),
        }
        for _ in range(PAGES):
            answer = await self.web.ask(method, **asked)
            for each in answer["messages"]:
                metadata = each.get("metadata") or {}
                key = (metadata.get("event_payload") or {}).get("key")
                if metadata.get("event_type") == EVENT and key == post.key:
                    return self._receipt(channel, each["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            asked["cursor"] = cursor
        raise CannotTell("Too much was written in the channel since to look through it.")

    def _receipt(self, channel: str, ts: str) -> Receipt:
        # Slack's clients open this address in the right workspace by themselves.
        return Receipt(ts, f"https://slack.com/archives/{channel}/p{ts.replace('.', '')}")

    async def tell(self, user: str, text: str) -> None:
        """A private message. Raises SendError and PlatformRefused."""
        await self.web.post(user, text=render.escaped(text), unfurl_links=False, parse="none")

    async def announce(self, channel: str, text: str) -> None:
        """A line for everybody in a channel. Raises SendError and PlatformRefused."""
        await self.web.post(
            channel,
            text=render.escaped(text),
            unfurl_links=False,
            unfurl_media=False,
            parse="none",
        )

    async def examine(self, channels: Sequence[tuple[Channel, str]]) -> list[Finding]:
        """What is wrong is a finding, no error. A channel is asked about where a scope allows."""
        subject = f"slack {self.name}".rstrip()
        try:
            await self.web.introduce()
        except (SendError, PlatformError) as error:
            return [Finding(subject, False, str(error), "See docs/hosting.md, Slack.")]
        scopes = self.web.scopes or frozenset()
        findings = [Finding(subject, True, "The bot token works.")]
        findings += [
            Finding(subject, False, f"The bot token lacks the scope {scope}.", _ADD_SCOPE)
            for scope in NEEDED
            if scopes and scope not in scopes
        ]
        if scopes and not scopes & set(FOR_FINDING):
            text = "Without channels:history a message of unknown outcome waits for you to decide."
            findings.append(Finding(subject, True, text))
        findings.append(await self._examine_socket(subject))
        if "channels:read" in scopes:
            findings += [await self._examine_channel(channel, own) for channel, own in channels]
        return findings

    async def _examine_socket(self, subject: str) -> Finding:
        try:
            await self.web.ask("apps_connections_open", app_token=self.app_token)
        except (SendError, PlatformError) as error:
            remedy = "Basic Information, App-Level Tokens: one with the scope connections:write."
            return Finding(subject, False, f"The app token: {error}", remedy)
        return Finding(subject, True, "The app token works.")

    async def _examine_channel(self, channel: Channel, own: str) -> Finding:
        try:
            answer = await self.web.ask("conversations_info", channel=own)
        except (SendError, PlatformError) as error:
            return Finding(channel.id, False, str(error), "Say there: /invite @papers")
        about = answer["channel"]
        if about.get("is_archived"):
            return Finding(channel.id, False, "It is archived.", "Unarchive it.")
        if not about.get("is_member"):
            text = f"I am not in #{about.get('name', own)}."
            return Finding(channel.id, False, text, "Say there: /invite @papers")
        return Finding(channel.id, True, f"#{about.get('name', own)} can be posted to.")


_ADD_SCOPE = "api.slack.com/apps, your app, OAuth & Permissions, Scopes; then install it again."


def _below(message: render.Message, post: Post) -> Arguments:
    """In the thread of the message above. Raises PostRefused where there is none."""
    if message.place is not render.Place.THREAD:
        return {}
    if post.parent is None:
        raise PostRefused("This message belongs below another one, and there is none.")
    return {"thread_ts": post.parent.message_id}
