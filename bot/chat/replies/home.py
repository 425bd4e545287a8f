"""What a person sees of their own: the channels in which they added keywords."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.reasons import ChannelContext, explain_channel
from bot.chat.replies.status import last_run_line
from bot.model import Reply, Row, refer_to
from bot.model.views import StateView
from bot.text import plural, shorten

MAX_KEYWORDS_LENGTH = 150  # characters of a channel's keywords in one line


def home_reply(state: StateView, contexts: Sequence[ChannelContext], dates: DateFormatter) -> Reply:
    """A row for each channel: its id, what it follows, and how it stands."""
    head = f"You have added no keyword yet. In a channel, say: {refer_to('add reward model')}"
    if contexts:
        head = f"You added keywords in {plural(len(contexts), 'channel')}."
    return Reply(
        f"{head}\n{last_run_line(state, dates)} Times are {dates.timezone.key}.",
        rows=tuple(Row(context.view.channel.id, _detail(context)) for context in contexts),
    )


def _detail(context: ChannelContext) -> str:
    keywords = ", ".join(subscription.keyword.text for subscription in context.view.subscriptions)
    following = context.timetable.following(context.dates.now)
    _, explanation = explain_channel(context)
    return (
        f"{shorten(keywords, MAX_KEYWORDS_LENGTH)}\n{explanation}"
        f" Next posting time: {context.dates.time(following)}."
    )
