"""People who follow keywords for themselves, in their private conversation with the bot.

Only those who add a keyword there are written to, and the first message is sent before the keyword
counts: a platform that refuses it says why. What is followed there is nobody else's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from bot.errors import NotAllowed, PlatformError, SendError, UserError
from bot.model import Person
from bot.ports import PeopleStore
from bot.references import refer_to

HELLO: Final = (
    "This is where I post the papers that you follow for yourself. Nobody else sees your keywords."
    f" To stop it at once: {refer_to('pause')}"
)
OFF: Final = (
    "Whoever hosts me does not let people follow keywords for themselves. In a channel you can:"
    f" {refer_to('add reward model')}"
)
NO_MEMBER: Final = (
    "I write only to people of servers and workspaces that I am in, and see you in none. Join one,"
    " and try again. Nothing was kept."
)
NOT_YOURS: Final = "That is somebody's private conversation with me, and theirs alone."
NOTHING_YET: Final = (
    f"You follow nothing for yourself yet. To begin: {refer_to('add reward model')}"
)
ELSEWHERE: Final = (
    "This is not your own conversation with me, and nothing was kept. I have just written to you"
    f" there; please say it in that conversation: {refer_to('add reward model')}"
)
# Questions about what somebody follows, which have no answer before that is something.
_ABOUT_WHAT_IS_FOLLOWED: Final = frozenset({"why", "status", "stats", "settings"})


class Correspondent(Protocol):
    """What is needed of a platform: both as in ``ports.Listener``."""

    async def knows(self, person_id: str) -> bool: ...

    async def tell(self, person_id: str, text: str) -> str: ...


class PersonalChannels:
    """``allowed`` is bot.toml's ``[bot] personal``: ``members``, ``anyone`` or ``off``;
    ``platforms`` are those that can write to people, by name."""

    def __init__(
        self, store: PeopleStore, allowed: str, platforms: Mapping[str, Correspondent]
    ) -> None:
        self._store = store
        self._allowed = allowed
        self._platforms = platforms

    @property
    def allowed(self) -> bool:
        """Whether anybody may follow keywords for themselves."""
        return self._allowed != "off"

    async def reader(self, command: str, channel_id: str, person: Person) -> Person:
        """The person, ``private`` in their own conversation. Raises NotAllowed in somebody else's,
        UserError for a question about what they follow where that is nothing yet, and StoreError.
        """
        owner = await self._owner(channel_id, person)
        if person.private and not owner and command in _ABOUT_WHAT_IS_FOLLOWED:
            raise UserError(self._nothing_yet)
        return replace(person, private=True) if owner else person

    @property
    def _nothing_yet(self) -> str:
        return NOTHING_YET if self.allowed else OFF

    async def _owner(self, channel_id: str, person: Person) -> str:
        """The person's id in their own conversation; empty where it is nobody's. Raises NotAllowed
        where it is somebody else's, and StoreError."""
        owner = await self._store.owner_of(channel_id)
        if owner and owner != person.id:
            raise NotAllowed(NOT_YOURS)
        return owner

    async def editor(self, command: str, channel_id: str, person: Person) -> Person:
        """The person as one who may change everything in their own conversation; unchanged in any
        other channel. Raises UserError where they may not, or there is nothing to change yet, and
        StoreError."""
        owner = await self._owner(channel_id, person)
        if not owner and not person.private:
            return person
        starts = command in ("add", "resume")
        if starts and not self.allowed:
            raise NotAllowed(OFF)
        if not owner and command != "add":
            raise UserError(self._nothing_yet)
        return replace(person, private=True, manages=True, governs=True)

    async def open(self, channel_id: str, person: Person) -> None:
        """Write to them in this conversation, unless it is open already. Raises UserError where
        the platform refuses that, or the conversation is another one, and StoreError."""
        views = (await self._store.state(channel_id)).channels
        if any(v.channel.owner and v.subscriptions and v.paused != "refused" for v in views):
            return
        platform = self._platforms.get(person.id.partition(":")[0])
        try:
            if platform is None:
                raise UserError("I can't write to you from here.")
            if self._allowed == "members" and not await platform.knows(person.id):
                raise NotAllowed(NO_MEMBER)
            opened = await platform.tell(person.id, HELLO)
        except (SendError, PlatformError) as error:
            raise UserError(
                f"I can't write to you, so nothing was kept: {error} Once that is fixed, please try"
                " again."
            ) from error
        if opened != channel_id:
            raise UserError(ELSEWHERE)
