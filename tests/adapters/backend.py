"""The bot's commands over a real database, for tests that put a platform in front of them."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.arxiv.ids import base_id
from bot.chat.changes import Changes
from bot.chat.commands import ChatCommands
from bot.chat.discussions import Discussions
from bot.chat.library import Library
from bot.chat.personal import Correspondent, PersonalChannels
from bot.chat.queries import Queries
from bot.chat.zotero import ZoteroLibraries
from bot.core.collect import collect
from bot.matching import explain
from bot.model import Channel
from bot.model.timetable import Timetable
from bot.ports import Zotero
from bot.store.store import SqlStore
from bot.vault import EncryptedVault, new_key
from tests.fakes import START, FakeClock, FakeSource
from tests.store.database import opened


class Backend:
    """Everything behind the commands: clock, source, store; and Zotero, where there is one."""

    def __init__(
        self,
        folder: Path,
        now: datetime = START,
        *,
        store: SqlStore | None = None,
        zotero: Zotero | None = None,
    ) -> None:
        self.clock = FakeClock(now)
        self.platforms: dict[str, Correspondent] = {}  # those that can write to people
        self.source = FakeSource(self.clock, matches=lambda k, p: explain(k, p).matched)
        self.store = store or opened(folder / "db")
        self.threads: dict[str, object] = {}  # platforms on which they can be opened
        queries = Queries(
            store=self.store,
            source=self.source,
            clock=self.clock,
            timetable=self.timetable,
            identify=base_id,
        )
        changes = Changes(
            queries=queries,
            store=self.store,
            clock=self.clock,
            on_change=self._changed,
            first_post=3,
            personal=PersonalChannels(self.store, "members", self.platforms),
        )
        libraries = ZoteroLibraries(
            queries=queries,
            store=self.store,
            clock=self.clock,
            vault=EncryptedVault([new_key()], self.store, self.clock) if zotero else None,
            zotero=zotero,
        )
        self.commands = ChatCommands(
            queries=queries,
            changes=changes,
            library=Library(queries=queries, store=self.store, clock=self.clock, zotero=libraries),
            discussions=Discussions(
                queries=queries, store=self.store, clock=self.clock, platforms=self.threads
            ),
            zotero=libraries,
            clock=self.clock,
        )

    async def _changed(self) -> None:
        """There is no bot.toml here."""

    def timetable(self, channel: Channel) -> Timetable:
        hour, minute = map(int, (channel.post_at or "09:00").split(":"))
        return Timetable(ZoneInfo("UTC"), time(hour, minute), frozenset(range(5)))

    async def collect(self) -> None:
        await collect(self.source, self.store, self.clock, first_post=3)
