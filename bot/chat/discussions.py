"""Threads about papers: finds the thread of a paper, or opens one. Knows no platform; the wording
is in ``bot.chat.replies.discussions``.

Opens nothing itself: the thread's messages go through the outbox like any post, so that neither a
crash nor two people at the same moment open two. Only the link is waited for here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from bot.chat.queries import Queries
from bot.chat.replies.discussions import discussion_reply
from bot.core.digest import keyed
from bot.errors import NotAllowed, PlatformRefused, SendError, UserError
from bot.model import Channel, Discussion, Paper, Person, Reply
from bot.ports import Clock, DiscussionStore, ThreadOpener
from bot.references import refer_to

log = logging.getLogger(__name__)

# Seconds that somebody waits for the link: the service looks for new posts every two, and Slack
# takes one message a second in a channel.
LINK_TIMEOUT: Final = 15.0
POLL_INTERVAL: Final = 0.5


class Discussions:
    """``platforms`` by name; one that is not a ThreadOpener has no threads."""

    def __init__(
        self,
        *,
        queries: Queries,
        store: DiscussionStore,
        clock: Clock,
        platforms: Mapping[str, object],
    ) -> None:
        self._queries = queries
        self._store = store
        self._clock = clock
        self._platforms = platforms

    async def discuss(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        """Where the channel's thread about the paper is; opened if there is none, or none left.

        Raises NotAllowed where the person may not open one, UserError, SourceError and StoreError.
        """
        opener = self._platforms.get(Channel(channel_id).platform)
        if not isinstance(opener, ThreadOpener):
            raise UserError("There are no threads here.")
        paper = await self._queries.abstract(paper_id)
        found = await self._store.discussion(channel_id, paper.id)
        if found is None or not await self._exists(opener, channel_id, found):
            await self._open(opener, channel_id, person, paper, found.key if found else "")
        elif found.dead:
            await self._check(channel_id, person)
            for key in found.dead:
                await self._store.resend(key, self._clock.now())
        return discussion_reply(paper, await self._outcome(channel_id, paper.id))

    async def _exists(self, opener: ThreadOpener, channel_id: str, found: Discussion) -> bool:
        """Whether the thread still exists. If the platform can't tell, the link is worth more than
        another thread."""
        if found.opening is None or found.first is None:
            return True
        try:
            return await opener.thread_exists(Channel(channel_id), found.opening, found.first)
        except (SendError, PlatformRefused) as error:
            log.info("thread not checked channel=%s why=%s", channel_id, error)
            return True

    async def _open(
        self,
        opener: ThreadOpener,
        channel_id: str,
        person: Person,
        paper: Paper,
        instead_of: str,
    ) -> None:
        await self._check(channel_id, person)
        at = self._clock.now()
        drafts = keyed(opener.discussion(paper), channel_id, at, f"discussion {paper.id}")
        await self._store.open_discussion(channel_id, paper.id, drafts, at, instead_of=instead_of)

    async def _check(self, channel_id: str, person: Person) -> None:
        if person.no_thread:
            raise NotAllowed(person.no_thread)
        [view] = (await self._queries.state(channel_id)).channels
        if view.paused == "person":
            raise UserError(
                f"Posts are paused here, so I open no thread. To post again: {refer_to('resume')}"
            )

    async def _outcome(self, channel_id: str, paper_id: str) -> Discussion:
        """The reply, as soon as there is a link or a reason why there is none, or after a
        timeout."""
        give_up_at = self._clock.monotonic() + LINK_TIMEOUT
        while True:
            found = await self._store.discussion(channel_id, paper_id)
            assert found is not None  # noqa: S101 - it was opened, and is never deleted
            if found.first or found.stuck or found.refusal:
                return found
            if self._clock.monotonic() >= give_up_at:
                return found
            await self._clock.sleep(POLL_INTERVAL)
