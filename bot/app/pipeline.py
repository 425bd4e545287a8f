"""The steps from a source to the channels, with everything that each of them needs.

``once`` and the service run the same steps; when, and what follows a failure, is theirs to decide.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping

from bot.app.channel_rules import ChannelRules
from bot.arxiv.calendar import AnnouncementCalendar
from bot.core.collect import collect
from bot.core.crosspost import crosspost_pending
from bot.core.deliver import Deliverer, DeliveryTimeouts, OnRefused
from bot.core.leases import Leases
from bot.core.publish import publish, republish
from bot.model import Run, roles
from bot.ports import Clock, Crossposter, PlatformAdapter, Source, Store

log = logging.getLogger(__name__)


class Pipeline:
    """``platforms`` are the adapters by name; ``first_post`` is how many papers a new keyword
    brings at first; ``on_refused`` and ``on_gone`` are a Deliverer's."""

    def __init__(
        self,
        *,
        source: Source,
        store: Store,
        clock: Clock,
        platforms: Mapping[str, PlatformAdapter],
        rules: ChannelRules,
        calendar: AnnouncementCalendar,
        first_post: int,
        timeouts: DeliveryTimeouts,
        on_refused: OnRefused,
        on_gone: OnRefused,
        leases: Leases,
    ) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._platforms = platforms
        self._composers = {name: each.composer for name, each in platforms.items()}
        self._rules = rules
        self._calendar = calendar
        self._first_post = first_post
        self._timeouts = timeouts
        self._on_refused = on_refused
        self._on_gone = on_gone
        self._leases = leases
        self.crossposters: Mapping[str, Crossposter] = {
            name: each for name, each in platforms.items() if isinstance(each, Crossposter)
        }

    async def collect(self) -> Run:
        """Fetch and match; returns what the source said. Raises StoreError."""
        run, _ = await collect(
            self._source,
            self._store,
            self._clock,
            first_post=self._first_post,
            submissions_expected_after=self._calendar.submissions_expected_after(self._clock.now()),
        )
        return run

    async def publish(self, *, now: bool = False, locked_timeout: float = 0.0) -> None:
        """Queue posts of what is due; with ``now`` whatever the time of day. Channels that another
        process has locked are tried again for ``locked_timeout`` seconds. Raises StoreError."""
        rules, clock = self._rules.rules, self._clock
        await publish(
            self._store, self._composers, rules, clock, now=now, locked_timeout=locked_timeout
        )

    async def republish(self, *, now: bool = False, locked_timeout: float = 0.0) -> int | None:
        """Publish to channels that came back after a pause, or whose settings changed.

        How many posts that queued, ``None`` if there is no such channel. Raises StoreError.
        """
        rules, clock = self._rules.rules, self._clock
        return await republish(
            self._store, self._composers, rules, clock, now=now, locked_timeout=locked_timeout
        )

    def deliverers(self) -> list[Deliverer]:
        """A new one for each platform."""
        rng = random.Random()
        return [
            Deliverer(
                name,
                platform,
                self._store,
                self._clock,
                rng,
                self._timeouts,
                workers=platform.workers,
                on_refused=self._on_refused,
                on_gone=self._on_gone,
                check=self._leases[roles.delivery(name)].check,
            )
            for name, platform in self._platforms.items()
        ]

    async def crosspost(self, platform: str) -> int:
        """Crosspost what is ready on that platform. Raises StoreError and PlatformRefused."""
        crossposter = self.crossposters[platform]
        return await crosspost_pending(platform, crossposter, self._store, self._clock)

    async def release_claims(self, platform: str = "") -> None:
        """Mark as ``unknown`` what a process that died was sending. Only for when nobody else
        delivers (on this platform).

        Raises StoreError.
        """
        await self._store.release(self._clock.now(), self._timeouts.settling, platform)

    async def recompute_times(self) -> None:
        """Correct stored times after the wall clock may have been set, so that nothing waits for a
        wrong one.

        Raises StoreError.
        """
        changed = await self._store.recompute_times(
            self._clock.now(), self._timeouts.lease, self._timeouts.refused
        )
        for name, rows in changed.items():
            log.warning("recomputed stored=%s rows=%d why=%s", name, rows, "the clock was ahead")
