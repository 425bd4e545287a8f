"""The bot's data types, all frozen. Nothing here has side effects or reads the clock.

Every ``datetime`` is aware and in UTC. Collections are tuples, so that every value can be shared
freely. Most are named tuples: a dataclass takes half a millisecond to define, in every start of
the program. Dataclasses are those of which changed copies are made, and those that must not be
equal to another kind with the same fields.
"""

from __future__ import annotations

from bot.model.library import Discussion, Forgotten, SavedPage, SavedPaper
from bot.model.news import News, NewsKind
from bot.model.papers import (
    VERSION_UNKNOWN,
    AnnouncementStats,
    Batch,
    Expected,
    Hit,
    Paper,
    Prime,
    Recorded,
    Run,
    Unmatched,
)
from bot.model.posts import (
    ChannelAgenda,
    ChannelSaves,
    Crosspost,
    Digest,
    Draft,
    Entry,
    KeptProfile,
    MostSaved,
    NewsItem,
    Post,
    Prepared,
    Publication,
    Receipt,
    SharedSave,
    Why,
)
from bot.model.replies import (
    Bars,
    ChannelPanel,
    Choice,
    Finding,
    Home,
    Menu,
    Offer,
    Picture,
    Reply,
    Row,
    Section,
    SettingValue,
    TextFile,
)
from bot.model.retention import Outdated
from bot.model.subscriptions import (
    Channel,
    ChannelGroup,
    Followed,
    Interests,
    Keyword,
    Mute,
    Person,
    Subscription,
)

__all__ = [
    "VERSION_UNKNOWN",
    "AnnouncementStats",
    "Bars",
    "Batch",
    "Channel",
    "ChannelAgenda",
    "ChannelGroup",
    "ChannelPanel",
    "ChannelSaves",
    "Choice",
    "Crosspost",
    "Digest",
    "Discussion",
    "Draft",
    "Entry",
    "Expected",
    "Finding",
    "Followed",
    "Forgotten",
    "Hit",
    "Home",
    "Interests",
    "KeptProfile",
    "Keyword",
    "Menu",
    "MostSaved",
    "Mute",
    "News",
    "NewsItem",
    "NewsKind",
    "Offer",
    "Outdated",
    "Paper",
    "Person",
    "Picture",
    "Post",
    "Prepared",
    "Prime",
    "Publication",
    "Receipt",
    "Recorded",
    "Reply",
    "Row",
    "Run",
    "SavedPage",
    "SavedPaper",
    "Section",
    "SettingValue",
    "SharedSave",
    "Subscription",
    "TextFile",
    "Unmatched",
    "Why",
]
