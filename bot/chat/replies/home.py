"""What a person sees of their own: the channels in which they added keywords."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.reasons import ChannelContext, verdict
from bot.chat.replies.status import looked
from bot.model import Reply, Row, refer_to
from bot.model.views import StateView
from bot.text import plural, shorten

LONGEST_KEYWORDS = 150  # characters of a channel's keywords in one line


def home_reply(state: StateView, looks: Sequence[ChannelContext], dates: DateFormatter) -> Reply:
    """A row for each channel: its id, what it follows, and how it stands."""
    head = f"You have added no keyword yet. In a channel, say: {refer_to('add reward model')}"
    if looks:
        head = f"You added keywords in {plural(len(looks), 'channel')}."
    return Reply(
        f"{head}\n{looked(state, dates)} Times are {dates.timezone.key}.",
        rows=tuple(Row(look.view.channel.id, _detail(look)) for look in looks),
        data={"channels": [look.view.channel.id for look in looks]},
    )


def _detail(look: ChannelContext) -> str:
    keywords = ", ".join(subscription.keyword.text for subscription in look.view.subscriptions)
    following = look.timetable.following(look.dates.now)
    _, explanation = verdict(look)
    return (
        f"{shorten(keywords, LONGEST_KEYWORDS)}\n{explanation}"
        f" Next posting time: {look.dates.moment(following)}."
    )
