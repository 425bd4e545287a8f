"""What a person sees at home, outside of any channel: their channels, and how each stands."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.replies.dates import DateFormatter, with_times
from bot.chat.replies.keywords import removal_row
from bot.chat.replies.reasons import ChannelContext, explain_channel
from bot.chat.replies.status import last_run_line
from bot.model import ChannelPanel, Home, Offer, Person, Reply
from bot.model.views import StateView
from bot.references import refer_to
from bot.text import plural, shorten

CHANNELS_PER_PAGE = 5
KEYWORDS_PER_CHANNEL = 10  # with a button each; a longer list is behind a button of its own
MAX_KEYWORDS_LENGTH = 150  # characters of a channel's keywords in one line


def home(
    state: StateView,
    contexts: Sequence[ChannelContext],
    dates: DateFormatter,
    person: Person | None,
    page: int = 1,
) -> Home:
    """A page of the channels of these contexts, a page beyond the last being the last. ``person``
    changes them from here, as far as they may; ``None``: they can only be read."""
    pages = max(1, -(-len(contexts) // CHANNELS_PER_PAGE))
    page = min(max(page, 1), pages)
    shown = contexts[(page - 1) * CHANNELS_PER_PAGE : page * CHANNELS_PER_PAGE]
    text = f"{_head(len(contexts), person)}\n{last_run_line(state, dates)}"
    reply = Reply(f"{text} Times are {dates.timezone.key}.")
    return Home(
        with_times(reply, dates),
        tuple(
            ChannelPanel(
                context.view.channel.id, with_times(_panel(context, person), context.dates)
            )
            for context in shown
        ),
        page,
        pages,
    )


def _head(count: int, person: Person | None) -> str:
    if count and person is None:
        return f"You added keywords in {plural(count, 'channel')}."
    if count:
        return f"You are in {plural(count, 'channel')} that I post to."
    who = "You have added no keyword" if person is None else "No channel of yours follows anything"
    return f"{who} yet. In a channel, say: {refer_to('add reward model')}"


def _panel(context: ChannelContext, person: Person | None) -> Reply:
    view = context.view
    following = context.timetable.following(context.dates.now)
    _, explanation = explain_channel(context)
    text = f"{explanation} Next posting time: {context.dates.time(following)}."
    if person is None:
        keywords = ", ".join(each.keyword.label for each in view.subscriptions)
        return Reply(f"{shorten(keywords, MAX_KEYWORDS_LENGTH)}\n{text}".lstrip())
    may_change = person.manages or view.channel.editors == "members"
    rows = [
        removal_row(each, context.dates, may_change)
        for each in view.subscriptions[:KEYWORDS_PER_CHANNEL]
    ]
    offers = []
    if may_change:
        offers.append(Offer("Add a keyword", "add"))
        if view.paused:
            offers.append(Offer("Resume", "resume"))
        elif view.subscriptions:
            offers.append(Offer("Pause", "pause"))
        offers.append(Offer("Settings", "settings"))
    if len(view.subscriptions) > len(rows):
        offers.append(Offer(f"All {len(view.subscriptions):,} keywords", "list"))
    return Reply(text, rows=tuple(rows), offers=tuple(offers))
