"""Buttons: in messages, in windows and in App Home."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from adapters.slack import replies
from adapters.slack.blocks import ABSTRACT, OPEN, PAPER, SAY
from adapters.slack.control_panel import ControlPanel
from adapters.slack.home import AT_HOME, TO_PAGE
from adapters.slack.responder import UNKNOWN_BUTTON, Place, Responder
from bot.errors import NotAllowed, UserError


def register(app: AsyncApp) -> None:
    @app.action(re.compile(f"^{ABSTRACT}(:|$)"))
    async def show_abstract(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], responder: Responder
    ) -> None:
        await ack()
        await responder.show_abstract(body, str(action.get("value") or ""))

    @app.action(replies.ADD)
    async def open_form(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """In App Home it is about no channel yet."""
        await ack()
        try:
            channel = await responder.channel_of(body)
        except NotAllowed:
            channel = ""
        await responder.open_form(body, channel)

    @app.action(re.compile(f"^{SAY}:"))
    async def say(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], responder: Responder
    ) -> None:
        """A button that stands for a command."""
        await ack()
        words, channel = str(action.get("value") or ""), await _channel(body, responder)
        if channel:
            await responder.run(body, channel, words)

    @app.action(re.compile(f"^{PAPER}:"))
    async def act_on_paper(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], responder: Responder
    ) -> None:
        """A button below an abstract, answered in a window above it."""
        await ack()
        words, channel = str(action.get("value") or ""), await _channel(body, responder)
        if not channel:
            return
        person = await responder.person_saying(body, channel, words)
        working = responder.commands.typed(responder.core_id(channel), person, words)
        await responder.open_and_answer(body, channel, person, working)

    @app.action(re.compile(f"^{AT_HOME}:"))
    async def act_at_home(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], panel: ControlPanel
    ) -> None:
        """A button of one of the channels in App Home."""
        await ack()
        await panel.act(body, str(action.get("value") or ""))

    @app.action(re.compile(f"^{TO_PAGE}:"))
    async def turn_page(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], panel: ControlPanel
    ) -> None:
        await ack()
        await panel.turn(body, str(action.get("value") or ""))

    @app.action(re.compile(f"^{OPEN}:"))
    async def follow_link(ack: AsyncAck) -> None:
        """Slack has opened the link, and only wants an acknowledgement."""
        await ack()

    @app.action(re.compile(""))
    async def unknown(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """A button of an older version of the bot."""
        await ack()
        await responder.refuse(Place.of(body), UserError(UNKNOWN_BUTTON))


async def _channel(body: dict[str, Any], responder: Responder) -> str:
    """The channel that a button is about; empty if the person was told why it can't be used."""
    try:
        return await responder.channel_of(body)
    except NotAllowed as error:
        await responder.refuse(Place.of(body), error)
        return ""
