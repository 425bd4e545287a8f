"""Which channel follows what, as one value that can be compared, merged and stored.

Both the ``[[channels]]`` of ``bot.toml`` and the database say that; a ``Snapshot`` is what one of
them says at one time. Pure: nothing here reads a file or a database.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple, TypeAlias

from bot.model import Channel, Keyword

SETTINGS = tuple(each.name for each in fields(Channel) if each.name not in ("id", "owner"))


@dataclass(frozen=True, slots=True)
class Listing:
    """One channel, its keywords and its mutes. A *bare* one, without any of these and without
    settings, counts as absent."""

    channel: Channel
    keywords: tuple[Keyword, ...] = ()
    mutes: tuple[Keyword, ...] = ()

    @property
    def bare(self) -> bool:
        return not self.keywords and not self.mutes and self.channel == Channel(self.channel.id)

    @property
    def by_canonical(self) -> dict[str, Keyword]:
        return {keyword.canonical: keyword for keyword in self.keywords}


class Meaning(NamedTuple):
    """What a listing says, independent of order and spelling."""

    channel: Channel
    keywords: frozenset[tuple[str, str]]  # canonical, and name
    mutes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All channels, each once. Order and spelling are preserved, but are not part of ``meaning``;
    the names of keywords are."""

    listings: tuple[Listing, ...] = ()

    @property
    def by_channel(self) -> dict[str, Listing]:
        return {listing.channel.id: listing for listing in self.listings}

    @property
    def meaning(self) -> dict[str, Meaning]:
        """What a snapshot says, to compare it with another: for each channel its settings, its
        keywords with their names, and its mutes."""
        return {
            listing.channel.id: Meaning(
                listing.channel,
                frozenset((each.canonical, each.name) for each in listing.keywords),
                frozenset(each.canonical for each in listing.mutes),
            )
            for listing in self.listings
            if not listing.bare
        }

    @property
    def digest(self) -> str:
        """A hash of the meaning, as eight hexadecimal digits."""
        said = [
            [asdict(channel), sorted(keywords), sorted(mutes)]
            for _, (channel, keywords, mutes) in sorted(self.meaning.items())
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


@dataclass(frozen=True, slots=True)
class AddMute:
    """The channel is to be shown nothing that matches; nothing to do if that is so already."""

    channel_id: str
    keyword: Keyword


@dataclass(frozen=True, slots=True)
class RemoveMute:
    """A mute of the channel is to end; nothing to do if there is none."""

    channel_id: str
    keyword: Keyword


Change: TypeAlias = Follow | Unfollow | Rename | AddMute | RemoveMute | Configure


def merge(base: Snapshot, theirs: Snapshot) -> tuple[Change, ...]:
    """The changes that lead from ``base`` to ``theirs``.

    They can be applied to any third state, and change nothing else there: what is not in ``base``
    is never removed. If a channel is not in ``theirs``, each of its keywords, mutes and settings is
    removed.
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
    """Whether the change removes a keyword, a name, a mute or a setting of the channel's own."""
    if isinstance(change, Configure):
        return change.value is None
    return isinstance(change, Unfollow | RemoveMute) or (
        isinstance(change, Rename) and not change.keyword.name
    )


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
    muted = {each.canonical for each in was.mutes}
    yield from (AddMute(channel_id, each) for each in now.mutes if each.canonical not in muted)
    kept = {each.canonical for each in now.mutes}
    yield from (RemoveMute(channel_id, each) for each in was.mutes if each.canonical not in kept)


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as bytes, for storing; compressed, because many revisions are stored."""
    return zlib.compress(json.dumps(asdict(snapshot), ensure_ascii=False).encode())


def decode(kept: bytes) -> Snapshot:
    """The snapshot from what ``encode`` returned."""
    document = json.loads(zlib.decompress(kept))
    return Snapshot(
        tuple(
            Listing(
                Channel(**listing["channel"]),
                tuple(Keyword(**keyword) for keyword in listing["keywords"]),
                tuple(Keyword(**keyword) for keyword in listing["mutes"]),
            )
            for listing in document["listings"]
        )
    )
