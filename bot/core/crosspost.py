"""crosspost_pending(): publish messages to the servers that follow an announcement channel.

A step of the outbox after a message was sent, with a state of its own, so that a crash, a platform
that fails or a message that was only found in the history makes no difference. Crossposting twice
is harmless, so there is no search beforehand. A failure never affects the post itself.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from bot.errors import OutcomeUnknown, PlatformError, PostRefused, SendError, TryLater
from bot.model import Crosspost
from bot.ports import Clock, Crossposter, CrosspostStore

log = logging.getLogger(__name__)

ATTEMPT_TIMEOUT = 90.0  # seconds
LEASE_SECONDS = 180.0  # until a crosspost whose process died is tried again
FIRST_DELAY = 5.0  # seconds; doubles with each attempt
MAX_DELAY_SECONDS = 3600.0
# Before any is given up, in some 40 minutes: the clock may only be ahead.
MIN_ATTEMPTS = 10
GIVE_UP_AFTER = timedelta(days=1)  # since it was sent; after that it is no news to other servers


async def crosspost_pending(
    platform: str, crossposter: Crossposter, store: CrosspostStore, clock: Clock
) -> int:
    """Crosspost every message whose time has come; how many were.

    Raises StoreError, and PlatformRefused when the platform does not let us in.
    """
    crossposted = 0
    while True:
        now = clock.now()
        lease_until = now + timedelta(seconds=LEASE_SECONDS)
        crosspost = await store.claim_crosspost(platform, now, lease_until)
        if crosspost is None:
            return crossposted
        crossposted += await _attempt(crosspost, crossposter, store, clock)


async def _attempt(
    crosspost: Crosspost, crossposter: Crossposter, store: CrosspostStore, clock: Clock
) -> bool:
    try:
        async with asyncio.timeout(ATTEMPT_TIMEOUT):
            await crossposter.crosspost(crosspost.channel, crosspost.message_id)
    except PostRefused as error:
        await store.fail_crosspost(crosspost.key, str(error))
        log.warning("crosspost failed channel=%s why=%s", crosspost.channel.id, error)
    except (TryLater, OutcomeUnknown) as error:
        await _retry_later(crosspost, error.seconds, str(error), store, clock)
    except (SendError, TimeoutError) as error:
        await _retry_later(crosspost, None, str(error) or "It took too long.", store, clock)
    except PlatformError as error:
        await _retry_later(crosspost, None, str(error), store, clock)
        raise
    else:
        await store.mark_crossposted(crosspost.key)
        log.info("crossposted key=%s channel=%s", crosspost.key, crosspost.channel.id)
        return True
    return False


async def _retry_later(
    crosspost: Crosspost, seconds: float | None, why: str, store: CrosspostStore, clock: Clock
) -> None:
    age = clock.now() - crosspost.sent_at
    if age >= GIVE_UP_AFTER and crosspost.attempt >= MIN_ATTEMPTS:
        await store.fail_crosspost(crosspost.key, why)
        log.warning("crosspost given up channel=%s why=%s", crosspost.channel.id, why)
        return
    delay = FIRST_DELAY * 2.0 ** min(crosspost.attempt - 1, 30) if seconds is None else seconds
    delay = min(max(delay, FIRST_DELAY), MAX_DELAY_SECONDS)
    await store.retry_crosspost(crosspost.key, clock.now() + timedelta(seconds=delay), why)
    log.info("crosspost requeued channel=%s in=%.0fs why=%s", crosspost.channel.id, delay, why)
