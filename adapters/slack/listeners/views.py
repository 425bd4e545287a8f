"""Windows that were submitted."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from adapters.slack import keyword_form, replies
from adapters.slack.responder import UNKNOWN_BUTTON, Place, Responder
from bot.errors import NotAllowed, UserError
from bot.model import Person, Reply

# Seconds that a submitted form waits for its answer: a mistake is found at once and stands below
# its field then; where arXiv takes longer, the window says so. Slack waits for three.
FORM_ANSWER_TIMEOUT: Final = 0.5


def register(app: AsyncApp) -> None:
    @app.view(replies.ADD)
    async def follow(
        ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], responder: Responder
    ) -> None:
        """The form for a keyword."""
        place = Place(str(body["user"]["id"]), view_id=str(view["id"]))
        person = responder.person(body)
        origin = responder.membership.unsealed(view.get("private_metadata"), place.user)
        filled = keyword_form.Filled(view["state"]["values"], origin)
        adding = asyncio.create_task(_add(responder, filled, origin, person, place.user))
        try:
            done, _ = await asyncio.wait({adding}, timeout=FORM_ANSWER_TIMEOUT)
            if not done:
                waiting = {"response_action": "update", "view": replies.loading("Follow a keyword")}
                await ack(**responder.screens.shows(place.view_id, waiting))
            reply = await adding
        except UserError as error:
            if not done:
                metadata = responder.membership.sealed(origin, place.user)
                mistake = replies.readable(str(error), responder.command)
                again = keyword_form.form(origin, view["state"]["values"], mistake, metadata)
                await responder.update(place, again, Reply(str(error)))
                return
            field = keyword_form.CHANNEL if isinstance(error, NotAllowed) else keyword_form.PHRASE
            text = keyword_form.below_field(replies.readable(str(error), responder.command))
            answer = {"response_action": "errors", "errors": {field: text}}
            await ack(**responder.screens.shows(place.view_id, answer))
            return
        finally:
            adding.cancel()
        if done:
            sealed = responder.membership.sealed(filled.channel, place.user)
            shown = replies.reply_window("Papers", reply, "", sealed, responder.command)
            answer = {"response_action": "update", "view": shown}
            await ack(**responder.screens.shows(place.view_id, answer))
            await responder.announce(place, reply, filled.channel, person)
        else:
            await responder.show_and_announce(place, reply, filled.channel, person)

    @app.view(re.compile(""))
    async def unknown(ack: AsyncAck, view: dict[str, Any], responder: Responder) -> None:
        """Of an older version of the bot."""
        shown = replies.sentence("Papers", UNKNOWN_BUTTON, responder.command)
        answer = {"response_action": "update", "view": shown}
        await ack(**responder.screens.shows(str(view["id"]), answer))


async def _add(
    responder: Responder, filled: keyword_form.Filled, origin: str, person: Person, user: str
) -> Reply:
    """Raises UserError, and NotAllowed where it is the channel's fault."""
    if filled.channel != origin or not origin:
        await responder.membership.check(filled.channel, user)
    channel = responder.core_id(filled.channel)
    add = responder.commands.add
    return await add(channel, person, filled.phrase, filled.field, filled.categories)
