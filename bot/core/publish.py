"""publish(): from what is due in each channel to messages in the outbox.

::

    per channel: due ─▶ plan() ─▶ compose ─▶ outbox

Digests are composed while no transaction is open, some channels at a time, and then each channel is
written whole in one transaction. Does not send anything and does not decide when to run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.core.digest import Rules, display_cache, plan
from bot.matching.similarity import InverseFrequencies
from bot.model import Channel, ChannelAgenda, Prepared, Publication
from bot.ports import Clock, Composer, PublishStore

log = logging.getLogger(__name__)

CHANNELS_READ = 1_000  # at once: a paper that is due in many of them is read once
PAPERS_COUNTED = 1_000  # in which it is counted how common a term is
CHANNELS_COMPOSED = 100  # whose messages are in memory before they are in the outbox


async def publish(
    store: PublishStore,
    composers: Mapping[str, Callable[[], Composer]],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
    channels: Sequence[Channel] | None = None,
) -> int:
    """Put what is due into the outbox, channel by channel; how many posts that made.

    In all channels, or in ``channels``. ``now`` publishes whatever the time of day. ``composers``
    makes one for each platform; in the channels of a platform without one, papers stay due.
    Raises StoreError.
    """
    if channels is None:
        channels = await store.publishable()
    at = clock.now()
    show = display_cache()
    composer_of = {platform: make() for platform, make in composers.items()}
    frequencies: InverseFrequencies | None = None
    if any(each.order and rules(each).by_similarity for each in channels):
        papers = await store.newest_papers(PAPERS_COUNTED)
        frequencies = await asyncio.to_thread(InverseFrequencies, papers)

    def decide(agenda: ChannelAgenda) -> Publication | None:
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

    ids = []
    for channel in channels:
        if channel.platform in composer_of:
            ids.append(channel.id)
        else:
            log.info("publish channel=%s skipped: its platform is off", channel.id)
    posts = 0
    for to_read in _batches(ids, CHANNELS_READ):
        agendas = {each.channel.id: each for each in await store.agendas(to_read)}
        for some in _batches(to_read, CHANNELS_COMPOSED):
            # Reading LaTeX and rendering take time, in which nobody should wait for a transaction.
            due = [agendas.pop(channel_id) for channel_id in some if channel_id in agendas]
            prepared = await asyncio.to_thread(prepare, due)
            plans = [(channel_id, decide) for channel_id in some]
            posts += await store.publish(plans, at, prepared)
    return posts


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


async def republish(
    store: PublishStore,
    composers: Mapping[str, Callable[[], Composer]],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
) -> int | None:
    """Publish to the channels that came back after a pause, or whose settings changed: what became
    due in them need not wait for the next run. How many posts that made; ``None`` if there is no
    such channel. Raises StoreError.
    """
    channels = [each for each in await store.to_recheck() if each.platform in composers]
    if not channels:
        return None
    return await publish(store, composers, rules, clock, now=now, channels=channels)
