"""``daily-papers run``: look, deliver, listen and follow bot.toml, until stopped.

Keeps nothing that a restart needs: what is due, what is being sent and what was changed are in the
database. A look that was missed while the bot was down is made up at the start. The collector, each
platform's deliverer and each platform's listener fail by themselves; what fails again and again
ends the service, so that whatever started it starts it afresh.

Intervals run on the monotonic clock, appointments on the wall clock. Every two seconds the service
compares the two. Where they part, it computes its appointments anew, makes up for what a step
forward has passed, and recomputes every stored time that lies later than its rule can produce now
(``bot.store.statements.clock_recovery``; each start does the same). A clock that is plainly behind,
earlier than papers that arXiv has published, changes no record of the past. The same loop asks the
database what people have done: new keywords, posts that can be sent, channels that came back.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from bot.app.bot import Bot
from bot.app.maintenance import check_integrity, next_night, tidy
from bot.app.scheduler import Scheduler, Work
from bot.app.supervisor import keep_listening
from bot.config import Config
from bot.core.deliver import Deliverer
from bot.errors import ConfigError, GaveUp, PlatformRefused, UserError
from bot.model import NoteKind
from bot.monitoring.checks import exposed
from bot.monitoring.endpoint import Report, ping, serving
from bot.monitoring.health import HealthReport

log = logging.getLogger(__name__)

WATCH_EVERY = timedelta(seconds=2)  # how soon it is noticed what people have done
CLOCK_STEP = timedelta(seconds=1)  # by which wall and monotonic clock part when one of them is set
# Before arXiv is asked again after an answer with holes; the last one repeats.
AGAIN_AFTER = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3))
PING_AGAIN = timedelta(minutes=10)
CHECK_AFTER_START = timedelta(minutes=1)  # when the first morning's work is done
PAGE_AGAIN = timedelta(minutes=10)
LAST_WORDS = 1.5  # seconds that posts in hand get when the service is stopped
# Jobs that never end the service, however they fail.
OPTIONAL = frozenset({"ping", "page", "tidy", "integrity", "crosspost"})


@dataclass(frozen=True, slots=True)
class Retry:
    """When a job that failed is done again, in seconds. Never does it wait for its next
    appointment, which was made for something else. ``most`` failures in a row, in some twenty
    minutes, end the service."""

    first: float = 5.0  # doubles with each failure in a row
    longest: float = 300.0
    most: int = 10

    def after(self, failures: int) -> timedelta:
        return timedelta(seconds=min(self.first * 2.0 ** min(failures - 1, 30), self.longest))


class Service:
    """Use it once. ``reload`` reads bot.toml again, and raises ConfigError."""

    def __init__(
        self,
        bot: Bot,
        reload: Callable[[], Config],
        *,
        retry: Retry | None = None,
        watch_every: timedelta = WATCH_EVERY,
    ) -> None:
        self._bot = bot
        self._reload = reload
        self._retry = retry or Retry()
        self._watch_every = watch_every
        self._scheduler = Scheduler(self._ended)
        self._stopped = asyncio.Event()
        self._next: Config | None = None  # what to go on with after SIGHUP
        self._failed = ""  # why the service gave up
        self._refused: dict[str, str] = {}  # platforms that do not let us in, and why
        self._failures: Counter[str] = Counter()  # of each job, in a row
        self._jobs: dict[str, Work] = {}  # what was appointed last, by name
        self._looking = asyncio.Lock()
        self._holes = 0  # looks in a row that brought no whole answer
        self._ask_again: float | None = None  # when arXiv is asked again early, monotonic
        self._unanswered = 0  # looks in a row after which there is something to ask again
        self._told = ""  # the mistake in bot.toml that was reported last
        # What is new in a channel and the last look could not prime; it waits for the next one.
        self._tried: frozenset[tuple[str, str]] = frozenset()
        self._deliverers = bot.deliverers()
        self._started = self._ticked = bot.clock.monotonic()
        self._apart = self._offset()  # of the wall clock from the monotonic one
        self._deaf: dict[str, tuple[datetime, float]] = {}  # since when by either clock
        self._look_at: datetime | None = None  # for when the next look is appointed
        self._pinged: date | None = None  # the last good day that was told
        self._damages: tuple[str, ...] = ()  # what the last check of the database found

    async def run(self) -> Config | None:
        """Until SIGTERM or SIGINT. What was being sent then is looked for at the next start.

        Returns the configuration to go on with after SIGHUP, and ``None`` if there is nothing to go
        on with. Raises GaveUp.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._start_anew)
        self._bot.deferred_writes.enabled = True
        self._scheduler.start()
        self._after("look", timedelta(), self._look)
        self._after("watch", self._watch_every, self._watch)
        self._at("tidy", self._night(), self._tidy)
        self._after("integrity", CHECK_AFTER_START, self._check_integrity)
        listening = [asyncio.create_task(self._listen(name)) for name in self._bot.platforms]
        log.info("running; stop with Ctrl-C or SIGTERM")
        for finding in exposed(self._bot.config):
            log.warning("exposed why=%s remedy=%s", finding.text, finding.remedy)
        health = self._bot.config.health
        try:
            async with serving(health.listen if health else None, self._report):
                await self._stopped.wait()
        finally:
            await self._stop(listening)
            log.info("stopped")
        if self._failed:
            raise GaveUp(self._failed)
        return self._next

    async def _stop(self, listening: list[asyncio.Task[None]]) -> None:
        for task in listening:
            task.cancel()
        for deliverer in self._deliverers:
            deliverer.finish()
        deliveries = [_delivery(each.platform) for each in self._deliverers]
        await asyncio.gather(
            self._scheduler.stop(finishing=deliveries, within=LAST_WORDS),
            *listening,
            return_exceptions=True,
        )

    def _start_anew(self) -> None:
        """SIGHUP. A wrong bot.toml changes nothing."""
        try:
            self._next = self._reload()
        except ConfigError as error:
            log.warning("bot.toml was not read again, everything stays as it is: %s", error)
        else:
            log.info("starting anew with bot.toml as it is now")
            self._stopped.set()

    # -- what may fail -------------------------------------------------------------------------

    def _give_up(self, why: str) -> None:
        log.error("gave up why=%s", why)
        self._failed = self._failed or why
        self._stopped.set()

    def _at(self, name: str, moment: datetime, work: Work) -> None:
        self._jobs[name] = work
        self._scheduler.at(name, moment, work)

    def _after(self, name: str, delay: timedelta, work: Work) -> None:
        self._jobs[name] = work
        self._scheduler.after(name, delay, work)

    def _now(self, name: str, work: Work) -> None:
        """Something asks for this job. One that has just failed waits for its own next try."""
        if not self._failures[name]:
            self._after(name, timedelta(), work)

    def _ended(self, job: str, well: bool) -> None:
        if well:
            self._failures[job] = 0
            return
        self._failures[job] += 1
        if self._failures[job] >= self._retry.most and job.partition(" ")[0] not in OPTIONAL:
            self._give_up(f"{job} failed {self._retry.most} times in a row; the log says why")
            return
        delay = self._retry.after(self._failures[job])
        log.warning("again job=%s in=%.1fs", job, delay.total_seconds())
        self._after(job, delay, self._jobs[job])

    async def _listen(self, name: str) -> None:
        bot = self._bot
        try:
            await keep_listening(name, bot.platforms[name], bot.commands, bot.clock, self._give_up)
        except PlatformRefused as error:
            self._shut_out(name, error)

    def _shut_out(self, name: str, error: PlatformRefused) -> None:
        """Its posts wait until a person has mended it; the other platforms go on."""
        if name in self._refused:
            return
        log.error("refused platform=%s why=%s", name, error)
        self._refused[name] = str(error)
        if set(self._refused) >= set(self._bot.config.platforms):
            self._give_up(" ".join(self._refused.values()))

    # -- looking and delivering ----------------------------------------------------------------

    async def _look(self) -> None:
        async with self._looking:
            began_with = await self._bot.store.unprimed()
            run = await self._bot.look()
            self._tried = began_with & await self._bot.store.unprimed()
            self._holes = 0 if run.whole else self._holes + 1
            again = run.worth_repeating({canonical for _, canonical in self._tried})
            self._unanswered = self._unanswered + 1 if again else 0
            self._ask_again = None
            if self._unanswered:
                delay = AGAIN_AFTER[min(self._unanswered, len(AGAIN_AFTER)) - 1]
                if any(note.kind is NoteKind.LOCAL for note in run.notes):
                    delay = self._retry.after(self._unanswered)  # arXiv was not asked, is spared
                self._ask_again = self._bot.clock.monotonic() + delay.total_seconds()
            await self._appoint_look()
        for deliverer in self._deliverers:
            self._deliver_now(deliverer)
        if self._bot.config.page is not None:
            self._now("page", self._write_page)

    async def _appoint_look(self) -> None:
        """At the next posting time or announcement; or earlier, where an answer had holes."""
        now = self._bot.clock.now()
        channels = await self._bot.store.publishable()
        times = [self._bot.timetable(channel).following(now) for channel in channels]
        self._look_at = min([*times, self._bot.calendar.next_fetch(now)])
        if self._ask_again is not None:
            left = timedelta(seconds=self._ask_again - self._bot.clock.monotonic())
            if left < self._look_at - now:
                self._after("look", left, self._look)
                return
        self._at("look", self._look_at, self._look)

    async def _republish(self) -> None:
        """Channels have come back, or have other times now."""
        await self._bot.republish()
        for deliverer in self._deliverers:
            self._deliver_now(deliverer)
        if not self._failures["look"] and not self._looking.locked():
            await self._appoint_look()

    async def _deliver(self, deliverer: Deliverer) -> None:
        try:
            await deliverer.deliver()
        except PlatformRefused as error:
            self._shut_out(deliverer.platform, error)
            return
        self._now("ping", self._ping)
        soonest = await self._bot.store.next_claim(deliverer.platform)
        if soonest is not None:
            left = soonest - self._bot.clock.now()
            self._after(_delivery(deliverer.platform), left, partial(self._deliver, deliverer))

    async def _crosspost(self, name: str) -> None:
        try:
            await self._bot.crosspost(name)
        except PlatformRefused as error:
            self._shut_out(name, error)

    def _deliver_now(self, deliverer: Deliverer) -> None:
        if deliverer.platform not in self._refused:
            self._now(_delivery(deliverer.platform), partial(self._deliver, deliverer))

    async def _write_page(self) -> None:
        """That it can't be written keeps nothing else from being done."""
        try:
            await self._bot.write_page()
        except UserError as error:
            log.error("page failed why=%s", error)
            self._after("page", PAGE_AGAIN, self._write_page)

    # -- being watched -------------------------------------------------------------------------

    async def _report(self) -> Report:
        bot = self._bot
        health_report = HealthReport(
            state=await bot.store.state(),
            now=bot.clock.now(),
            calendar=bot.calendar,
            started=bot.clock.now() - self._passed(self._started),
            unattended=self._passed(self._ticked),
            disconnected=self._deaf_since(),
            degraded={
                **{name: platform.degraded for name, platform in bot.platforms.items()},
                "bot.toml": bot.file_problem if bot.held_back else "",
            },
            refused=dict(self._refused),
            damages=self._damages,
        )
        return Report(health_report, await bot.store.measures())

    async def _ping(self) -> None:
        """Once after each day on which a whole answer came and everything has left."""
        health = self._bot.config.health
        if health is None or not health.ping_url:
            return
        health_report = (await self._report()).health_report
        today = health_report.now.astimezone(self._bot.config.bot.timezone).date()
        good = not self._holes and not health_report.waiting and not health_report.problems()
        if not good or today == self._pinged:
            return
        if await ping(health.ping_url, self._bot.config.network):
            self._pinged = today
        else:
            self._after("ping", PING_AGAIN, self._ping)

    # -- at night ------------------------------------------------------------------------------

    def _night(self) -> datetime:
        return next_night(self._bot.clock.now(), self._bot.config.bot.timezone)

    async def _tidy(self) -> None:
        await tidy(self._bot.store, self._bot.clock)
        self._at("tidy", self._night(), self._tidy)

    async def _check_integrity(self) -> None:
        self._damages = await check_integrity(self._bot.store)
        self._at("integrity", self._night(), self._check_integrity)

    # -- following bot.toml --------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look for what others have done: people in the chat, who edits bot.toml, and who uses the
        command line beside the service; and for a clock that was set."""
        self._ticked = self._bot.clock.monotonic()
        self._deaf_since()
        step = self._offset() - self._apart
        if abs(step) >= CLOCK_STEP:
            await self._clock_moved(step)
        if problem := self._bot.store.problem():
            self._give_up(problem)
            return
        late = self._bot.deferred_writes.is_due(self._bot.clock.monotonic())
        if late or self._bot.file.changed_since_last_sync():
            await self._take_over()
        # Also those that another process added (daily-papers keywords add).
        new = not await self._bot.store.unprimed() <= self._tried
        if new and not self._looking.locked():
            self._now("look", self._look)
        if any(each.platform in self._bot.platforms for each in await self._bot.store.to_recheck()):
            self._now("republish", self._republish)
        for deliverer in self._deliverers:
            deliverer.call()  # another post's time may have come while a slow one is in hand
            soonest = await self._bot.store.next_claim(deliverer.platform)
            if soonest is not None and soonest <= self._bot.clock.now():
                self._deliver_now(deliverer)
        for name in self._bot.crossposters:
            now = self._bot.clock.now()
            soonest = await self._bot.store.next_crosspost(name, now)
            if soonest is not None and soonest <= now and name not in self._refused:
                self._now(f"crosspost {name}", partial(self._crosspost, name))
        self._after("watch", self._watch_every, self._watch)

    # -- when the clock is set -----------------------------------------------------------------

    def _offset(self) -> timedelta:
        clock = self._bot.clock
        return clock.now() - datetime.min.replace(tzinfo=UTC) - self._passed(0.0)

    def _passed(self, since: float) -> timedelta:
        """Since a moment of the monotonic clock."""
        return timedelta(seconds=self._bot.clock.monotonic() - since)

    def _deaf_since(self) -> dict[str, datetime | None]:
        """Since when each platform hears nobody, by the wall clock as it is now."""
        now, monotonic = self._bot.clock.now(), self._bot.clock.monotonic()
        found: dict[str, datetime | None] = {}
        for name, platform in self._bot.platforms.items():
            since = platform.disconnected_since
            if since is None:
                self._deaf.pop(name, None)
                found[name] = None
                continue
            if self._deaf.get(name, (None,))[0] != since:
                self._deaf[name] = (since, monotonic)
            found[name] = now - self._passed(self._deaf[name][1])
        return found

    async def _clock_moved(self, step: timedelta) -> None:
        """Compute anew what hangs on the wall clock. What was missed by a step forward is made up
        at once; a machine that slept is one."""
        log.warning("clock moved by=%.0fs", step.total_seconds())
        apart = self._offset()
        await self._bot.recompute_times()
        now = self._bot.clock.now()
        if not self._failures["look"] and not self._looking.locked():
            if self._look_at is not None and self._look_at <= now:
                self._now("look", self._look)
            else:
                await self._appoint_look()
        self._scheduler.clock_moved()  # first, so that a night that was missed is made up
        for name, work in (("tidy", self._tidy), ("integrity", self._check_integrity)):
            if not self._failures[name]:
                self._at(name, self._night(), work)
        for deliverer in self._deliverers:
            self._deliver_now(deliverer)
        self._apart = apart

    async def _take_over(self) -> None:
        """A wrong edit changes nothing, and is reported once."""
        try:
            await self._bot.synchronise()
        except ConfigError as error:
            if str(error) != self._told:
                log.warning("an edit was not taken over, nothing has changed: %s", error)
            self._told = str(error)
        else:
            self._told = ""


def _delivery(platform: str) -> str:
    """The name of the job that delivers a platform's posts."""
    return f"deliver {platform}"
