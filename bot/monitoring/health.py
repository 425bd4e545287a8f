"""Whether the bot is alive and truly delivering: one sentence for each problem. Pure.

A process that runs is not enough: arXiv must have given a complete answer since it last announced,
posts must leave, and each platform must be connected.
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
START_GRACE = timedelta(minutes=30)  # what was missed before the start is made up meanwhile


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Everything that tells how the bot is, at the time ``now``.

    ``started``: when the service did; ``None`` where none runs. By platform: ``disconnected`` says
    since when it is not connected, ``None`` if it is; ``shards`` the same of each of its shards;
    ``degraded`` what does not work although it is connected, empty if all does. ``damages``: what
    the last check of the database found. ``stuck_for``: for how long the service has shown no sign
    of life; it does so every two seconds.
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
        """When the last run started to which arXiv gave a complete answer."""
        run = self.state.last_complete
        return None if run is None else run.started_at

    @property
    def waiting(self) -> list[OpenPost]:
        """Posts that should be on their way: not those of channels that are paused."""
        return [
            post
            for view in self.state.channels
            if not view.paused
            for post in view.posts
            if post.state in WAITING_STATES
        ]

    @property
    def oldest_waiting(self) -> timedelta:
        """How long the oldest of them has waited; zero if none does."""
        ages = [self.now - post.created_at for post in self.waiting]
        return max(ages, default=timedelta())

    def problems(self) -> tuple[str, ...]:
        """A sentence for each; none if all is well."""
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
        """Which of the platform's shards are not connected while others are; or nothing."""
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
        """Whether arXiv has given what it announced, or nobody needs it yet."""
        followed = any(view.subscriptions for view in self.state.channels)
        starting = self.started is not None and self.now - self.started < START_GRACE
        announced = self.calendar.latest_due(self.now)
        run_at = self.last_complete_run_at
        # A run of the future was started by a wrong clock, and tells nothing of what was announced.
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
