"""People's and channels' libraries in Zotero: connected, shown and disconnected. Knows no platform;
the wording is in ``bot.chat.replies.zotero``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.chat.queries import Queries
from bot.chat.replies import zotero as wording
from bot.errors import LibraryRefused, NotAllowed, TryLater, UserError
from bot.model import Person, Reply
from bot.model.zotero import ZOTERO_KEY, ZoteroConnection, ZoteroLibrary
from bot.ports import Clock, Vault, Zotero, ZoteroStore

# As Zotero makes them: 24 letters and digits (the example in its documentation, Web API v3, Basics,
# November 2026). Longer ones than today's are no mistake.
_KEY: Final = re.compile(r"[A-Za-z0-9]{16,64}")
_GROUP_ADDRESS: Final = re.compile(r"groups/(\d+)")


class ZoteroLibraries:
    """Without a ``vault`` nothing can be connected. Every method may raise StoreError, and
    UserError with what the person can do."""

    def __init__(
        self,
        *,
        queries: Queries,
        store: ZoteroStore,
        clock: Clock,
        vault: Vault | None = None,
        zotero: Zotero | None = None,
    ) -> None:
        self._queries = queries
        self._store = store
        self._clock = clock
        self._vault = vault
        self._zotero = zotero

    @property
    def is_on(self) -> bool:
        return self._vault is not None and self._zotero is not None

    async def destinations(self, channel_id: str, person: Person) -> Sequence[ZoteroConnection]:
        """Where what the person saves in the channel goes, paused connections included; nowhere
        while nothing can be sent."""
        if not self.is_on:
            return ()
        return await self._store.zotero_connections(person.id, channel_id)

    async def view(self, channel_id: str, person: Person, text: str = "") -> Reply:
        """The person's library, and the channel's, each with what the person may do about it;
        ``text`` is said above them."""
        owners = [person.id] if person.private else [person.id, channel_id]
        found = {each.owner: each for each in await self._store.zotero_connections(*owners)}
        if not self.is_on and not found:
            return Reply(text or wording.OFF)
        dates = self._queries.dates(channel_id)
        own, shared = found.get(person.id), found.get(channel_id)
        rows = [wording.own_row(own, dates, is_on=self.is_on)]
        if not person.private:
            manages = person.manages
            rows.append(wording.channel_row(shared, dates, manages=manages, is_on=self.is_on))
        about = wording.HOW if any(map(wording.offers_to_connect, rows)) else wording.WHERE
        return Reply(
            text or (about if self.is_on else wording.OFF),
            rows=tuple(rows),
            offers=wording.further_offers(
                own, shared if person.manages else None, is_on=self.is_on
            ),
        )

    async def connect(
        self, channel_id: str, person: Person, key: str, library: str, *, for_channel: bool
    ) -> Reply:
        """``library`` is a group's name, number or address; empty: the person's own, or the only
        one that suits. The key is asked about at once, and kept only if it will do."""
        if self._vault is None or self._zotero is None:
            raise UserError(wording.OFF)
        _check_whose(person, for_channel=for_channel)
        if not person.id:
            raise UserError("Only a person on Discord or Slack can connect a library.")
        key = key.strip()
        if not _KEY.fullmatch(key):
            raise UserError(wording.NO_KEY)
        try:
            found = await self._zotero.libraries(key)
        except LibraryRefused as error:
            raise UserError(f"{error} {wording.MAKE_A_KEY}") from error
        except TryLater as error:
            raise UserError(f"{error} Nothing was kept; please try again later.") from error
        chosen = _chosen(found, library, for_channel=for_channel)
        owner, now = channel_id if for_channel else person.id, self._clock.now()
        connection = ZoteroConnection(owner, for_channel, channel_id, chosen, person, now)
        await self._store.connect_zotero(connection, self._vault.seal(ZOTERO_KEY, owner, key), now)
        [made] = await self._store.zotero_connections(owner)
        reply = await self.view(channel_id, person, wording.connected(made))
        if for_channel:
            return replace(reply, announcement=wording.announced(person.name, chosen))
        return reply

    async def disconnect(self, channel_id: str, person: Person, *, for_channel: bool) -> Reply:
        """Forget the key; what has arrived in the library stays there."""
        _check_whose(person, for_channel=for_channel)
        was_there = await self._store.disconnect_zotero(channel_id if for_channel else person.id)
        return await self.view(channel_id, person, wording.disconnected(was_there=was_there))

    async def overview(self) -> Reply:
        """For whoever hosts the bot: the channels' libraries, and how many people have one."""
        found = await self._store.zotero_connections()
        shared = [each for each in found if each.is_channel]
        return wording.overview(shared, len(found) - len(shared), self._queries.dates())


def _check_whose(person: Person, *, for_channel: bool) -> None:
    if for_channel and person.private:
        raise UserError("This is our own conversation: connect your own library instead.")
    if for_channel and not person.manages:
        raise NotAllowed("The channel's library is for those who manage the channel.")


def _chosen(found: Sequence[ZoteroLibrary], wanted: str, *, for_channel: bool) -> ZoteroLibrary:
    """Raises UserError where it is not clear which one is meant."""
    if not found:
        raise UserError(wording.WRITES_NOWHERE)
    wanted = wanted.strip()
    if wanted:
        address = _GROUP_ADDRESS.search(wanted)
        number = address[1] if address else wanted
        names = [each for each in found if each.name.casefold() == wanted.casefold()]
        numbered = [each for each in found if each.id == f"groups/{number}"]
        named = numbered or names
        if len(named) != 1:
            raise UserError(wording.which_library(found, wanted))
        return named[0]
    own = [each for each in found if not each.is_group]
    groups = [each for each in found if each.is_group]
    first = groups or own if for_channel else own or groups
    if len(first) != 1:
        raise UserError(wording.which_library(found, ""))
    return first[0]
