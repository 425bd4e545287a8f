"""The slash command, the buttons, the form and App Home: what people say, and what they get.

What came is acknowledged before it gets here (``socket``). Who may change what is decided by the
core; this says only whether a person is on bot.toml's list of managers, where there is one.
"""

from __future__ import annotations

import asyncio
import html
import logging
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from adapters.slack import keyword_form, replies
from adapters.slack.blocks import ABSTRACT, SAY
from adapters.slack.workspace import Workspace, joined
from bot.errors import ChannelRefused, PlatformError, SendError, UserError
from bot.model import Person, Reply, refer_to
from bot.ports import Commands

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]
SOON: Final = 2.0  # seconds after which somebody is told that it takes a moment
ASKING: Final = "One moment, please: I am asking arXiv."
UNKNOWN_BUTTON: Final = (
    f"I do not know this button any more. To see what I can do: {refer_to('help')}"
)
# What phones and word processors make of quotes, and spaces that do not break.
_MEANT: Final = str.maketrans(
    {**dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("’‘‚‛′", "'")}
    | dict.fromkeys("\u00a0\u202f\u2007", " ")
)

_FRENCH: Final = re.compile(r"«\s*([^«»]*?)\s*»")  # with the spaces that French puts inside


def typed(text: str) -> str:
    """What a person meant to type: without Slack's escapes, with the quotes of a keyboard."""
    text = _FRENCH.sub(r'"\1"', unicodedata.normalize("NFC", html.unescape(text)))
    return text.translate(_MEANT).strip()


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

    def acknowledgement(self, kind: str, payload: Payload) -> dict[str, Any] | None:
        """What Slack is told at once: after the form, to show that something is being done."""
        if kind == "interactive" and payload.get("type") == "view_submission":
            view = replies.moment("Follow a keyword")
            return {"response_action": "update", "view": view}
        return None

    async def hear(self, kind: str, payload: Payload) -> None:
        """Do what was said. Raises SendError and PlatformRefused where the answer gets lost."""
        match kind, payload.get("type"):
            case "slash_commands", _:
                await self._command_given(payload)
            case "interactive", "block_actions":
                await self._pressed(payload)
            case "interactive", "view_submission":
                await self._submitted(payload)
            case "events_api", _ if payload.get("event", {}).get("type") == "app_home_opened":
                await self._home_opened(payload["event"])
            case _:
                log.info("nobody answers kind=%s type=%s", kind, payload.get("type"))

    # -- what was said -------------------------------------------------------------------------

    async def _command_given(self, payload: Payload) -> None:
        """Any command of the app: what is called otherwise in bot.toml is still meant for us."""
        words = typed(payload.get("text") or "")
        channel = payload["channel_id"]
        if self._commands.opens_form(words):
            await self._open("views.open", payload, keyword_form.form(channel))
            return
        place = Place(response_url=payload["response_url"])
        await self._answer(place, channel, self._person(payload), words)

    async def _pressed(self, payload: Payload) -> None:
        action = (payload.get("actions") or [{}])[0]
        action_id = str(action.get("action_id") or "")
        view = payload.get("view") or {}
        channel = (payload.get("channel") or {}).get("id") or view.get("private_metadata") or ""
        if action_id.partition(":")[0] == ABSTRACT:
            await self._show_abstract(payload, str(action["value"]))
        elif action_id == replies.ADD or self._commands.opens_form(str(action.get("value") or "")):
            await self._open("views.open", payload, keyword_form.form(channel))
        elif action_id.startswith(f"{SAY}:"):
            person = self._person(payload["user"])
            await self._answer(Place.of(payload), channel, person, str(action["value"]))
        elif not action.get("url"):
            message = replies.plain_message(UNKNOWN_BUTTON, self._command)
            if payload.get("response_url"):
                await self._workspace.web.respond(
                    payload["response_url"], {**message, "replace_original": False}
                )

    async def _submitted(self, payload: Payload) -> None:
        view = payload["view"]
        place = Place(view_id=view["id"])
        if view.get("callback_id") != replies.ADD:
            await self._show(place, Reply(UNKNOWN_BUTTON), "", "")
            return
        values = view["state"]["values"]
        filled = keyword_form.Filled(values)
        person = self._person(payload["user"])
        try:
            reply = await self._commands.add(self._id(filled.channel), person, filled.keyword)
        except UserError as error:
            again = keyword_form.form(
                filled.channel, values, replies.readable(str(error), self._command)
            )
            await self._update(view["id"], again)
            return
        await self._show_and_announce(place, reply, filled.channel)

    async def _home_opened(self, event: Payload) -> None:
        if event.get("tab", "home") != "home":
            return
        try:
            reply = await self._commands.home(Person("", self._id(event["user"])))
        except UserError as error:
            reply = Reply(str(error))
        view = replies.home_view(reply, self._command)
        await self._workspace.web.ask(
            "views.publish", json={"user_id": event["user"], "view": view}
        )

    # -- answering -----------------------------------------------------------------------------

    async def _answer(self, place: Place, channel: str, person: Person, words: str) -> None:
        """Run a command, and show what comes of it. Somebody who waits is told so."""
        running = asyncio.ensure_future(self._commands.typed(self._id(channel), person, words))
        try:
            done, _ = await asyncio.wait({running}, timeout=SOON)
            if not done:
                await self._show(place, Reply(ASKING), "", channel)
            reply = await running
        except UserError as error:
            # Of a message whose button was pressed it does not take the place: that is still good.
            refusing = Place(response_url=place.response_url, view_id=place.view_id)
            await self._show(refusing, Reply(str(error)), "", channel)
            return
        finally:
            running.cancel()
        await self._show_and_announce(place, reply, channel)

    async def _show_and_announce(self, place: Place, reply: Reply, channel: str) -> None:
        """The person has their answer first: the public line may take as long as Slack likes. It is
        said also where the answer got lost, because the change was made."""
        try:
            await self._show(place, reply, "", channel)
        except (SendError, PlatformError):
            await self._announce(channel, reply)
            raise
        note = await self._announce(channel, reply)
        if note and (place.view_id or place.replaces):
            await self._show(place, reply, note, channel)
        elif note:  # a message of its own: an answer to a command can't be replaced
            await self._show(place, Reply(note), "", channel)

    async def _show(self, place: Place, reply: Reply, note: str, channel: str) -> None:
        """Where it was asked: it works in channels too that the bot is no member of."""
        if place.view_id:
            view = replies.reply_window("Papers", reply, note, channel, self._command)
            await self._update(place.view_id, view)
        elif place.response_url:
            message = replies.reply_message(reply, note, command=self._command)
            message["replace_original"] = place.replaces
            await self._workspace.web.respond(place.response_url, message)

    async def _announce(self, channel: str, reply: Reply) -> str:
        """Tell the channel of a change; what stands in the way of that, and so of posts, is told to
        the person."""
        if not reply.announcement:
            return ""
        try:
            await self._workspace.say(channel, reply.announcement)
        except ChannelRefused as error:
            return f"I can't post here yet: {error}"
        except (SendError, PlatformError) as error:
            return f"I could not tell the channel: {error}"
        return ""

    async def _show_abstract(self, payload: Payload, paper_id: str) -> None:
        """The window opens at once, because what opens it lives for three seconds only."""
        inside = (payload.get("view") or {}).get("type") == "modal"
        method = "views.push" if inside else "views.open"
        opened = await self._open(method, payload, replies.moment(paper_id))
        try:
            view = replies.abstract_window(await self._commands.abstract(paper_id))
        except UserError as error:
            view = replies.sentence(paper_id, str(error), self._command)
        await self._update(opened["view"]["id"], view)

    async def _open(self, method: str, payload: Payload, view: replies.View) -> dict[str, Any]:
        return await self._workspace.web.ask(
            method, json={"trigger_id": payload["trigger_id"], "view": view}
        )

    async def _update(self, view_id: str, view: replies.View) -> None:
        await self._workspace.web.ask("views.update", json={"view_id": view_id, "view": view})

    # -- who and where -------------------------------------------------------------------------

    def _person(self, who: Payload) -> Person:
        """From a command's payload, or from the ``user`` of another one."""
        user = str(who.get("user_id") or who.get("id") or "")
        name = str(who.get("user_name") or who.get("username") or who.get("name") or "Somebody")
        listed = not self._managers or user in self._managers
        server = f"slack:{self._workspace.name}"
        return Person(name, self._id(user), manages=listed, governs=listed, server=server)

    def _id(self, own: str) -> str:
        return joined(self._workspace.name, own)


class Place:
    """Where an answer is shown: by an interaction's own address, or in an open window."""

    def __init__(
        self, *, response_url: str = "", view_id: str = "", replaces: bool = False
    ) -> None:
        self.response_url = response_url
        self.view_id = view_id
        self.replaces = replaces  # the answer whose button was pressed

    @classmethod
    def of(cls, payload: Payload) -> Place:
        """Of a button."""
        if payload.get("response_url"):
            return cls(response_url=payload["response_url"], replaces=True)
        return cls(view_id=(payload.get("view") or {}).get("id") or "")
