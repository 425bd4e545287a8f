"""What ``status`` says: what the last run brought, and what waits in each channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.arxiv.calendar import AnnouncementCalendar
from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.reasons import (
    NOTE_TEXTS,
    ON_THE_WAY,
    ChannelContext,
    explain_channel,
    sentence,
    short_key,
)
from bot.chat.reports import ChannelStatus, StatusReport
from bot.errors import Note, NoteKind
from bot.model import Reply
from bot.model.subscriptions import NOBODY
from bot.model.views import ArchivedChannel, RunView, StateView
from bot.references import refer_to
from bot.text import plural

ARCHIVED_SHOWN: Final = 10
MUTES_SHOWN: Final = 10
NOTHING_TO_ASK: Final = "with nothing to ask arXiv"


def status_report(
    state: StateView, contexts: Sequence[ChannelContext], dates: DateFormatter
) -> StatusReport:
    """The state of the bot, and of the channels of these contexts."""
    upcoming = [_next_post(context) for context in contexts if not context.view.paused]
    calendar = contexts[0].calendar if contexts else AnnouncementCalendar()
    return StatusReport(
        now=dates.now,
        timezone=dates.timezone.key,
        last_run=state.last_run,
        last_complete_run=state.last_complete,
        papers=state.papers,
        next_announcement=calendar.following(dates.now),
        next_post=min(upcoming, default=None),
        channels=tuple(map(_channel_status, contexts)),
        archived=state.archived,
        refusals=state.refusals,
        database=state.database,
        people=state.people,
    )


def status_reply(
    report: StatusReport, contexts: Sequence[ChannelContext], dates: DateFormatter
) -> Reply:
    """The report in words."""
    in_one_channel = any(context.in_one_channel for context in contexts)
    problems = filter(None, (report.file_problem, report.page_problem))
    lines = [line for problem in problems for line in (f"{problem}.", "")]
    lines += [
        f"{each.platform} has not let the bot in since {dates.time(each.since)}:"
        f" {sentence(each.reason)} A running bot tries again once an hour."
        for each in report.refusals
    ]
    lines += _runs(report, dates, in_one_channel)
    if report.next_post is not None:
        lines.append(f"Next posting time: {dates.time(report.next_post)}.")
    lines.append(f"Next announcement of arXiv: {dates.time(report.next_announcement)}.")
    lines.append(f"Time zone: {report.timezone}.")
    if not in_one_channel:
        lines.append(f"Database: {report.database}.")
    for status, context in zip(report.channels, contexts, strict=True):
        lines += ["", *_channel(status, context)]
    lines += _archived(report.archived, dates)
    if report.people:
        follow = "person follows" if report.people == 1 else "people follow"
        lines += ["", f"{report.people:,} {follow} keywords for themselves, which only they see."]
    if not contexts:
        first = refer_to("add reward model", "console:")
        lines += ["", f"No channel follows anything yet. Add a first keyword: {first}"]
    return Reply("\n".join(lines), report=report)


def _archived(channels: Sequence[ArchivedChannel], dates: DateFormatter) -> list[str]:
    """The channels without the bot, each with the reason and what is kept for its return; those
    archived last come first."""
    newest = sorted(channels, key=lambda each: each.since, reverse=True)
    lines = [
        f"{each.channel}: archived since {dates.time(each.since)}. {sentence(each.reason)} Nothing"
        f" is sent there. Its {plural(each.keywords, 'keyword')}"
        f" {'is' if each.keywords == 1 else 'are'} kept until {dates.time(each.kept_until)}, and"
        " followed again if the bot comes back."
        for each in newest[:ARCHIVED_SHOWN]
    ]
    more = len(newest) - len(lines)
    lines += [f"{plural(more, 'more channel')} archived like these."] if more else []
    return ["", *lines] if lines else []


def _next_post(context: ChannelContext) -> datetime:
    return context.timetable.following(context.dates.now)


def last_run_line(state: StateView, dates: DateFormatter) -> str:
    """The last run in one line, with the last complete one if the last run was not complete."""
    if state.last_run is None:
        return "arXiv has not been queried yet."
    last = dates.time(state.last_run.started_at)
    if state.last_run.complete:
        outcome = "complete" if state.last_run.queried_arxiv else NOTHING_TO_ASK
        return f"Last run: {last}, {outcome}."
    complete = state.last_complete
    before = "no run was complete yet"
    if complete is not None:
        before = f"the last complete run was {dates.time(complete.started_at)}"
    return f"Last run: {last}, not complete; {before}."


def _runs(report: StatusReport, dates: DateFormatter, in_one_channel: bool) -> list[str]:
    run, complete = report.last_run, report.last_complete_run
    if run is None:
        return ["arXiv has not been queried yet. The bot's first run does that."]
    if run.complete and not run.queried_arxiv:
        return [f"Last run: {dates.time(run.started_at)}, {NOTHING_TO_ASK}."]
    outcome = "complete" if run.complete else "not complete"
    lines = [f"Last run: {dates.time(run.started_at)}, {outcome}. {_figures(run, in_one_channel)}"]
    if run.plan:
        lines.append(f"  arXiv was queried {run.plan}.")
    lines += _notes(run.notes)
    if not run.complete and complete is None:
        lines.append("No run was complete yet.")
    elif not run.complete and complete is not None:
        began = dates.time(complete.started_at)
        lines.append(f"Last complete run: {began}. {_figures(complete, in_one_channel)}")
    return lines


def _figures(run: RunView, in_one_channel: bool) -> str:
    """The run in numbers; in one channel without what was found for others."""
    parts = [plural(run.requests, "request")]
    if run.announced is not None:
        parts.append(f"{plural(run.announced, 'paper')} announced")
    if not in_one_channel:
        parts += [f"{run.fetched:,} fetched", f"{run.matched:,} matched"]
        parts.append(f"{run.due:,} to post in all channels")
    return f"{', '.join(parts)}."


def _notes(notes: Sequence[Note]) -> list[str]:
    """What went wrong, once per kind and text."""
    return list(dict.fromkeys(f"  {NOTE_TEXTS[n.kind]}: {n.text}" for n in notes))


def _channel(status: ChannelStatus, context: ChannelContext) -> list[str]:
    amounts = [
        (status.due, f"{plural(status.due, 'paper')} due"),
        (status.news_due, f"{plural(status.news_due, 'piece')} of news due"),
        (status.queued, f"{plural(status.queued, 'post')} on the way"),
        (status.sent, f"{plural(status.sent, 'post')} sent"),
        (status.held, f"{status.held} held"),
        (status.dead, f"{status.dead} dead"),
    ]
    parts = [plural(len(status.keywords), "keyword"), *(text for n, text in amounts if n)]
    return [
        f"{context.name}: {', '.join(parts)}",
        f"  {status.explanation}",
        *_mutes(context),
        *_mention_gone(context),
        *_not_understood(context),
        *_without_history(context),
        *_stuck(context),
        *_crosspost_failure(context),
        *_stopped_library(context),
    ]


def _mutes(context: ChannelContext) -> list[str]:
    """What is muted, when that last hid papers (unless the explanation says so, because it was
    since the posting time), and keywords that are both followed and muted."""
    mutes = context.view.mutes
    if not mutes:
        return []
    hidden = {each.keyword.canonical for each in mutes}
    named = ", ".join(each.keyword.text for each in mutes[:MUTES_SHOWN])
    more = f" and {len(mutes) - MUTES_SHOWN} more" if len(mutes) > MUTES_SHOWN else ""
    last = ""
    if context.view.muted_at is not None and context.muted_since_slot() is None:
        when = context.dates.time(context.view.muted_at)
        last = f"; {plural(context.view.muted, 'paper')} hidden {when}"
    return [
        f"  Muted: {named}{more}{last}.",
        *(
            f"  {each.keyword.label} is followed and muted, so that nothing of it is posted."
            for each in context.view.subscriptions
            if each.keyword.canonical in hidden
        ),
    ]


def _mention_gone(context: ChannelContext) -> list[str]:
    channel = context.view.channel
    if not channel.mention or channel.mention != context.view.mention_gone:
        return []
    nobody = refer_to(f"settings mention {NOBODY}", channel.id)
    return [
        f"  Its digests notify nobody: {channel.mention} is not there any more, or may not be"
        f" mentioned. Name another, or mention nobody: {nobody}"
    ]


def _not_understood(context: ChannelContext) -> list[str]:
    """Keywords for which arXiv has no answer, so that nothing will ever come of them."""
    run = context.state.last_run
    refused = {n.keyword for n in run.notes if n.kind is NoteKind.REFUSED} if run else set()
    found = [
        subscription.keyword
        for subscription in context.view.subscriptions
        if subscription.keyword.canonical in refused
    ]
    return [
        f"  arXiv does not understand {each.described}, so it can't match anything. Please remove"
        " it, and add it in other words:"
        f" {refer_to(f'remove {each.text}', context.view.channel.id)}"
        for each in found
    ]


def _without_history(context: ChannelContext) -> list[str]:
    """New keywords whose first papers could not be fetched."""
    run = context.state.last_run
    notes = run.notes if run is not None and run.complete else ()
    failed = {n.keyword: NOTE_TEXTS[n.kind] for n in notes if n.kind is not NoteKind.REFUSED}
    return [
        f"  {each.keyword.label} is {'narrower now' if each.continues else 'new'}, and its"
        f" {'' if each.continues else 'first '}papers could not be fetched yet:"
        f" {failed[each.keyword.canonical]}. The next run tries again."
        for each in context.view.subscriptions
        if each.primed_at is None and each.keyword.canonical in failed
    ]


def _stuck(context: ChannelContext) -> list[str]:
    """The posts that wait for a person's decision, each with what to do."""
    lines = []
    for post in context.posts("held"):
        lines.append(
            f"  Held since {context.dates.time(post.created_at)}: it can't be confirmed that a post"
            f" with {plural(post.papers, 'paper')} arrived ({post.error}). Look there, and if it is"
            f" missing: {refer_to(f'resend {short_key(post.key)}')}"
        )
    for post in context.posts("dead"):
        lines.append(
            f"  Rejected: a post with {plural(post.papers, 'paper')} ({post.error})."
            f" That is a bug in the bot; please report it. To try again:"
            f" {refer_to(f'resend {short_key(post.key)}')}"
        )
    return lines


def _crosspost_failure(context: ChannelContext) -> list[str]:
    crosspost = context.view.crosspost
    if crosspost is None:
        return []
    again = "" if crosspost.given_up else " The bot tries again."
    return [
        "  The last message was not published to the servers that follow the channel:"
        f" {sentence(crosspost.error)}{again}"
    ]


def _stopped_library(context: ChannelContext) -> list[str]:
    """That the channel's library is paused. The reason is shown only to the person whose key it is
    (``bot.chat.zotero``)."""
    library = context.view.stopped_library
    if not library:
        return []
    return [
        f"  What is saved here no longer reaches {library} in Zotero, and waits. Those who manage"
        f" the channel can connect it again: {refer_to('zotero')}"
    ]


def _channel_status(context: ChannelContext) -> ChannelStatus:
    view = context.view
    counts = Counter(post.state for post in view.posts)
    cause, explanation = explain_channel(context)
    return ChannelStatus(
        channel=view.channel.id,
        keywords=tuple(subscription.keyword.text for subscription in view.subscriptions),
        due=view.due,
        news_due=context.news_due,
        queued=sum(counts[state] for state in ON_THE_WAY),
        held=counts["held"],
        dead=counts["dead"],
        sent=view.sent,
        posted=view.digests,
        paused=view.paused,
        paused_at=view.paused_at,
        reason=view.reason,
        tried_again_at=view.probe_at,
        published_until=view.published_until,
        next_post=_next_post(context),
        cause=cause,
        explanation=explanation,
        posts=view.posts,
    )
