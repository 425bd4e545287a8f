"""What people in one channel may see: nothing of what other channels follow; and who may change it.
What a person follows for themselves nobody else sees, not even whoever hosts the bot."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model import Channel, Person
from bot.model.views import ChannelView, RunView, StateView


def is_editor(person: Person, channel: Channel) -> bool:
    """Whether they may change what it follows, and how it is posted to."""
    return person.manages or channel.editors == "members"


def visible_to_host(state: StateView) -> StateView:
    """For whoever hosts the bot: every channel that has keywords, papers, posts or a pause, but no
    private conversation. ``people`` counts those."""
    return _visible(state, "")


def visible_to_person(person_id: str, state: StateView) -> StateView:
    """The same, and this person's own conversation with the bot."""
    return _visible(state, person_id)


def _visible(state: StateView, person_id: str) -> StateView:
    active = [v for v in state.channels if v.subscriptions or v.due or v.posts or v.paused]
    shown = tuple(view for view in active if view.channel.owner in ("", person_id))
    return _with_channels(state, shown, people=len(active) - len(shown))


def visible_in(channel_id: str, state: StateView) -> StateView:
    """For the members of one channel, which is included even if nothing is known of it yet."""
    known = [view for view in state.channels if view.channel.id == channel_id]
    return _with_channels(state, tuple(known or [_blank(channel_id)]))


def _with_channels(state: StateView, shown: Sequence[ChannelView], people: int = 0) -> StateView:
    """With these channels. A run's notes on keywords that only others follow are left out."""
    return state._replace(
        channels=tuple(shown),
        people=people,
        last_run=_notes_for(shown, state.last_run),
        last_complete=_notes_for(shown, state.last_complete),
    )


def _notes_for(shown: Sequence[ChannelView], run: RunView | None) -> RunView | None:
    if run is None:
        return None
    followed = {each.keyword.canonical for view in shown for each in view.subscriptions}
    return run._replace(notes=tuple(n for n in run.notes if n.keyword in {"", *followed}))


def _blank(channel_id: str) -> ChannelView:
    return ChannelView(
        channel=Channel(channel_id), subscriptions=(), due=0, sent=0, posts=(),
        published_until=None,
        paused="", reason="", paused_at=None, probe_at=None,
    )  # fmt: skip
