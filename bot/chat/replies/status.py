"""What ``status`` says: when we last looked, and what waits in each channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.arxiv.calendar import AnnouncementCalendar
from bot.chat.replies.dates import DateFormatter, iso
from bot.chat.replies.reasons import PLAINLY, ChannelContext, sentence, short_key, verdict
from bot.model import Note, NoteKind, Reply, refer_to
from bot.model.views import RunView, StateView
from bot.text import plural


def status_reply(state: StateView, looks: Sequence[ChannelContext], dates: DateFormatter) -> Reply:
    """The whole answer, for the channels of these looks."""
    upcoming = [_next_post(look) for look in looks if not look.view.paused]
    calendar = looks[0].calendar if looks else AnnouncementCalendar()
    announced = calendar.following(dates.now)
    lines = _runs(state, dates, any(look.here for look in looks))
    if upcoming:
        lines.append(f"Next posting time: {dates.moment(min(upcoming))}.")
    lines.append(f"Next announcement of arXiv: {dates.moment(announced)}.")
    lines.append(f"Times are {dates.timezone.key}.")
    for look in looks:
        lines += ["", *_channel(look)]
    if not looks:
        first = refer_to("add reward model", "console:")
        lines += ["", f"No channel follows anything yet. Add a first keyword: {first}"]
    return Reply(
        text="\n".join(lines),
        data={
            "now": iso(dates.now),
            "timezone": dates.timezone.key,
            "last_run": run_data(state.last_run),
            "last_complete_run": run_data(state.last_complete),
            "papers": state.papers,
            "next_announcement": iso(announced),
            "next_post": iso(min(upcoming)) if upcoming else None,
            "channels": [_channel_data(look) for look in looks],
        },
    )


def _next_post(look: ChannelContext) -> datetime:
    return look.timetable.following(look.dates.now)


def looked(state: StateView, dates: DateFormatter) -> str:
    """When arXiv was last asked, in one line; two facts where the last run was not complete."""
    if state.last_run is None:
        return "arXiv was never asked yet."
    last = dates.moment(state.last_run.started_at)
    if state.last_run.complete:
        return f"Last look at arXiv: {last}, complete."
    complete = state.last_complete
    before = "no run was complete yet"
    if complete is not None:
        before = f"the last complete run was {dates.moment(complete.started_at)}"
    return f"Last look at arXiv: {last}, not complete; {before}."


def run_data(run: RunView | None) -> dict[str, object] | None:
    if run is None:
        return None
    return {
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
        "since": iso(run.since),
        "complete": run.complete,
        "requests": run.requests,
        "announced": run.announced,
        "missing": run.missing,
        "fetched": run.fetched,
        "matched": run.matched,
        "new": run.new_papers,
        "due": run.due,
        "primed": run.primed,
        "plan": run.plan,
        "notes": [
            {"kind": note.kind, "text": note.text, "keyword": note.keyword} for note in run.notes
        ],
    }


def _runs(state: StateView, dates: DateFormatter, here: bool) -> list[str]:
    run, complete = state.last_run, state.last_complete
    if run is None:
        return ["arXiv was never asked yet. The bot's first run does it."]
    verdict = "complete" if run.complete else "not complete"
    lines = [f"Last run: {dates.moment(run.started_at)}, {verdict}. {_figures(run, here)}"]
    if run.plan:
        lines.append(f"  arXiv was asked {run.plan}.")
    lines += _notes(run.notes)
    if not run.complete and complete is None:
        lines.append("No run was complete yet.")
    elif not run.complete and complete is not None:
        began = dates.moment(complete.started_at)
        lines.append(f"Last complete run: {began}. {_figures(complete, here)}")
    return lines


def _figures(run: RunView, here: bool) -> str:
    """In one channel nothing of what was found for others."""
    said = [plural(run.requests, "request")]
    if run.announced is not None:
        said.append(f"{plural(run.announced, 'paper')} announced")
    if not here:
        said += [f"{run.fetched:,} fetched", f"{run.matched:,} matched"]
        said.append(f"{run.due:,} to post in all channels")
    return f"{', '.join(said)}."


def _notes(notes: Sequence[Note]) -> list[str]:
    """What went wrong, said once per kind of trouble and text."""
    return list(dict.fromkeys(f"  {PLAINLY[n.kind]}: {n.text}" for n in notes))


def _channel(look: ChannelContext) -> list[str]:
    view = look.view
    counts = Counter(post.state for post in view.posts)
    on_the_way = counts["queued"] + counts["sending"] + counts["unknown"]
    amounts = [
        (view.due, f"{plural(view.due, 'paper')} due"),
        (on_the_way, f"{plural(on_the_way, 'post')} on the way"),
        (view.sent, f"{plural(view.sent, 'post')} sent"),
        (counts["held"], f"{counts['held']} held"),
        (counts["dead"], f"{counts['dead']} dead"),
    ]
    said = [plural(len(view.subscriptions), "keyword"), *(text for n, text in amounts if n)]
    _, explanation = verdict(look)
    head = f"{look.name}: {', '.join(said)}"
    return [
        head, f"  {explanation}", *_not_understood(look), *_without_history(look), *_stuck(look),
        *_not_handed_on(look),
    ]  # fmt: skip


def _not_understood(look: ChannelContext) -> list[str]:
    """Keywords for which arXiv has no answer, so that nothing will ever come of them."""
    run = look.state.last_run
    refused = {n.keyword for n in run.notes if n.kind is NoteKind.REFUSED} if run else set()
    texts = [
        subscription.keyword.text
        for subscription in look.view.subscriptions
        if subscription.keyword.canonical in refused
    ]
    return [
        f"  arXiv does not understand {text}, so nothing can come of it. Please remove it, and add"
        f" it in other words: {refer_to(f'remove {text}', look.view.channel.id)}"
        for text in texts
    ]


def _without_history(look: ChannelContext) -> list[str]:
    """New keywords whose first papers were asked for in vain."""
    run = look.state.last_run
    notes = run.notes if run is not None and run.complete else ()
    failed = {n.keyword: PLAINLY[n.kind] for n in notes if n.kind is not NoteKind.REFUSED}
    return [
        f"  {each.keyword.text} is new, and its first papers are not there yet:"
        f" {failed[each.keyword.canonical]}. They are asked for again by themselves."
        for each in look.view.subscriptions
        if each.primed_at is None and each.keyword.canonical in failed
    ]


def _stuck(look: ChannelContext) -> list[str]:
    """Posts that wait for a person, each with what to do."""
    lines = []
    for post in look.posts("held"):
        lines.append(
            f"  Held since {look.dates.moment(post.created_at)}: nobody can say whether a post"
            f" of {plural(post.papers, 'paper')} arrived ({post.error}). Look in the channel;"
            f" if it is missing: {refer_to(f'resend {short_key(post.key)}')}"
        )
    for post in look.posts("dead"):
        lines.append(
            f"  Refused for good: a post of {plural(post.papers, 'paper')} ({post.error})."
            f" That is our fault, please report it. To try it again:"
            f" {refer_to(f'resend {short_key(post.key)}')}"
        )
    return lines


def _not_handed_on(look: ChannelContext) -> list[str]:
    crosspost = look.view.crosspost
    if crosspost is None:
        return []
    again = "" if crosspost.given_up else " It is tried again by itself."
    return [
        "  The last message was not handed on to the servers that follow the channel:"
        f" {sentence(crosspost.error)}{again}"
    ]


def _channel_data(look: ChannelContext) -> dict[str, object]:
    view = look.view
    counts = Counter(post.state for post in view.posts)
    cause, explanation = verdict(look)
    return {
        "channel": view.channel.id,
        "keywords": [subscription.keyword.text for subscription in view.subscriptions],
        "due": view.due,
        "queued": counts["queued"] + counts["sending"] + counts["unknown"],
        "held": counts["held"],
        "dead": counts["dead"],
        "sent": view.sent,
        "posted": [
            {"papers": digest.papers, "posted_at": iso(digest.posted_at)} for digest in view.digests
        ],
        "paused": view.paused,
        "paused_at": iso(view.paused_at),
        "reason": view.reason,
        "tried_again_at": iso(view.probe_at),
        "served_until": iso(view.published_until),
        "next_post": iso(_next_post(look)),
        "cause": cause,
        "explanation": explanation,
        "posts": [
            {
                "key": post.key,
                "state": post.state,
                "attempts": post.attempt,
                "created_at": iso(post.created_at),
                "not_before": iso(post.not_before),
                "papers": post.papers,
                "error": post.error,
            }
            for post in view.posts
        ],
    }
