"""Whether a person is in a server with the bot: with ``[bot] personal = "members"``, only they get
digests of the keywords that they follow for themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Final

from adapters.discord.api import RestClient
from adapters.discord.errors import (
    NO_ACCESS,
    UNKNOWN_GUILD,
    UNKNOWN_MEMBER,
    UNKNOWN_USER,
    as_list,
    code_of,
    reading_answer,
)
from bot.errors import OutcomeUnknown, SendError, TryLater
from bot.ports import Clock

# Of Get Current User Guilds (docs, resources/user, 2026-08-06).
GUILDS_PER_PAGE: Final = 200
KNOWN_FOR: Final = 3600.0  # seconds
REMEMBERED: Final = 1000  # people
NOT_THERE: Final = frozenset({UNKNOWN_MEMBER, UNKNOWN_USER, UNKNOWN_GUILD, NO_ACCESS})


class People:
    """``served`` are the servers that bot.toml names; empty: every one counts."""

    def __init__(self, rest: RestClient, clock: Clock, served: Collection[str] = ()) -> None:
        self._rest = rest
        self._clock = clock
        self._served = frozenset(served)
        self._met: dict[str, tuple[str, float]] = {}  # in which server, and until when that counts

    async def is_member(self, user: str) -> bool:
        """Whether the person is in a server that the bot is in. Raises PlatformRefused and
        SendError, but never OutcomeUnknown, as nothing is sent."""
        guild, until = self._met.get(user, ("", 0.0))
        if self._clock.monotonic() < until:
            return True
        try:
            if guild and await self._is_in(guild, user):
                return True
            async for each in self._guilds():
                if await self._is_in(each, user):
                    return True
        except OutcomeUnknown as error:
            raise TryLater(str(error), error.seconds) from error
        self._met.pop(user, None)
        return False

    async def _is_in(self, guild: str, user: str) -> bool:
        path = "/guilds/{guild_id}/members/{user_id}"
        try:
            await self._rest.request("GET", path, guild_id=guild, user_id=user)
        except SendError as error:
            if code_of(error) in NOT_THERE:
                return False
            raise
        if len(self._met) >= REMEMBERED:
            self._met.clear()
        self._met[user] = (guild, self._clock.monotonic() + KNOWN_FOR)
        return True

    async def _guilds(self) -> AsyncIterator[str]:
        after = "0"
        while True:
            params = {"limit": GUILDS_PER_PAGE, "after": after}
            page = await self._rest.request("GET", "/users/@me/guilds", params=params)
            with reading_answer():
                guilds = [str(int(each["id"])) for each in as_list(page)]
            for each in guilds:
                if not self._served or each in self._served:
                    yield each
            if len(guilds) < GUILDS_PER_PAGE:
                return
            after = guilds[-1]
