"""Shortcuts: from Slack's search, and from the menu of a message."""

from __future__ import annotations

import logging
from typing import Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from adapters.slack import keyword_form, paper_choice, replies
from adapters.slack.responder import Place, Responder
from adapters.slack.workspace import parted
from bot.errors import PlatformError, SendError, UserError
from bot.model import Offer, Person, Reply, Row

log = logging.getLogger(__name__)

FOLLOW: Final = "follow_keyword"
WHY: Final = "why_here"  # also of the window in which a paper is chosen
SAVE: Final = "save_papers"
LIKE: Final = "follow_like_this"  # the same
TITLES: Final = {WHY: "Why here?", LIKE: "Follow like this"}


def register(app: AsyncApp) -> None:
    @app.shortcut(FOLLOW)
    async def open_form(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """It is about no channel yet."""
        await ack()
        await responder.open_form(body, "")

    @app.shortcut({"type": "message_action", "callback_id": WHY})
    async def why(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        await ack()
        papers = paper_choice.papers_in(body["message"])
        if len(papers) != 1:
            await _ask_which(body, responder, papers, WHY, "Ask")
            return
        [paper_id] = papers
        channel = await responder.channel_of(body)
        person = await responder.person(body, channel)
        working = responder.commands.why(responder.core_id(channel), person, paper_id)
        await responder.open_and_answer(body, channel, person, working)

    @app.shortcut({"type": "message_action", "callback_id": SAVE})
    async def save_papers(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        """Saves all papers that the message shows."""
        await ack()
        channel = await responder.channel_of(body)
        person = await responder.person(body, channel)
        papers = list(paper_choice.papers_in(body["message"]))
        working = responder.commands.save_all(responder.core_id(channel), person, papers)
        await responder.open_and_answer(body, channel, person, working)

    @app.shortcut({"type": "message_action", "callback_id": LIKE})
    async def follow_like_this(ack: AsyncAck, body: dict[str, Any], responder: Responder) -> None:
        await ack()
        papers = paper_choice.papers_in(body["message"])
        if len(papers) != 1:
            await _ask_which(body, responder, papers, LIKE, "Next")
            return
        [paper_id] = papers
        place, channel = Place.of(body), await responder.channel_of(body)
        try:
            view_id = await responder.open(body, replies.loading(TITLES[LIKE]))
        except (SendError, PlatformError) as error:
            log.warning("form not opened why=%s", error)
            await responder.show(place, Reply(keyword_form.NOT_OPENED))
            return
        person = await responder.person(body, channel)
        form = await form_like(responder, channel, person, paper_id)
        window = Place(place.user, view_id=view_id)
        await responder.update(window, form, Reply(keyword_form.NOT_OPENED))


async def form_like(
    responder: Responder, channel: str, person: Person, paper_id: str
) -> replies.View:
    """The form, filled in with the keyword of this channel that matches a paper; which channel is
    to follow it is not chosen yet. On a UserError, a window that says why there is no form."""
    try:
        matching = await responder.commands.matching(responder.core_id(channel), person, paper_id)
    except UserError as error:
        return responder.sentence(TITLES[LIKE], str(error))
    hint = "Nothing that is followed here matches it. Which keyword should?"
    values = None
    if matching:
        values = keyword_form.filled_with(matching[0])
        hint = f"The paper is here because of: {', '.join(matching)}"
    sealed = responder.membership.sealed(channel, parted(person.id)[1])
    return keyword_form.form("", values, metadata=sealed, hint=hint)


async def _ask_which(
    body: dict[str, Any],
    responder: Responder,
    papers: dict[str, str],
    callback_id: str,
    submit: str,
) -> None:
    """Asks which of a message's papers is meant. If there is none, or Slack opens no window, only
    the person gets an answer."""
    place, channel = Place.of(body), await responder.channel_of(body)
    if not papers:
        await responder.show(place, Reply(paper_choice.NO_PAPER), channel)
        return
    view = paper_choice.choice_window(
        papers,
        callback_id=callback_id,
        title=TITLES[callback_id],
        submit=submit,
        metadata=responder.membership.sealed(channel, place.user),
    )
    try:
        await responder.open(body, view)
    except (SendError, PlatformError) as error:
        log.warning("choice not opened why=%s", error)
        rows = [
            Row(title, offers=(Offer("Why here?", f"why {paper_id}"),))
            for paper_id, title in papers.items()
        ]
        asked = Reply("Which paper?", rows=tuple(rows))
        said = asked if callback_id == WHY else Reply(keyword_form.NOT_OPENED)
        await responder.show(place, said, channel)
