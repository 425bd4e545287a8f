"""The store: every method is a use case, and one transaction where the port says nothing else.

A use case's signature is in its port (``bot.ports``) and in its statement (``statements/``),
whose first argument is the connection; the lines here only say on which connection it runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import uuid
from collections.abc import Callable, Collection, Coroutine, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar

from bot.model import Channel, Post, Prepared, Recorded, Run, roles
from bot.model.views import Measures, StateView
from bot.model.zotero import ZoteroBatch
from bot.ports import SyncDatabase
from bot.store.engines.base import Connection, Engine
from bot.store.statements import (
    archive,
    channels_file,
    clock_recovery,
    collect,
    crosspost,
    deliver,
    discussions,
    leases,
    library,
    metrics,
    news,
    refusals,
    reports,
    requests,
    retention,
    secrets,
    sessions,
    shards,
    zotero,
    zotero_disconnect,
)
from bot.store.statements import mutes as mute_statements
from bot.store.statements import pace as pace_statements
from bot.store.statements import publish as publish_statements
from bot.store.statements import subscriptions as subscription_statements

P = ParamSpec("P")
T = TypeVar("T")

WRITE: Final = "write"
WRITE_SHARED: Final = "write_shared"  # what locks the rows that it decides about
READ: Final = "read"
READ_ALL: Final = "read_all"  # for queries over whole tables, which short ones don't wait for


def _use_case(
    statement: Callable[Concatenate[Connection, P], T],
    mode: Literal["write", "write_shared", "read", "read_all"],
) -> Callable[Concatenate[SqlStore, P], Coroutine[Any, Any, T]]:
    """A method of the store that runs ``statement`` in one transaction, of this mode."""

    async def use_case(self: SqlStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        run: Callable[[Callable[[Connection], T]], Coroutine[Any, Any, T]]
        run = getattr(self.engine, mode)
        return await run(lambda db: statement(db, *args, **kwargs))

    use_case.__name__, use_case.__doc__ = statement.__name__, statement.__doc__
    return use_case


def _own_use_case(
    statement: Callable[Concatenate[Connection, str, P], T],
) -> Callable[Concatenate[SqlStore, P], Coroutine[Any, Any, T]]:
    """A method of the store that runs ``statement``, which also gets this process's id, in one
    shared transaction."""

    async def use_case(self: SqlStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.engine.write_shared(
            lambda db: statement(db, self.process, *args, **kwargs)
        )

    use_case.__name__, use_case.__doc__ = statement.__name__, statement.__doc__
    return use_case


class SqlStore:
    """The database of one bot. Its methods are documented in ``bot.ports``.

    ``batch_size`` is about how many rows a transaction of ``record`` and ``publish`` writes; by
    default what the engine says.
    """

    def __init__(self, engine: Engine, *, batch_size: int | None = None) -> None:
        self.engine = engine
        self.process = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._fences: dict[str, int] = {}  # of the roles that this process has, or had
        self._batch_size = batch_size or engine.batch_size
        self._shared_batch_size = batch_size or engine.shared_batch_size
        self._recording = asyncio.Lock()

    def close(self) -> None:
        self.engine.close()

    def problem(self) -> str:
        return self.engine.problem()

    async def integrity_problems(self) -> tuple[str, ...]:
        return await self.engine.integrity_problems()

    # -- leases
    @property
    def is_shared(self) -> bool:
        return self.engine.is_shared

    async def acquire_lease(self, role: str, seconds: float) -> int | None:
        fence: int | None = 1
        if self.is_shared:
            fence = await self.engine.write_lease(
                lambda db: leases.acquire(db, role, self.process, seconds)
            )
        if fence is not None:
            self._fences[role] = fence
        return fence

    async def release_lease(self, role: str) -> None:
        if self._fences.pop(role, None) is not None and self.is_shared:
            await self.engine.write_lease(lambda db: leases.release(db, role, self.process))

    async def share_shards(self, account: str, count: int, seconds: float) -> roles.ShardShare:
        if not self.is_shared:
            return roles.ShardShare(count, frozenset(range(count)), frozenset())
        return await self.engine.write_lease(
            lambda db: shards.share(db, account, count, self.process, seconds)
        )

    async def release_shards(self, account: str, some: Collection[int] | None = None) -> None:
        if self.is_shared:
            await self.engine.write_lease(
                lambda db: shards.release(db, account, self.process, some)
            )

    async def agree_on_settings(self, settings: str) -> str:
        if not self.is_shared:
            return settings
        return await self.engine.write(lambda db: leases.agree(db, self.process, settings))

    pace = _use_case(pace_statements.pace, READ)
    save_pace = _use_case(pace_statements.save, WRITE_SHARED)

    def _fenced(self, role: str, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """``work``, preceded in its transaction by a check that no other process has taken over the
        role. What runs without the role (a command line beside the service) is not checked."""
        fence = self._fences.get(role)
        if fence is None or not self.is_shared:
            return work

        def fenced(db: Connection) -> T:
            leases.refuse_lost(db, role, fence)
            return work(db)

        return fenced

    # -- collect
    interests = _use_case(collect.interests, READ_ALL)
    expected = _use_case(collect.expected, READ_ALL)
    metadata_incomplete = _use_case(collect.metadata_incomplete, READ_ALL)
    posted = _use_case(news.posted, READ_ALL)
    known_papers = _use_case(news.known_papers, READ_ALL)

    async def record(self, run: Run, *, first_post: int) -> Recorded:
        async with self._recording:
            return await self._in_steps(
                lambda db: collect.record(db, run, first_post, self._batch_size), roles.COLLECTOR
            )

    # -- publish
    publishable = _use_case(publish_statements.publishable, READ_ALL)
    to_recheck = _use_case(publish_statements.to_recheck, READ)
    has_unchecked = _use_case(publish_statements.has_unchecked, READ)

    async def unchecked(self, platforms: Collection[str]) -> Sequence[str]:
        ids = await self.engine.read_all(lambda db: publish_statements.unchecked(db, platforms))
        # Each process has an order of its own, so that few channels are composed twice; and not
        # workspace by workspace, so that posts to all of them can be sent from the beginning.
        random.Random(self.process).shuffle(ids)
        return ids

    agendas = _use_case(publish_statements.agendas, READ_ALL)
    newest_papers = _use_case(publish_statements.newest_papers, READ_ALL)

    async def publish(
        self,
        plans: Iterable[tuple[str, publish_statements.Plan]],
        at: datetime,
        prepared: Mapping[str, Prepared] | None = None,
        *,
        once_per_run: bool = False,
    ) -> int:
        return await self._in_steps(
            lambda db: publish_statements.publish_all(
                db, plans, at, self._shared_batch_size, prepared or {}, once_per_run=once_per_run
            ),
            shared=True,
        )

    # -- deliver
    waiting_accounts = _use_case(deliver.waiting_accounts, READ)

    async def claim(
        self,
        account: str,
        now: datetime,
        lease_until: datetime,
        deprioritised_channels: Collection[str] = (),
        deprioritised_servers: Collection[str] = (),
    ) -> Post | None:
        return await self.engine.write_shared(
            self._fenced(
                roles.delivery(Channel(account).platform),
                lambda db: deliver.claim(
                    db,
                    self.process,
                    account,
                    now,
                    lease_until,
                    deprioritised_channels,
                    deprioritised_servers,
                ),
            )
        )

    release = _use_case(deliver.release, WRITE)
    unsettled = _use_case(deliver.unsettled, READ)
    next_claim = _use_case(deliver.next_claim, READ)
    mark_sent = _use_case(deliver.mark_sent, WRITE_SHARED)
    requeue = _own_use_case(deliver.requeue)
    mark_unknown = _own_use_case(deliver.mark_unknown)
    hold_for_review = _own_use_case(deliver.hold_for_review)
    dead_letter = _own_use_case(deliver.dead_letter)

    async def refuse(
        self, key: str, uncertain: bool, at: datetime, error: str, delay: float
    ) -> bool:
        return await self.engine.write(
            lambda db: deliver.refuse(db, self.process, key, uncertain, at, error, delay)
        )

    resend = _use_case(deliver.resend, WRITE)
    recompute_times = _use_case(clock_recovery.recompute_times, WRITE)

    # -- crosspost
    claim_crosspost = _use_case(crosspost.claim, WRITE)
    next_crosspost = _use_case(crosspost.next_claim, READ)
    mark_crossposted = _use_case(crosspost.mark_done, WRITE)
    retry_crosspost = _use_case(crosspost.retry, WRITE)
    fail_crosspost = _use_case(crosspost.fail, WRITE)

    # -- subscriptions and channels
    follow = _use_case(subscription_statements.follow, WRITE_SHARED)
    follow_again = _use_case(subscription_statements.follow_again, WRITE)
    narrow = _use_case(subscription_statements.narrow, WRITE)
    rename = _use_case(subscription_statements.rename, WRITE_SHARED)
    unfollow = _use_case(subscription_statements.unfollow, WRITE_SHARED)
    subscriptions = _use_case(subscription_statements.subscriptions, READ)
    unprimed = _use_case(subscription_statements.unprimed, READ)
    owner_of = _use_case(subscription_statements.owner_of, READ)
    known_keywords = _use_case(subscription_statements.known_keywords, READ)
    mute = _use_case(mute_statements.mute, WRITE_SHARED)
    unmute = _use_case(mute_statements.unmute, WRITE_SHARED)
    mutes = _use_case(mute_statements.mutes, READ)
    change_settings = _use_case(subscription_statements.change_settings, WRITE_SHARED)
    change_posting_days = _use_case(subscription_statements.change_posting_days, WRITE)
    pause = _use_case(subscription_statements.pause, WRITE_SHARED)
    resume = _use_case(subscription_statements.resume, WRITE)
    archive_channels = _use_case(archive.archive_channels, WRITE)
    restore_channels = _use_case(archive.restore_channels, WRITE)

    async def synchronise(self, work: Callable[[SyncDatabase], T], at: datetime) -> T:
        return await self.engine.run(lambda begin: work(channels_file.SqlSyncDatabase(begin, at)))

    claim_request = _use_case(requests.claim, WRITE_SHARED)

    # -- platforms
    claim_session = _use_case(sessions.claim, WRITE)
    hold_sessions = _use_case(sessions.hold, WRITE)
    sessions_held = _use_case(sessions.held, READ)
    record_refusal = _use_case(refusals.record, WRITE)
    clear_refusal = _use_case(refusals.clear, WRITE)

    # -- papers that people keep
    toggle_save = _use_case(library.toggle_save, WRITE)
    save_all = _use_case(library.save_all, WRITE)
    saved = _use_case(library.saved, READ)
    saved_paper = _use_case(library.saved_paper, READ)
    citation_keys = _use_case(library.citation_keys, WRITE)
    forget_person = _use_case(library.forget_person, WRITE)

    # -- libraries in Zotero
    connect_zotero = _use_case(zotero.connect, WRITE)
    disconnect_zotero = _use_case(zotero_disconnect.disconnect, WRITE)
    zotero_connections = _use_case(zotero.connections, READ)
    next_zotero = _use_case(zotero.next_claim, READ)
    mark_zotero_sent = _use_case(zotero.mark_sent, WRITE)
    requeue_zotero = _use_case(zotero.requeue, WRITE)
    rename_zotero = _use_case(zotero.rename, WRITE)
    reject_zotero = _use_case(zotero.reject, WRITE)
    pause_zotero = _use_case(zotero.pause, WRITE)
    hold_zotero = _use_case(zotero.hold, WRITE)
    release_zotero = _use_case(zotero.release, WRITE)

    async def claim_zotero(self, now: datetime, lease_until: datetime) -> ZoteroBatch | None:
        return await self.engine.write(
            self._fenced(roles.ZOTERO, lambda db: zotero.claim(db, now, lease_until))
        )

    # -- threads about papers
    open_discussion = _use_case(discussions.open_discussion, WRITE_SHARED)
    discussion = _use_case(discussions.discussion, READ)

    # -- secrets
    save_secret = _use_case(secrets.save_secret, WRITE)
    renew_secret = _use_case(secrets.renew_secret, WRITE)
    secret = _use_case(secrets.secret, READ)
    secret_owners = _use_case(secrets.secret_owners, READ)
    delete_secret = _use_case(secrets.delete_secret, WRITE)

    # -- reports, metrics, retention
    paper = _use_case(reports.paper, READ)
    channel_papers = _use_case(reports.channel_papers, READ)
    first_added_by = _use_case(reports.first_added_by, READ)
    channels_of_person = _use_case(reports.channels_of_person, READ)
    page = _use_case(reports.page, READ_ALL)
    outdated = _use_case(retention.outdated, READ_ALL)
    forget = _use_case(retention.forget, WRITE)

    async def state(self, *channel_ids: str) -> StateView:
        read = self.engine.read if channel_ids else self.engine.read_all
        return await read(lambda db: reports.state(db, channel_ids, self.engine.name))

    async def measures(self) -> Measures:
        return await self.engine.read_all(lambda db: metrics.measures(db, self.engine.size(db)))

    async def _in_steps(
        self,
        work: Callable[[Connection], Generator[None, None, T]],
        role: str = "",
        *,
        shared: bool = False,
    ) -> T:
        """Do ``work``, each of its steps in a transaction of its own: in that role, or as
        ``shared`` writes.

        Other work gets its turn between two steps. After an error, the steps before it remain done,
        and none follows.
        """
        steps: list[Generator[None, None, T]] = []
        results: list[T] = []

        def step(db: Connection) -> None:
            if not steps:
                steps.append(work(db))
            try:
                next(steps[0])
            except StopIteration as end:
                results.append(end.value)

        write = self.engine.write_step if shared else self.engine.write
        while not results:
            await write(self._fenced(role, step))
        return results[0]
