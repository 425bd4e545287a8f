"""What is said when keywords change, and which ones a channel follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, TypeVar

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.follower import follower
from bot.chat.replies.paraphrase import Paraphrase, paraphrase
from bot.chat.replies.preview import Outlook
from bot.chat.replies.reasons import ON_THE_WAY, ChannelContext
from bot.chat.reports import (
    AllKeywords,
    FollowedKeyword,
    KeywordAdded,
    KeywordList,
    KeywordMuted,
    KeywordRemoved,
)
from bot.chat.resolve import MAX_KEYWORDS_AT_ONCE, handles
from bot.keywords.notices import narrower_reading
from bot.model import Choice, Keyword, Menu, Mute, Offer, Person, Reply, Row, Section, Subscription
from bot.references import refer_to
from bot.text import plural

MUTE_MEASURED_OVER = timedelta(days=30)  # what a new mute would have hidden
ROWS_PER_PAGE = 10  # keywords, or saved papers, on a page of their list
BACK_TO_LIST = Offer("Back to list", "list")

T = TypeVar("T", Subscription, Mute)


def added_reply(
    channel_id: str,
    keyword: Keyword,
    understood: Paraphrase,
    person: Person,
    first_post: int,
    seen: Outlook | None,
) -> Reply:
    """``seen`` is the keyword's outlook; ``None`` if arXiv was not queried for it."""
    lines = [
        f"{follower(person.private, 'follow', 'now')} {keyword.described}",
        *understood.lines,
        _first_papers(first_post, person.private),
    ]
    if seen is None:
        lines += _where_numbers_are(channel_id, keyword)
    else:
        lines += seen.lines
    return Reply(
        "\n".join(lines),
        entries=seen.entries if seen else (),
        offers=(
            *_narrowing(keyword, seen),
            Offer("Undo", f"remove {keyword.handle}"),
            BACK_TO_LIST,
        ),
        announcement=f"{person.name} added a keyword: {keyword.described}",
        report=_added(channel_id, keyword, understood),
    )


def _where_numbers_are(channel_id: str, keyword: Keyword) -> list[str]:
    """What to type where arXiv was not asked; for one word alone also how to narrow it down."""
    expect = "To see how many papers a day to expect"
    preview = refer_to(f"preview {keyword.text}")
    narrower = narrower_reading(keyword)
    if narrower is None:
        return [f"{expect}: {preview}"]
    add, remove = (
        refer_to(words, channel_id) for words in (f"add {narrower.text}", f"remove {keyword.text}")
    )
    return [
        f"{expect}, and how many of them have it in title and abstract both ({narrower.text}):"
        f" {preview}",
        f"To follow only those: {add}",
        f"And then: {remove}",
    ]


def _narrowing(keyword: Keyword, seen: Outlook | None) -> tuple[Offer, ...]:
    if seen is None or not seen.narrower:
        return ()
    return (Offer("In title and abstract both", f"narrow {keyword.handle}"),)


def _added(channel_id: str, keyword: Keyword, understood: Paraphrase) -> KeywordAdded:
    return KeywordAdded(
        channel_id,
        keyword.text,
        keyword.canonical,
        understood.words,
        understood.notices,
        name=keyword.name,
    )


def _first_papers(first_post: int, private: bool) -> str:
    """Which papers a new keyword brings at first; ``first_post`` is the setting of that name."""
    gets = "you get" if private else "it gets"
    if first_post == 0:
        return f"From now on {gets} whatever is new."
    newest = "the newest paper" if first_post == 1 else f"the newest {first_post} papers"
    return f"At the next run {gets} {newest}, and from then on whatever is new."


def known_reply(
    channel_id: str, keyword: Keyword, understood: Paraphrase, person: Person, followed_as: str
) -> Reply:
    """The reply to adding a keyword that is followed already, perhaps in other words."""
    text = f"{follower(person.private, 'follow', 'already')} {followed_as}"
    if followed_as != keyword.text:
        text += f", which means the same as {keyword.text}"
    return Reply(
        f"{text}. Nothing had to be changed.",
        report=_added(channel_id, keyword, understood)._replace(
            changed=False, followed_as=followed_as
        ),
    )


def renamed_reply(channel_id: str, was: Keyword, keyword: Keyword, person: Person) -> Reply:
    """The keyword ``was`` is from now on shown under another name, or under none, as
    ``keyword``."""
    shown = f"as {keyword.name}" if keyword.name else "as it is written, without a name"
    return Reply(
        f"{keyword.text} is shown {shown} from now on. What was posted stays as it is.",
        offers=(BACK_TO_LIST,),
        announcement=f"{person.name} renamed a keyword: {was.label} is {keyword.label} now",
        report=_added(channel_id, keyword, paraphrase(keyword)),
    )


def narrowed_reply(broad: Keyword, narrower: Keyword, person: Person) -> Reply:
    return Reply(
        f"{follower(person.private, 'follow', 'now')} {narrower.described}\nThat is instead of"
        f" {broad.text}, which is broader. What was posted stays, and what waits and matches it is"
        " still posted.",
        offers=(BACK_TO_LIST,),
        announcement=f"{person.name} narrowed a keyword: {broad.text} is {narrower.described} now",
    )


def restored_reply(
    channel_id: str, keyword: Keyword, understood: Paraphrase, person: Person
) -> Reply:
    """The reply to adding a keyword that was removed recently and continues where it stopped."""
    return Reply(
        f"{follower(person.private, 'follow')} {keyword.described} again\n"
        + "\n".join(understood.lines)
        + "\nIt continues where it stopped: what was waiting for it waits again, and what has been"
        " announced since is posted too.",
        offers=(Offer("Undo", f"remove {keyword.handle}"), BACK_TO_LIST),
        announcement=f"{person.name} added a keyword again: {keyword.described}",
        report=_added(channel_id, keyword, understood),
    )


def removed_reply(channel_id: str, keywords: Sequence[Keyword], person: Person) -> Reply:
    """There are at most ``MAX_KEYWORDS_AT_ONCE`` keywords, so that one button can undo it."""
    what = _named(keywords)
    because, they_are = ("it", "it is") if len(keywords) == 1 else ("them", "they are")
    return Reply(
        f"{follower(person.private, 'follow', 'no longer')} {what.text}\n"
        f"What was posted stays. Papers that wait only because of {because} are not posted, unless"
        f" {they_are} added again within a week.",
        offers=(Offer("Undo", f"add {handles(keywords)}"), BACK_TO_LIST),
        announcement=f"{person.name} removed {what.announced}",
        report=KeywordRemoved(channel_id, keywords[0].text, keywords[0].canonical)
        if len(keywords) == 1
        else None,  # several are removed in a chat only
    )


def greeting(context: ChannelContext, resumed: bool) -> Reply:
    """Greets a channel that the bot was invited to. ``resumed``: the bot could not post there
    before, and sends what was waiting."""
    count = len(context.view.subscriptions)
    help_ = f"All I can do: {refer_to('help')}"
    if not count:
        return Reply(
            "Hello! I post new arXiv papers here that match this channel's keywords, each of them"
            f" once. To follow a first keyword: {refer_to('add reward model')} {help_}",
            offers=(Offer("Add a keyword", "add"),),
        )
    lines = [f"Hello! This channel follows {plural(count, 'keyword')}: {refer_to('list')}"]
    if context.view.paused == "person":
        lines.append(f"It is paused ({context.view.reason}). To resume: {refer_to('resume')}")
    elif resumed:
        lines.append("I could not post here before. What was waiting is posted now.")
    return Reply(" ".join([*lines, help_]))


def resumed_reply(context: ChannelContext, person: Person) -> Reply:
    """``context`` is the state of the channel before it was resumed."""
    lines = ["Posting again."]
    if posts := context.posts(*ON_THE_WAY):
        lines.append(f"{plural(len(posts), 'post')} that waited will be sent now.")
    if context.view.due:
        when = "now" if context.is_due else context.when_posted()
        lines.append(f"The papers kept meanwhile are posted {when}.")
    return Reply(
        " ".join(lines),
        announcement=f"{person.name} resumed the posts in this channel.",
    )


def resent_reply(paused: bool) -> Reply:
    """``paused``: a person has paused the channel that the post belongs to."""
    if paused:
        resume = refer_to("resume")
        return Reply(f"Posts are paused there. It is sent after: {resume}")
    return Reply("It will be sent again now, or as soon as the bot runs.")


def added_again_reply(keywords: Sequence[Keyword], person: Person) -> Reply:
    """The reply when several keywords that were removed together are restored by one button."""
    what = _named(keywords)
    return Reply(
        f"{follower(person.private, 'follow')} again: {what.text}\n"
        "What waited for that waits again, and what has been announced since is posted too. What"
        " was removed more than a week ago starts from scratch.",
        offers=(Offer("Undo", f"remove {handles(keywords)}"), BACK_TO_LIST),
        announcement=f"{person.name} added {what.announced} again",
    )


class _Named(NamedTuple):
    text: str
    announced: str


def _named(keywords: Sequence[Keyword]) -> _Named:
    texts = [keyword.described for keyword in keywords]
    if len(texts) == 1:
        return _Named(texts[0], f"a keyword: {texts[0]}")
    count = plural(len(texts), "keyword")
    lines = "".join(f"\n{text}" for text in texts)
    return _Named(f"{count}:{lines}", f"{count}: {', '.join(texts)}")


def muted_reply(
    channel_id: str,
    keyword: Keyword,
    understood: Paraphrase,
    person: Person,
    hidden: int,
    of: int,
    same: Sequence[Keyword],
) -> Reply:
    """Of the channel's ``of`` papers of the last ``MUTE_MEASURED_OVER``, ``hidden`` match the mute.
    ``same`` are followed keywords that mean the same as it."""
    days = f"the last {MUTE_MEASURED_OVER.days} days"
    lines = [f"{follower(person.private, 'mute', 'now')} {keyword.text}", *understood.lines]
    lines.append(
        "Papers that match it are not posted here from now on, whichever keyword finds them, and"
        " not later either."
    )
    if same:
        lines.append(f"Careful: that hides everything that {same[0].label} finds.")
    if of and hidden == of:
        everything = "the only paper" if of == 1 else f"all of the {of} papers"
        lines.append(f"Careful: it would have hidden {everything} of {days}.")
    elif of:
        lines.append(f"Of the {plural(of, 'paper')} of {days} it would have hidden {hidden}.")
    return Reply(
        "\n".join(filter(None, lines)),
        offers=(Offer("Undo", f"unmute {keyword.handle}"), BACK_TO_LIST),
        announcement=f"{person.name} muted {keyword.text} in this channel",
        report=_muted(channel_id, keyword, understood)._replace(
            papers=of, would_have_hidden=hidden
        ),
    )


def already_muted_reply(
    channel_id: str, keyword: Keyword, understood: Paraphrase, person: Person
) -> Reply:
    return Reply(
        f"{follower(person.private, 'mute', 'already')} {keyword.text}. Nothing had to be changed.",
        report=_muted(channel_id, keyword, understood)._replace(changed=False),
    )


def _muted(channel_id: str, keyword: Keyword, understood: Paraphrase) -> KeywordMuted:
    return KeywordMuted(
        channel_id, keyword.text, keyword.canonical, understood.words, understood.notices
    )


def unmuted_reply(channel_id: str, keyword: Keyword, person: Person) -> Reply:
    return Reply(
        f"{follower(person.private, 'mute', 'no longer')} {keyword.text}\n"
        "Papers that it hid at a posting time stay hidden; new ones are posted again.",
        offers=(Offer("Undo", f"mute {keyword.handle}"), BACK_TO_LIST),
        announcement=f"{person.name} ended the mute of {keyword.text} in this channel",
        report=KeywordRemoved(channel_id, keyword.text, keyword.canonical),
    )


def listing_reply(
    channel_id: str,
    subscriptions: Sequence[Subscription],
    mutes: Sequence[Mute],
    dates: DateFormatter,
    page: int | None = None,
    *,
    may_change: bool = False,
    private: bool = False,
) -> Reply:
    """The keywords and, after them, the mutes: all of them, or one page, counted from 1. A page
    beyond the last is the last. Without ``may_change`` there are no buttons that change anything.
    ``private``: it is a person's own conversation."""
    listed: Sequence[Subscription | Mute] = [*subscriptions, *mutes]
    head, shown, offers = _list_head(channel_id, subscriptions, mutes, private), listed, []
    if page is not None and len(listed) > ROWS_PER_PAGE:
        last = (len(listed) - 1) // ROWS_PER_PAGE + 1
        page = min(max(page, 1), last)
        shown = listed[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE]
        head = f"{head.removesuffix(':')} (page {page} of {last}):"
        offers += [Offer("Back", f"list {page - 1}")] if page > 1 else []
        offers += [Offer("More", f"list {page + 1}")] if page < last else []
    offers += [Offer("Add a keyword", "add")] if may_change else []
    keywords = [each.keyword for each in shown if isinstance(each, Subscription)]
    return Reply(
        head,
        rows=tuple(_list_row(each, dates, may_change) for each in shown),
        offers=tuple(offers),
        menu=_removing_several(keywords) if may_change and len(keywords) > 1 else None,
        report=_keyword_list(channel_id, subscriptions, mutes),
    )


def _list_head(
    channel_id: str, subscriptions: Sequence[Subscription], mutes: Sequence[Mute], private: bool
) -> str:
    follows = follower(private, "follow")
    if subscriptions:
        muting = f" and {'mute' if private else 'mutes'} {len(mutes):,}" if mutes else ""
        return f"{follows} {plural(len(subscriptions), 'keyword')}{muting}:"
    first = refer_to("add reward model", channel_id)
    muted = f" {plural(len(mutes), 'mute')}:" if mutes else ""
    return f"{follows} nothing yet. Add a first keyword: {first}{muted}"


def _list_row(each: Subscription | Mute, dates: DateFormatter, may_change: bool) -> Row:
    if isinstance(each, Subscription):
        return removal_row(each, dates, may_change)
    by = f" by {each.added_by.name}" if each.added_by.name else ""
    unmute = Offer("Unmute", f"unmute {each.keyword.handle}")
    said = f"muted {dates.day(each.added_at)}{by}"
    return Row(each.keyword.text, said, (unmute,) if may_change else ())


def all_listings_reply(subscriptions: Sequence[Subscription], mutes: Sequence[Mute]) -> Reply:
    """What every channel follows and mutes, one section per channel."""
    followed, muted = _by_channel(subscriptions), _by_channel(mutes)
    channel_ids = sorted(followed.keys() | muted.keys())
    keywords = plural(len(subscriptions), "keyword")
    head = f"{plural(len(channel_ids), 'channel')}, {keywords}:"
    return Reply(
        head if channel_ids else "No channel follows anything yet.",
        sections=tuple(
            Section(
                channel_id,
                "\n".join(
                    [
                        *(_with_name(each.keyword) for each in followed.get(channel_id, ())),
                        *(f"muted: {each.keyword.text}" for each in muted.get(channel_id, ())),
                    ]
                ),
            )
            for channel_id in channel_ids
        ),
        report=AllKeywords(
            tuple(
                _keyword_list(channel_id, followed.get(channel_id, ()), muted.get(channel_id, ()))
                for channel_id in channel_ids
            )
        ),
    )


def _by_channel(some: Sequence[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for each in some:
        found.setdefault(each.channel_id, []).append(each)
    return found


def _keyword_list(
    channel_id: str, subscriptions: Sequence[Subscription], mutes: Sequence[Mute]
) -> KeywordList:
    return KeywordList(
        channel_id,
        tuple(map(_followed, subscriptions)),
        tuple(each.keyword.text for each in mutes),
    )


def _with_name(keyword: Keyword) -> str:
    return f"{keyword.name}: {keyword.text}" if keyword.name else keyword.text


def _followed(subscription: Subscription) -> FollowedKeyword:
    return FollowedKeyword(
        subscription.keyword.text,
        subscription.keyword.canonical,
        subscription.added_by.name,
        subscription.added_at,
        subscription.primed_at,
        subscription.keyword.name,
    )


def _removing_several(keywords: Sequence[Keyword]) -> Menu:
    choices = tuple(Choice(keyword.described, keyword.handle) for keyword in keywords)
    most = min(MAX_KEYWORDS_AT_ONCE, len(choices))
    return Menu(f"Remove several, up to {most} at once", "remove", choices, most)


def removal_row(subscription: Subscription, dates: DateFormatter, may_change: bool) -> Row:
    """A keyword, who added it and when, and a button that removes it if the reader may do so."""
    by = f" by {subscription.added_by.name}" if subscription.added_by.name else ""
    added = f"added {dates.day(subscription.added_at)}{by}"
    new = ""
    if subscription.continues:
        new = "; narrowed, it continues with the next run"
    elif subscription.primed_at is None:
        new = "; new, its first papers come with the next run"
    remove = Offer("Remove", f"remove {subscription.keyword.handle}")
    offers = (remove,) if may_change else ()
    keyword = subscription.keyword
    query = f"{keyword.text}; " if keyword.name else ""
    return Row(keyword.label, f"{query}{added}{new}", offers)
