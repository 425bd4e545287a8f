"""What the core asks of the outside, as protocols of one to four methods.

An implementation does not inherit from them. What a method may raise is part of its contract;
``tests/contract`` holds every implementation against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.model import Batch, Digest, Draft, Keyword, Post, Receipt, Reply


class Clock(Protocol):
    """Time. The wall clock may jump either way; the monotonic one only grows."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Source(Protocol):
    """Where papers come from. Decides nothing about what matches, is new or is due."""

    async def fetch(self, keywords: Sequence[Keyword], since: datetime) -> Batch:
        """Every paper submitted at or after ``since`` that may match one of the keywords.

        The batch may hold papers that match none. Raises SourceError if there is no usable
        answer at all; an answer with holes is a batch that is not ``complete``.
        """
        ...

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        """The newest ``limit`` papers that may match one keyword, newest first, whatever their age.

        ``complete`` means: these are truly the newest. Raises SourceError.
        """
        ...

    async def confirm(self, keyword: Keyword, paper_ids: Sequence[str]) -> frozenset[str]:
        """Which of these papers the source itself counts as matching. Raises SourceError."""
        ...


class Composer(Protocol):
    """Turns a digest into messages within a platform's limits. Pure: no network, no time."""

    def compose(self, digest: Digest) -> list[Draft]: ...


class Sender(Protocol):
    """Hands one message to a platform."""

    async def send(self, post: Post) -> Receipt:
        """Send it, and return when the platform has taken it. Raises SendError."""
        ...

    async def find(self, post: Post) -> Receipt | None:
        """Did an earlier attempt arrive? ``None`` means: certainly not.

        Raises CannotTell if the platform can't say, TryLater or ChannelRefused if it can't be
        asked now.
        """
        ...


class Commands(Protocol):
    """What people can ask, in words that are the same on every platform."""

    async def run(self, channel_id: str, person: str, words: str) -> Reply:
        """Do what ``words`` say (``add reward model``). Raises UserError."""
        ...


class Listener(Protocol):
    """Hears people's commands on a platform and answers them."""

    async def listen(self, commands: Commands) -> None:
        """Runs until cancelled."""
        ...
