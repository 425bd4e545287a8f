"""Which channel follows what, as one value that can be compared, merged and kept.

The ``[[channels]]`` part of ``bot.toml`` and the database each say it; a ``Snapshot`` is what one
of them says at one moment. Pure: nothing here reads a file or a database.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias

from bot.model import Channel, Keyword

SETTINGS = tuple(each.name for each in fields(Channel) if each.name != "id")


@dataclass(frozen=True, slots=True)
class Listing:
    """One channel and what it follows. A *bare* one, with nothing to say, counts as absent."""

    channel: Channel
    keywords: tuple[Keyword, ...] = ()

    @property
    def bare(self) -> bool:
        return not self.keywords and self.channel == Channel(self.channel.id)

    @property
    def by_canonical(self) -> dict[str, Keyword]:
        return {keyword.canonical: keyword for keyword in self.keywords}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All channels, each once. Order and spelling are kept, and are no part of ``meaning``; the
    names of keywords are."""

    listings: tuple[Listing, ...] = ()

    @property
    def by_channel(self) -> dict[str, Listing]:
        return {listing.channel.id: listing for listing in self.listings}

    @property
    def meaning(self) -> dict[str, tuple[Channel, frozenset[tuple[str, str]]]]:
        """What two snapshots share that say the same: of each channel its settings, and its
        keywords with their names."""
        return {
            listing.channel.id: (
                listing.channel,
                frozenset((each.canonical, each.name) for each in listing.keywords),
            )
            for listing in self.listings
            if not listing.bare
        }

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits of the meaning."""
        said = [
            [asdict(channel), sorted(keywords)]
            for _, (channel, keywords) in sorted(self.meaning.items())
        ]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Follow:
    """The channel is to follow the keyword; nothing to do if it does already."""

    channel_id: str
    keyword: Keyword


@dataclass(frozen=True, slots=True)
class Unfollow:
    """The channel is to follow the keyword no more; nothing to do if it doesn't."""

    channel_id: str
    keyword: Keyword


@dataclass(frozen=True, slots=True)
class Rename:
    """The keyword is to be shown under its ``name`` in the channel, without one as it is written;
    nothing to do if the channel does not follow it."""

    channel_id: str
    keyword: Keyword


@dataclass(frozen=True, slots=True)
class Configure:
    """One setting of ``SETTINGS`` is to have this value in the channel; ``None``: the default."""

    channel_id: str
    setting: str
    value: str | None


Change: TypeAlias = Follow | Unfollow | Rename | Configure


def merge(base: Snapshot, theirs: Snapshot) -> tuple[Change, ...]:
    """What somebody changed who started from ``base`` and arrived at ``theirs``.

    Applied to any third state, the changes carry over this and nothing else: what is not in
    ``base`` is never removed. A channel that is gone lost each of its keywords and settings.
    """
    was, now = base.by_channel, theirs.by_channel
    return tuple(
        change
        for channel_id in [*now, *(gone for gone in was if gone not in now)]
        for change in _changes(
            was.get(channel_id, Listing(Channel(channel_id))),
            now.get(channel_id, Listing(Channel(channel_id))),
        )
    )


def takes_away(change: Change) -> bool:
    """Whether a keyword, a name or a setting of the channel's own ends with it."""
    if isinstance(change, Configure):
        return change.value is None
    return isinstance(change, Unfollow) or (isinstance(change, Rename) and not change.keyword.name)


def _changes(was: Listing, now: Listing) -> Iterator[Change]:
    channel_id = now.channel.id
    for setting in SETTINGS:
        value = getattr(now.channel, setting)
        if value != getattr(was.channel, setting):
            yield Configure(channel_id, setting, value)
    before, after = was.by_canonical, now.by_canonical
    for canonical, keyword in after.items():
        if canonical not in before:
            yield Follow(channel_id, keyword)
        elif keyword.name != before[canonical].name:
            yield Rename(channel_id, keyword)
    for canonical, keyword in before.items():
        if canonical not in after:
            yield Unfollow(channel_id, keyword)


def encode(snapshot: Snapshot) -> bytes:
    """For keeping; small, because every revision is kept."""
    return zlib.compress(json.dumps(asdict(snapshot), ensure_ascii=False).encode())


def decode(kept: bytes) -> Snapshot:
    """What ``encode`` kept."""
    document = json.loads(zlib.decompress(kept))
    return Snapshot(
        tuple(
            Listing(
                Channel(**listing["channel"]),
                tuple(Keyword(**keyword) for keyword in listing["keywords"]),
            )
            for listing in document["listings"]
        )
    )
