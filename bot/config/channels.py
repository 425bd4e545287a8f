"""The ``[[channels]]`` blocks of ``bot.toml``: which channel follows what, with its settings.

Only reads them; ``bot.sync.toml_editor`` changes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from bot.config import keys as config_keys
from bot.config import toml_blocks
from bot.config.keys import CHANNEL_KEYS, Mistakes, check_table
from bot.core.channel_settings import CHANNEL_SETTINGS, PLATFORMS, parse_channel_id, quoted, sound
from bot.core.limits import KeywordWords, keyword_name
from bot.errors import UserError
from bot.keywords import parse as parse_keyword
from bot.model import Channel, Keyword
from bot.model.snapshots import (
    SETTINGS,
    Change,
    Configure,
    Listing,
    RemoveMute,
    Rename,
    Snapshot,
    Unfollow,
)

# Cached because each change in the chat reads the whole file, and many channels follow the same
# keywords.
_understood = lru_cache(maxsize=16_384)(parse_keyword)


def read_channels(document: Mapping[str, object], text: str, mistakes: Mistakes) -> Snapshot:
    """What the blocks say, in their order; ``text`` is the document as it is written."""
    blocks = document.get("channels", [])
    as_blocks = "write each channel as a block of its own that begins with [[channels]]"
    if not isinstance(blocks, list):
        found = config_keys.kind_of(blocks)
        mistakes.add("channels", f"must be [[channels]] blocks, not {found}", as_blocks)
        return Snapshot()
    if "channels" in document and not any(map(opens_channel, toml_blocks.statements(text))):
        mistakes.add("channels", "is one array", as_blocks)
        return Snapshot()
    listings: dict[str, Listing] = {}
    for index, block in enumerate(blocks):
        at = f"channels[{index}]"
        listing = _listing(at, block, mistakes)
        if listing.channel.id in listings:
            problem = f"{listing.channel.id} has a block above already"
            mistakes.add(f"{at}.id", problem, "put all its keywords into one block")
        elif listing.channel.id:
            listings[listing.channel.id] = listing
    return Snapshot(tuple(listings.values()))


def platforms_of_blocks(document: Mapping[str, object]) -> dict[str, str]:
    """The platform that each block's id names, by the path of the id, even if the block has
    mistakes."""
    blocks = document.get("channels", [])
    ids = [
        (index, block.get("id"))
        for index, block in enumerate(blocks if isinstance(blocks, list) else ())
        if isinstance(block, dict)
    ]
    return {
        f"channels[{index}].id": own.partition(":")[0] for index, own in ids if isinstance(own, str)
    }


class Unwritable(NamedTuple):
    """Something in a database that the blocks can't express: in words, and the changes that remove
    it."""

    text: str
    removal: tuple[Change, ...]


def writable(snapshot: Snapshot) -> tuple[Snapshot, tuple[Unwritable, ...]]:
    """Split a database's snapshot into what can be written as blocks, and what can't: with that in
    the file, the bot would not start."""
    aside: list[Unwritable] = []
    listings = []
    for listing in snapshot.listings:
        channel_id = listing.channel.id
        try:
            parse_channel_id(channel_id)
        except UserError:
            everything: list[Change] = [Unfollow(channel_id, each) for each in listing.keywords]
            everything += [RemoveMute(channel_id, each) for each in listing.mutes]
            everything += [Configure(channel_id, name, None) for name in SETTINGS]
            aside.append(Unwritable(f"{quoted(channel_id)} is no channel", tuple(everything)))
            continue
        channel, unsound = sound(listing.channel)
        aside += [
            Unwritable(
                f"{channel_id}: {name} is {quoted(value)}", (Configure(channel_id, name, None),)
            )
            for name, value in unsound.items()
        ]
        keywords, bad_keywords = _writable_keywords(listing)
        mutes, bad_mutes = _writable_mutes(listing)
        aside += [*bad_keywords, *bad_mutes]
        listings.append(Listing(channel, keywords, mutes))
    return Snapshot(tuple(listings)), tuple(aside)


def _writable_keywords(listing: Listing) -> tuple[tuple[Keyword, ...], list[Unwritable]]:
    """The keywords that can be read, without names that are not allowed; and what was left out."""
    channel_id = listing.channel.id
    aside = []
    keywords: list[Keyword] = []
    above = KeywordWords()
    below = Counter(each.text.casefold() for each in listing.keywords)
    for keyword in listing.keywords:
        below[keyword.text.casefold()] -= 1
        is_below = keyword.name and below[keyword.name.casefold()]
        is_clear = not is_below and above.twin_of(keyword) is None
        if not _is_understood(keyword):
            text = f"{channel_id}: the keyword {quoted(keyword.text)} can't be read"
            aside.append(Unwritable(text, (Unfollow(channel_id, keyword),)))
            continue
        kept = keyword
        if not (_is_sound_name(keyword.name) and is_clear):
            kept = replace(keyword, name="")
            text = f"{channel_id}: {quoted(keyword.name)} can't be a keyword's name"
            aside.append(Unwritable(text, (Rename(channel_id, kept),)))
        keywords.append(kept)
        above.add(kept)
    return tuple(keywords), aside


def _writable_mutes(listing: Listing) -> tuple[tuple[Keyword, ...], list[Unwritable]]:
    """The mutes that can be read, and what was left out."""
    channel_id = listing.channel.id
    mutes = tuple(each for each in listing.mutes if _is_understood(each))
    aside = [
        Unwritable(
            f"{channel_id}: the mute {quoted(each.text)} can't be read",
            (RemoveMute(channel_id, each),),
        )
        for each in listing.mutes
        if not _is_understood(each)
    ]
    return mutes, aside


def _is_understood(keyword: Keyword) -> bool:
    """Whether the keyword's text can be read, and still means what it did when it was stored."""
    try:
        return _understood(keyword.text).canonical == keyword.canonical
    except UserError:
        return False


def _is_sound_name(name: str) -> bool:
    try:
        return not name or keyword_name(name) == name
    except UserError:
        return False


def as_toml(name: str, value: str) -> str | bool:
    """The value of a channel's setting as it is written in a block."""
    return CHANNEL_SETTINGS[name].in_toml(value)


def opens_channel(statement: toml_blocks.Statement) -> bool:
    """Whether this is a line ``[[channels]]``."""
    return statement.kind is toml_blocks.StatementKind.ARRAY_HEADER and statement.key == (
        "channels",
    )


def _listing(at: str, block: Mapping[str, object], mistakes: Mistakes) -> Listing:
    """The listing of one block; if the block has mistakes, what could be read of it."""
    values = check_table(at, block, CHANNEL_KEYS, mistakes)
    channel = Channel(values["id"] or "", **{name: values[name] for name in SETTINGS})
    _check_values(at, channel, _platform_of(block.get("id")), mistakes)
    written = block.get("keywords", [])
    keywords = _keywords(f"{at}.keywords", written, 'keywords = ["reward model"]', mistakes)
    mutes = _mutes(f"{at}.mute", block.get("mute", []), mistakes)
    return Listing(channel, keywords, mutes)


def _mutes(at: str, written: object, mistakes: Mistakes) -> tuple[Keyword, ...]:
    """Like keywords, but without names."""
    example = 'mute = ["survey"]'
    for index, item in enumerate(written if isinstance(written, list) else ()):
        if isinstance(item, dict):
            hint = f"write the expression alone: {example}"
            mistakes.add(f"{at}[{index}]", "must be text in quotes: a mute has no name", hint)
            return ()
    return _keywords(at, written, example, mistakes)


def _platform_of(written_id: object) -> str:
    """The platform that an id names, even if the id is wrong otherwise; empty if there is no such
    platform."""
    name = written_id.partition(":")[0] if isinstance(written_id, str) else ""
    return name if name in PLATFORMS else ""


def _check_values(at: str, channel: Channel, platform: str, mistakes: Mistakes) -> None:
    """Check the channel's settings for its platform: not every platform has every value."""
    for name, setting in CHANNEL_SETTINGS.items():
        value = getattr(channel, name)
        if value is not None:
            try:
                setting.parse(value, platform)
            except UserError as error:
                mistakes.add(f"{at}.{name}", f"{error} on {platform}")


def _keywords(at: str, written: object, example: str, mistakes: Mistakes) -> tuple[Keyword, ...]:
    if not isinstance(written, list):
        found = config_keys.kind_of(written)
        mistakes.add(at, f"must be an array, not {found}", f"write {example}")
        return ()
    keywords: dict[str, Keyword] = {}
    words = KeywordWords()
    for index, item in enumerate(written):
        here = f"{at}[{index}]"
        keyword = _keyword(here, item, mistakes)
        if keyword is None:
            continue
        if twin := keywords.get(keyword.canonical):
            problem = f"{quoted(keyword.text)} means the same as {quoted(twin.text)} above"
            mistakes.add(here, problem, "remove one of them")
        elif twin := words.twin_of(keyword):
            _add_mistakable(here, keyword, twin, mistakes)
        else:
            keywords[keyword.canonical] = keyword
            words.add(keyword)
    return tuple(keywords.values())


def _add_mistakable(at: str, keyword: Keyword, twin: Keyword, mistakes: Mistakes) -> None:
    """Add the mistake that people could mean both keywords by the same words; ``twin`` is the one
    above."""
    names = (twin.name.casefold(), twin.text.casefold())
    if keyword.name.casefold() not in names:
        problem = f"another keyword above is called {quoted(twin.name)}"
        mistakes.add(at, problem, "choose another name for that one")
    elif keyword.name.casefold() == twin.name.casefold():
        problem = f"another keyword above is called {quoted(keyword.name)}, too"
        mistakes.add(f"{at}.name", problem, "choose another name for one of them")
    else:
        problem = f"another keyword above is {quoted(twin.text)}"
        mistakes.add(f"{at}.name", problem, "choose another name")


def _keyword(at: str, item: object, mistakes: Mistakes) -> Keyword | None:
    """The keyword of an item, a text or a table with a name; ``None`` if a mistake was found."""
    if isinstance(item, str):
        item = {"query": item}
        query_at = at
    elif isinstance(item, dict):
        query_at = f"{at}.query"
    else:
        kind = config_keys.kind_of(item)
        mistakes.add(at, f"must be text in quotes, not {kind}")
        return None
    before = len(mistakes.found) + mistakes.left_out
    for key in [each for each in item if each not in _KEYWORD_KEYS]:
        problem, hint = config_keys.unknown(key, item[key], _KEYWORD_KEYS, mistakes)
        mistakes.add(config_keys.join(at, key), problem, hint)
    if "query" not in item:
        mistakes.add(query_at, "is missing", _KEYWORD_TABLE)
    found = {
        key: read
        for key, where in (("query", query_at), ("name", f"{at}.name"))
        if key in item and (read := _text_of(key, where, item[key], mistakes)) is not None
    }
    if len(mistakes.found) + mistakes.left_out > before:
        return None
    keyword: Keyword = found["query"]
    return replace(keyword, name=found["name"]) if "name" in found else keyword


_KEYWORD_TABLE = 'write { name = "Reasoning", query = "ti:reasoning AND abs:reasoning" }'
_KEYWORD_KEYS: Mapping[str, Callable[[str], Any]] = {"name": keyword_name, "query": _understood}


def _text_of(key: str, at: str, value: object, mistakes: Mistakes) -> Any:
    """The value of a key (``name`` or ``query``) of a keyword; ``None`` if a mistake was found."""
    if not isinstance(value, str):
        mistakes.add(at, f"must be text in quotes, not {config_keys.kind_of(value)}")
    elif config_keys.contains_secret(value):
        mistakes.add(at, *config_keys.SECRET_IN_FILE)
    else:
        try:
            return _KEYWORD_KEYS[key](value)
        except UserError as error:
            mistakes.add(at, str(error))
    return None
