"""``/papers``, the buttons, the modals and App Home: what people say on Slack, and the answers.

What came is acknowledged before it gets here. Who may change what is decided by the core; this says
only whether a person is on the list of managers, where there is one.
"""

from __future__ import annotations

import html
import logging
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack import answers, render
from adapters.slack.translate import at_the_border
from adapters.slack.workspace import Workspace
from bot.errors import ChannelRefused, PlatformError, SendError, UserError
from bot.model import Person, Reply
from bot.ports import Commands

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]
# What phones and word processors make of quotes, and a space that does not break.
_QUOTES: Final = str.maketrans(
    {**dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("’‘‚‛′", "'"), "\u00a0": " ", "\u202f": " "}
)


class People:
    """Answers what people of one workspace say."""

    def __init__(
        self,
        workspace: Workspace,
        commands: Commands,
        *,
        command: str,
        managers: frozenset[str],
    ) -> None:
        self._workspace = workspace
        self._commands = commands
        self._command = command
        self._managers = managers

    def handler(self, kind: str, payload: Payload) -> Callable[[Payload], Awaitable[None]]:
        """Who answers this; what nobody knows is answered too, or not worth an answer."""
        if kind == "slash_commands":
            return self.command
        if kind == "interactive" and payload.get("type") == "block_actions":
            return self.pressed
        if kind == "interactive" and payload.get("type") == "view_submission":
            return self.submitted
        if kind == "events_api" and payload.get("event", {}).get("type") == "app_home_opened":
            return self.home_opened
        return self.unknown

    async def command(self, payload: Payload) -> None:
        """``/papers …``. Without a keyword, ``add`` opens a window to put one together."""
        words = typed(payload.get("text") or "")
        if payload.get("command") != self._command:
            words = "help"  # another command of the same app; what there is, is said
        if words.casefold() == "add":
            view = answers.add_modal(payload["channel_id"])
            await self._workspace.web.ask("views_open", trigger_id=payload["trigger_id"], view=view)
            return
        await self._answer(payload, payload["channel_id"], self._person(payload), words)

    async def pressed(self, payload: Payload) -> None:
        """A button. One of an answer puts the next answer in its place."""
        action = payload["actions"][0]
        action_id = action["action_id"]
        if action_id == render.ABSTRACT:
            await self._show_abstract(payload, action["value"])
        elif action_id.startswith(f"{answers.SAY}:") and "response_url" in payload:
            channel = payload["channel"]["id"]
            person = self._person(payload["user"])
            await self._answer(payload, channel, person, action["value"], replace=True)

    async def submitted(self, payload: Payload) -> None:
        """The window in which a keyword was put together."""
        if payload["view"].get("callback_id") != answers.ADD:
            return
        keyword, channel = answers.keyword_of(payload["view"]["state"]["values"])
        urls = payload.get("response_urls") or [{}]
        where = {"response_url": urls[0].get("response_url", "")}
        await self._answer(where, channel, self._person(payload["user"]), f"add {keyword}")

    async def home_opened(self, payload: Payload) -> None:
        event = payload["event"]
        if event.get("tab") != "home":
            return
        try:
            reply = await self._commands.home(Person("", self._id(event["user"])))
        except UserError as error:
            reply = Reply(str(error))
        view = answers.home_view(reply)
        await self._workspace.web.ask("views_publish", user_id=event["user"], view=view)

    async def unknown(self, payload: Payload) -> None:
        log.info("unknown type=%s", payload.get("type") or payload.get("event", {}).get("type"))

    # -- answering -----------------------------------------------------------------------------

    async def _answer(
        self, payload: Payload, channel: str, person: Person, words: str, *, replace: bool = False
    ) -> None:
        note = ""
        try:
            reply = await self._commands.run(self._id(channel), person, words)
            note = await self._announce(channel, reply)
        except UserError as error:
            reply = Reply(str(error))
        arguments = answers.reply_arguments(reply, note)
        await self._respond(payload.get("response_url") or "", replace, arguments)

    async def _respond(self, url: str, replace: bool, arguments: dict[str, Any]) -> None:
        """By the address that came with the question: it works where the bot is no member too."""
        if not url:
            return
        with at_the_border():
            response = await AsyncWebhookClient(url, retry_handlers=[]).send(
                replace_original=replace, **arguments
            )
        if response.status_code != 200:
            log.warning("answer status=%s why=%s", response.status_code, response.body[:200])

    async def _announce(self, channel: str, reply: Reply) -> str:
        """Tell the channel of a change; what stands in the way of that, and so of posts, is told to
        the person."""
        if not reply.announcement:
            return ""
        try:
            await self._workspace.announce(channel, reply.announcement)
        except ChannelRefused as error:
            return f"I can't post here yet: {error}"
        except (SendError, PlatformError) as error:
            return f"I could not tell the channel: {error}"
        return ""

    async def _show_abstract(self, payload: Payload, paper_id: str) -> None:
        """The window opens at once, because what opens it lives for three seconds only."""
        web = self._workspace.web
        opened = await web.ask(
            "views_open", trigger_id=payload["trigger_id"], view=answers.loading()
        )
        try:
            view = answers.abstract_modal(await self._commands.abstract(paper_id))
        except UserError as error:
            view = answers.sentence("Abstract", str(error))
        await web.ask("views_update", view_id=opened["view"]["id"], view=view)

    def _person(self, who: Payload) -> Person:
        """From a command's payload, or from the ``user`` of another one."""
        user = who.get("user_id") or who.get("id") or ""
        name = who.get("user_name") or who.get("username") or who.get("name") or "Somebody"
        listed = not self._managers or user in self._managers
        return Person(name, self._id(user), manages=listed, governs=listed)

    def _id(self, own: str) -> str:
        """A channel or a person in the core's words."""
        return f"slack:{self._workspace.name}/{own}" if self._workspace.name else f"slack:{own}"


def typed(text: str) -> str:
    """What a person meant to type: without Slack's escapes, with the quotes of a keyboard."""
    return unicodedata.normalize("NFC", html.unescape(text)).translate(_QUOTES).strip()


async def outlived(work: Awaitable[None], kind: str) -> None:
    """What goes wrong in an answer is nobody's loss but the asker's; it is logged."""
    try:
        await work
    except (SendError, PlatformError, SlackClientError) as error:
        log.warning("answering kind=%s failed why=%s", kind, error)
