"""The composition root: builds everything from a Config, hands it to each other, and closes it.

The only module that loads adapters, by name and only those that the configuration switches on.
Decides nothing about papers, posts or people.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TextIO

import httpx

from adapters import PLATFORMS, Settings
from bot.app.maintenance import tidy
from bot.arxiv.cache import RecentSource
from bot.arxiv.ids import base_id
from bot.arxiv.plan import Way
from bot.arxiv.source import ArxivSource
from bot.chat.changes import Changes
from bot.chat.commands import ChatCommands
from bot.chat.queries import Queries
from bot.chat.replies.settings import ScheduleDefaults
from bot.clock import SystemClock
from bot.config import Config
from bot.core.channel_settings import parse_catch_up, parse_days, parse_post_at
from bot.core.collect import collect
from bot.core.crosspost import crosspost_pending
from bot.core.deliver import Deliverer, DeliveryTimeouts
from bot.core.digest import Rules
from bot.core.publish import publish, republish
from bot.errors import (
    ConfigError,
    Mistake,
    PlatformRefused,
    SendError,
    StoreBroken,
    StoreError,
)
from bot.keywords import expression
from bot.keywords.categories import notices
from bot.model import Channel, Run
from bot.model.snapshots import Change, Configure, Follow
from bot.model.timetable import Timetable
from bot.pages import markdown
from bot.ports import Clock, Composer, Crossposter, Examiner, Listener, Sender, Source, Store
from bot.store import open_copy, open_store
from bot.sync.deferred import DeferredWrites
from bot.sync.synchronizer import Synchronizer, SyncReport

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
SAVING = 3.0  # seconds that an editor may take to save bot.toml
PAGE_ROWS = 100  # papers in a section of the page
TIDIED_BY_ONCE = 2000  # things that ``once`` forgets; each two hundred take a quarter second
# Seconds that ``once`` waits for posts that may go soon, beside the time in which one of unknown
# outcome settles. Nobody returns to a closed pipe.
LONG_PATIENCE = 30.0
PATIENCE = {"console": 2.0}


class Platform(Composer, Sender, Listener, Examiner, Protocol):
    """What an adapter's class is (``adapters.PLATFORMS``)."""

    @property
    def workers(self) -> int: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look came to: whether arXiv's answer was whole, and the posts that did not arrive."""

    complete: bool
    open_posts: int
    held: int


class Bot:
    """Everything, wired together. Made by ``assembled``."""

    def __init__(
        self,
        *,
        config: Config,
        clock: Clock,
        store: Store,
        source: Source,
        platforms: Mapping[str, Platform],
        file: Synchronizer,
        rehearsing: bool,
        progress: Progress,
    ) -> None:
        self.config = config
        self.clock = clock
        self.store = store
        self.source = source
        self.file = file
        self.platforms = platforms
        self._rehearsing = rehearsing
        self._progress = progress
        self.delivery_timeouts = DeliveryTimeouts(settling=config.delivery.settling)
        self.deferred_writes = DeferredWrites()
        self.taken_over: tuple[Change, ...] = ()  # from bot.toml at the start
        self.file_problem = ""  # why bot.toml and the database do not say the same, if so
        self.held_back = False  # a person has to confirm what bot.toml says
        self.calendar = config.calendar
        self.queries = Queries(
            store=store,
            source=source,
            clock=clock,
            timetable=self.timetable,
            identify=base_id,
            calendar=self.calendar,
            defaults=ScheduleDefaults(config.schedule.values, config.schedule.written),
        )
        self.changes = Changes(
            queries=self.queries,
            store=store,
            clock=clock,
            on_change=self._show_change,
            first_post=config.schedule.first_post,
            limits=config.limits,
        )
        self.commands = ChatCommands(
            queries=self.queries, changes=self.changes, clock=clock, limits=config.limits
        )

    def rules(self, channel: Channel) -> Rules:
        """The channel's own settings, and bot.toml's [schedule] for the others."""
        schedule = self.config.schedule
        catch_up = parse_catch_up(channel.catch_up) if channel.catch_up else schedule.catch_up
        return Rules(self.timetable(channel), catch_up.backlog, schedule.in_full)

    def timetable(self, channel: Channel) -> Timetable:
        schedule = self.config.schedule
        return Timetable(
            self.config.bot.timezone,
            parse_post_at(channel.post_at) if channel.post_at else schedule.post_at,
            parse_days(channel.days) if channel.days else schedule.days,
        )

    async def synchronise(self, *, accept: bool = False, write: bool = True) -> tuple[Change, ...]:
        """Make bot.toml and the database say the same, whichever of them was changed.

        What was taken over from bot.toml; with ``accept`` also what is held back else.
        Without ``write`` nothing is written into bot.toml. Raises
        ConfigError if bot.toml is wrong (the database goes on as it was), StoreError.
        """
        changes: tuple[Change, ...] = ()
        if write:
            self.deferred_writes.started(self.clock.monotonic())
        give_up = self.clock.monotonic() + SAVING
        while True:
            report = await self._synchronise_once(accept=accept, write=write)
            changes += report.changes
            if not report.retry:
                break
            if self.clock.monotonic() >= give_up:
                break
            # Somebody is saving it at this moment, or another process compares the two.
            await self.clock.sleep(SAVING / 100 if report.locked else SAVING / 10)
        before, self.file_problem = self.file_problem, report.problem
        self.held_back = report.held_back
        if report.locked:
            self.file_problem = (
                f"Another process has held {self.file.lock_path} for {SAVING:.0f} seconds, so"
                " bot.toml and the database were not compared. That follows when it lets go"
            )
            if before != self.file_problem:
                log.warning("bot.toml: %s", self.file_problem)
        return changes

    async def _synchronise_once(self, *, accept: bool, write: bool) -> SyncReport:
        work = partial(self.file.sync, accept=accept, write=write)
        report = await self.store.synchronise(work, self.clock.now())
        for warning in report.warnings:
            log.warning("bot.toml: %s", warning)
        for change in report.changes:
            log.info("taken over from bot.toml: %s", said(change))
            if isinstance(change, Follow):
                for notice in notices(expression(change.keyword)):
                    log.warning(
                        "category channel=%s keyword=%r notice=%s",
                        change.channel_id, change.keyword.text, notice,
                    )  # fmt: skip
        return report

    async def _show_change(self) -> None:
        """After a change in the chat, which is made whatever becomes of bot.toml: one that is wrong
        shows it when it is right again, and after a fault of the database it is tried again."""
        if self.deferred_writes.defer(self.config.path):
            return
        try:
            await self.synchronise()
        except (ConfigError, StoreError) as error:
            log.warning("bot.toml does not show the change yet: %s", error)

    async def once(self, *, now: bool = False) -> Outcome:
        """Look once and deliver what is due. Raises ConfigError and StoreError.

        ``now`` posts whatever the time of day. Waits a little for posts that can be sent again
        soon, and leaves the others for the next time.
        """
        run = await self.look(now=now)
        await self._deliver_all()
        while await self.republish(now=now):  # a channel has come back and takes posts again
            await self._deliver_all()
        for name in self.crossposters:
            try:
                await self.crosspost(name)
            except PlatformRefused as error:
                log.error("refused platform=%s why=%s", name, error)
        if not self._rehearsing:
            await tidy(self.store, self.clock, most=TIDIED_BY_ONCE)
            if self.config.page is not None:
                await self.write_page()
        state = await self.store.state()
        states = [post.state for channel in state.channels for post in channel.posts]
        decided = sum(state in ("held", "dead") for state in states)
        return Outcome(run.whole, len(states) - decided, 0 if self._rehearsing else decided)

    async def _deliver_all(self) -> None:
        self._progress("posting")
        try:
            async with asyncio.TaskGroup() as group:
                for deliverer in self.deliverers():
                    group.create_task(self._deliver_once(deliverer))
        except ExceptionGroup as failed:  # the store's, which is the same for all of them
            raise failed.exceptions[0] from failed

    async def _deliver_once(self, deliverer: Deliverer) -> None:
        """A platform that does not let us in keeps its posts waiting, and no other from its own."""
        try:
            longest = LONG_PATIENCE + self.config.delivery.settling
            await deliverer.deliver(wait=PATIENCE.get(deliverer.platform, longest))
        except PlatformRefused as error:
            log.error("refused platform=%s why=%s", deliverer.platform, error)

    async def look(self, *, now: bool = False) -> Run:
        """Collect and publish; what the source said."""
        first_post = self.config.schedule.first_post
        submissions_expected_after = self.calendar.submissions_expected_after(self.clock.now())
        run, _ = await collect(
            self.source,
            self.store,
            self.clock,
            first_post=first_post,
            submissions_expected_after=submissions_expected_after,
        )
        self._progress("composing")
        await publish(self.store, self.platforms, self.rules, self.clock, now=now)
        return run

    async def republish(self, *, now: bool = False) -> int | None:
        """Publish to channels that came back, or whose settings changed; see ``pipeline``."""
        return await republish(self.store, self.platforms, self.rules, self.clock, now=now)

    @property
    def crossposters(self) -> dict[str, Crossposter]:
        """The platforms that can hand messages on."""
        return {
            name: each for name, each in self.platforms.items() if isinstance(each, Crossposter)
        }

    async def crosspost(self, name: str) -> int:
        """Hand on what is ready on that platform. Raises StoreError and PlatformRefused."""
        return await crosspost_pending(name, self.crossposters[name], self.store, self.clock)

    async def recompute_times(self) -> None:
        """After the wall clock may have been set: nothing waits for a time that was wrong."""
        timeouts = self.delivery_timeouts
        changed = await self.store.recompute_times(
            self.clock.now(), timeouts.lease, timeouts.refused
        )
        for name, rows in changed.items():
            log.warning("recomputed stored=%s rows=%d why=the clock was ahead", name, rows)

    def deliverers(self) -> list[Deliverer]:
        """One for each platform."""
        rng = random.Random()
        return [
            Deliverer(
                name,
                platform,
                self.store,
                self.clock,
                rng,
                self.delivery_timeouts,
                workers=platform.workers,
                refused=self._tell_of_refusal,
            )
            for name, platform in self.platforms.items()
        ]

    async def _tell_of_refusal(self, channel: Channel, reason: str) -> None:
        """Write once to whoever first added a keyword there; who can't be written to, is not."""
        added_by = [each.added_by for each in await self.store.subscriptions(channel.id)]
        person = next((each for each in added_by if each.id), None)
        if person is None:
            return
        text = (
            f"I can't post papers in {channel.id}: {reason} Until then they wait there, and nothing"
            " is lost. It is tried again by itself."
        )
        try:
            await self.platforms[channel.platform].tell(person.id, text)
        except (SendError, PlatformRefused) as error:
            log.info("telling person=%s failed why=%s", person.id, error)

    async def write_page(self) -> bool:
        """Write the Markdown page if it changed; whether it did. Raises ConfigError, UserError."""
        if self.config.page is None:
            mistake = Mistake("page", "is missing", 'add [page] with path = "papers.md"')
            raise ConfigError(str(self.config.path), (mistake,))
        kept = await self.store.page(PAGE_ROWS)
        sections = [markdown.Section(each.text, each.papers, each.new) for each in kept]
        now = self.clock.now().astimezone(self.config.bot.timezone)
        return markdown.write(self.config.page.path, markdown.render(sections, now.date()))


@asynccontextmanager
async def assembled(
    config: Config,
    *,
    serving: bool,
    reaching: bool | None = None,
    dry_run: bool = False,
    accept: bool = False,
    write_file: bool | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    stream: TextIO | None = None,
    arxiv_transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Bot]:
    """Build the bot, and close it again whatever happens.

    ``serving`` is for the one process that collects and delivers. With ``dry_run`` it does so on a
    copy of the database, and every channel's posts go to ``stream`` (standard output). Platforms
    are loaded only for who serves, or is ``reaching`` for them otherwise: that takes their tokens
    and half a second. bot.toml is written only by who serves, or with ``write_file``; everybody
    takes over what was changed in it. ``arxiv_transport`` replaces the network to arXiv. Raises
    ConfigError and StoreError.
    """
    clock = clock or SystemClock()
    progress = progress or (lambda _: None)
    async with AsyncExitStack() as stack:
        platforms: dict[str, Platform] = {}
        if serving if reaching is None else reaching:
            platforms = _platforms(config, clock, stream or sys.stdout, dry_run=dry_run)
            for platform in dict.fromkeys(platforms.values()):
                await stack.enter_async_context(platform)
        if dry_run:
            try:
                copy = stack.enter_context(tempfile.TemporaryDirectory(prefix="daily-papers-"))
                path = Path(shutil.copy(config.path, copy))
            except OSError as error:
                raise StoreBroken(
                    f"A dry run works on a copy, and can't make it: {error}"
                ) from error
            store = await open_copy(config.bot.data, Path(copy))
            file = Synchronizer(path, path.with_suffix(".lock"), clock)
        else:
            store = open_store(config.bot.data, alone=serving)
            file = Synchronizer(config.path, config.bot.data / "channels.lock", clock)
        stack.callback(store.close)
        arxiv = await stack.enter_async_context(_source(config, clock, progress, arxiv_transport))
        bot = Bot(
            config=config,
            clock=clock,
            store=store,
            source=RecentSource(arxiv, clock),
            platforms=platforms,
            file=file,
            rehearsing=dry_run,
            progress=progress,
        )
        if serving:
            await store.release(clock.now(), bot.delivery_timeouts.settling)
            await bot.recompute_times()
        bot.taken_over = await bot.synchronise(
            accept=accept, write=serving if write_file is None else write_file
        )
        yield bot


def said(change: Change) -> str:
    """In a few words, for a log and for the terminal."""
    if isinstance(change, Configure):
        return f"{change.channel_id} {change.setting} = {change.value!r}"
    return f"{change.channel_id} {type(change).__name__.lower()} {change.keyword.text!r}"


def _source(
    config: Config,
    clock: Clock,
    progress: Progress,
    transport: httpx.AsyncBaseTransport | None,
) -> ArxivSource:
    return ArxivSource(
        url=config.arxiv.url,
        oai_url=config.arxiv.oai_url,
        way=Way(config.arxiv.plan),
        contact=config.arxiv.contact,
        interval=config.arxiv.interval,
        clock=clock,
        pace_file=config.bot.data / "arxiv.pace",
        rng=random.Random(),
        network=config.network,
        transport=transport,
        progress=progress,
    )


def _platforms(
    config: Config, clock: Clock, stream: TextIO, *, dry_run: bool
) -> dict[str, Platform]:
    """The switched-on platforms by name; in a dry run the console stands in for each."""
    names = ["console", *config.platforms]
    if dry_run:
        return dict.fromkeys(names, _load("console", Settings(stream, clock)))
    missing = [name for name in names if name not in PLATFORMS]
    if missing:
        mistakes = tuple(
            Mistake(name, "is not supported by this version yet", "remove the section for now")
            for name in missing
        )
        raise ConfigError(str(config.path), mistakes)
    settings = {name: Settings(stream, clock) for name in names}
    for name, section in config.platforms.items():
        settings[name] = Settings(
            stream, clock, section.options, section.reveal, network=config.network
        )
    return {name: _load(name, each) for name, each in settings.items()}


def _load(name: str, settings: Settings) -> Platform:
    module, _, attribute = PLATFORMS[name].partition(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"adapters", "bot"}:
            raise
        mistake = Mistake(
            name, f"needs {error.name}, which is not installed", f"install daily-papers[{name}]"
        )
        raise ConfigError("bot.toml", (mistake,)) from error
    made: Platform = getattr(loaded, attribute)(settings)
    return made
