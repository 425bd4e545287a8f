"""What people in one channel may see: nothing of what other channels follow."""

from __future__ import annotations

from dataclasses import replace

from bot.model import Channel
from bot.model.views import ChannelView, RunView, StateView


def visible_to_host(state: StateView) -> StateView:
    """For whoever hosts the bot: every channel that has keywords, papers, posts or a pause."""
    active = [v for v in state.channels if v.subscriptions or v.due or v.posts or v.paused]
    return replace(state, channels=tuple(active))


def visible_in(channel_id: str, state: StateView) -> StateView:
    """For the members of one channel, which is included even if nothing is known of it yet.

    A run's notes on keywords that only other channels follow are left out.
    """
    known = [view for view in state.channels if view.channel.id == channel_id]
    [view] = known or [_blank(channel_id)]
    return replace(
        state,
        channels=(view,),
        last_run=_notes_for(view, state.last_run),
        last_complete=_notes_for(view, state.last_complete),
    )


def _notes_for(view: ChannelView, run: RunView | None) -> RunView | None:
    if run is None:
        return None
    own = {"", *(subscription.keyword.canonical for subscription in view.subscriptions)}
    return replace(run, notes=tuple(note for note in run.notes if note.keyword in own))


def _blank(channel_id: str) -> ChannelView:
    return ChannelView(
        channel=Channel(channel_id), subscriptions=(), due=0, sent=0, posts=(),
        published_until=None,
        paused="", reason="", paused_at=None, probe_at=None,
    )  # fmt: skip
