"""Runs the commands of the people of one workspace, and shows them the results.

The listeners find out what was meant, and the core decides who may change what. This adds only
whether a person manages the workspace's channels (``managers``), and whether they may act in the
channel that they name (``membership``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.slack import key_form, keyword_form, render, replies
from adapters.slack.errors import code_of, reading_answer
from adapters.slack.managers import Managers, team_of_person
from adapters.slack.membership import SCOPES, Membership
from adapters.slack.screens import Screens
from adapters.slack.workspace import Workspace, joined, parted
from bot.errors import (
    ChannelRefused,
    NotAllowed,
    OutcomeUnknown,
    PlatformError,
    SendError,
    TryLater,
    UserError,
)
from bot.model import Person, Reply, TextFile
from bot.ports import Commands
from bot.references import refer_to
from bot.text.refusals import cannot_post, channel_not_told

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]

NOTICE_AFTER: Final = 2.0  # seconds after which the person is told that it takes a moment
NOTICE: Final = "One moment, please."
UPDATE_RETRY_DELAYS: Final = (0.5, 2.0, 5.0)  # seconds
MAX_RETRY_DELAY: Final = 20.0  # seconds that Slack may want us to wait for a window
CLOSED: Final = frozenset({"not_found", "view_not_found"})  # the person has closed the window
FILES_SCOPE: Final = "files:write"
IN_CONVERSATION: Final = "It is in our conversation, in the tab Messages of this app."
UNKNOWN_BUTTON: Final = (
    f"I do not know this button any more. To see what I can do: {refer_to('help')}"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where ``user`` is answered: through an interaction's ``response_url``, or in an open window;
    if there is neither, in a private message. ``replaces``: the answer takes the place of the
    message whose button was pressed."""

    user: str
    response_url: str = ""
    view_id: str = ""
    replaces: bool = False

    @classmethod
    def of(cls, body: Payload) -> Place:
        """Of a command, a button or a shortcut."""
        user = str(body.get("user_id") or (body.get("user") or {}).get("id") or "")
        if url := str(body.get("response_url") or ""):
            return cls(user, response_url=url, replaces=body.get("type") == "block_actions")
        view = body.get("view") or {}
        return cls(user, view_id=str(view.get("id") or "") if view.get("type") == "modal" else "")


class Responder:
    """``command`` is what people type; without ``managers`` everybody may change keywords.
    ``screens`` is what the windows show, in all workspaces of an app."""

    def __init__(
        self,
        workspace: Workspace,
        commands: Commands,
        *,
        command: str,
        managers: frozenset[str],
        screens: Screens | None = None,
    ) -> None:
        self.workspace = workspace
        self.commands = commands
        self.command = command
        self.screens = screens or Screens()
        self.membership = Membership(workspace)
        self._managers = Managers(workspace, managers)

    # -- who and where ---------------------------------------------------------------------------

    async def person(self, body: Payload, channel: str = "") -> Person:
        """From a command's payload, or from the ``user`` of another one; ``channel`` is where they
        act, which is a conversation between two where its id begins with D (docs.slack.dev,
        reference/objects/conversation-object, November 2026)."""
        who = body.get("user") or {}
        user = str(body.get("user_id") or who.get("id") or "")
        names = (body.get("user_name"), who.get("username"), who.get("name"), "Somebody")
        manages = await self._managers.include(user, team_of_person(body))
        return Person(
            next(str(name) for name in names if name),
            self.core_id(user),
            manages=manages,
            governs=manages,
            server=f"slack:{self.workspace.name}",
            private=channel.startswith("D"),
        )

    async def person_saying(self, body: Payload, channel: str, text: str) -> Person:
        """The same for whoever says this in a channel, with whether a thread can be opened for
        them."""
        person = await self.person(body, channel)
        if not self.commands.opens_thread(text):
            return person
        return replace(person, no_thread=await self._why_no_thread(channel, Place.of(body).user))

    async def _why_no_thread(self, channel: str, user: str) -> str:
        """Whoever is in a channel may start threads there. If Slack tells us the members of some
        channels only, it has to suffice that the button or command came from the channel."""
        try:
            may_look = (await self.workspace.web.me()).scopes >= SCOPES.keys()
            if channel.startswith("D") or not may_look or await self.membership.has(channel, user):
                return ""
        except (SendError, PlatformError):
            return "Slack does not say just now whether you are in this channel. Please try later."
        return "I open a thread only for members of the channel, and I can't see you in it."

    def core_id(self, own: str) -> str:
        return joined(self.workspace.name, own)

    async def channel_of(self, body: Payload) -> str:
        """The channel that a button is about: its message's, or its window's. Raises NotAllowed
        where the window's can't have come from us, or the person is no longer in it."""
        if channel := (body.get("channel") or {}).get("id"):
            return str(channel)
        metadata = (body.get("view") or {}).get("private_metadata")
        user = Place.of(body).user
        channel = self.membership.unsealed(metadata, user)
        if not channel:
            raise NotAllowed(
                f"I can't tell any more which channel this is about. Please say it there:"
                f" {refer_to('list')}"
            )
        await self.membership.check_again(metadata, user)
        return channel

    # -- answering -------------------------------------------------------------------------------

    async def run(self, body: Payload, channel: str, words: str) -> None:
        """Do what somebody typed or pressed in a channel: open the form that it asks for, or answer
        the command."""
        if self.commands.opens_form(words):
            await self.open_form(body, channel)
        elif whose := self.commands.opens_key_form(words):
            await self.open_key_form(body, channel, whose)
        else:
            person = await self.person_saying(body, channel, words)
            working = self.commands.typed(self.core_id(channel), person, words)
            await self.answer(Place.of(body), channel, person, working)

    async def answer(
        self, place: Place, channel: str, person: Person, working: Awaitable[Reply]
    ) -> None:
        """Show the result of a command. If it takes a while, the person is told so."""
        running = asyncio.ensure_future(working)
        try:
            done, _ = await asyncio.wait({running}, timeout=NOTICE_AFTER)
            if not done:
                await self.show(place, Reply(NOTICE), channel)
            reply = await running
        except UserError as error:
            await self.refuse(place, error, channel)
            return
        finally:
            running.cancel()
        await self.show_and_announce(place, reply, channel, person)

    async def refuse(self, place: Place, error: UserError, channel: str = "") -> None:
        """Show an error. It does not replace a message whose button was pressed, as that message is
        still valid."""
        beside = Place(place.user, place.response_url, place.view_id)
        await self.show(beside, Reply(str(error)), channel)

    async def show_and_announce(
        self, place: Place, reply: Reply, channel: str, person: Person
    ) -> None:
        """The person gets their answer first, because the public line may take as long as Slack
        likes. The line is posted even if the answer got lost, because the change was made."""
        try:
            await self.show(place, reply, channel)
        except (SendError, PlatformError):
            await self.tell_channel(channel, reply, person)
            raise
        await self.announce(place, reply, channel, person)

    async def announce(self, place: Place, reply: Reply, channel: str, person: Person) -> None:
        """Tell the channel about a change, and the person about whatever prevents that."""
        note = await self.tell_channel(channel, reply, person)
        if note and (place.view_id or place.replaces):
            await self.show(place, reply, channel, note)
        elif note:  # a message of its own: an answer to a command can't be replaced
            await self.show(place, Reply(note), channel)

    async def show(self, place: Place, reply: Reply, channel: str = "", note: str = "") -> None:
        """Show the reply where it was asked for. This works even in channels that the bot is not
        in."""
        if reply.file is not None:
            reply = await self._send_file(place.user, reply, reply.file)
        if place.view_id:
            sealed = self.membership.sealed(channel, place.user)
            view = replies.reply_window("Papers", reply, note, sealed, self.command)
            await self.update(place, view, reply)
        elif place.response_url:
            # A workspace that has no charts yet refuses the whole message.
            for charts in (True, False) if replies.charts_of(reply) else (False,):
                message = replies.reply_message(reply, note, command=self.command, charts=charts)
                message["replace_original"] = place.replaces
                if await self.workspace.web.respond(place.response_url, message):
                    break
        elif place.user:
            await self.workspace.say(place.user, replies.readable(reply.text, self.command))

    async def _send_file(self, user: str, reply: Reply, file: TextFile) -> Reply:
        """Sends a reply's file to the person alone. Returns the reply without the file; if that
        can't be done, with the file's text."""
        try:
            if FILES_SCOPE in (await self.workspace.web.me()).scopes:
                shown = replies.reply_blocks(Reply(reply.text), command=self.command)
                line = render.arguments(replies.sentences(reply.text, self.command), shown)
                # The file comes first, so that no line announces a file that does not follow.
                file_id = await self.workspace.web.upload(file.name, file.text)
                posted = await self.workspace.web.post(user, line)
                with reading_answer():
                    conversation = str(posted["channel"])
                await self.workspace.web.share_file(conversation, file.name, file_id)
                return replace(reply, text=f"{reply.text}\n{IN_CONVERSATION}", file=None)
            why = f"Without the scope {FILES_SCOPE} I can't send it as a file."
        except (SendError, PlatformError) as error:
            log.warning("file not sent why=%s", error)
            why = f"I could not send it as a file: {error}"
        return replace(
            reply, text=f"{reply.text}\n{why} This is its text:", code=file.text, file=None
        )

    async def tell_channel(self, channel: str, reply: Reply, person: Person) -> str:
        """Announce a change. Returns what prevents that, and so prevents posts, in a sentence;
        or nothing."""
        if not reply.announcement or reply.is_quiet:
            return ""
        line = replies.readable(reply.announcement, self.command)
        try:
            await self.workspace.say(channel, line, {person.name: parted(person.id)[1]})
        except ChannelRefused as error:
            return cannot_post(error)
        except (SendError, PlatformError) as error:
            return channel_not_told(error)
        return ""

    # -- windows ---------------------------------------------------------------------------------

    async def open(self, body: Payload, view: replies.View, method: str = "views.open") -> str:
        """Opens a window, and returns its id. Raises SendError and PlatformRefused: a trigger_id
        is good for three seconds, and once (docs.slack.dev,
        interactivity/handling-user-interaction)."""
        arguments = {"trigger_id": body.get("trigger_id"), "view": view}
        opened = await self.workspace.web.request(method, json=arguments)
        with reading_answer():
            return str(opened["view"]["id"])

    async def update(self, place: Place, view: replies.View, reply: Reply) -> None:
        """Show something else in a window, with retries; if Slack never takes it, in a private
        message. Raises the errors of that message."""
        self.screens.shows(place.view_id, {"response_action": "update", "view": view})
        try:
            await self.repeated("views.update", {"view_id": place.view_id, "view": view})
        except (SendError, PlatformError) as error:
            if code_of(error) in CLOSED:
                return
            log.warning("window not updated why=%s", error)
            await self.workspace.say(place.user, replies.readable(reply.text, self.command))

    async def repeated(
        self,
        method: str,
        arguments: dict[str, Any],
        still_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make a request that is harmless to repeat, with retries as long as it is
        ``still_wanted``. Raises SendError and PlatformRefused."""
        for delay in UPDATE_RETRY_DELAYS:
            try:
                await self.workspace.web.request(method, json=arguments)
            except (TryLater, OutcomeUnknown) as error:
                wanted = max(delay, error.seconds or 0.0)
                await self.workspace.clock.sleep(min(wanted, MAX_RETRY_DELAY))
                if not still_wanted():
                    return
            else:
                return
        await self.workspace.web.request(method, json=arguments)

    async def open_and_answer(
        self, body: Payload, channel: str, person: Person, working: Awaitable[Reply]
    ) -> None:
        """Answer in a new window; if Slack does not open one, in a message for the person."""
        place, view_id = Place.of(body), await self._open_loading(body, "Papers")
        if view_id:
            place = Place(place.user, view_id=view_id)
        else:
            place = Place(place.user, place.response_url)
        await self.answer(place, channel, person, working)

    async def _open_loading(self, body: Payload, title: str) -> str:
        """The id of a new window that only says "One moment", above the one that a button was
        pressed in; empty if Slack does not open one."""
        try:
            return await self.open(body, replies.loading(title), _method_of(body))
        except (SendError, PlatformError) as error:
            log.warning("window not opened title=%s why=%s", title, error)
            return ""

    async def open_form(self, body: Payload, channel: str) -> None:
        """The form for a keyword. ``channel`` is where it was asked for; empty outside of one."""
        place = Place.of(body)
        beside = Place(place.user, place.response_url)
        if not channel and not await self.membership.knows():
            await self.show(beside, Reply(keyword_form.NOWHERE))
            return
        at_home = (body.get("view") or {}).get("type") == "home"
        view = keyword_form.form(
            channel,
            metadata=self.membership.sealed(channel, place.user),
            callback_id=keyword_form.ADD_AT_HOME if at_home else replies.ADD,
        )
        try:
            await self.open(body, view)
        except (SendError, PlatformError) as error:
            log.warning("form not opened why=%s", error)
            await self.show(beside, Reply(keyword_form.NOT_OPENED))

    async def open_key_form(self, body: Payload, channel: str, whose: str) -> None:
        """The window for a key for Zotero, above the one that a button was pressed in."""
        place = Place.of(body)
        view = key_form.form(whose, metadata=self.membership.sealed(channel, place.user))
        try:
            await self.open(body, view, _method_of(body))
        except (SendError, PlatformError) as error:
            log.warning("window not opened title=%s why=%s", key_form.TITLE, error)
            await self.show(Place(place.user, place.response_url), Reply(key_form.NOT_OPENED))

    async def show_abstract(self, body: Payload, paper_id: str) -> None:
        """Shown in a window; if Slack does not open one, in a message for this person alone."""
        place, view_id = Place.of(body), await self._open_loading(body, paper_id)
        try:
            paper = await self.commands.abstract(paper_id)
            view = replies.abstract_window(paper, await self._sealed_of(body))
            text = f"{paper.title}\n{paper.url}"
        except UserError as error:
            view, text = replies.sentence(paper_id, str(error), self.command), str(error)
        if view_id:
            await self.update(Place(place.user, view_id=view_id), view, Reply(text))
        elif place.response_url:
            message = {**replies.plain_message(text, self.command), "replace_original": False}
            await self.workspace.web.respond(
                place.response_url, {**message, "blocks": view["blocks"]}
            )
        else:
            await self.show(Place(place.user), Reply(text))

    async def _sealed_of(self, body: Payload) -> str:
        """The sealed channel of a button, for a window about it; empty if it is not known."""
        try:
            return self.membership.sealed(await self.channel_of(body), Place.of(body).user)
        except NotAllowed:
            return ""

    def sentence(self, title: str, text: str) -> replies.View:
        """A window that says this."""
        return replies.sentence(title, text, self.command)

    # -- in channels -----------------------------------------------------------------------------

    async def greet(self, channel: str) -> None:
        """Greet a channel that the bot was invited to, at most once a day. Raises SendError and
        PlatformRefused."""
        core_id = self.core_id(channel)
        try:
            reply = await self.commands.invited(core_id)
            if not await self.commands.claim_request([f"greeting:{core_id}"]):
                return
        except UserError as error:
            log.warning("not greeted channel=%s why=%s", core_id, error)
            return
        text = replies.spoken(reply, self.command)
        shown = replies.reply_blocks(reply, command=self.command)
        await self.workspace.web.post(channel, render.arguments(text, shown))

    async def answer_message(self, channel: str, person: Person, words: str) -> None:
        """Run what a person wrote in their conversation with the bot as a command. Raises SendError
        and PlatformRefused."""
        try:
            reply = await self.commands.typed(self.core_id(channel), person, words)
        except UserError as error:
            reply = Reply(str(error))
        if reply.file is not None:
            reply = await self._send_file(parted(person.id)[1], reply, reply.file)
        text = replies.sentences(reply.text, self.command)
        shown = replies.reply_blocks(reply, command=self.command)
        await self.workspace.web.post(channel, render.arguments(text, shown))


def _method_of(body: Payload) -> str:
    """How a window is opened: above another one, where a button in that one was pressed."""
    above = (body.get("view") or {}).get("type") == "modal"
    return "views.push" if above else "views.open"
