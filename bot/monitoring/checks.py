"""``daily-papers check``: checks what the bot needs, one by one; each fault comes with its remedy.

Changes and posts nothing. With ``quick`` it queries no other machine, for health checks.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx

from bot.arxiv.calendar import AnnouncementCalendar
from bot.chat.visibility import visible_to_host
from bot.config import Config, PageConfig
from bot.errors import StoreError
from bot.keywords.notices import notices
from bot.model import Finding
from bot.model.views import ChannelView
from bot.monitoring.health import WAITING_STATES, HealthReport
from bot.pages import files
from bot.ports import Clock, Examiner, MonitoringStore, Source
from bot.private_files import permission_problem
from bot.store import FILE
from bot.text import plural

MIN_FREE_BYTES = 200 * 1024 * 1024  # a year of a hundred keywords needs less than 300 MB
SERVICE_TIMEOUT = timedelta(seconds=10)  # for the health report of the running service


async def examine(
    config: Config,
    store: MonitoringStore,
    source: Source,
    platforms: Mapping[str, Examiner],
    clock: Clock,
    *,
    quick: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Finding]:
    """The findings, each as soon as it is known: first what everything else depends on.

    ``progress`` is called with what is being checked before anything that may take a while.
    """
    for finding in (*_files(config), *_folder(config.bot.data)):
        yield finding
    progress("checking the database")
    async for finding in _database(store, config.calendar, clock):
        yield finding
    if not config.encryption_keys:
        async for finding in _unreadable_keys(store):
            yield finding
    if config.health is not None and config.health.listen is not None:
        yield await _service(*config.health.listen, needed=quick)
    if quick:  # nothing more that would make a service unhealthy: it posts without a page too
        return
    for finding in _page(config.page):
        yield finding
    for finding in await source.examine():
        yield finding
    views = visible_to_host(await store.state()).channels
    for finding in _keywords(views):
        yield finding
    channels = [view.channel for view in views]
    for name, platform in platforms.items():
        own = [channel for channel in channels if channel.platform == name]
        progress(f"checking {name}, {plural(len(own), 'channel')}")
        for finding in await platform.examine(own):
            yield finding


def exposed_files(config: Config) -> list[Finding]:
    """The files that others may write to, or read a token from; ``run`` warns of them too."""
    return [finding for finding in _files(config) if not finding.ok]


def _files(config: Config) -> Iterator[Finding]:
    """Whether others may write to bot.toml, or open the files that are for the bot alone."""
    mode = stat.S_IMODE(config.path.stat().st_mode)
    name = str(config.path)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        remedy = f"chmod go-w {name}"
        yield Finding("bot.toml", False, f"Others may write {name} (mode {mode:o}).", remedy)
    else:
        yield Finding("bot.toml", True, f"{name} is understood.")
    yield _data_files(config.bot.data)
    secrets = {name: each for p in config.platforms.values() for name, each in p.secrets.items()}
    if config.secret_key is not None:
        secrets["SECRET_KEY"] = config.secret_key
    if config.database_url is not None:
        secrets["DATABASE_URL"] = config.database_url
    for variable, secret in secrets.items():
        if secret.file is not None:
            yield _secret_file(variable, secret.file)


def _data_files(data: Path) -> Finding:
    """Whether others may read the database, or take a lock and so keep the bot waiting."""
    names = [FILE, f"{FILE}-wal", f"{FILE}-shm", "daily-papers.lock", "channels.lock", "arxiv.pace"]
    open_to_others = []
    for name in names:
        with suppress(FileNotFoundError):  # SQLite creates and deletes -wal and -shm
            if (data / name).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                open_to_others.append(str(data / name))
    if open_to_others:
        text = f"Others may open {', '.join(open_to_others)}."
        return Finding("data files", False, text, f"chmod 600 {' '.join(open_to_others)}")
    return Finding("data files", True, "Only the bot can open them.")


def _secret_file(variable: str, file: Path) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = f"Others may read the file of {variable} (mode {mode:o})."
        return Finding(variable, False, text, f"chmod 600 {file}")
    return Finding(variable, True, "Only the bot can read its file.")


def _folder(data: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(data).free
    if not os.access(data, os.W_OK | os.X_OK):
        problem = permission_problem(data) or "Is it mounted read-only?"
        yield Finding("data", False, f"{data} can't be written to.", problem)
    elif free < MIN_FREE_BYTES:
        text = f"Only {_size(free)} are free where {data} is."
        yield Finding(
            "data", False, text, "Make room; nothing is lost when it runs out, but it stops."
        )
    else:
        yield Finding("data", True, f"{data}, {_size(free)} free.")


def _page(page: PageConfig | None) -> Iterator[Finding]:
    if page is None:
        return
    if problem := files.problem(page.files, page.feeds):
        yield Finding("page", False, f"{problem}.", files.REMEDY)
    else:
        yield Finding("page", True, f"{page.path} can be written.")


def _size(number: int) -> str:
    """A number of bytes, in whole GiB or MiB."""
    return f"{number // 1024**3} GiB" if number >= 1024**3 else f"{number // 1024**2} MiB"


async def _unreadable_keys(store: MonitoringStore) -> AsyncIterator[Finding]:
    """The Zotero connections whose keys can't be decrypted, as ``SECRET_KEY`` is missing."""
    try:
        connected = len(await store.zotero_connections())
    except StoreError:  # already reported by _database
        return
    if connected:
        libraries = "1 library is" if connected == 1 else f"{connected:,} libraries are"
        text = f"{libraries} connected, but nothing can be sent there: SECRET_KEY is not set."
        yield Finding("zotero", False, text, "Set it again, as it was when they were connected.")


async def _database(
    store: MonitoringStore, calendar: AnnouncementCalendar, clock: Clock
) -> AsyncIterator[Finding]:
    try:
        damages = await store.integrity_problems()
        state = await store.state()
    except StoreError as error:
        yield Finding("database", False, str(error), "See docs/hosting.md, Restore.")
        return
    if damages:
        remedy = "Stop the bot and restore a backup (docs/hosting.md, Restore)."
        yield Finding("database", False, f"It is damaged: {'; '.join(damages)}", remedy)
    else:
        channels = sum(not view.channel.owner for view in state.channels)
        text = f"{state.database}: {state.papers:,} papers, {plural(channels, 'channel')}"
        if people := len(state.channels) - channels:
            text += f", {plural(people, 'private conversation')}"
        yield Finding("database", True, f"{text}.")
    run = state.last_run
    if run is not None and run.finished_at > clock.now():
        text = (
            f"The last run ended at {run.finished_at:%Y-%m-%d %H:%M} UTC, which is in the future."
        )
        yield Finding("clock", False, text, "Set the machine's clock, best by NTP.")
    else:
        yield Finding("clock", True, f"{clock.now():%Y-%m-%d %H:%M} UTC.")
    if run is not None:  # before the first run nothing can be overdue
        yield _delivery(HealthReport(state, clock.now(), calendar))


def _delivery(report: HealthReport) -> Finding:
    """What is wrong with collecting and delivering; if nothing is, what is on record, without
    claiming anything beyond that."""
    if problems := report.problems():
        remedy = "Is the bot running? daily-papers status says more."
        return Finding("delivery", False, " ".join(problems), remedy)
    complete = report.state.last_complete
    if complete is None:
        arxiv = "arXiv has given no complete answer yet, and no channel follows anything."
    elif complete.queried_arxiv:
        arxiv = f"arXiv's last complete answer: {complete.started_at:%Y-%m-%d %H:%M} UTC."
    else:
        arxiv = f"The last run ({complete.started_at:%Y-%m-%d %H:%M} UTC) had nothing to ask arXiv."
    counts = Counter(post.state for view in report.state.channels for post in view.posts)
    unsent = sum(counts[state] for state in WAITING_STATES)
    undecided = counts["held"] + counts["dead"]
    posts = f"{plural(unsent, 'post')} waiting to be sent" if unsent else "No post is waiting"
    if undecided:
        posts += f"; {plural(undecided, 'post')} held or rejected (daily-papers status says why)"
    return Finding("delivery", True, f"{arxiv} {posts}.")


def _keywords(views: Sequence[ChannelView]) -> Iterator[Finding]:
    """The notices about keywords. They are not faults: the keywords are followed as they are."""
    for view in views:
        for each in view.subscriptions:
            for notice in notices(each.keyword):
                yield Finding(view.channel.id, True, f"{each.keyword.text}: {notice}")


async def _service(host: str, port: int, *, needed: bool) -> Finding:
    """The running service's own health report. That none answers is a fault only if it is
    ``needed``: ``check`` may be called before the first start."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        async with httpx.AsyncClient(
            timeout=SERVICE_TIMEOUT.total_seconds(), trust_env=False
        ) as client:
            answer = (await client.get(f"http://{place}/healthz")).json()
            problems = [str(each) for each in answer["problems"]]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        remedy = "Start it: daily-papers run. If it runs, is another program at that address?"
        return Finding("service", not needed, f"Nothing answers at {place}.", remedy)
    if problems:
        remedy = "daily-papers status and the log say more."
        return Finding("service", False, " ".join(problems), remedy)
    return Finding("service", True, f"It runs and reports no problem ({place}).")
