"""Which permissions the bot needs in a channel, by the names in Discord's settings. Pure.

How they add up: discord/discord-api-docs at c98d64bc, topics/permissions, 2026-08-06.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import discord

NEEDED: Final[Mapping[str, str]] = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "read_message_history": "Read Message History",  # to see whether a message arrived
}
FOR_THREADS: Final[Mapping[str, str]] = {
    "create_public_threads": "Create Public Threads",
    "send_messages_in_threads": "Send Messages in Threads",
}
INVITE: Final = discord.Permissions(**dict.fromkeys([*NEEDED, *FOR_THREADS], True))
_SCOPES: Final = ("bot", "applications.commands")


def invite_link(application_id: int | str) -> str:
    """The page where somebody adds the bot to a server, with these permissions and no others."""
    return discord.utils.oauth_url(int(application_id), permissions=INVITE, scopes=_SCOPES)


def missing(
    granted: discord.Permissions, *, threads: bool = False, forum: bool = False
) -> tuple[str, ...]:
    """The names of the needed permissions that are not granted."""
    if granted.administrator:
        return ()
    needed = dict(NEEDED)
    if threads or forum:
        needed["send_messages_in_threads"] = FOR_THREADS["send_messages_in_threads"]
    if threads and not forum:
        needed["create_public_threads"] = FOR_THREADS["create_public_threads"]
    return tuple(name for flag, name in needed.items() if not getattr(granted, flag))


def missing_for_discussion(granted: discord.Permissions, *, forum: bool) -> tuple[str, ...]:
    """The names of the permissions that somebody lacks to start a thread and write in it. A forum's
    threads are its posts, for which Send Messages is enough (docs, topics/threads, 2026-08-06)."""
    if granted.administrator:
        return ()
    needed = dict(FOR_THREADS)
    if forum:
        del needed["create_public_threads"]
        needed["send_messages"] = NEEDED["send_messages"]
    return tuple(name for flag, name in needed.items() if not getattr(granted, flag))


def remedy(names: Sequence[str]) -> str:
    return (
        f"I lack {', '.join(names)}. In the channel's settings, under Permissions, add the bot and"
        f" allow {'it' if len(names) == 1 else 'them'}."
    )


def effective(
    guild: Mapping[str, Any], channel: Mapping[str, Any], member: Mapping[str, Any]
) -> discord.Permissions:
    """What a member may do in a channel, from the three objects as Discord returns them."""
    if str(guild.get("owner_id")) == str(member["user"]["id"]):
        return discord.Permissions.all()
    own_roles = {str(guild["id"]), *map(str, member["roles"])}
    base = 0
    for role in guild["roles"]:
        if str(role["id"]) in own_roles:
            base |= int(role["permissions"])
    if discord.Permissions(base).administrator:
        return discord.Permissions.all()
    overwrites = {str(each["id"]): each for each in channel.get("permission_overwrites") or ()}
    everyone = str(guild["id"])
    base = _applied(base, [everyone], overwrites)
    base = _applied(base, own_roles - {everyone}, overwrites)
    return discord.Permissions(_applied(base, [str(member["user"]["id"])], overwrites))


def _applied(base: int, ids: Iterable[str], overwrites: Mapping[str, Mapping[str, Any]]) -> int:
    found = [overwrites[each] for each in ids if each in overwrites]
    for each in found:
        base &= ~int(each["deny"])
    for each in found:
        base |= int(each["allow"])
    return base
