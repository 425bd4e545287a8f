"""The bot: its parts, made by ``bot.app.wiring``, and one whole run of them (``once``).

Keeps no state of its own, and decides nothing about papers, posts or people.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.app.channel_rules import ChannelRules
from bot.app.file_sync import FileSync
from bot.app.maintenance import forget_outdated
from bot.app.page_writer import PageWriter
from bot.app.pipeline import Pipeline
from bot.chat.status import StatusQueries
from bot.config import Config
from bot.core.deliver import Deliverer
from bot.core.leases import Leases
from bot.core.zotero import ZoteroSender
from bot.errors import PlatformRefused, StoreBusy, UserError
from bot.model.views import ChannelView, OpenPost
from bot.ports import Clock, PlatformAdapter, Source, Store

if TYPE_CHECKING:
    from bot.app.chat import Chat

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
FORGOTTEN_BY_ONCE = 2000  # rows at most; every two hundred take a quarter of a second
# How long ``once`` waits for posts that can be sent soon, beside the time in which one of unknown
# outcome settles. A closed pipe stays closed.
RESEND_TIMEOUT = timedelta(seconds=30)
CONSOLE_RESEND_TIMEOUT = timedelta(seconds=2)
# Seconds in which ``once`` tries again to publish to a channel that another process has locked, for
# example to add a keyword there: as long as a transaction waits for another (``LOCK_TIMEOUT``).
LOCKED_TIMEOUT = 10.0
CLOCK_RESOLUTION = timedelta(milliseconds=1)  # of times in the database, which are cut off there


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What came of ``once``: ``complete`` if arXiv gave a complete answer; how many papers and
    pieces of ``news`` were posted, and to how many channels; how many ``due`` papers wait for their
    channel's posting time; and how many posts did not arrive: ``waiting`` ones are sent by a later
    run, ``held`` ones need a decision of whoever hosts the bot. Those that wait for somebody else
    are not counted: in a channel that a person paused, and of people who follow keywords for
    themselves. ``page_error`` is why the page could not be written. ``most_saved``: somewhere the
    week's most saved papers were posted, too."""

    complete: bool
    papers: int
    news: int
    channels: int
    due: int
    waiting: int
    held: int
    page_error: UserError | None = None
    most_saved: bool = False


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything, wired together. In a ``dry_run`` the store is a copy, and nothing is kept.

    ``chat`` is loaded and built at its first call, which no ordinary run makes."""

    config: Config
    clock: Clock
    store: Store
    source: Source
    platforms: Mapping[str, PlatformAdapter]
    rules: ChannelRules
    pipeline: Pipeline
    zotero: ZoteroSender | None  # ``None`` without ``SECRET_KEY``
    leases: Leases
    file_sync: FileSync
    page_writer: PageWriter
    status_queries: StatusQueries
    chat: Callable[[], Chat]
    dry_run: bool
    progress: Progress

    async def run_once(self, *, now: bool = False) -> RunSummary:
        """Fetch, publish and deliver what is due. Raises ConfigError and StoreError; of these
        StoreBusy where another process does that already.

        ``now`` posts whatever the time of day. Waits a little for posts that can be sent again
        soon, and leaves the others for the next run.
        """
        async with self._alone():
            return await self._run_once(now=now)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Hold every role meanwhile, so that no other process does any of the same work."""
        await self.leases.renew()
        missing = self.leases.missing
        if missing:
            raise StoreBusy(
                f"another Daily Papers serves this database ({', '.join(missing)}). It posts by"
                " itself; or stop it first."
            )
        if self.store.is_shared:
            await self.pipeline.release_claims()
        if self.zotero is not None:
            await self.zotero.take_over()
        renewing = asyncio.create_task(self.leases.keep())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _run_once(self, *, now: bool) -> RunSummary:
        began = self.clock.now()
        run = await self.pipeline.collect()
        self.progress("composing")
        await self.pipeline.publish(now=now, locked_timeout=LOCKED_TIMEOUT)
        await self._deliver_all()
        # A channel takes posts again.
        while await self.pipeline.republish(now=now, locked_timeout=LOCKED_TIMEOUT):
            await self._deliver_all()
        for name in self.pipeline.crossposters:
            try:
                await self.pipeline.crosspost(name)
            except PlatformRefused as error:
                log.error("refused platform=%s why=%s", name, error)
        if self.zotero is not None:
            await self.zotero.send_waiting()
        page_error = None
        if not self.dry_run:
            await forget_outdated(self.store, self.clock, limit=FORGOTTEN_BY_ONCE)
            try:
                if self.config.page is not None:
                    await self.page_writer.write(self.config.page)
            except UserError as error:
                page_error = error
        summary = await self._summary(began, complete=run.whole)
        return replace(summary, page_error=page_error)

    async def _deliver_all(self) -> None:
        self.progress("posting")
        try:
            async with asyncio.TaskGroup() as group:
                for deliverer in self.pipeline.deliverers():
                    group.create_task(self._deliver(deliverer))
        except ExceptionGroup as failed:  # the store's, which is the same for all of them
            raise failed.exceptions[0] from failed

    async def _deliver(self, deliverer: Deliverer) -> None:
        """If a platform does not let us in, its posts wait; other platforms are not affected."""
        settling = timedelta(seconds=self.config.delivery.settling)
        console = deliverer.platform == "console"
        timeout = CONSOLE_RESEND_TIMEOUT if console else RESEND_TIMEOUT + settling
        try:
            await deliverer.deliver(wait=timeout.total_seconds())
        except PlatformRefused as error:
            log.error("refused platform=%s why=%s", deliverer.platform, error)
            await self.store.record_refusal(deliverer.platform, str(error), self.clock.now())
        else:
            await self.store.clear_refusal(deliverer.platform)

    async def _summary(self, began: datetime, *, complete: bool) -> RunSummary:
        """The summary of a run that began at that time."""
        state = await self.store.state()
        since = began - CLOCK_RESOLUTION
        posted = [
            [each for each in view.digests if each.posted_at > since] for view in state.channels
        ]
        posts = [
            post for view in state.channels for post in view.posts if _concerns_host(view, post)
        ]
        held = sum(post.is_stuck for post in posts)
        return RunSummary(
            complete,
            papers=sum(each.papers for digests in posted for each in digests),
            news=sum(each.news for digests in posted for each in digests),
            most_saved=any(each.most_saved for digests in posted for each in digests),
            channels=sum(map(bool, posted)),
            due=sum(view.due for view in state.channels),
            waiting=len(posts) - held,
            held=0 if self.dry_run else held,
        )


def _concerns_host(view: ChannelView, post: OpenPost) -> bool:
    """Whether the post is for a later run, or for whoever hosts the bot. Only a person resumes what
    a person paused, and decides about what is held in their own conversation."""
    if post.is_stuck:
        return not view.channel.owner
    return view.paused != "person" and not (view.paused and view.channel.owner)
