"""What people read about their libraries in Zotero. No text here contains a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.reasons import sentence
from bot.model import Offer, Reply, Row
from bot.model.zotero import ZoteroConnection, ZoteroLibrary
from bot.references import address, refer_to
from bot.text import plural, shorten

MAX_LISTED: Final = 10  # libraries in a sentence
MAX_NAME_LENGTH: Final = 100
KEYS_PAGE: Final = "https://www.zotero.org/settings/keys"
MAKE_A_KEY: Final = (
    "Make a key with Allow library access and Allow write access ticked (for a group: Read/Write):"
    f" {address(f'{KEYS_PAGE}/new')}"
)
HOW: Final = (
    "What you save can go to your library in Zotero by itself, each paper once.\n"
    f"1. {MAKE_A_KEY}\n"
    "2. Press Connect, and paste it into the form. Nowhere else: others could read it there."
)
WHERE: Final = "Where saved papers go by themselves, each once:"
OFF: Final = (
    "Saved papers can't be sent to Zotero, because whoever hosts the bot has not set SECRET_KEY,"
    " with which your key would be encrypted. Meanwhile, saved papers come as a file:"
    f" {refer_to('export ris')}"
)
# The command line can't see whether the service has SECRET_KEY in its environment.
FOR_HOSTS: Final = (
    f"Each connects their own: {refer_to('zotero')}. It needs SECRET_KEY in the environment of the"
    " service; daily-papers secret-key prints a new one."
)
NO_KEY: Final = f"This is no key for Zotero: those have 24 letters and digits. {MAKE_A_KEY}"
KEY_REFUSED: Final = (
    "A key does not belong in a message: others may see it, and it stays in a history. I did not"
    f" use it. If it was yours for Zotero, delete it at {address(KEYS_PAGE)} and make another one."
    f" There is a form for it: {refer_to('zotero')}"
)
WRITES_NOWHERE: Final = f"This key may not write to any library. {MAKE_A_KEY}"


def own_row(found: ZoteroConnection | None, dates: DateFormatter, *, is_on: bool) -> Row:
    if found is None:
        return Row("What you save does not go to Zotero.", offers=_offer(found, "", is_on=is_on))
    text = f"What you save goes to {_name(found.library)}."
    return Row(text, _state(found, dates, yours=True), _offer(found, "", is_on=is_on))


def channel_row(
    found: ZoteroConnection | None, dates: DateFormatter, *, manages: bool, is_on: bool
) -> Row:
    offers = _offer(found, " channel", is_on=is_on) if manages else ()
    if found is None:
        who = "" if manages else "Only those who manage the channel can connect it."
        return Row("What is saved for this channel does not go to Zotero.", who, offers)
    text = f"What is saved for this channel goes to {_name(found.library)}."
    return Row(text, _state(found, dates, yours=manages), offers)


def _offer(found: ZoteroConnection | None, whose: str, *, is_on: bool) -> tuple[Offer, ...]:
    """The one button of a row: Connect if it is not connected or is paused, else Disconnect."""
    if is_on and (found is None or found.paused):
        return (Offer("Connect", f"zotero connect{whose}"),)
    return () if found is None else (Offer("Disconnect", f"zotero disconnect{whose}"),)


def offers_to_connect(row: Row) -> bool:
    return any(offer.words.startswith("zotero connect") for offer in row.offers)


def further_offers(
    own: ZoteroConnection | None, shared: ZoteroConnection | None, *, is_on: bool
) -> tuple[Offer, ...]:
    """Buttons to disconnect what is paused: its row only offers to connect it again."""
    mine, channels = (
        Offer("Disconnect mine", "zotero disconnect"),
        Offer("Disconnect the channel's", "zotero disconnect channel"),
    )
    return tuple(
        offer
        for found, offer in ((own, mine), (shared, channels))
        if is_on and found is not None and found.paused
    )


def _state(found: ZoteroConnection, dates: DateFormatter, *, yours: bool) -> str:
    """The state of a connection. ``yours``: the reader can do something about a pause."""
    parts = [f"connected by {found.person.name or 'somebody'}"] if found.is_channel else []
    parts += [f"{plural(found.sent, 'paper')} sent"]
    parts += [f"{found.waiting:,} waiting"] if found.waiting else []
    if found.rejected:
        parts.append(f"{found.rejected:,} not accepted by Zotero ({found.rejection.rstrip('.')})")
    if found.paused and not yours:
        parts.append("stopped; those who manage the channel can connect it again")
    elif found.paused:
        parts.append(f"stopped {dates.day(found.paused_at or found.connected_at)}")
        return f"{' · '.join(parts)}: {sentence(found.paused)} To resume, connect again."
    elif found.waiting and found.error:
        parts.append(f"{found.error.rstrip('.')}; tried again automatically")
    return " · ".join(parts)


def connected(made: ZoteroConnection) -> str:
    whose = "What is saved for this channel" if made.is_channel else "What you save"
    earlier = ""
    if made.waiting:
        verb = "that was saved before is" if made.waiting == 1 else "that were saved before are"
        earlier = f" {plural(made.waiting, 'paper')} {verb} on the way."
    return f"Connected. {whose} goes to {_name(made.library)} from now on.{earlier}"


def announced(person: str, library: ZoteroLibrary) -> str:
    return f"{person}: what is saved for this channel goes to {_name(library)} from now on."


def also_sent(connections: Sequence[ZoteroConnection], count: int) -> str:
    """A sentence to append: to which libraries what was just saved goes, and whether it waits
    because one is paused. Empty if nothing is connected."""
    if not connections:
        return ""
    whose = sorted(("the channel's" if each.is_channel else "your") for each in connections)
    goes, waits = ("It goes", "It waits") if count == 1 else ("They go", "They wait")
    stopped = any(each.paused for each in connections)
    wait = f" {waits} until that is connected again: {refer_to('zotero')}" if stopped else ""
    return f" {goes} to {' and '.join(reversed(whose))} library in Zotero, too.{wait}"


def disconnected(*, was_there: bool) -> str:
    if not was_there:
        return "It was not connected."
    return (
        "Disconnected: I no longer have the key, and send nothing more. What is in the library"
        f" stays there. You can also delete the key at {address(KEYS_PAGE)}"
    )


def which_library(found: Sequence[ZoteroLibrary], wanted: str) -> str:
    known = ", ".join(map(_listed, found[:MAX_LISTED]))
    known += f" and {len(found) - MAX_LISTED:,} more" if len(found) > MAX_LISTED else ""
    if not wanted:
        return f"This key may write to several libraries: {known}. Which one? Name it in the form."
    return f"This key may not write to {shorten(wanted, MAX_NAME_LENGTH)}, but to: {known}."


def overview(shared: Sequence[ZoteroConnection], people: int, dates: DateFormatter) -> Reply:
    """The overview for the host of the bot, which shows nothing about anybody's own library."""
    who = "1 person has" if people == 1 else f"{people:,} people have"
    rows = tuple(
        Row(each.owner, f"{_name(each.library)} · {_state(each, dates, yours=True)}")
        for each in shared
    )
    counted = f"{who} connected a library in Zotero, and {plural(len(shared), 'channel')}."
    return Reply(f"{counted}\n{FOR_HOSTS}", rows=rows)


def _name(library: ZoteroLibrary) -> str:
    name = shorten(library.name, MAX_NAME_LENGTH)
    if library.is_group:
        return f"the group {name} in Zotero"
    return f"the library of {name} in Zotero"


def _listed(library: ZoteroLibrary) -> str:
    name = shorten(library.name, MAX_NAME_LENGTH)
    if library.is_group:
        return f"{name} (group {library.id.partition('/')[2]})"
    return f"{name} (your own)"
