"""publish(): from what is due in each channel to messages in the outbox.

::

    per channel: due ─▶ plan() ─▶ compose ─▶ outbox

Digests are composed while no transaction is open, some channels at a time, and then each channel is
written whole in one transaction. Where several processes share the database they all do so after a
run: each takes the channels in an order of its own, until all have been published to. What a
process had composed when it died is composed again by another. Does not send anything and does not
decide when to run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from bot.core.digest import PAPERS_CACHED, Rules, display_cache, plan
from bot.matching.similarity import InverseFrequencies
from bot.model import Channel, ChannelAgenda, Paper, Prepared, Publication
from bot.ports import Clock, Composer, PublishStore

log = logging.getLogger(__name__)

CHANNELS_COMPOSED = 100  # whose messages are in memory before they are in the outbox
PAPERS_COUNTED = 1_000  # in which it is counted how common a term is
LOCKED_PAUSE = 0.2  # seconds


async def publish(
    store: PublishStore,
    composers: Mapping[str, Callable[[], Composer]],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
    locked_timeout: float = 0.0,
) -> int:
    """Put what is due into the outbox of each channel that was not published to since the last run;
    how many posts that made.

    ``now`` publishes whatever the time of day. ``composers`` makes one for each platform; in the
    channels of a platform without one, papers stay due. A channel that another process has locked
    is passed over; it is tried again for ``locked_timeout`` seconds, for a caller that does not
    come back to it soon. Raises StoreError.
    """

    async def left() -> Sequence[str]:
        return await store.unchecked(tuple(composers))

    async def publish_to(ids: Sequence[str]) -> int:
        return await _publish(store, ids, composers, rules, clock, now=now, once_per_run=True)

    return await _publish_until_unlocked(left, publish_to, clock, locked_timeout) or 0


async def republish(
    store: PublishStore,
    composers: Mapping[str, Callable[[], Composer]],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
    locked_timeout: float = 0.0,
) -> int | None:
    """Publish to the channels that came back after a pause, or whose settings changed: what became
    due in them need not wait for the next run. How many posts that made; ``None`` if there is no
    such channel. ``locked_timeout`` as in ``publish``. Raises StoreError.
    """

    async def left() -> Sequence[str]:
        return [each.id for each in await store.to_recheck() if each.platform in composers]

    async def publish_to(ids: Sequence[str]) -> int:
        return await _publish(store, ids, composers, rules, clock, now=now, once_per_run=False)

    return await _publish_until_unlocked(left, publish_to, clock, locked_timeout)


async def _publish_until_unlocked(
    left: Callable[[], Awaitable[Sequence[str]]],
    publish_to: Callable[[Sequence[str]], Awaitable[int]],
    clock: Clock,
    locked_timeout: float,
) -> int | None:
    """Publish to the channels that are left, until none is or the time is over; ``None`` if there
    was none."""
    ids = await left()
    if not ids:
        return None
    posts = await publish_to(ids)
    give_up = clock.monotonic() + locked_timeout
    while locked_timeout and (ids := await left()):
        if clock.monotonic() >= give_up:
            log.warning(
                "passed over channels=%d why=%s", len(ids), "another process has locked them"
            )
            break
        await clock.sleep(LOCKED_PAUSE)
        posts += await publish_to(ids)
    return posts


async def _publish(
    store: PublishStore,
    ids: Sequence[str],
    composers: Mapping[str, Callable[[], Composer]],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool,
    once_per_run: bool,
) -> int:
    at = clock.now()
    show = display_cache()
    composer_of = {platform: make() for platform, make in composers.items()}
    frequencies: InverseFrequencies | None = None

    def decide(agenda: ChannelAgenda) -> Publication | None:
        if not agenda.keywords:  # nothing is due where nothing is followed
            return None
        # By the settings as they are then: they may be changed while others are published to.
        channel = agenda.channel
        return plan(
            agenda,
            composer_of[channel.platform],
            rules(channel),
            at,
            now=now,
            show=show,
            frequencies=frequencies,
        )

    def prepare(agendas: Sequence[ChannelAgenda]) -> dict[str, Prepared]:
        return {agenda.channel.id: Prepared(agenda, decide(agenda)) for agenda in agendas}

    posts = 0
    papers: dict[str, Paper] = {}
    for some in _batches(ids, CHANNELS_COMPOSED):
        due = await store.agendas(some, papers)
        if len(papers) > PAPERS_CACHED:
            papers.clear()
        if frequencies is None and any(rules(each.channel).by_similarity for each in due):
            newest = await store.newest_papers(PAPERS_COUNTED)
            frequencies = await asyncio.to_thread(InverseFrequencies, newest)
        # Reading LaTeX and rendering take time, in which nobody should wait for a transaction.
        prepared = await asyncio.to_thread(prepare, due)
        plans = [(channel_id, decide) for channel_id in some]
        posts += await store.publish(plans, at, prepared, once_per_run=once_per_run)
    return posts


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
