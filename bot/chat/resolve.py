"""Which keyword or post somebody means by what they typed, or by the button they pressed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.chat.parse import nearest
from bot.chat.replies.follower import follower
from bot.chat.replies.reasons import short_key
from bot.errors import UserError
from bot.keywords import parse
from bot.model import Keyword, Mute, Subscription
from bot.model.views import ChannelView, OpenPost
from bot.references import refer_to
from bot.text import clean

_HANDLE = re.compile(r"#[0-9a-f]{12}")
MAX_KEYWORDS_AT_ONCE = 6  # keywords that the words of one button (``model.Offer``) can name


def see_list(channel_id: str) -> str:
    return f"To see all: {refer_to('list', channel_id)}"


def is_handle(text: str) -> bool:
    """Whether it is a keyword's ``handle``."""
    return _HANDLE.fullmatch(text) is not None


def handles(keywords: Sequence[Keyword]) -> str:
    """Several keywords in one button: at most ``MAX_KEYWORDS_AT_ONCE``."""
    return " ".join(each.handle for each in keywords)


def handles_in(text: str) -> list[str]:
    """The handles of several keywords; none where the text is anything else."""
    found = list(dict.fromkeys(text.split()))
    return found if len(found) > 1 and all(map(is_handle, found)) else []


def keyword_of_handle(text: str, known: Iterable[Keyword]) -> str:
    """The text of the keyword with this handle. Raises UserError if nobody knows it."""
    for keyword in known:
        if keyword.handle == text:
            return keyword.text
    again = refer_to("add reward model")
    raise UserError(f"That keyword is no longer known here. Please type it: {again}")


def find_subscribed(
    subscriptions: Sequence[Subscription], text: str, *, private: bool = False
) -> Keyword:
    """The keyword of a channel that is meant, or of a ``private`` conversation. Raises UserError
    with those that come nearest."""
    keywords = [subscription.keyword for subscription in subscriptions]
    if not keywords:
        follows = follower(private, "follow")
        raise UserError(f"{follows} nothing, so there is nothing to remove.")
    not_followed = follower(private, "do not follow")
    if found := _meant(keywords, text):
        return found
    typed = clean(text)
    where = see_list(subscriptions[0].channel_id)
    if is_handle(typed):
        raise UserError(f"{not_followed} that any more. {where}")
    near = nearest(typed, [words for each in keywords for words in (each.text, each.name) if words])
    if near:
        raise UserError(f"{not_followed} {typed}. Did you mean: {' / '.join(near)}")
    raise UserError(f"{not_followed} {typed}. {where}")


def find_muted(mutes: Sequence[Mute], text: str, *, private: bool = False) -> Keyword:
    """The mute that is meant, likewise."""
    keywords = [mute.keyword for mute in mutes]
    if not keywords:
        raise UserError(f"{follower(private, 'mute')} nothing, so there is nothing to unmute.")
    if found := _meant(keywords, text):
        return found
    near = " / ".join(nearest(clean(text), [each.text for each in keywords]))
    where = f"Did you mean: {near}" if near else see_list(mutes[0].channel_id)
    raise UserError(f"{follower(private, 'do not mute')} that. {where}")


def _meant(keywords: Sequence[Keyword], text: str) -> Keyword | None:
    """The one with these words, this handle, this name or, in other words, this meaning. Raises
    UserError for words that are no keyword."""
    typed = clean(text)
    for keyword in keywords:
        if keyword.text == typed or keyword.handle == typed:
            return keyword
    for keyword in keywords:
        if keyword.name and typed.casefold() in (
            keyword.name.casefold(),
            keyword.described.casefold(),
        ):
            return keyword
    if is_handle(typed):
        return None
    canonical = parse(text).canonical
    return next((each for each in keywords if each.canonical == canonical), None)


def find_subscribed_handles(
    subscriptions: Sequence[Subscription], handles: Sequence[str]
) -> list[Keyword]:
    """Those of a channel's keywords that have one of these handles."""
    return [each.keyword for each in subscriptions if each.keyword.handle in handles]


def find_stuck_post(channels: Sequence[ChannelView], key: str) -> OpenPost:
    """The one held or dead post whose key begins so. Raises UserError."""
    posts = [post for view in channels for post in view.posts if post.is_stuck]
    found = [post for post in posts if key and post.key.startswith(key)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"Several posts begin with {key}. Give more of the key.")
    if not posts:
        raise UserError("No post is held or dead here, so there is nothing to send again.")
    raise UserError(
        f"No held or dead post has the key {key}. The keys are: "
        + ", ".join(short_key(post.key) for post in posts)
    )
