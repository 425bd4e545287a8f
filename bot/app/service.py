"""``daily-papers run``: collect, deliver, listen and follow bot.toml, until stopped.

Keeps nothing that a restart needs: what is due, what is being sent and what was changed are in the
database. A collect that was missed while the bot was down is made up at the start. The collector,
each platform's deliverer and each platform's listener fail independently; what fails again and
again ends the service, so that whatever started it starts it afresh. A platform that does not let
us in (a wrong token) is no such failure: starting afresh would only ask it again and again, and
Discord takes its token from a bot that does. The service stays up, and tries once an hour.

Intervals run on the monotonic clock, appointments on the wall clock. Every two seconds the service
compares the two. If they drift apart, it reschedules its appointments, makes up for what a step
forward has skipped, and recomputes every stored time that lies later than its rule can produce now
(``bot.store.statements.clock_recovery``; each start does the same). A clock that is plainly behind,
earlier than papers that arXiv has published, changes no record of the past. The same loop reads
from the database what people have done: new keywords, posts to send, channels that came back.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from bot.app.channel_rules import ChannelRules
from bot.app.file_sync import FileSync
from bot.app.health_monitor import HealthMonitor
from bot.app.maintenance import check_integrity, forget_outdated, next_night
from bot.app.page_writer import PageWriter
from bot.app.pipeline import Pipeline
from bot.app.reloads import Reloads
from bot.app.scheduler import RetryPolicy, Scheduler
from bot.app.supervisor import keep_listening
from bot.config import Config
from bot.core.deliver import Deliverer
from bot.core.leases import RENEW_INTERVAL, Leases
from bot.core.zotero import ZoteroSender
from bot.errors import ConfigError, GaveUp, NoteKind, PlatformRefused, StoreError, UserError
from bot.model import roles
from bot.model.timetable import Timetable
from bot.monitoring.checks import exposed_files
from bot.monitoring.endpoint import ping, serving
from bot.pages import server
from bot.ports import Clock, Commands, PlatformAdapter, Store

log = logging.getLogger(__name__)

WATCH_INTERVAL = timedelta(seconds=2)  # how soon it is noticed what people have done
# The wall clock was set if it and the monotonic clock differ by more than before.
CLOCK_STEP_TOLERANCE = timedelta(seconds=1)
# Before the next request to arXiv after an incomplete answer; the last one repeats.
INCOMPLETE_RETRY_DELAYS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3))
# Before a platform that does not let us in is tried again, if it does not say so itself.
REFUSED_RETRY_DELAY = timedelta(hours=1)
PING_RETRY_DELAY = timedelta(minutes=10)
PAGE_RETRY_DELAY = timedelta(minutes=10)
FIRST_INTEGRITY_CHECK_DELAY = timedelta(minutes=1)  # when the start's work is done
# Seconds after which a thread that composes digests lets the others run. An answer passes from
# thread to thread some ten times, and waits that long each time: with CPython's 5 ms, the slowest
# of sixty took 0.3 to 0.6 s while 1,000 channels were composed, and with this 0.13 to 0.19 s.
SWITCH_INTERVAL = 0.001
SHUTDOWN_GRACE = timedelta(seconds=1.5)  # for posts that are being sent when the service is stopped
COMMANDS, POSTS = "commands", "posts"  # what a platform may refuse, each by itself
# Jobs that never end the service, however they fail.
OPTIONAL_JOBS = frozenset({"ping", "page", "retention", "integrity", "crosspost", "zotero"})


class Service:
    """Use it once."""

    def __init__(
        self,
        *,
        config: Config,
        clock: Clock,
        store: Store,
        platforms: Mapping[str, PlatformAdapter],
        rules: ChannelRules,
        pipeline: Pipeline,
        zotero: ZoteroSender | None,
        leases: Leases,
        file_sync: FileSync,
        page_writer: PageWriter,
        commands: Commands,
        reloads: Reloads,
        retry: RetryPolicy | None,
        watch_interval: timedelta,
    ) -> None:
        self._config = config
        self._clock = clock
        self._store = store
        self._platforms = platforms
        self._rules = rules
        self._pipeline = pipeline
        self._zotero = zotero
        self._leases = leases
        self._file_sync = file_sync
        self._page_writer = page_writer
        self._commands = commands
        self._reloads = reloads
        self._retry = retry or RetryPolicy()
        self._watch_interval = watch_interval
        self._scheduler = Scheduler(self._retry, self._give_up, optional=OPTIONAL_JOBS)
        self._deliverers = pipeline.deliverers()
        # Platforms that another process may have sent to until now.
        self._to_take_over: set[str] = set()
        self._zotero_taken_over = False
        self._monitor = HealthMonitor(
            store=store,
            clock=clock,
            calendar=config.calendar,
            platforms=platforms,
            file_sync=file_sync,
        )
        # Platforms that do not let us in; commands and posts work without each other.
        self._refused: dict[str, set[str]] = {COMMANDS: set(), POSTS: set()}
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._listening: set[str] = set()  # those whose listener runs
        self._seen_connected: set[str] = set()  # at the last watch, of those not listening
        self._stopped = asyncio.Event()
        self._told_to_end = False  # by SIGTERM or SIGINT
        self._next_config: Config | None = None  # what to continue with after SIGHUP
        self._gave_up = ""  # why the service ended itself
        self._collecting = asyncio.Lock()
        self._publishing = asyncio.Lock()
        self._collect_at: datetime | None = None  # when the next collect is scheduled
        self._incomplete_runs = 0  # in a row
        self._runs_to_repeat = 0  # in a row: something in them is worth another request
        self._repeat_at: float | None = None  # when the run is repeated early, monotonic
        # Subscriptions that the last collect could not prime; they wait for the next one.
        self._unprimed: frozenset[tuple[str, str]] = frozenset()
        self._reported_mistake = ""  # in bot.toml, the last one
        self._pinged_on: date | None = None
        self._clock_offset = self._wall_minus_monotonic()

    async def run(self) -> Config | None:
        """Until SIGTERM or SIGINT. What was being sent then is looked for at the next start.

        Returns the configuration to continue with after SIGHUP, and ``None`` after a stop, also
        where both were wanted. Raises GaveUp.
        """
        before = self._handle_signals()
        with self._reloads.received_by(self._reload_config), _switching_threads(SWITCH_INTERVAL):
            await self._run()
        if self._gave_up:
            raise GaveUp(self._gave_up)
        if self._told_to_end:  # a second signal still kills nothing
            return None
        for number, handler in before.items():
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, handler)
        return self._next_config

    async def _run(self) -> None:
        self._file_sync.defer_writes()
        for platform in self._platforms:  # an earlier process may have had another token
            await self._recorded(self._store.clear_refusal(platform))
        self._scheduler.start()
        await self._take_roles()
        for name in self._platforms:
            self._listeners[name] = asyncio.create_task(self._listen(name))
        self._scheduler.after("watch", self._watch_interval, self._watch)
        self._scheduler.after("integrity", FIRST_INTEGRITY_CHECK_DELAY, self._check_integrity)
        if self._store.is_shared:
            self._scheduler.after("roles", RENEW_INTERVAL, self._keep_roles)
        log.info("running stop_with=%s", "Ctrl-C or SIGTERM")
        for finding in exposed_files(self._config):
            log.warning("exposed why=%s remedy=%s", finding.text, finding.remedy)
        health = self._config.health
        try:
            async with (
                serving(health.listen if health else None, self._monitor.report),
                self._serving_page(),
            ):
                await self._stopped.wait()
        finally:
            await self._stop(list(self._listeners.values()))
            log.info("stopped")

    def _handle_signals(self) -> dict[signal.Signals, Any]:
        """Handle SIGTERM and SIGINT. Returns the earlier handlers, which take over again
        until the next service begins."""
        loop = asyncio.get_running_loop()
        ending = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in ending}
        for number in ending:
            loop.add_signal_handler(number, self._end)
        return before

    def _end(self) -> None:
        """SIGTERM or SIGINT, also after SIGHUP: whoever sends it wants the process to end."""
        self._told_to_end = True
        self._stopped.set()

    def _serving_page(self) -> AbstractAsyncContextManager[None]:
        page = self._config.page
        return nullcontext() if page is None else server.serving(page.listen, page.html)

    async def _stop(self, listeners: list[asyncio.Task[None]]) -> None:
        for task in listeners:
            task.cancel()
        for deliverer in self._deliverers:
            deliverer.drain()
        deliveries = [_delivery_job(each.platform) for each in self._deliverers]
        await asyncio.gather(
            self._scheduler.stop(finishing=deliveries, grace=SHUTDOWN_GRACE),
            *listeners,
            return_exceptions=True,
        )

    def _reload_config(self) -> None:
        """SIGHUP. A wrong bot.toml changes nothing."""
        if (config := self._reloads.config()) is not None:
            self._next_config = config
            log.info("restarting with bot.toml as it is now")
            self._stopped.set()

    def _give_up(self, why: str) -> None:
        log.error("gave up why=%s", why)
        self._gave_up = self._gave_up or why
        self._stopped.set()

    # -- roles: where several processes share the database, some things are done by one ------------

    async def _keep_roles(self) -> None:
        """A job like the others, so that no failure ends it unseen: the process would keep running,
        and never act again."""
        await self._take_roles()
        self._scheduler.after("roles", RENEW_INTERVAL, self._keep_roles)

    async def _take_roles(self) -> None:
        """Keep what this process has, and take what is free."""
        gained, lost = await self._leases.renew()
        for role in sorted(lost):
            log.warning("lost role=%s", role)
        if roles.COLLECTOR in lost:
            for job in ("collect", "retention", "page", "ping"):
                self._scheduler.cancel(job)
        if roles.ZOTERO in lost:
            self._scheduler.cancel("zotero")
        for deliverer in self._deliverers:
            if roles.delivery(deliverer.platform) in lost:
                self._scheduler.cancel(_delivery_job(deliverer.platform))
                self._scheduler.cancel(f"crosspost {deliverer.platform}")
        if self._store.is_shared:
            for role in sorted(gained):
                log.info("took role=%s", role)
        if roles.COLLECTOR in gained:
            self._scheduler.soon("collect", self._collect)
            self._scheduler.at("retention", self._tonight(), self._forget_outdated)
        if roles.ZOTERO in gained:
            self._zotero_taken_over = False
            self._scheduler.soon("zotero", self._send_to_zotero)
        for deliverer in self._deliverers:
            if self._store.is_shared and roles.delivery(deliverer.platform) in gained:
                self._to_take_over.add(deliverer.platform)
                self._deliver_soon(deliverer)

    def _delivers(self, platform: str) -> bool:
        return self._leases.holds(roles.delivery(platform))

    # -- listening -----------------------------------------------------------------------------

    async def _listen(self, name: str) -> None:
        """Listen to the platform; if it does not let us in, try again after a while."""
        platform = self._platforms[name]
        while True:
            self._listening.add(name)
            try:
                await keep_listening(name, platform, self._commands, self._clock, self._give_up)
            except PlatformRefused as error:
                delay = await self._platform_refused(name, error, COMMANDS)
            else:
                return
            finally:
                self._listening.discard(name)
            await self._clock.sleep(delay.total_seconds())

    async def _platform_refused(self, name: str, error: PlatformRefused, what: str) -> timedelta:
        """Remember and record it; after how long it is tried again. Other platforms continue."""
        delay = REFUSED_RETRY_DELAY if error.seconds is None else timedelta(seconds=error.seconds)
        log.error(
            "refused platform=%s what=%s again_in=%.0fs why=%s",
            name, what, delay.total_seconds(), error,
        )  # fmt: skip
        self._refused[what].add(name)
        await self._recorded(self._store.record_refusal(name, str(error), self._clock.now()))
        return delay

    async def _let_in(self, name: str, what: str) -> None:
        if name not in self._refused[what]:
            return
        self._refused[what].discard(name)
        if not any(name in refused for refused in self._refused.values()):
            await self._recorded(self._store.clear_refusal(name))
        log.info("let in platform=%s what=%s", name, what)

    async def _recorded(self, recording: Awaitable[None]) -> None:
        """A database that can't be written to is reported elsewhere, and ends no listener."""
        try:
            await recording
        except StoreError as error:
            log.warning("what status says of a platform is out of date why=%s", error)

    async def _notice_connections(self) -> None:
        """Report a lost connection when it is seen twice in a row: a listener that has only just
        begun has lost nothing yet."""
        connected = {
            name
            for name in self._refused[COMMANDS] & self._listening
            if self._platforms[name].disconnected_since is None
        }
        for name in connected & self._seen_connected:
            await self._let_in(name, COMMANDS)
        self._seen_connected = connected

    # -- collecting ----------------------------------------------------------------------------

    async def _collect(self) -> None:
        async with self._collecting:
            unprimed_before = await self._store.unprimed()
            run = await self._pipeline.collect()
            collected_at = self._clock.now()
            await self._publish()
            self._unprimed = unprimed_before & await self._store.unprimed()
            self._incomplete_runs = 0 if run.whole else self._incomplete_runs + 1
            repeat = run.worth_repeating({canonical for _, canonical in self._unprimed})
            self._runs_to_repeat = self._runs_to_repeat + 1 if repeat else 0
            self._repeat_at = None
            if repeat:
                number = min(self._runs_to_repeat, len(INCOMPLETE_RETRY_DELAYS))
                delay = INCOMPLETE_RETRY_DELAYS[number - 1]
                if any(note.kind is NoteKind.LOCAL for note in run.notes):
                    delay = self._retry.delay(self._runs_to_repeat)  # no request was sent
                self._repeat_at = self._clock.monotonic() + delay.total_seconds()
            await self._schedule_collect(run.started_at, collected_at)
        self._deliver_all()
        if self._config.page is not None:
            self._scheduler.soon("page", self._write_page)

    async def _schedule_collect(self, began: datetime, ended: datetime) -> None:
        """For the first announcement or posting time that a run from ``began`` to ``ended`` does
        not count for, at once if it has passed; or earlier, to repeat an incomplete run."""
        now = self._clock.now()
        began, ended = min(began, now), min(ended, now)  # the clock may have been set back
        timetables = map(self._rules.timetable, await self._store.publishable())
        posting_times = [_next_slot(timetable, began, ended) for timetable in timetables]
        self._collect_at = min([*posting_times, self._config.calendar.next_fetch(began)])
        if self._repeat_at is not None:
            delay = timedelta(seconds=self._repeat_at - self._clock.monotonic())
            if delay < self._collect_at - now:
                self._scheduler.after("collect", delay, self._collect)
                return
        self._scheduler.at("collect", self._collect_at, self._collect)

    def _may_reschedule_collect(self) -> bool:
        """A collect that runs or failed schedules the next one itself."""
        if not self._leases.holds(roles.COLLECTOR):
            return False
        return not self._scheduler.is_failing("collect") and not self._collecting.locked()

    async def _reschedule_collect(self) -> None:
        """After a change of settings or of the clock. A time that has passed meanwhile is made up
        and not forgotten: the clock may have stepped, and the step not been noticed yet."""
        if not self._may_reschedule_collect():
            return
        if self._collect_at is not None and self._collect_at <= self._clock.now():
            self._scheduler.soon("collect", self._collect)
        else:
            now = self._clock.now()
            await self._schedule_collect(now, now)

    async def _publish(self) -> None:
        """Publish; one job at a time, because two would compose the same channels."""
        async with self._publishing:
            await self._pipeline.publish()

    async def _help_publishing(self) -> None:
        """Publish what another process has collected, or what one that died has left."""
        await self._publish()
        self._deliver_all()

    async def _republish(self) -> None:
        """Publish to channels that came back, or whose posting times changed."""
        await self._pipeline.republish()
        self._deliver_all()
        await self._reschedule_collect()

    # -- delivering ----------------------------------------------------------------------------

    def _deliver_all(self) -> None:
        for deliverer in self._deliverers:
            self._deliver_soon(deliverer)

    def _deliver_soon(self, deliverer: Deliverer) -> None:
        platform = deliverer.platform
        if platform not in self._refused[POSTS] and self._delivers(platform):
            job = partial(self._deliver, deliverer)
            self._scheduler.soon(_delivery_job(deliverer.platform), job)

    async def _deliver(self, deliverer: Deliverer) -> None:
        if deliverer.platform in self._to_take_over:
            await self._pipeline.release_claims(deliverer.platform)
            deliverer.take_over()
            self._to_take_over.discard(deliverer.platform)
        try:
            await deliverer.deliver()
        except PlatformRefused as error:
            await self._delivery_refused(deliverer.platform, error)
            return
        await self._let_in(deliverer.platform, POSTS)
        self._scheduler.soon("ping", self._ping)
        now = self._clock.now()
        next_claim = await self._store.next_claim(deliverer.platform, now)
        if next_claim is not None:
            delay = next_claim - now
            job = partial(self._deliver, deliverer)
            self._scheduler.after(_delivery_job(deliverer.platform), delay, job)

    async def _crosspost(self, name: str) -> None:
        try:
            await self._pipeline.crosspost(name)
        except PlatformRefused as error:
            await self._delivery_refused(name, error)

    async def _send_to_zotero(self) -> None:
        if self._zotero is None:
            return
        if not self._zotero_taken_over:
            await self._zotero.take_over()
            self._zotero_taken_over = True
        await self._zotero.send_waiting()

    async def _delivery_refused(self, name: str, error: PlatformRefused) -> None:
        """The platform refused us: its posts wait until the next delivery, which is tried later."""
        delay = await self._platform_refused(name, error, POSTS)
        [deliverer] = [each for each in self._deliverers if each.platform == name]
        self._scheduler.after(_delivery_job(name), delay, partial(self._deliver, deliverer))

    async def _write_page(self) -> None:
        """A page that can't be written keeps nothing else from being done."""
        if self._config.page is None:
            return
        try:
            await self._page_writer.write(self._config.page)
        except UserError as error:
            log.error("page failed why=%s", error)
            self._scheduler.after("page", PAGE_RETRY_DELAY, self._write_page)

    # -- being monitored -----------------------------------------------------------------------

    async def _ping(self) -> None:
        """Ping once for each day on which arXiv gave a complete answer and all posts were sent."""
        health = self._config.health
        if health is None or not health.ping_url or not self._leases.holds(roles.COLLECTOR):
            return
        report = (await self._monitor.report()).health
        today = report.now.astimezone(self._config.bot.timezone).date()
        good = not self._incomplete_runs and not report.waiting and not report.problems()
        if not good or today == self._pinged_on:
            return
        if await ping(health.ping_url, self._config.network):
            self._pinged_on = today
        else:
            self._scheduler.after("ping", PING_RETRY_DELAY, self._ping)

    # -- at night ------------------------------------------------------------------------------

    def _tonight(self) -> datetime:
        return next_night(self._clock.now(), self._config.bot.timezone)

    async def _forget_outdated(self) -> None:
        await forget_outdated(self._store, self._clock)
        self._scheduler.at("retention", self._tonight(), self._forget_outdated)

    async def _check_integrity(self) -> None:
        self._monitor.damages = await check_integrity(self._store)
        self._scheduler.at("integrity", self._tonight(), self._check_integrity)

    # -- noticing changes ----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Notice what others have done: people in the chat, whoever edits bot.toml or uses the
        command line beside the service; and a wall clock that was set."""
        self._monitor.alive()
        step = self._wall_minus_monotonic() - self._clock_offset
        if abs(step) >= CLOCK_STEP_TOLERANCE:
            await self._clock_moved(step)
        if problem := self._store.problem():
            self._give_up(problem)
            return
        if self._leases.holds(roles.FILE) and self._file_sync.is_due():
            await self._synchronise()
        # Also those that another process added (daily-papers keywords add).
        new = not await self._store.unprimed() <= self._unprimed
        collects = self._leases.holds(roles.COLLECTOR)
        if new and collects and not self._collecting.locked():
            self._scheduler.soon("collect", self._collect)
        # By the collector alone, because the next run may have to be earlier.
        if collects and any(
            each.platform in self._platforms for each in await self._store.to_recheck()
        ):
            self._scheduler.soon("republish", self._republish)
        if not self._publishing.locked() and await self._store.has_unchecked(self._platforms):
            self._scheduler.soon("publish", self._help_publishing)
        now = self._clock.now()
        for deliverer in self._deliverers:
            deliverer.wake()  # another post may have become due while a slow one is being sent
            next_claim = await self._store.next_claim(deliverer.platform, now)
            if next_claim is not None and next_claim <= now:
                self._deliver_soon(deliverer)
        await self._notice_connections()
        for name in self._pipeline.crossposters:
            next_crosspost = await self._store.next_crosspost(name, now)
            due = next_crosspost is not None and next_crosspost <= now
            if due and name not in self._refused[POSTS] and self._delivers(name):
                self._scheduler.soon(f"crosspost {name}", partial(self._crosspost, name))
        if self._zotero is not None and self._leases.holds(roles.ZOTERO):
            next_zotero = await self._store.next_zotero(now)
            if next_zotero is not None and next_zotero <= now:
                self._scheduler.soon("zotero", self._send_to_zotero)
        self._scheduler.after("watch", self._watch_interval, self._watch)

    async def _synchronise(self) -> None:
        """A wrong edit changes nothing, and is reported once."""
        try:
            await self._file_sync.synchronise()
        except ConfigError as error:
            if str(error) != self._reported_mistake:
                log.warning("an edit was not taken over, nothing has changed: %s", error)
            self._reported_mistake = str(error)
        else:
            self._reported_mistake = ""

    # -- when the wall clock is set ------------------------------------------------------------

    def _wall_minus_monotonic(self) -> timedelta:
        monotonic = timedelta(seconds=self._clock.monotonic())
        return self._clock.now() - datetime.min.replace(tzinfo=UTC) - monotonic

    async def _clock_moved(self, step: timedelta) -> None:
        """Recompute everything that depends on the wall clock. What a step forward has skipped is
        made up at once; a machine that slept makes such a step."""
        log.warning("clock moved by=%.0fs", step.total_seconds())
        offset = self._wall_minus_monotonic()
        await self._pipeline.recompute_times()
        await self._reschedule_collect()
        self._scheduler.clock_moved()  # first, so that a night that was missed is made up
        for name, job in (
            ("retention", self._forget_outdated),
            ("integrity", self._check_integrity),
        ):
            if name == "retention" and not self._leases.holds(roles.COLLECTOR):
                continue
            if not self._scheduler.is_failing(name):
                self._scheduler.at(name, self._tonight(), job)
        self._deliver_all()
        self._clock_offset = offset


@contextmanager
def _switching_threads(seconds: float) -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _next_slot(timetable: Timetable, began: datetime, ended: datetime) -> datetime:
    """The first slot after a run; or the last one before its end, if it does not cover that: the
    machine slept in between."""
    latest = timetable.latest(ended)
    return timetable.following(ended) if timetable.covers(began, latest) else latest


def _delivery_job(platform: str) -> str:
    """The name of the job that delivers a platform's posts."""
    return f"deliver {platform}"
