"""publish(): from what is due in each channel to messages in the outbox.

::

    per channel: due ─▶ plan() ─▶ compose ─▶ outbox

Digests are composed while no transaction is open, some channels at a time, and then each channel is
written whole in one transaction. Does not send anything and does not decide when to run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from bot.core.digest import Rules, plan, remembering
from bot.model import Channel, ChannelAgenda, Publication
from bot.ports import Clock, Composer, PublishStore

log = logging.getLogger(__name__)

CHANNELS_AT_ONCE = 200  # whose posts are held in memory before they are in the outbox


async def publish(
    store: PublishStore,
    composers: Mapping[str, Composer],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
    channels: Sequence[Channel] | None = None,
) -> int:
    """Put what is due into the outbox, channel by channel; how many posts that made.

    In all channels, or in ``channels``. ``now`` publishes whatever the time of day. A channel whose
    platform is switched off keeps its papers due. Raises StoreError.
    """
    if channels is None:
        channels = await store.publishable()
    at = clock.now()
    show = remembering()

    def planned(composer: Composer) -> Plan:
        # By the settings as they are then: they may be changed while others are published to.
        return lambda agenda: plan(agenda, composer, rules(agenda.channel), at, now=now, show=show)

    plans: dict[str, Plan] = {}
    for channel in channels:
        composer = composers.get(channel.platform)
        if composer is None:
            log.info("publish channel=%s skipped: its platform is switched off", channel.id)
        else:
            plans[channel.id] = planned(composer)
    posts = 0
    for some in _parts(list(plans), CHANNELS_AT_ONCE):
        agendas = await store.agendas(some)
        prepared = await asyncio.to_thread(_prepared, {i: plans[i] for i in some}, agendas)
        posts += await store.publish(prepared.items(), at)
    return posts


Plan: TypeAlias = Callable[[ChannelAgenda], Publication | None]


def _prepared(plans: Mapping[str, Plan], agendas: Iterable[ChannelAgenda]) -> dict[str, Plan]:
    """The same plans, those of these agendas carried out already: reading LaTeX and rendering take
    time, in which nobody should wait for a transaction. Where something changed meanwhile, a
    channel is planned again in its transaction."""
    done = {agenda.channel.id: (agenda, plans[agenda.channel.id](agenda)) for agenda in agendas}

    def planned(channel_id: str) -> Plan:
        if channel_id not in done:
            return plans[channel_id]
        seen, publication = done[channel_id]
        return lambda agenda: publication if agenda == seen else plans[channel_id](agenda)

    return {channel_id: planned(channel_id) for channel_id in plans}


def _parts(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


async def republish(
    store: PublishStore,
    composers: Mapping[str, Composer],
    rules: Callable[[Channel], Rules],
    clock: Clock,
    *,
    now: bool = False,
) -> int | None:
    """Publish to the channels that came back after a pause, or whose settings changed: what was
    gathered for them need not wait for the next run. How many posts that made; ``None`` if there
    is no such channel. Raises StoreError.
    """
    channels = [each for each in await store.to_recheck() if each.platform in composers]
    if not channels:
        return None
    return await publish(store, composers, rules, clock, now=now, channels=channels)
