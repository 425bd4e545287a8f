"""What is said when keywords change, and which ones a channel follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.answers.times import Calendar, iso
from bot.model import Keyword, Reply, Subscription
from bot.text import plural


def added_reply(
    keyword: Keyword, understood: str, person: str, first_post: int, data: Mapping[str, object]
) -> Reply:
    lines = [
        f"This channel now follows {keyword.text}",
        f"I understand: {understood}",
        _first_papers(first_post),
        f"To see how many papers a day that means: preview {keyword.text}",
    ]
    return Reply(
        "\n".join(lines),
        announcement=f"{person} added a keyword: {keyword.text}",
        data={**data, "changed": True},
    )


def _first_papers(first_post: int) -> str:
    """What the channel gets of a new keyword; ``first_post`` is the setting."""
    if first_post == 0:
        return "From now on it gets whatever is new."
    newest = "the newest paper" if first_post == 1 else f"the newest {first_post} papers"
    return f"At the next run it gets {newest}, and from then on whatever is new."


def known_reply(keyword: Keyword, followed_as: str, data: Mapping[str, object]) -> Reply:
    """It is followed already, perhaps in other words."""
    text = f"This channel already follows {followed_as}"
    if followed_as != keyword.text:
        text += f", which means the same as {keyword.text}"
    return Reply(
        f"{text}. Nothing had to be changed.",
        data={**data, "changed": False, "followed_as": followed_as},
    )


def removed_reply(keyword: Keyword, person: str, data: Mapping[str, object]) -> Reply:
    return Reply(
        f"This channel no longer follows {keyword.text}\n"
        "What was posted stays. Papers that wait only because of it are not posted.",
        announcement=f"{person} removed a keyword: {keyword.text}",
        data={**data, "changed": True},
    )


def listing_reply(
    channel_id: str, subscriptions: Sequence[Subscription], calendar: Calendar
) -> Reply:
    head = "This channel follows nothing yet. Add a first keyword: add reward model"
    if subscriptions:
        head = f"This channel follows {plural(len(subscriptions), 'keyword')}:"
    lines = [_line(subscription, calendar) for subscription in subscriptions]
    return Reply(
        "\n".join([head, *lines]),
        data={
            "channel": channel_id,
            "keywords": [
                {
                    "keyword": subscription.keyword.text,
                    "canonical": subscription.keyword.canonical,
                    "added_by": subscription.added_by,
                    "added_at": iso(subscription.added_at),
                    "primed_at": iso(subscription.primed_at),
                }
                for subscription in subscriptions
            ],
        },
    )


def _line(subscription: Subscription, calendar: Calendar) -> str:
    by = f" by {subscription.added_by}" if subscription.added_by else ""
    added = f"added {calendar.day(subscription.added_at)}{by}"
    new = "; new, its first papers come with the next run" if subscription.primed_at is None else ""
    return f"  {subscription.keyword.text}  ({added}{new})"
