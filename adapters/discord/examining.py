"""What ``daily-papers check`` says of Discord: the token, the invitation, and each channel."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from adapters.discord import permissions
from adapters.discord.channels import Channels
from adapters.discord.rest import Rest
from bot.errors import BotError, ChannelRefused, PlatformError, SendError
from bot.model import Channel, Finding

SCOPES = ("bot", "applications.commands")


async def examine(rest: Rest, known: Channels, channels: Sequence[Channel]) -> list[Finding]:
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
        findings.append(await _examine_channel(known, channel, invite))
    return findings


async def _examine_channel(known: Channels, channel: Channel, invite: str) -> Finding:
    own_id = channel.id.partition(":")[2]
    try:
        missing = await known.missing(own_id, threads=channel.layout == "thread")
        described = await known.described(own_id)
    except ChannelRefused as error:
        remedy = f"Is the bot in the server? Invite it: {invite}"
        return Finding(channel.id, False, str(error), remedy)
    except BotError as error:
        return Finding(channel.id, False, str(error), "Try again in a while.")
    name = f"#{described.get('name', own_id)}"
    if missing:
        text = f"{name} lacks {', '.join(missing)}."
        return Finding(channel.id, False, text, permissions.remedy(missing))
    return Finding(channel.id, True, f"{name} can be posted to.")
