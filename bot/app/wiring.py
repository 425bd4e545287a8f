"""The composition root: builds every part from a Config, connects them, and closes them again.

The only module that loads adapters, by name and only those that are on.
Decides nothing about papers, posts or people.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from adapters import PLATFORMS, Settings
from bot.app.bot import Bot, Progress
from bot.app.channel_rules import ChannelRules
from bot.app.file_sync import FileSync
from bot.app.notifier import Notifier
from bot.app.page_writer import PageWriter
from bot.app.pipeline import Pipeline
from bot.app.reloads import Reloads
from bot.arxiv.cache import CachedSource
from bot.chat.status import StatusQueries
from bot.clock import SystemClock
from bot.config import Config
from bot.core.deliver import DeliveryTimeouts
from bot.core.leases import Leases
from bot.core.zotero import ZoteroSender
from bot.errors import ConfigError, Mistake, StoreBroken
from bot.model import Channel, ChannelGroup, roles
from bot.ports import Clock, PlatformAdapter, Source, Store, Vault, Zotero
from bot.store import can_use_postgresql, open_copy, open_store
from bot.sync.synchronizer import Synchronizer

if TYPE_CHECKING:
    import httpx

    from bot.app.chat import Chat
    from bot.app.scheduler import RetryPolicy
    from bot.app.service import Service
    from bot.arxiv.source import ArxivSource

log = logging.getLogger(__name__)

FILE_LOCK = "channels.lock"


def wire(
    *,
    config: Config,
    clock: Clock,
    store: Store,
    source: Source,
    platforms: Mapping[str, PlatformAdapter],
    synchronizer: Synchronizer,
    vault: Vault | None = None,
    zotero: Zotero | None = None,
    serving: bool = True,
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> Bot:
    """Connect parts that are open already. Does nothing yet. What is not ``serving``, such as a
    command, compares bot.toml without that role: its changes would wait for another process.
    Without a ``vault`` nothing is sent to ``zotero``."""
    rules = ChannelRules(config.schedule, config.bot.timezone, config.calendar)
    own = [roles.COLLECTOR, roles.FILE, *map(roles.delivery, platforms)]
    own += [roles.ZOTERO] if vault and zotero else []
    leases = Leases(own, store, clock)
    file_lease = leases[roles.FILE] if serving else None
    file_sync = FileSync(config.path, synchronizer, store, clock, file_lease, frozenset(platforms))
    notifier = Notifier(store, platforms)

    @cache
    def chat() -> Chat:
        from bot.app.chat import connect_chat  # the commands with all their replies

        return connect_chat(
            config=config,
            clock=clock,
            store=store,
            source=source,
            platforms=platforms,
            rules=rules,
            file_sync=file_sync,
            notifier=notifier,
            vault=vault,
            zotero=zotero,
        )

    pipeline = _pipeline(config, clock, store, source, platforms, rules, leases, chat, notifier)
    sender = None
    if vault and zotero:
        check, told = leases[roles.ZOTERO].check, notifier.zotero_paused
        sender = ZoteroSender(zotero, store, vault, clock, on_paused=told, check=check)
    return Bot(
        config=config,
        clock=clock,
        store=store,
        source=source,
        platforms=platforms,
        rules=rules,
        pipeline=pipeline,
        zotero=sender,
        leases=leases,
        file_sync=file_sync,
        page_writer=PageWriter(store, file_sync, clock, config.bot.timezone),
        status_queries=StatusQueries(
            store=store,
            clock=clock,
            timetable=rules.timetable,
            calendar=config.calendar,
            schedule=config.schedule.values,
        ),
        chat=chat,
        dry_run=dry_run,
        progress=progress,
    )


def _pipeline(
    config: Config,
    clock: Clock,
    store: Store,
    source: Source,
    platforms: Mapping[str, PlatformAdapter],
    rules: ChannelRules,
    leases: Leases,
    chat: Callable[[], Chat],
    notifier: Notifier,
) -> Pipeline:
    async def archive_deleted(channel: Channel, reason: str) -> None:
        await chat().changes.archive_channels(ChannelGroup(ids=(channel.id,)), reason)

    return Pipeline(
        source=source,
        store=store,
        clock=clock,
        platforms=platforms,
        rules=rules,
        calendar=config.calendar,
        first_post=config.schedule.first_post,
        timeouts=DeliveryTimeouts(settling=config.delivery.settling),
        on_refused=notifier.refused,
        on_gone=archive_deleted,
        leases=leases,
    )


def build_service(
    bot: Bot,
    reloads: Reloads,
    *,
    retry: RetryPolicy | None = None,
    watch_interval: timedelta | None = None,
) -> Service:
    """The service that runs this bot."""
    # Not before the configuration is read: that makes the environment safe for aiohttp.
    from bot.app.service import WATCH_INTERVAL, Service

    return Service(
        config=bot.config,
        clock=bot.clock,
        store=bot.store,
        platforms=bot.platforms,
        rules=bot.rules,
        pipeline=bot.pipeline,
        zotero=bot.zotero,
        leases=bot.leases,
        file_sync=bot.file_sync,
        page_writer=bot.page_writer,
        commands=bot.chat().commands,
        reloads=reloads,
        retry=retry,
        watch_interval=watch_interval or WATCH_INTERVAL,
    )


@asynccontextmanager
async def open_bot(
    config: Config,
    *,
    serving: bool,
    connect: bool | None = None,
    dry_run: bool = False,
    accept: bool = False,
    write_file: bool | None = None,
    resuming: bool = False,
    progress: Progress = lambda _: None,
    clock: Clock | None = None,
    stream: TextIO | None = None,
    arxiv_transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Bot]:
    """Build the bot, and close it again whatever happens.

    ``serving`` is for the one process that collects and delivers. With ``dry_run`` it does so on a
    copy of the database, and every channel's posts go to ``stream`` (standard output). Platforms
    are loaded where ``connect`` says so (as ``serving``, if left out): that takes their tokens and
    half a second. What was changed in bot.toml is taken over first, with ``accept`` also what is
    held back there; the file is written only by who serves, or with ``write_file``. A bot that is
    ``resuming`` is not ended by a bot.toml that has become wrong since ``config`` was read.
    ``arxiv_transport`` replaces the network to arXiv. Raises ConfigError and StoreError.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store, synchronizer = await _open_database(
            config, clock, stack, serving=serving, dry_run=dry_run
        )
        vault = _vault(config, store, clock)
        zotero = None if vault is None or dry_run else _zotero(config, stack)
        platforms: dict[str, PlatformAdapter] = {}
        if serving if connect is None else connect:
            stream = stream or sys.stdout
            platforms = _platforms(config, clock, stream, store, vault, dry_run=dry_run)
            for platform in dict.fromkeys(platforms.values()):
                await stack.enter_async_context(platform)

        def build_source() -> Source:
            arxiv = _arxiv(config, clock, store, progress, arxiv_transport)
            stack.push_async_callback(arxiv.aclose)
            return arxiv

        bot = wire(
            config=config,
            clock=clock,
            store=store,
            source=CachedSource(build_source, clock),
            platforms=platforms,
            synchronizer=synchronizer,
            vault=vault,
            zotero=zotero,
            serving=serving,
            dry_run=dry_run,
            progress=progress,
        )
        stack.push_async_callback(bot.leases.release)
        if serving:
            await _begin_serving(bot)
        write = serving if write_file is None else write_file
        try:
            await bot.file_sync.synchronise(accept=accept, write=write)
        except ConfigError as error:
            if not resuming:
                raise
            log.warning("an edit was not taken over, nothing has changed: %s", error)
        yield bot


async def _open_database(
    config: Config, clock: Clock, stack: AsyncExitStack, *, serving: bool, dry_run: bool
) -> tuple[Store, Synchronizer]:
    """The database, which the stack closes, and what keeps bot.toml in sync with it; in a dry run,
    both work on copies."""
    url = database_url(config)
    path, lock = config.path, config.bot.data / FILE_LOCK
    if dry_run:
        try:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daily-papers-")))
            path = Path(shutil.copy(config.path, copy))
            lock = path.with_suffix(".lock")
            if (config.bot.data / FILE_LOCK).exists():  # which names the file
                shutil.copy(config.bot.data / FILE_LOCK, lock)
        except OSError as error:
            raise StoreBroken(f"A dry run works on a copy, and can't make it: {error}") from error
        store = await open_copy(config.bot.data, copy, url)
    else:
        opening = partial(open_store, config.bot.data, alone=serving, url=url)
        # A server that does not answer takes its time, in which other tasks must run.
        store = await asyncio.to_thread(opening) if url else opening()
    synchronizer = Synchronizer(path, lock, clock, mirror=config.bot.mirror, shared=bool(url))
    stack.callback(store.close)
    return store, synchronizer


def _zotero(config: Config, stack: AsyncExitStack) -> Zotero:
    from bot.zotero.client import ZoteroClient  # loads what parses the names of authors

    client = ZoteroClient(config.zotero.api_url, network=config.network)
    stack.push_async_callback(client.aclose)
    return client


async def _begin_serving(bot: Bot) -> None:
    """Take over what the last process left behind. Raises ConfigError and StoreError."""
    if not bot.dry_run:
        await _refuse_disagreement(bot.config, bot.store)
    if not bot.store.is_shared:  # else for each platform when its posts are taken over
        await bot.pipeline.release_claims()
    await bot.pipeline.recompute_times()
    await bot.store.change_posting_days(bot.config.schedule.values["days"])


async def _refuse_disagreement(config: Config, store: Store) -> None:
    """Raises ConfigError where another process that serves the database has other settings: what a
    channel gets must not depend on which of them does it."""
    own = config.shared_settings()
    theirs = json.loads(await store.agree_on_settings(json.dumps(own, sort_keys=True)))
    different = sorted(key for key in own.keys() | theirs.keys() if own.get(key) != theirs.get(key))
    if different:
        hint = "give all processes of a database the same, or stop the others first"
        mistakes = tuple(
            Mistake(key, "is another in a process that serves this database", hint)
            for key in different
        )
        raise ConfigError(str(config.path), mistakes)


def database_url(config: Config) -> str:
    """Empty for SQLite. Raises ConfigError where what PostgreSQL needs is not installed."""
    if config.database_url is None:
        return ""
    if not can_use_postgresql():
        mistake = Mistake(
            "DATABASE_URL",
            "needs psycopg, which is not installed",
            "install daily-papers[postgres]",
            environment=True,
        )
        raise ConfigError(str(config.path), (mistake,))
    return config.database_url.reveal()


def _arxiv(
    config: Config,
    clock: Clock,
    store: Store,
    progress: Progress,
    transport: httpx.AsyncBaseTransport | None,
) -> ArxivSource:
    from bot.arxiv.plan import Strategy
    from bot.arxiv.source import ArxivSource

    return ArxivSource(
        url=config.arxiv.url,
        oai_url=config.arxiv.oai_url,
        strategy=Strategy(config.arxiv.plan),
        contact=config.arxiv.contact,
        interval=config.arxiv.interval,
        clock=clock,
        pace_file=config.bot.data / "arxiv.pace",
        shared_pace=store if store.is_shared else None,
        rng=random.Random(),
        network=config.network,
        transport=transport,
        progress=progress,
    )


def _vault(config: Config, store: Store, clock: Clock) -> Vault | None:
    """``None`` without a key."""
    if not config.encryption_keys:
        return None
    from bot.vault import EncryptedVault  # cryptography takes its time

    return EncryptedVault(config.encryption_keys, store, clock)


def _platforms(
    config: Config,
    clock: Clock,
    stream: TextIO,
    store: Store,
    vault: Vault | None,
    *,
    dry_run: bool,
) -> dict[str, PlatformAdapter]:
    """The platforms that are on, by name; in a dry run the console replaces each of them."""
    if dry_run:
        return dict.fromkeys(PLATFORMS, _load("console", Settings(stream, clock)))
    names = ["console", *config.platforms]
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
            stream,
            clock,
            section.options,
            section.reveal,
            network=config.network,
            vault=vault,
            sessions=store,
            personal=config.bot.personal,
        )
    return {name: _load(name, each) for name, each in settings.items()}


def _load(name: str, settings: Settings) -> PlatformAdapter:
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
    made: PlatformAdapter = getattr(loaded, attribute)(settings)
    return made
