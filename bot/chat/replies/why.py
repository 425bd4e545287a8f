"""What ``why`` says of one paper: what matched it, where it was posted, or why it was not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.reasons import ChannelContext, short_key
from bot.chat.replies.status import last_run_line
from bot.chat.reports import (
    ClosestKeyword,
    MatchingKeyword,
    NewsInChannel,
    PaperInChannel,
    PaperReport,
)
from bot.matching import Explanation
from bot.model import Keyword, Reply
from bot.model.views import ChannelView, PaperView, Standing, StateView, ToldNews
from bot.references import address, refer_to
from bot.text import displayed
from bot.text.digests import news_label

_MONTH = re.compile(r"(\d\d)(\d\d)\.")


@dataclass(frozen=True, slots=True)
class KeywordEvaluation:
    """A keyword of a channel, and whether and why it matches the paper."""

    keyword: Keyword
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Case:
    """One paper in one channel, with everything that the explanation depends on.

    ``evaluations`` has the channel's keywords in their order; it is empty for an unknown paper.
    ``mutes`` are the channel's mutes that match the paper. ``saves`` is how many people saved it
    there; ``thread`` the link to the thread about it, empty if that has not arrived.
    """

    context: ChannelContext
    standing: Standing | None
    evaluations: tuple[KeywordEvaluation, ...]
    mutes: tuple[KeywordEvaluation, ...] = ()
    saves: int = 0
    thread: str | None = None

    @property
    def view(self) -> ChannelView:
        return self.context.view

    @property
    def matches(self) -> list[KeywordEvaluation]:
        return [each for each in self.evaluations if each.explanation.matched]

    @property
    def nearest(self) -> KeywordEvaluation:
        return max(self.evaluations, key=lambda each: each.explanation.closeness)


def why_reply(
    paper_id: str,
    known: PaperView,
    state: StateView,
    cases: Sequence[Case],
    dates: DateFormatter,
) -> Reply:
    """The complete answer about a paper, for the channels of these cases."""
    shown = None if known.paper is None else displayed(known.paper)
    lines = [paper_id if shown is None else f"{paper_id}: {shown.title}"]
    if shown is None:
        lines += _unknown_paper(paper_id, state, cases, dates)
    else:
        lines += [_labelled(case) for case in cases]
        if not cases:
            lines.append("No channel follows anything yet.")
        if not any(case.standing for case in cases):
            lines.append(last_run_line(state, dates))
    report = PaperReport(
        paper=paper_id,
        known=shown is not None,
        title=None if shown is None else shown.title,
        url=None if shown is None else shown.url,
        first_seen=known.first_seen,
        last_run=state.last_run,
        last_complete_run=state.last_complete,
        explanation="\n".join(lines[1:]),
        channels=() if shown is None else tuple(map(_paper_in_channel, cases)),
    )
    return Reply("\n".join(lines), report=report)


def _labelled(case: Case) -> str:
    context = case.context
    return _sentences(case) if context.in_one_channel else f"{context.name}: {_sentences(case)}"


def _sentences(case: Case) -> str:
    # A line of its own: the outcome may end with a link, which nothing can follow.
    return "\n".join(filter(None, (_outcome(case), _kept(case))))


def _kept(case: Case) -> str:
    """``Saved here by 2 people. There is a thread about it: https://…``"""
    people = "1 person" if case.saves == 1 else f"{case.saves:,} people"
    parts = [f"Saved here by {people}."] if case.saves else []
    if case.thread is not None:
        parts.append(
            f"There is a thread about it: {address(case.thread)}"
            if case.thread
            else "There is a thread about it."
        )
    return " ".join(parts)


def _outcome(case: Case) -> str:
    if case.standing is None:
        return _without_standing(case)
    outcome = _SENTENCES[case.standing.state](case, case.standing)
    # The link comes last: it may be long, and no text can follow it in the same sentence.
    link = address(case.standing.message_url) if case.standing.message_url else ""
    said = [outcome, _matching(case), *(_told(case, each) for each in case.standing.news), link]
    return " ".join(filter(None, said))


def _told(case: Case, told: ToldNews) -> str:
    """``Withdrawn: told today 09:00.``"""
    label = news_label(told.news)
    match told.state:
        case "posted":
            return f"{label}: told {case.context.dates.time(told.at)}."
        case "due" if not case.view.paused:
            return f"{label}: to be told {case.context.when_posted()}."
        case "due":
            return f"{label}: to be told when posts are no longer paused."
        case _:
            return f"{label}: not told, as the setting updates says."


def _matching(case: Case) -> str:
    if not case.matches:
        return "No keyword that is followed now matches it."
    return f"It matches {_named(case.matches)}."


def _named(found: Sequence[KeywordEvaluation]) -> str:
    return " and ".join(
        f"{each.keyword.label} (in the {each.explanation.field})"
        if each.explanation.field
        else each.keyword.label
        for each in found
    )


def _due(case: Case, standing: Standing) -> str:
    since = case.context.dates.time(standing.at)
    if case.mutes:
        return f"Due since {since}, but not to be posted: it is muted by {_named(case.mutes)}."
    if case.view.paused:
        return f"Due since {since}; waits, because posts are paused{_reason(case)}."
    return f"Due since {since}, to be posted {case.context.when_posted()}."


def _reason(case: Case) -> str:
    return f" ({case.view.reason})" if case.view.reason else ""


def _posted(case: Case, standing: Standing) -> str:
    if standing.post_state in {"sent", ""}:
        return f"Posted {case.context.dates.time(standing.sent_at or standing.at)}."
    error = f" ({standing.error})" if standing.error else ""
    again = refer_to(f"resend {short_key(standing.post_key)}")
    match standing.post_state:
        case "unknown":
            return f"Sent, but perhaps it did not arrive{error}; the bot checks that first."
        case "held":
            return f"Sent, but its delivery can't be confirmed{error}. If it is missing: {again}."
        case "dead":
            return f"Not posted: the platform refuses the message{error}. To try again: {again}."
        case _:
            if case.view.paused:
                return f"Ready to be posted; waits, because posts are paused{_reason(case)}."
            return f"About to be posted{error}."


def _known(case: Case, standing: Standing) -> str:
    who = "you" if case.view.channel.owner else "this channel"
    return (
        f"Not posted: it was on arXiv before {who} followed the keyword"
        f" (known since {case.context.dates.time(standing.at)})."
    )


def _skipped(case: Case, standing: Standing) -> str:
    at = case.context.dates.time(standing.at)
    return (
        f"Not posted: left out {at}. The bot had been down, and the setting catch_up posts only a"
        " part of what was missed."
    )


def _dropped(case: Case, standing: Standing) -> str:
    return (
        "Not posted: the keyword that found it was removed before it was posted"
        f" ({case.context.dates.time(standing.at)})."
    )


def _muted(case: Case, standing: Standing) -> str:
    when = case.context.dates.time(standing.at)
    if case.mutes:
        return f"Not posted: muted {when} by {_named(case.mutes)}."
    return f"Not posted: muted {when}, by a mute that has ended since."


_SENTENCES: dict[str, Callable[[Case, Standing], str]] = {
    "due": _due,
    "posted": _posted,
    "known": _known,
    "skipped": _skipped,
    "dropped": _dropped,
    "muted": _muted,
}


def _without_standing(case: Case) -> str:
    if case.matches:
        if any(_is_new(case.view, match.keyword) for match in case.matches):
            return f"{_matching(case)} The keyword is new: its first papers come with the next run."
        if any(_continues(case.view, match.keyword) for match in case.matches):
            return f"{_matching(case)} The keyword was narrowed: it continues with the next run."
        return (
            f"{_matching(case)} It was on arXiv before that keyword was followed, and no run has"
            " seen it since."
        )
    if not case.evaluations:
        return "Not posted: nothing is followed here."
    nearest = case.nearest
    if len(case.evaluations) == 1:
        return (
            f"Not posted: {nearest.keyword.described} does not match it:"
            f" {nearest.explanation.reason}."
        )
    whose = "your" if case.view.channel.owner else "its"
    return (
        f"Not posted: none of {whose} {len(case.evaluations)} keywords matches. Closest is"
        f" {nearest.keyword.described}: {nearest.explanation.reason}."
    )


def _is_new(view: ChannelView, keyword: Keyword) -> bool:
    return any(
        each.primed_at is None and not each.continues
        for each in view.subscriptions
        if each.keyword.canonical == keyword.canonical
    )


def _continues(view: ChannelView, keyword: Keyword) -> bool:
    return any(
        each.continues for each in view.subscriptions if each.keyword.canonical == keyword.canonical
    )


def _unknown_paper(
    paper_id: str, state: StateView, cases: Sequence[Case], dates: DateFormatter
) -> list[str]:
    """Why no run may have fetched this paper, and when the last run was."""
    run = state.last_complete
    if state.last_run is None:
        return ["arXiv has not been queried yet, so no paper is known."]
    lines = ["The bot has not seen this paper."]
    keywords = {s.keyword.canonical for case in cases for s in case.view.subscriptions}
    if not keywords:
        lines.append("Nothing is followed here, so nothing is searched for.")
    elif run is not None and _announced_before(paper_id, run.since):
        lines.append(
            f"It is older than what the bot searches (the last run went back to"
            f" {dates.day(run.since)}); of older papers it knows only the newest 100 of each"
            " keyword."
        )
    else:
        none = "does not match the keyword here"
        if len(keywords) > 1:
            none = f"matches none of the {len(keywords)} keywords here"
        lines.append(
            "Only papers that match are kept. So either arXiv had not announced it yet at the last"
            f" run, or it {none}."
        )
        if run is not None:
            lines.append(f"The last run went back to {dates.day(run.since)}.")
    return [*lines, last_run_line(state, dates)]


def _announced_before(paper_id: str, since: datetime) -> bool:
    """Whether the month in the paper's id had ended at ``since``. arXiv assigns the id when it
    announces the paper."""
    month = _MONTH.match(paper_id)
    if month is None:
        return True  # an id in the style used until March 2007
    year, number = 2000 + int(month[1]), int(month[2])
    ended = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return ended <= since


def _paper_in_channel(case: Case) -> PaperInChannel:
    standing = case.standing
    closest = None
    if case.evaluations and not case.matches:
        closest = ClosestKeyword(case.nearest.keyword.text, case.nearest.explanation.reason)
    found = PaperInChannel(
        channel=case.view.channel.id,
        explanation=_sentences(case),
        matches=tuple(
            MatchingKeyword(each.keyword.text, each.explanation.field) for each in case.matches
        ),
        closest=closest,
    )
    if standing is None:
        return found
    return found._replace(
        state=standing.state,
        since=standing.at,
        post_state=standing.post_state or None,
        post_key=standing.post_key or None,
        sent_at=standing.sent_at,
        message_url=standing.message_url or None,
        error=standing.error or None,
        news=tuple(
            NewsInChannel(each.news.kind, each.news.text, each.news.version, each.state, each.at)
            for each in standing.news
        ),
    )
