"""What ``daily-papers check`` says about Discord: token, invite link, commands and each channel."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from adapters.discord import permissions
from adapters.discord.api import RestClient
from adapters.discord.channels import FORUMS, ChannelCache
from adapters.discord.errors import as_list, reading_answer
from adapters.discord.registration import COMMANDS, WITH_LOCALIZATIONS, normalized
from bot.errors import BotError, ChannelRefused, PlatformError, SendError
from bot.model import Channel, Finding
from bot.model.subscriptions import NOBODY


async def examine(
    rest: RestClient,
    cache: ChannelCache,
    channels: Sequence[Channel],
    declared: Sequence[Mapping[str, Any]],
    servers: Collection[str] = (),
) -> list[Finding]:
    """``declared`` are the slash commands that Discord should list; ``servers`` those that are
    served, all where none is named. Raises no error of ours: what is wrong is a finding."""
    try:
        application = await rest.request("GET", "/applications/@me")
        with reading_answer():
            invite = permissions.invite_link(application["id"])
            public = bool(application.get("bot_public"))
    except (SendError, PlatformError) as error:
        return [Finding("discord", False, str(error), "See docs/hosting.md, Discord.")]
    text = f"The token works. To invite the bot into a server: {invite}"
    if public and not servers:
        text += " Anybody can add it to theirs: docs/hosting.md, Keep strangers out."
    findings = [Finding("discord", True, text)]
    findings.append(await _examine_commands(rest, application["id"], declared))
    for channel in channels:
        findings.append(await _examine_channel(cache, channel, invite, servers))
    return findings


async def _examine_commands(
    rest: RestClient, application_id: str, declared: Sequence[Mapping[str, Any]]
) -> Finding:
    """Whether Discord lists exactly ours. It is all right if it lists none: ``check`` may run
    before the first start, and a host who only runs ``once`` needs none."""
    name = "discord, commands"
    try:
        listed = await rest.request(
            "GET", COMMANDS, params=WITH_LOCALIZATIONS, application_id=application_id
        )
        with reading_answer():
            differs = normalized(as_list(listed)) != normalized(declared)
    except (SendError, PlatformError) as error:
        return Finding(name, False, str(error), "Try again in a while.")
    if not listed:
        text = (
            "No slash commands are registered yet: daily-papers run does that, again and again"
            " until Discord takes them. If it runs, its log says why it could not."
        )
        return Finding(name, True, text)
    if differs:
        remedy = (
            "Start daily-papers run, or start it again after an upgrade: it registers them. If it"
            " runs, its log says why it could not; it retries automatically."
        )
        return Finding(
            name, False, "Discord lists other slash commands than this version has.", remedy
        )
    return Finding(name, True, "The slash commands are registered.")


async def _examine_channel(
    cache: ChannelCache, channel: Channel, invite: str, servers: Collection[str]
) -> Finding:
    channel_id = channel.id.partition(":")[2]
    try:
        lacking = await cache.missing_permissions(channel_id, threads=True)
        data = await cache.get(channel_id)
        mention = channel.mention or NOBODY
        gone = mention != NOBODY and mention not in await cache.roles(channel_id)
    except ChannelRefused as error:
        remedy = f"Is the bot in the server? Invite it: {invite}"
        return Finding(channel.id, False, str(error), remedy)
    except BotError as error:
        return Finding(channel.id, False, str(error), "Try again in a while.")
    if servers and str(data.get("guild_id")) not in servers:
        remedy = "Add the server there, or remove the channel from [[channels]]."
        text = f"It is in the server {data.get('guild_id')}, which [discord] does not name."
        return Finding(channel.id, False, text, remedy)
    if gone:
        text = f"Its mention is {mention}, which is no role there that may be mentioned."
        remedy = 'Name another role, or "none"; digests come without a mention until then.'
        return Finding(channel.id, False, text, remedy)
    name = f"#{data.get('name', channel_id)}"
    in_threads = channel.layout == "thread" or data.get("type") in FORUMS
    optional = () if in_threads else tuple(permissions.FOR_THREADS.values())
    if missing := [each for each in lacking if each not in optional]:
        text = f"{name} lacks {', '.join(missing)}."
        return Finding(channel.id, False, text, permissions.remedy(missing))
    text = f"{name} can be posted to."
    if lacking:
        text += f" For the button Discuss, allow the bot {', '.join(lacking)}."
    return Finding(channel.id, True, text)
