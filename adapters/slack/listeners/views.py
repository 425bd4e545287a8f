"""Windows that were submitted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from adapters.slack import key_form, keyword_form, paper_choice, replies, settings_form
from adapters.slack.control_panel import ControlPanel
from adapters.slack.fields import below_field
from adapters.slack.listeners.shortcuts import LIKE, TITLES, WHY, form_like
from adapters.slack.responder import UNKNOWN_BUTTON, Place, Responder
from bot.errors import NotAllowed, PlatformError, SendError, UserError
from bot.model import Person, Reply
from bot.references import refer_to

# Seconds that a submitted form waits for its answer. Mistakes are usually found in that time, and
# are then shown below their fields; if arXiv takes longer, the window says so. Slack waits three.
FORM_ANSWER_TIMEOUT: Final = 0.5
NO_CHANNEL: Final = f"I can't tell any more which channel this is about: {refer_to('settings')}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a submitted window shows next, and the ``reply`` for a person whose window is gone. With
    ``mistakes`` the window stays as it is, and they are shown below their fields; if it shows
    something else by then, ``view`` is the form again."""

    view: replies.View
    reply: Reply
    mistakes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubmittedWindow:
    """A window that was submitted. ``channel`` is the one that it was opened for, from its sealed
    ``metadata``; empty if the seal is not ours."""

    responder: Responder
    place: Place
    callback_id: str
    state: Mapping[str, Any]
    channel: str
    metadata: str

    @classmethod
    def of(cls, body: Mapping[str, Any], responder: Responder) -> SubmittedWindow:
        user, view = str(body["user"]["id"]), body["view"]
        metadata = str(view.get("private_metadata") or "")
        return cls(
            responder,
            Place(user, view_id=str(view["id"])),
            str(view["callback_id"]),
            view["state"]["values"],
            responder.membership.unsealed(metadata, user),
            metadata,
        )

    @property
    def sealed(self) -> str:
        """The metadata as it was: showing a window again must not renew its seal."""
        return self.metadata if self.channel else ""

    async def check(self) -> None:
        """Raises NotAllowed unless the window is about a channel that the person is in."""
        if not self.channel:
            raise NotAllowed(NO_CHANNEL)
        await self.responder.membership.check_again(self.metadata, self.place.user)


def register(app: AsyncApp) -> None:
    @app.view(re.compile(f"^({replies.ADD}|{keyword_form.ADD_AT_HOME})$"))
    async def follow(
        ack: AsyncAck,
        body: dict[str, Any],
        view: dict[str, Any],
        responder: Responder,
        panel: ControlPanel,
    ) -> None:
        """The form for a keyword."""
        window = SubmittedWindow.of(body, responder)
        person = await responder.person(body, window.channel)
        filled = keyword_form.Filled(view["state"]["values"], window.channel)
        adding = _add(window, filled, person)
        outcome = await _answer(
            ack, window, "Follow a keyword", adding, person, channel=filled.channel
        )
        if view["callback_id"] == keyword_form.ADD_AT_HOME and not outcome.mistakes:
            await panel.publish(window.place.user)

    @app.view(settings_form.SETTINGS)
    async def change_settings(
        ack: AsyncAck, body: dict[str, Any], responder: Responder, panel: ControlPanel
    ) -> None:
        """A channel's settings, opened from App Home."""
        window = SubmittedWindow.of(body, responder)
        person = await responder.person(body, window.channel)
        changing = _change_settings(window, person)
        outcome = await _answer(ack, window, settings_form.TITLE, changing, person)
        if not outcome.mistakes:
            await panel.publish(window.place.user)

    @app.view(re.compile(f"^{key_form.PREFIX}(person|channel)$"))
    async def connect_zotero(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """A key for Zotero."""
        window = SubmittedWindow.of(body, responder)
        person = await responder.person(body, window.channel)
        await _answer(ack, window, key_form.TITLE, _connect_zotero(window, person), person)

    @app.view(WHY)
    async def why(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """The paper that somebody asks about."""
        window = SubmittedWindow.of(body, responder)
        person = await responder.person(body, window.channel)
        await _answer(ack, window, TITLES[WHY], _why(window, person), person)

    @app.view(LIKE)
    async def follow_like(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """The paper of which somebody wants more."""
        window = SubmittedWindow.of(body, responder)
        person = await responder.person(body, window.channel)
        await _answer(ack, window, TITLES[LIKE], _like(window, person), person)

    @app.view(re.compile(""))
    async def unknown(ack: AsyncAck, view: dict[str, Any], responder: Responder) -> None:
        """A window of an older version of the bot."""
        shown = replies.sentence("Papers", UNKNOWN_BUTTON, responder.command)
        answer = {"response_action": "update", "view": shown}
        await ack(**responder.screens.shows(str(view["id"]), answer))


async def _answer(
    ack: AsyncAck,
    window: SubmittedWindow,
    title: str,
    working: Coroutine[Any, Any, Outcome],
    person: Person,
    *,
    channel: str = "",
) -> Outcome:
    """Show the result of a submitted window, and announce it in the channel. If it takes longer
    than the acknowledgement may, the window says so first."""
    responder, place, channel = window.responder, window.place, channel or window.channel
    task = asyncio.create_task(working)
    try:
        done, _ = await asyncio.wait({task}, timeout=FORM_ANSWER_TIMEOUT)
        if not done:
            waiting = {"response_action": "update", "view": replies.loading(title)}
            await ack(**responder.screens.shows(place.view_id, waiting))
        outcome = await task
    finally:
        task.cancel()
    if done:
        answer: dict[str, Any] = {"response_action": "update", "view": outcome.view}
        if outcome.mistakes:
            answer = {"response_action": "errors", "errors": dict(outcome.mistakes)}
        await ack(**responder.screens.shows(place.view_id, answer))
    else:
        try:
            await responder.update(place, outcome.view, outcome.reply)
        except (SendError, PlatformError):
            await responder.tell_channel(channel, outcome.reply, person)
            raise
    await responder.announce(place, outcome.reply, channel, person)
    return outcome


async def _add(window: SubmittedWindow, filled: keyword_form.Filled, person: Person) -> Outcome:
    responder, user, origin = window.responder, window.place.user, window.channel
    try:
        if filled.channel == origin and origin:
            await window.check()
        else:
            await responder.membership.check(filled.channel, user)
        channel = responder.core_id(filled.channel)
        add = responder.commands.add
        reply = await add(
            channel, person, filled.phrase, filled.field, filled.categories, filled.name
        )
    except UserError as error:
        said = replies.readable(str(error), responder.command)
        chosen = isinstance(error, NotAllowed) and keyword_form.asks_for_channel(origin)
        below = keyword_form.CHANNEL if chosen else keyword_form.PHRASE
        again = keyword_form.form(
            origin, window.state, said, window.sealed, callback_id=window.callback_id
        )
        return Outcome(again, Reply(str(error)), {below: below_field(said)})
    return _shown(window, reply, filled.channel)


async def _change_settings(window: SubmittedWindow, person: Person) -> Outcome:
    """Applies all settings that differ from those in force, or none."""
    responder, channel = window.responder, window.channel
    core_id, below = responder.core_id(channel), next(iter(window.state), "")
    try:
        await window.check()
        values = await responder.commands.settings_in_force(core_id, person)
        changed = settings_form.changed(window.state, values)
        below = next(iter(changed), below)
        if mistakes := settings_form.mistakes(changed):
            said = " ".join(mistakes.values())
            again = settings_form.form(
                values,
                channel,
                metadata=window.sealed,
                governs=person.governs,
                mistake=said,
                filled=changed,
            )
            return Outcome(again, Reply(said), mistakes)
        if not changed:
            reply = await responder.commands.settings(core_id, person)
        else:
            reply = await responder.commands.change_settings(core_id, person, changed)
    except UserError as error:
        said = replies.readable(str(error), responder.command)
        return _mistaken(window, {below: below_field(said)} if below else {}, said)
    return _shown(window, reply, channel)


async def _connect_zotero(window: SubmittedWindow, person: Person) -> Outcome:
    responder, whose = window.responder, window.callback_id.removeprefix(key_form.PREFIX)
    key, library = key_form.filled(window.state)
    try:
        await window.check()
        channel, for_channel = responder.core_id(window.channel), whose == "channel"
        reply = await responder.commands.connect_zotero(
            channel, person, key, library, for_channel=for_channel
        )
    except UserError as error:
        said = replies.readable(str(error), responder.command)
        again = key_form.form(whose, metadata=window.sealed, mistake=said)
        return Outcome(again, Reply(str(error)), {key_form.KEY: below_field(said)})
    return _shown(window, reply, window.channel, key_form.TITLE)


async def _why(window: SubmittedWindow, person: Person) -> Outcome:
    responder, paper_id = window.responder, paper_choice.chosen(window.state)
    if not paper_id:
        return _mistaken(window, {paper_choice.PAPER: paper_choice.CHOOSE_ONE})
    try:
        await window.check()
        reply = await responder.commands.why(responder.core_id(window.channel), person, paper_id)
    except UserError as error:
        return _mistaken(window, {}, str(error))
    return _shown(window, reply, window.channel, TITLES[WHY])


async def _like(window: SubmittedWindow, person: Person) -> Outcome:
    paper_id = paper_choice.chosen(window.state)
    if not paper_id:
        return _mistaken(window, {paper_choice.PAPER: paper_choice.CHOOSE_ONE})
    try:
        await window.check()
    except NotAllowed as error:
        return _mistaken(window, {}, str(error))
    form = await form_like(window.responder, window.channel, person, paper_id)
    return Outcome(form, Reply(keyword_form.NOT_OPENED))


def _shown(window: SubmittedWindow, reply: Reply, channel: str, title: str = "Papers") -> Outcome:
    responder = window.responder
    sealed = responder.membership.sealed(channel, window.place.user)
    return Outcome(replies.reply_window(title, reply, "", sealed, responder.command), reply)


def _mistaken(window: SubmittedWindow, mistakes: Mapping[str, str], text: str = "") -> Outcome:
    """Mistakes are shown below their fields. Without a field for them, or if the window shows "One
    moment" by then, they are shown in its place."""
    said = text or " ".join(mistakes.values())
    return Outcome(window.responder.sentence("Papers", said), Reply(said), mistakes)
