"""Why a channel got nothing, or what comes next: an honest explanation for one channel.

"Nothing new", "arXiv did not answer", "the bot did not run" and "the channel refuses us" are four
different answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.arxiv.calendar import AnnouncementCalendar, NoAnnouncement
from bot.chat.replies.dates import DateFormatter
from bot.core.channel_settings import CHANNEL_SETTINGS, sound
from bot.core.news import KINDS
from bot.errors import NoteKind
from bot.model.timetable import Timetable
from bot.model.views import ChannelView, OpenPost, PostedDigest, RunView, StateView
from bot.references import refer_to
from bot.text import plural
from bot.text.digests import MOST_SAVED

RUN_DURATION = timedelta(minutes=30)  # a run that began at the posting time may still be going
NEWS_ALONE = "News of earlier papers"
ON_THE_WAY = ("queued", "sending", "unknown")  # states of a post that needs nobody's help

NOTE_TEXTS: Mapping[NoteKind, str] = {
    NoteKind.THROTTLED: "arXiv asked us to wait",
    NoteKind.DOWN: "arXiv did not answer",
    NoteKind.LOCAL: "arXiv was not queried, because of a fault on the bot's own machine",
    NoteKind.GARBLED: "arXiv's answer could not be used",
    NoteKind.SHORT: "arXiv's answer lacked papers",
    NoteKind.STALE: "arXiv's answer was stale",
    NoteKind.UNSORTED: "arXiv's answer was not in order",
    NoteKind.REFUSED: "arXiv does not understand a keyword",
    NoteKind.LATE: "arXiv is late",
    NoteKind.HOLES: "papers that arXiv announced are not available yet",
    NoteKind.BEHIND: "the search for older announcements is not finished yet",
}


class Cause(StrEnum):
    """What explains the state of a channel. The values are part of ``--json``, and stay stable."""

    NO_KEYWORDS = "no_keywords"
    PAUSED = "paused"
    REFUSED = "refused"
    NEVER_RAN = "never_ran"
    THROTTLED = "throttled"
    DOWN = "down"
    LOCAL = "local"
    SOURCE_FAILED = "source_failed"
    LATE = "late"
    SENDING = "sending"
    FIRST_RUN = "first_run"
    OVERDUE = "overdue"
    WAITING = "waiting"
    STUCK = "stuck"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    NOTHING_NEW = "nothing_new"
    ALL_POSTED = "all_posted"
    LEFT_OUT = "left_out"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """One channel with everything that its explanation depends on.

    ``in_one_channel`` means that the question is about this channel alone, so that it needs no
    name. ``schedule_days`` are the days in bot.toml for channels without days of their own.
    """

    view: ChannelView
    state: StateView
    timetable: Timetable
    dates: DateFormatter
    in_one_channel: bool
    calendar: AnnouncementCalendar = field(default_factory=AnnouncementCalendar)
    schedule_days: str = ""

    @property
    def name(self) -> str:
        """How the channel is called in a text, without the trailing colon of ``console:``: a colon
        follows anyway."""
        if self.view.channel.owner:
            return "Your papers"
        return "This channel" if self.in_one_channel else self.view.channel.id.removesuffix(":")

    @property
    def is_due(self) -> bool:
        """Whether a posting time has come since the channel was last published to."""
        published_until = self.view.published_until
        return published_until is None or published_until < self.timetable.latest(self.dates.now)

    @property
    def is_rescheduled(self) -> bool:
        """Whether its posting days were changed, here or in bot.toml, since it was last published
        to."""
        known = ("", self.schedule_days)
        new = not self.view.channel.days and self.state.posting_days not in known
        return new or self.view.rescheduled

    def when_posted(self) -> str:
        """When papers that are due get posted."""
        if self.is_due:
            return "at the next run"
        return self.dates.time(self.timetable.following(self.dates.now))

    def posted_since_slot(self) -> list[PostedDigest]:
        """The digests that arrived since the channel's last posting time, in order."""
        slot = self.timetable.latest(self.dates.now)
        return [digest for digest in self.view.digests if digest.posted_at >= slot]

    def skipped_since_slot(self) -> datetime | None:
        """When papers were left out, if that was since the channel's last posting time."""
        at = self.view.skipped_at
        return at if at and at >= self.timetable.latest(self.dates.now) else None

    def muted_since_slot(self) -> datetime | None:
        """When mutes hid papers, if that was since the channel's last posting time."""
        at = self.view.muted_at
        return at if at and at >= self.timetable.latest(self.dates.now) else None

    @property
    def mutes_hid_all(self) -> bool:
        """Whether no other paper was due in the channel when the mutes last hid some."""
        shown = {each.published_at for each in self.view.digests if each.papers}
        waiting = {each.created_at for each in self.view.posts if each.papers}
        return self.view.muted_at not in {*shown, *waiting, self.view.skipped_at}

    @property
    def news_due(self) -> int:
        """How many pieces of news are due, of the kinds that the channel wants."""
        channel, _ = sound(self.view.channel)
        wanted = KINDS[CHANNEL_SETTINGS["updates"].in_force(channel)]
        return sum(count for kind, count in self.view.news_due.items() if kind in wanted)

    def posts(self, *states: str) -> list[OpenPost]:
        return [post for post in self.view.posts if post.state in states]


def explain_channel(context: ChannelContext) -> tuple[Cause, str]:
    """What was posted since the channel's last posting time; then the first thing that prevents
    more, or what comes next, or why nothing came.

    Everything about papers comes from the channel's own ledger and outbox. Of a run it says only
    whether arXiv's answer was complete and how much arXiv announced, and nothing about what was
    found for other channels.
    """
    cause, explanation = (
        _blocked(context)
        or _fetch_failed(context)
        or _pending(context)
        or _nothing_pending(context)
    )
    return cause, " ".join(filter(None, (_posted(context), explanation)))


def _posted(context: ChannelContext) -> str:
    """What was posted, left out or hidden since the last posting time. Empty: nothing."""
    parts = []
    if recent := context.posted_since_slot():
        last = "" if len(recent) == 1 else ", the last"
        parts.append(
            f"{_contents(recent)} posted{last} {context.dates.time(recent[-1].posted_at)}."
        )
    if at := context.skipped_since_slot():
        left_out = f"{plural(context.view.skipped, 'paper')} left out {context.dates.time(at)}"
        parts.append(
            f"{left_out}: the bot had been down, and the setting catch_up posts only a part of what"
            " was missed."
        )
    if at := context.muted_since_slot():
        everything = ", all that there were" if context.mutes_hid_all else ""
        hidden = f"{plural(context.view.muted, 'paper')} hidden by mutes{everything}"
        parts.append(f"{hidden}, {context.dates.time(at)}.")
    return " ".join(parts)


def _contents(digests: Sequence[PostedDigest]) -> str:
    """``5 papers``, ``5 papers and news of earlier ones``, ``News of earlier papers``, ``The week's
    most saved papers``."""
    papers = sum(digest.papers for digest in digests)
    if not papers and not any(digest.news for digest in digests):
        return MOST_SAVED
    if not any(digest.news for digest in digests):
        return plural(papers, "paper")
    return f"{plural(papers, 'paper')} and news of earlier ones" if papers else NEWS_ALONE


def _blocked(context: ChannelContext) -> tuple[Cause, str] | None:
    """Why the channel itself prevents posts: it is paused, refuses them, or follows nothing."""
    view, dates = context.view, context.dates
    resume = refer_to("resume", view.channel.id)
    since = f" since {dates.time(view.paused_at)}" if view.paused_at else ""
    if view.paused == "person":
        by = f" ({view.reason})" if view.reason else ""
        waiting = _waiting(context) or " New papers are kept."
        return Cause.PAUSED, f"Paused{since}{by}.{waiting} To resume: {resume}"
    if view.paused == "refused":
        if view.channel.owner:
            return Cause.REFUSED, (
                f"My messages to you are refused{since}: {sentence(view.reason)}{_waiting(context)}"
                f" I send none until you run {resume}."
            )
        again = dates.time(view.probe_at) if view.probe_at else "soon"
        return Cause.REFUSED, (
            f"The channel refuses our posts{since}: {sentence(view.reason)}{_waiting(context)} Fix"
            f" this, then run {resume}, or wait: the bot tries again {again}."
        )
    if not view.subscriptions and not view.due and not context.posts(*ON_THE_WAY):
        first = refer_to("add reward model", view.channel.id)
        return Cause.NO_KEYWORDS, f"Nothing is followed. Add a keyword: {first}"
    return None


def _waiting(context: ChannelContext) -> str:
    """How many papers wait, as a sentence to append to others. Empty: none."""
    on_the_way = sum(post.papers for post in context.posts(*ON_THE_WAY))
    waiting = context.view.due + on_the_way
    if not waiting:
        return ""
    return f" {plural(waiting, 'paper')} {'waits' if waiting == 1 else 'wait'}."


def _fetch_failed(context: ChannelContext) -> tuple[Cause, str] | None:
    """Why the last run was not complete, or that there was none."""
    run = context.state.last_run
    if run is None:
        return Cause.NEVER_RAN, "Nothing yet: arXiv has not been queried."
    if not run.complete:
        began = context.dates.time(run.started_at)
        return _failure(run), (
            f"It is not known what is new: {failure_summary(run)} ({began})."
            f" The next run requests everything again; nothing is lost.{_waiting(context)}"
        )
    return None


def _failure(run: RunView) -> Cause:
    """The one cause why the run failed; ``SOURCE_FAILED`` if there are several, or another one."""
    kinds = set(_kinds(run))
    alone = {
        NoteKind.THROTTLED: Cause.THROTTLED,
        NoteKind.DOWN: Cause.DOWN,
        NoteKind.LOCAL: Cause.LOCAL,
    }
    return alone.get(kinds.pop(), Cause.SOURCE_FAILED) if len(kinds) == 1 else Cause.SOURCE_FAILED


def _kinds(run: RunView) -> list[NoteKind]:
    """The notes on the whole run; those on single keywords only if there are no others."""
    return [n.kind for n in run.notes if not n.keyword] or [n.kind for n in run.notes]


def failure_summary(run: RunView) -> str:
    """What went wrong in a run that is not complete, in a few words."""
    kinds = dict.fromkeys(_kinds(run))
    return " and ".join(NOTE_TEXTS[kind] for kind in kinds) or "arXiv's answer was incomplete"


def _pending(context: ChannelContext) -> tuple[Cause, str] | None:
    """What is on its way to the channel, or due there."""
    view, dates = context.view, context.dates
    if posts := context.posts(*ON_THE_WAY):
        errors = [post for post in posts if post.error]
        if not errors:
            return Cause.SENDING, f"{_amount(posts)} to be sent at the next delivery."
        soonest = dates.time(min(post.not_before for post in errors))
        return Cause.SENDING, (
            f"{_amount(posts)} could not be sent yet: {sentence(errors[0].error)}"
            f" The bot tries again, not before {soonest}."
        )
    if view.due == 0 and (news := context.news_due):
        return Cause.WAITING, (
            f"{plural(news, 'piece')} of news about papers posted here to be told"
            f" {context.when_posted()}."
        )
    if view.due:
        return Cause.WAITING, f"{plural(view.due, 'paper')} to be posted {context.when_posted()}."
    if all(each.primed_at is None and not each.continues for each in view.subscriptions):
        return Cause.FIRST_RUN, "Its keywords are new: their first papers come with the next run."
    return None


def _nothing_pending(context: ChannelContext) -> tuple[Cause, str]:
    """Why nothing is on its way: because all is done, or because the bot did not run."""
    dates, run = context.dates, context.state.last_complete
    if run is None:
        return Cause.NEVER_RAN, "Nothing yet: arXiv has not given a complete answer."
    slot = context.timetable.latest(dates.now)
    began = dates.time(run.started_at)
    if not context.timetable.covers(run.started_at, slot):
        if dates.now - slot < RUN_DURATION:
            return Cause.OVERDUE, f"The run for {dates.time(slot)} is not finished yet."
        if context.is_rescheduled:  # it is unknown whether anything was due then
            return Cause.OVERDUE, (
                f"arXiv has not been queried since {began}. The posting days were changed, and what"
                " is new is posted at the next run. Is the bot running?"
            )
        return Cause.OVERDUE, (
            f"arXiv has not been queried since {began}, so {dates.time(slot)} was missed."
            " Is the bot running?"
        )
    if any(note.kind is NoteKind.LATE for note in run.notes):
        announced_at = context.calendar.latest(run.started_at)
        return Cause.LATE, (
            f"arXiv is late: its announcement of {dates.time(announced_at)} was not there at the"
            f" last run ({began}). The bot tries again, and posts what comes at once."
        )
    stuck = [post for post in context.view.posts if post.is_stuck and post.created_at >= slot]
    if stuck:
        return (
            Cause.STUCK,
            f"{_amount(stuck)} can't be sent until somebody decides.",
        )
    if context.posted_since_slot():
        return Cause.ALL_POSTED, ""
    if context.skipped_since_slot():
        return Cause.LEFT_OUT, ""
    if context.muted_since_slot():
        return Cause.MUTED, ""
    return _no_news(context, run, began)


def _amount(posts: Sequence[OpenPost]) -> str:
    """``2 posts with 13 papers``; a post that is only a heading has none."""
    papers = sum(post.papers for post in posts)
    return plural(len(posts), "post") + (f" with {plural(papers, 'paper')}" if papers else "")


def _no_news(context: ChannelContext, run: RunView, began: str) -> tuple[Cause, str]:
    """Why a complete answer brought nothing for this channel: whether arXiv had announced anything
    at all."""
    nothing = f"Nothing new matched at the last run ({began})"
    following = context.dates.time(context.calendar.following(run.started_at))
    match context.calendar.reason_before(run.started_at):
        case NoAnnouncement.WEEKEND:
            return Cause.WEEKEND, (
                f"{nothing}: arXiv announces nothing on weekends. Its next announcement is due"
                f" {following}. {_last_posted(context)}"
            )
        case NoAnnouncement.HOLIDAY:
            return Cause.HOLIDAY, (
                f"{nothing}: arXiv had a holiday. Its next announcement is due {following}."
                f" {_last_posted(context)}"
            )
        case _:
            of = "" if run.announced is None else f" of the {_announced(run)}"
            return Cause.NOTHING_NEW, f"{nothing}{of}. {_last_posted(context)}"


def _announced(run: RunView) -> str:
    return f"{plural(run.announced or 0, 'paper')} that arXiv announced"


def _last_posted(context: ChannelContext) -> str:
    """When something was last posted, so that nobody takes silence for a fault."""
    if not context.view.digests:
        return "Nothing has been posted here yet."
    last = context.view.digests[-1]
    return f"Last posted: {_contents([last])}, {context.dates.time(last.posted_at)}."


def sentence(text: str) -> str:
    """A text from elsewhere, with a full stop if it lacks one."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def short_key(key: str) -> str:
    """The start of a post's key, as it is shown; ``resend`` takes it."""
    return key[:8]
