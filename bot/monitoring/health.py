"""Whether the bot is alive and really delivers: a sentence for each problem. Pure.

A running process is not enough: arXiv must have given a complete answer since its last
announcement, posts must get sent, and each platform must be connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.arxiv.calendar import AnnouncementCalendar
from bot.errors import NoteKind
from bot.model.views import OpenPost, StateView

WAITING_STATES = frozenset({"queued", "sending", "unknown"})
MAX_WAIT = timedelta(hours=2)  # of a post
MAX_DISCONNECTION = timedelta(minutes=10)  # a reconnect takes less
MAX_STUCK = timedelta(minutes=5)
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
START_GRACE = timedelta(minutes=30)  # after a start, in which the bot catches up


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Everything that the health of the bot is judged by, at the time ``now``.

    ``started`` is when the service was started; ``None`` if none runs. By platform:
    ``disconnected`` is since when it is not connected, ``None`` if it is; ``shards`` the same for
    each of its shards; ``degraded`` says what does not work although it is connected, empty if
    everything works. ``damages`` are what the last check of the database found. ``stuck_for`` is
    for how long the service has shown no sign of life; normally it does every two seconds.
    """

    state: StateView
    now: datetime
    calendar: AnnouncementCalendar
    started: datetime | None = None
    disconnected: Mapping[str, datetime | None] = field(default_factory=dict)
    shards: Mapping[str, Mapping[int, datetime | None]] = field(default_factory=dict)
    degraded: Mapping[str, str] = field(default_factory=dict)
    damages: tuple[str, ...] = ()
    stuck_for: timedelta = timedelta()

    @property
    def last_complete_run_at(self) -> datetime | None:
        """When the last run with a complete answer of arXiv started."""
        run = self.state.last_complete
        return None if run is None else run.started_at

    @property
    def waiting(self) -> list[OpenPost]:
        """Posts that should be on their way: without those of paused channels."""
        return [
            post
            for view in self.state.channels
            if not view.paused
            for post in view.posts
            if post.state in WAITING_STATES
        ]

    @property
    def oldest_waiting(self) -> timedelta:
        """How long the oldest of the ``waiting`` posts has waited; zero if there is none."""
        ages = [self.now - post.created_at for post in self.waiting]
        return max(ages, default=timedelta())

    def problems(self) -> tuple[str, ...]:
        """A sentence for each problem; empty if all is well."""
        problems = [
            *([] if self._is_collecting() else [self._not_collecting()]),
            *([self._slow()] if self.oldest_waiting > MAX_WAIT else []),
        ]
        if self.stuck_for > MAX_STUCK:
            minutes = self.stuck_for.total_seconds() / 60
            problems.append(f"The service has done nothing for {minutes:.0f} minutes. Restart it.")
        if self.damages:
            problems.append(f"The database is damaged ({self.damages[0]}). Restore a backup.")
        for name, since in self.disconnected.items():
            if since is not None and self.now - since > MAX_DISCONNECTION:
                problems.append(f"{name} has not been connected since {since:%Y-%m-%d %H:%M} UTC.")
            elif lost := self._lost_shards(name):
                problems.append(lost)
        problems += [f"{name}: {what}" for name, what in self.degraded.items() if what]
        problems += [
            f"{each.platform} does not let the bot in: {each.reason}"
            for each in self.state.refusals
        ]
        return tuple(problems)

    def _lost_shards(self, name: str) -> str:
        """A sentence about the platform's shards that are not connected; empty if all are."""
        shards = self.shards.get(name, {})
        lost = {
            shard: since
            for shard, since in shards.items()
            if since is not None and self.now - since > MAX_DISCONNECTION
        }
        if not lost:
            return ""
        numbers = ", ".join(map(str, sorted(lost)))
        return (
            f"{name}: {len(lost)} of {len(shards)} shards are not connected (shard {numbers}, since"
            f" {min(lost.values()):%Y-%m-%d %H:%M} UTC)."
        )

    def _is_collecting(self) -> bool:
        """Whether what arXiv announced last has been fetched, or does not have to be yet."""
        followed = any(view.subscriptions for view in self.state.channels)
        starting = self.started is not None and self.now - self.started < START_GRACE
        announced = self.calendar.latest_due(self.now)
        run_at = self.last_complete_run_at
        # A run in the future was recorded by a wrong clock, and does not show what was fetched.
        latest = self.now + MAX_CLOCK_DIFFERENCE
        collected = run_at is not None and announced <= run_at <= latest
        return not followed or starting or collected

    def _not_collecting(self) -> str:
        run = self.state.last_run
        local = [note.text for note in run.notes if note.kind is NoteKind.LOCAL] if run else []
        if local:
            return local[0]
        if self.last_complete_run_at is None:
            return "arXiv has never given a complete answer."
        return (
            "arXiv has given no complete answer since"
            f" {self.last_complete_run_at:%Y-%m-%d %H:%M} UTC, and has announced papers since."
        )

    def _slow(self) -> str:
        hours = self.oldest_waiting.total_seconds() / 3600
        return f"The oldest of {len(self.waiting)} waiting posts has waited for {hours:.1f} hours."
