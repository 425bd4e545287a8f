"""What people do in App Home: their channels, shown and changed without being in one.

A button there carries its channel under a seal, and before anything is done Slack is asked whether
the person is still a member of it (``membership``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.slack import settings_form
from adapters.slack.home import home_view
from adapters.slack.replies import View, loading
from adapters.slack.responder import Place, Responder
from adapters.slack.workspace import parted
from bot.errors import NotAllowed, PlatformError, SendError, UserError
from bot.model import Home, Reply
from bot.references import refer_to

log = logging.getLogger(__name__)

NO_SCOPE: Final = (
    "To change your channels here, the app needs the scopes channels:read and groups:read. Whoever"
    " hosts it can add them."
)


class ControlPanel:
    """App Home for the people of one workspace."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self._membership = responder.membership
        self._newest: dict[str, object] = {}  # by person, the view that is being published

    async def publish(
        self,
        user: str,
        *,
        page: int = 1,
        conversation: str = "",
        said: Reply | None = None,
        about: str = "",
    ) -> None:
        """Show a person's App Home. ``conversation`` is their own with the bot; ``said`` and
        ``about`` are as in ``home_view``. Raises SendError and PlatformRefused."""
        responder = self.responder
        conversation = self._membership.conversation(user, conversation)
        channels = await self._membership.channels(user)
        ids = None
        if channels is not None:
            own = {*channels, *filter(None, [conversation])}
            ids = frozenset(map(responder.core_id, own))
        try:
            person = await responder.person({"user": {"id": user}})
            home = await responder.commands.home(person, ids, page)
        except UserError as error:
            home = Home(Reply(str(error)))
        view = home_view(
            home,
            responder.command,
            own_id=lambda channel_id: parted(channel_id)[1],
            sealed=lambda own: self._membership.sealed(own, user),
            metadata=f"{home.page} {self._membership.sealed(conversation, user)}",
            said=said,
            about=about,
            hint=NO_SCOPE if ids is None else "",
            conversation=conversation,
        )
        await self._show(user, view)

    async def _show(self, user: str, view: View) -> None:
        """Retried where Slack does not take it, unless a newer view has replaced it meanwhile."""
        self._newest[user] = view
        arguments = {"user_id": user, "view": view}
        try:
            await self.responder.repeated(
                "views.publish", arguments, lambda: self._newest.get(user) is view
            )
        finally:
            if self._newest.get(user) is view:
                del self._newest[user]

    async def publish_again(
        self,
        body: Mapping[str, Any],
        *,
        page: int | None = None,
        said: Reply | None = None,
        about: str = "",
    ) -> None:
        """Show the page on which a button was pressed again, or another one."""
        user = Place.of(body).user
        shown, _, sealed = _metadata(body).partition(" ")
        await self.publish(
            user,
            page=_number(shown) if page is None else page,
            conversation=self._membership.unsealed(sealed, user),
            said=said,
            about=about,
        )

    async def turn(self, body: Mapping[str, Any], value: str) -> None:
        await self.publish_again(body, page=_number(value))

    async def act(self, body: Mapping[str, Any], value: str) -> None:
        """A button of a channel: ``value`` is the sealed channel, a space, and a command."""
        responder, user = self.responder, Place.of(body).user
        sealed, _, words = value.partition(" ")
        try:
            channel = await self._member_of(sealed, user)
        except NotAllowed as error:
            await self.publish_again(body, said=Reply(str(error)))
            return
        if responder.commands.opens_form(words):
            await responder.open_form(body, channel)
        elif words == "settings":
            await self._open_settings(body, channel)
        elif words == "list":
            person = await responder.person(body, channel)
            listing = responder.commands.list_(responder.core_id(channel), person)
            await responder.open_and_answer(body, channel, person, listing)
        else:
            await self._do(body, channel, words)

    async def _member_of(self, sealed: str, user: str) -> str:
        """The sealed channel. Raises NotAllowed unless the person is in it."""
        channel = self._membership.unsealed(sealed, user)
        if not channel:
            raise NotAllowed(
                f"I can't tell any more which channel that is about. Please say it there:"
                f" {refer_to('list')}"
            )
        await self._membership.check_again(sealed, user)
        return channel

    async def _do(self, body: Mapping[str, Any], channel: str, words: str) -> None:
        responder = self.responder
        person = await responder.person(body, channel)
        try:
            reply = await responder.commands.typed(responder.core_id(channel), person, words)
        except UserError as error:
            await self.publish_again(body, said=Reply(str(error)))
            return
        try:
            await self.publish_again(body, said=reply, about=channel)
        finally:
            note = await responder.tell_channel(channel, reply, person)
        if note:
            told = replace(reply, text=f"{reply.text}\n{note}")
            await self.publish_again(body, said=told, about=channel)

    async def _open_settings(self, body: Mapping[str, Any], channel: str) -> None:
        responder, place = self.responder, Place.of(body)
        try:
            view_id = await responder.open(body, loading(settings_form.TITLE))
        except (SendError, PlatformError) as error:
            log.warning("settings not opened why=%s", error)
            await self.publish_again(body, said=Reply(settings_form.NOT_OPENED))
            return
        await responder.update(
            Place(place.user, view_id=view_id),
            await self.settings(body, channel),
            Reply(settings_form.NOT_OPENED),
        )

    async def settings(self, body: Mapping[str, Any], channel: str) -> dict[str, Any]:
        """The window with a channel's settings, or one that says why they can't be shown."""
        responder, user = self.responder, Place.of(body).user
        person = await responder.person(body, channel)
        try:
            core_id = responder.core_id(channel)
            values = await responder.commands.settings_in_force(core_id, person)
        except UserError as error:
            return responder.sentence(settings_form.TITLE, str(error))
        sealed = self._membership.sealed(channel, user)
        return settings_form.form(values, channel, metadata=sealed, governs=person.governs)


def _metadata(body: Mapping[str, Any]) -> str:
    return str((body.get("view") or {}).get("private_metadata") or "")


def _number(text: str) -> int:
    """A page's number; the core takes the nearest page that exists."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else 1
