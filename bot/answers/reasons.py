"""Why a channel got nothing, or what comes next: one honest sentence for one channel.

"Nothing new", "arXiv did not answer", "nobody asked" and "the channel refuses us" are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bot.announcements import Evenings, NoNews
from bot.answers.times import Calendar
from bot.model import NoteKind, refer_to
from bot.slots import Timetable
from bot.text import plural
from bot.views import ChannelView, OpenPost, RunView, StateView

# As long as the rule of publishing: a complete run this long before a posting time speaks for it.
SPEAKS_FOR = timedelta(hours=12)
UNDER_WAY = timedelta(minutes=30)  # a run that began at the posting time may still be asking

PLAINLY: Mapping[NoteKind, str] = {
    NoteKind.THROTTLED: "arXiv asked us to wait",
    NoteKind.DOWN: "arXiv did not answer",
    NoteKind.LOCAL: "arXiv was not asked, because of a fault on the bot's own machine",
    NoteKind.GARBLED: "arXiv's answer could not be used",
    NoteKind.SHORT: "arXiv's answer lacked papers",
    NoteKind.STALE: "arXiv's answer was of another day",
    NoteKind.UNSORTED: "arXiv's answer was not in order",
    NoteKind.REFUSED: "arXiv does not understand a keyword",
    NoteKind.LATE: "arXiv is late",
    NoteKind.HOLES: "papers that arXiv announced are not to be had yet",
    NoteKind.DISAGREES: "arXiv and we differ about a paper",
}


class Cause(StrEnum):
    """Stable, for ``--json``."""

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


@dataclass(frozen=True, slots=True)
class Look:
    """One channel with everything that its sentence depends on.

    ``here`` means that the question was asked for this channel alone, so that it needs no name.
    """

    view: ChannelView
    state: StateView
    timetable: Timetable
    calendar: Calendar
    here: bool
    evenings: Evenings = field(default_factory=Evenings)

    @property
    def name(self) -> str:
        """Without the colon at its end that ``console:`` has; one follows anyway."""
        return "This channel" if self.here else self.view.channel.id.removesuffix(":")

    @property
    def its_time(self) -> bool:
        """Whether the channel's time has come, and it was not served since."""
        served = self.view.served
        return served is None or served < self.timetable.latest(self.calendar.now)

    def when_posted(self) -> str:
        """When papers that are due get posted."""
        if self.its_time:
            return "at the next run"
        return self.calendar.moment(self.timetable.following(self.calendar.now))

    def posts(self, *states: str) -> list[OpenPost]:
        return [post for post in self.view.posts if post.state in states]


def verdict(look: Look) -> tuple[Cause, str]:
    """The first thing that stands in the way, or what comes next, or that all is quiet."""
    return _hindered(look) or _unasked(look) or _pending(look) or _quiet(look)


def _hindered(look: Look) -> tuple[Cause, str] | None:
    """The channel itself stands in the way."""
    view, calendar = look.view, look.calendar
    resume = refer_to("resume", view.channel.id)
    since = f" since {calendar.moment(view.paused_at)}" if view.paused_at else ""
    if view.paused == "person":
        by = f" ({view.reason})" if view.reason else ""
        return Cause.PAUSED, f"Paused{since}{by}: papers gather until somebody says: {resume}"
    if view.paused == "refused":
        again = calendar.moment(view.probe_at) if view.probe_at else "soon"
        return Cause.REFUSED, (
            f"The channel refuses our posts{since}: {sentence(view.reason)} Fix that, then say"
            f" {resume}, or wait: it is tried again {again} by itself."
        )
    first = refer_to("add reward model", view.channel.id)
    if not view.subscriptions and not view.due and not look.posts("queued", "sending", "unknown"):
        return Cause.NO_KEYWORDS, f"It follows nothing. Add a keyword: {first}"
    return None


def _unasked(look: Look) -> tuple[Cause, str] | None:
    """arXiv was not asked, or did not give a whole answer."""
    run = look.state.last_run
    if run is None:
        return Cause.NEVER_RAN, "Nothing yet: arXiv was never asked."
    if not run.complete:
        waiting = f" {plural(look.view.due, 'paper')} from before wait." if look.view.due else ""
        return _failure(run), (
            f"We do not know what is new: {trouble(run)} ({look.calendar.moment(run.started_at)})."
            f" The next run asks for everything again; nothing is lost.{waiting}"
        )
    return None


def _failure(run: RunView) -> Cause:
    """Whether one thing alone stood in the way."""
    kinds = {note.kind for note in run.notes if note.kind is not NoteKind.DISAGREES}
    alone = {
        NoteKind.THROTTLED: Cause.THROTTLED,
        NoteKind.DOWN: Cause.DOWN,
        NoteKind.LOCAL: Cause.LOCAL,
    }
    return alone.get(kinds.pop(), Cause.SOURCE_FAILED) if len(kinds) == 1 else Cause.SOURCE_FAILED


def scanned(run: RunView) -> str:
    """How much of arXiv a run went through, as far as it learned that."""
    if run.announced is None:
        return f"{plural(run.fetched, 'paper')} came, {run.matched:,} matched"
    announced = f"{plural(run.announced, 'paper')} announced"
    return f"{announced}, {run.fetched:,} came, {run.matched:,} matched"


def trouble(run: RunView) -> str:
    """What went wrong in a run that is not complete, in a few words."""
    kinds = dict.fromkeys(note.kind for note in run.notes if note.kind is not NoteKind.DISAGREES)
    return " and ".join(PLAINLY[kind] for kind in kinds) or "arXiv's answer had holes"


def _pending(look: Look) -> tuple[Cause, str] | None:
    """Something is on its way to the channel."""
    view, calendar = look.view, look.calendar
    if posts := look.posts("queued", "sending", "unknown"):
        errors = [post for post in posts if post.error]
        if not errors:
            return Cause.SENDING, f"{plural(len(posts), 'post')} to be sent at the next delivery."
        soonest = calendar.moment(min(post.not_before for post in errors))
        return Cause.SENDING, (
            f"{plural(len(posts), 'post')} could not be sent yet: {sentence(errors[0].error)}"
            f" Tried again by itself, not before {soonest}."
        )
    if view.due:
        return Cause.WAITING, f"{plural(view.due, 'paper')} to be posted {look.when_posted()}."
    if all(subscription.primed_at is None for subscription in view.subscriptions):
        return Cause.FIRST_RUN, "Its keywords are new: their first papers come with the next run."
    return None


def _quiet(look: Look) -> tuple[Cause, str]:
    """Nothing is on its way: is that because all is done, or because nobody looked?"""
    calendar, run = look.calendar, look.state.last_complete
    if run is None:
        return Cause.NEVER_RAN, "Nothing yet: arXiv never gave a whole answer."
    slot = look.timetable.latest(calendar.now)
    began = calendar.moment(run.started_at)
    if run.started_at < slot - SPEAKS_FOR:
        if calendar.now - slot < UNDER_WAY:
            return Cause.OVERDUE, f"The run for {calendar.moment(slot)} is not finished yet."
        return Cause.OVERDUE, (
            f"Nobody has asked arXiv since {began}, so {calendar.moment(slot)} was missed."
            " Is the bot running?"
        )
    if any(note.kind is NoteKind.LATE for note in run.notes):
        evening = look.evenings.latest(run.started_at)
        return Cause.LATE, (
            f"arXiv is late: its announcement of {calendar.moment(evening)} was not there at the"
            f" last run ({began}). It is asked again, and what comes is posted at once."
        )
    if not run.due:
        return _nothing(look, run, began)
    if look.posts("held", "dead"):
        return Cause.STUCK, f"What was new {began} has been posted, but for what is told below."
    return Cause.ALL_POSTED, f"Everything that was new {began} has been posted."


def _nothing(look: Look, run: RunView, began: str) -> tuple[Cause, str]:
    """A whole answer without news: had arXiv announced anything at all?"""
    seen = f"{scanned(run)}; none was new"
    following = look.calendar.moment(look.evenings.following(run.started_at))
    match look.evenings.reason(run.started_at):
        case NoNews.WEEKEND:
            return Cause.WEEKEND, (
                f"Nothing new matched at the last run ({began}): arXiv announces nothing at"
                f" weekends. Its next announcement is due {following}."
            )
        case NoNews.HOLIDAY:
            return Cause.HOLIDAY, (
                f"Nothing new matched at the last run ({began}): arXiv had a holiday. Its next"
                f" announcement is due {following}."
            )
        case _:
            return Cause.NOTHING_NEW, f"Nothing new matched at the last run ({began}). {seen}."


def sentence(text: str) -> str:
    """A text that others wrote, ended like a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def short_key(key: str) -> str:
    """The start of a post's key, as it is shown; ``resend`` takes it."""
    return key[:8]
