"""What a person sees at home, outside of any channel: their channels, and how each stands."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.replies.dates import DateFormatter, with_times
from bot.chat.replies.keywords import removal_row
from bot.chat.replies.reasons import ChannelContext, explain_channel
from bot.chat.replies.status import last_run_line
from bot.chat.visibility import is_editor
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
    person: Person,
    page: int = 1,
    *,
    may_change: bool,
    personal: bool,
) -> Home:
    """One page of the channels of these contexts; a page beyond the last is the last.

    Without ``may_change`` the channels are read-only, except the person's own conversation.
    ``personal`` offers to begin such a conversation.
    """
    contexts = sorted(contexts, key=lambda each: not each.view.channel.owner)
    pages = max(1, -(-len(contexts) // CHANNELS_PER_PAGE))
    page = min(max(page, 1), pages)
    shown = contexts[(page - 1) * CHANNELS_PER_PAGE : page * CHANNELS_PER_PAGE]
    own = any(each.view.channel.owner for each in contexts)
    head = _head(len(contexts) - own, own=own, may_change=may_change)
    text = f"{head}\n{last_run_line(state, dates)} Times are {dates.timezone.key}."
    offers = (Offer("Follow for yourself", "add"),) if personal and not own else ()
    reply = Reply(text, offers=offers)
    return Home(
        with_times(reply, dates),
        tuple(
            ChannelPanel(
                context.view.channel.id,
                with_times(_panel(context, person, may_change=may_change), context.dates),
            )
            for context in shown
        ),
        page,
        pages,
    )


def _head(count: int, *, own: bool, may_change: bool) -> str:
    if not count and own:
        return "You follow keywords for yourself, in our conversation."
    if count and not may_change:
        return f"You added keywords in {plural(count, 'channel')}."
    if count:
        return f"You are in {plural(count, 'channel')} that I post to."
    who = "No channel of yours follows anything" if may_change else "You have added no keyword"
    return f"{who} yet. In a channel, say: {refer_to('add reward model')}"


def _panel(context: ChannelContext, person: Person, *, may_change: bool) -> Reply:
    view = context.view
    following = context.timetable.following(context.dates.now)
    _, explanation = explain_channel(context)
    text = f"{explanation} Next posting time: {context.dates.time(following)}."
    own = bool(view.channel.owner)
    if not may_change and not own:
        keywords = ", ".join(each.keyword.label for each in view.subscriptions)
        return Reply(f"{shorten(keywords, MAX_KEYWORDS_LENGTH)}\n{text}".lstrip())
    may_change = own or is_editor(person, view.channel)
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
