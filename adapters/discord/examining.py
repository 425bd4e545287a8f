"""What ``daily-papers check`` says of Discord: the token, the invitation, and each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord

from adapters.discord import permissions
from adapters.discord.rest import Rest
from bot.errors import BotError, ChannelRefused, PlatformError, SendError
from bot.model import Channel, Finding

SCOPES = ("bot", "applications.commands")


async def examine(rest: Rest, channels: Sequence[Channel]) -> list[Finding]:
    """Raises nothing of ours: what is wrong is a finding."""
    try:
        application = await rest.ask("GET", "/applications/@me")
    except (SendError, PlatformError) as error:
        return [Finding("discord", False, str(error), "See docs/hosting.md, Discord.")]
    invite = discord.utils.oauth_url(
        application["id"], permissions=permissions.INVITE, scopes=SCOPES
    )
    findings = [
        Finding("discord", True, f"The token works. To invite the bot into a server: {invite}")
    ]
    for channel in channels:
        findings.append(await _examine_channel(rest, channel, invite))
    return findings


async def _examine_channel(rest: Rest, channel: Channel, invite: str) -> Finding:
    own_id = channel.id.partition(":")[2]
    try:
        described = await rest.ask("GET", "/channels/{channel_id}", channel_id=own_id)
        allowed = await _allowed(rest, described)
    except ChannelRefused as error:
        remedy = f"Is the bot in the server? Invite it: {invite}"
        return Finding(channel.id, False, str(error), remedy)
    except BotError as error:
        return Finding(channel.id, False, str(error), "Try again in a while.")
    missing = permissions.missing(allowed, threads=channel.layout == "thread")
    name = f"#{described.get('name', own_id)}"
    if missing:
        text = f"{name} lacks {', '.join(missing)}."
        return Finding(channel.id, False, text, permissions.remedy(missing))
    return Finding(channel.id, True, f"{name} can be posted to.")


async def _allowed(rest: Rest, channel: dict[str, Any]) -> discord.Permissions:
    guild_id = channel["guild_id"]
    guild = await rest.ask("GET", "/guilds/{guild_id}", guild_id=guild_id)
    path = "/guilds/{guild_id}/members/{user_id}"
    member = await rest.ask("GET", path, guild_id=guild_id, user_id=rest.user_id)
    return permissions.added_up(guild, channel, member)
