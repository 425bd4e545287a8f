"""Whether the bot is alive and truly delivering: one sentence for each thing that is wrong. Pure.

A process that runs is not enough: arXiv must have given a whole answer since it last announced,
posts must leave, and each platform must hear people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.arxiv.calendar import AnnouncementCalendar
from bot.model import NoteKind
from bot.model.views import OpenPost, StateView

WAITING = frozenset({"queued", "sending", "unknown"})
DELIVERED_WITHIN = timedelta(hours=2)
DISCONNECTED_FOR = timedelta(minutes=10)  # a connection that is made anew takes less
ATTENDS_WITHIN = timedelta(minutes=5)
CLOCKS_DIFFER = timedelta(minutes=1)
BEGINNING = timedelta(minutes=30)  # what was missed before the start is made up meanwhile


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What is looked at. ``disconnected`` says since when each platform's listener hears nobody,
    ``None`` where it hears; ``refused`` why a platform does not let us in; ``degraded`` what does
    not work although it hears, empty if all does; ``damages`` what the last check of the database
    found; ``started`` when the service began; ``unattended`` for how long it has not looked
    around, which it does every two seconds."""

    state: StateView
    now: datetime
    calendar: AnnouncementCalendar
    started: datetime | None = None
    disconnected: Mapping[str, datetime | None] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    degraded: Mapping[str, str] = field(default_factory=dict)
    damages: tuple[str, ...] = ()
    unattended: timedelta = timedelta()

    @property
    def collected(self) -> datetime | None:
        """When the last run began to which arXiv gave a whole answer."""
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
            if post.state in WAITING
        ]

    @property
    def oldest_waiting(self) -> timedelta:
        """How long the oldest of them waits; nothing if none does."""
        ages = [self.now - post.created_at for post in self.waiting]
        return max(ages, default=timedelta())

    def problems(self) -> tuple[str, ...]:
        """A sentence for each; none if all is well."""
        said = [
            *([] if self._has_collected() else [self._no_collect()]),
            *([self._slow()] if self.oldest_waiting > DELIVERED_WITHIN else []),
        ]
        if self.unattended > ATTENDS_WITHIN:
            minutes = self.unattended.total_seconds() / 60
            said.append(f"The service has done nothing for {minutes:.0f} minutes. Restart it.")
        if self.damages:
            said.append(f"The database is damaged ({self.damages[0]}). Restore a backup.")
        for name, since in self.disconnected.items():
            if since is not None and self.now - since > DISCONNECTED_FOR:
                said.append(f"{name} has not been heard since {since:%Y-%m-%d %H:%M} UTC.")
        said += [f"{name}: {what}" for name, what in self.degraded.items() if what]
        said += [f"{name} does not let the bot in: {why}" for name, why in self.refused.items()]
        return tuple(said)

    def _has_collected(self) -> bool:
        follows = any(view.subscriptions for view in self.state.channels)
        begins = self.started is not None and self.now - self.started < BEGINNING
        announced = self.calendar.latest_due(self.now)
        # One of the future was begun by a wrong clock, and says nothing of what was announced.
        latest = self.now + CLOCKS_DIFFER
        since = self.collected is not None and announced <= self.collected <= latest
        return not follows or begins or since

    def _no_collect(self) -> str:
        run = self.state.last_run
        local = [note.text for note in run.notes if note.kind is NoteKind.LOCAL] if run else []
        if local:
            return local[0]
        if self.collected is None:
            return "arXiv has never given a whole answer."
        return (
            f"arXiv has given no whole answer since {self.collected:%Y-%m-%d %H:%M} UTC, and has"
            " announced since."
        )

    def _slow(self) -> str:
        hours = self.oldest_waiting.total_seconds() / 3600
        return f"The oldest of {len(self.waiting)} waiting posts has waited for {hours:.1f} hours."
