"""What answers people, in a chat and at the command line alike, connected with each other.

A run needs none of it, so the bot builds it when somebody asks or changes something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bot.app.channel_rules import ChannelRules
from bot.app.file_sync import FileSync
from bot.app.notifier import Notifier
from bot.arxiv.ids import base_id
from bot.chat.changes import Changes
from bot.chat.commands import ChatCommands
from bot.chat.discussions import Discussions
from bot.chat.library import Library
from bot.chat.personal import PersonalChannels
from bot.chat.queries import Queries
from bot.chat.replies.settings import ScheduleDefaults
from bot.chat.zotero import ZoteroLibraries
from bot.config import Config
from bot.ports import Clock, PlatformAdapter, Source, Store, Vault, Zotero


class Chat(NamedTuple):
    """``commands`` are the others for people in a chat, with permissions and limits."""

    queries: Queries
    changes: Changes
    library: Library
    libraries: ZoteroLibraries
    commands: ChatCommands


def connect_chat(
    *,
    config: Config,
    clock: Clock,
    store: Store,
    source: Source,
    platforms: Mapping[str, PlatformAdapter],
    rules: ChannelRules,
    file_sync: FileSync,
    notifier: Notifier,
    vault: Vault | None,
    zotero: Zotero | None,
) -> Chat:
    """Does nothing yet. Without a ``vault`` no library can be connected."""
    queries = Queries(
        store=store,
        source=source,
        clock=clock,
        timetable=rules.timetable,
        identify=base_id,
        calendar=config.calendar,
        defaults=ScheduleDefaults(config.schedule.values, config.schedule.written),
    )
    changes = Changes(
        queries=queries,
        store=store,
        clock=clock,
        on_change=file_sync.show_change,
        on_archived=notifier.archived,
        first_post=config.schedule.first_post,
        limits=config.limits,
        personal=PersonalChannels(store, config.bot.personal, platforms),
    )
    libraries = ZoteroLibraries(
        queries=queries, store=store, clock=clock, vault=vault, zotero=zotero
    )
    library = Library(queries=queries, store=store, clock=clock, zotero=libraries)
    commands = ChatCommands(
        queries=queries,
        changes=changes,
        library=library,
        discussions=Discussions(queries=queries, store=store, clock=clock, platforms=platforms),
        zotero=libraries,
        clock=clock,
        limits=config.limits,
    )
    return Chat(queries, changes, library, libraries, commands)
