"""What ``daily-papers check`` says about Slack: tokens, scopes, each channel; in HTTP mode also the
port, and the addresses to enter at Slack."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

import aiohttp

from adapters.slack.errors import REINSTALL, reading_answer
from adapters.slack.http import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH, HttpOptions
from adapters.slack.socket import Socket
from adapters.slack.workspace import Workspace, parted
from adapters.slack.workspaces import InstalledWorkspaces
from bot.errors import PlatformError, SendError, StoreError
from bot.model import Channel, Finding
from bot.model.subscriptions import NOBODY

NEEDED: Final = {
    "commands": "hear the slash command",
    "chat:write": "post",
}
# Scopes that it can do without, and what each of them costs where it is missing.
OPTIONAL: Final = {
    "channels:history": "if Slack's answer to a message in a public channel is lost, the bot can't"
    " see whether the message arrived: it is held until a person decides",
    "groups:history": "the same in private channels",
    "im:history": "what people write in the app's tab Messages, without the slash command, gets no"
    " answer, and the bot can't see there either whether a message arrived",
    "channels:read": "people can't change their public channels in App Home, the form follows"
    " keywords only where it was opened, an invitation is not noticed, and this check does not see"
    " whether the bot is in a channel",
    "groups:read": "the same for private channels",
    "users:read": "administrators of the workspace change keywords only where bot.toml lists them"
    " as managers, or lists nobody",
    "chat:write.public": "the bot has to be invited to public channels, too",
    "usergroups:read": "nobody notices when a user group that digests mention is gone",
    "files:write": "an export of saved papers is shown as text instead of sent as a file",
}
PORT_TIMEOUT: Final = 5.0  # seconds
OTHER_ADDRESS: Final = "Give the bot another address: listen below [slack]."
DOCS: Final = "See docs/hosting.md, Slack."


async def examine_socket(listener: Socket, channels: Sequence[Channel]) -> list[Finding]:
    """Raises none of our errors: what is wrong is a finding."""
    subject = _subject(listener.workspace)
    try:
        await listener.check_tokens()
    except PlatformError as error:
        return [Finding(subject, False, str(error), DOCS)]
    return await _examine_workspace(listener.workspace, "Both tokens work", channels)


async def examine_token(
    options: HttpOptions, workspace: Workspace, channels: Sequence[Channel]
) -> list[Finding]:
    """HTTP mode with the token of one workspace."""
    findings = [await _port(options.listen), _addresses(options, installing=False)]
    try:
        await workspace.check_token()
    except PlatformError as error:
        return [*findings, Finding(_subject(workspace), False, str(error), DOCS)]
    return [*findings, *await _examine_workspace(workspace, "The token works", channels)]


async def examine_installed(
    options: HttpOptions,
    workspaces: InstalledWorkspaces,
    allowed: Sequence[str],
    channels: Sequence[Channel],
) -> list[Finding]:
    """HTTP mode with workspaces that install the app, and each of these."""
    findings = [await _port(options.listen), _addresses(options, installing=True)]
    try:
        teams = await workspaces.teams()
    except StoreError as error:
        return [*findings, Finding("slack", False, str(error), DOCS)]
    if not teams:
        remedy = "Add their ids to teams below [slack], and open the install address."
        text = "No workspace has installed the app yet."
        findings.append(Finding("slack", bool(allowed), text, remedy))
    for team in teams:
        own = [channel for channel in channels if parted(channel.id)[0] == team]
        try:
            workspace = await workspaces.named(team)
            await workspace.check_token()
        except (PlatformError, SendError) as error:
            findings.append(Finding(f"slack {team}", False, str(error), DOCS))
        else:
            findings += await _examine_workspace(workspace, "The token works", own)
    return findings


def _subject(workspace: Workspace) -> str:
    return f"slack {workspace.name}".rstrip()


async def _port(listen: tuple[str, int]) -> Finding:
    """Whether the running service answers where it should, or could be started there."""
    host, port = listen
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104  (any address)
    try:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PORT_TIMEOUT)
        ) as session:
            address = f"{local}:{port}" if local else place
            async with session.post(f"http://{address}{EVENTS_PATH}") as answer:
                if answer.status == 401:
                    text = f"The bot answers at {place}, and refuses what Slack did not sign."
                    return Finding("slack", True, text)
    except aiohttp.ClientConnectorError:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            socket.create_server(listen, family=family).close()
        except OSError as error:
            text = f"The bot can't listen at {place}: {error.strerror or error}."
            return Finding("slack", False, text, OTHER_ADDRESS)
        return Finding("slack", True, f"{place} is free for the bot to listen at.")
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass
    text = f"Something answers at {place} that is not the bot."
    return Finding("slack", False, text, OTHER_ADDRESS)


def _addresses(options: HttpOptions, *, installing: bool) -> Finding:
    """What has to be entered at Slack."""
    home = options.public_url.rstrip("/")
    shown = home or "https://YOUR-ADDRESS"
    text = f"To enter at Slack: the Request URL, in all three places, {shown}{EVENTS_PATH}"
    if installing:
        text += f" and the Redirect URL {shown}{REDIRECT_PATH}"
        text += f" (workspaces install the app at {shown}{INSTALL_PATH})"
    text += "."
    if home and not home.startswith("https://"):
        remedy = "Put a reverse proxy with HTTPS in front (docs/hosting.md, Slack over HTTP)."
        return Finding("slack", False, f"{text} Slack calls only https:// addresses.", remedy)
    return Finding("slack", True, text)


async def _examine_workspace(
    workspace: Workspace, works: str, channels: Sequence[Channel]
) -> list[Finding]:
    """Its scopes and channels. Without a scope for that, it is the first post that shows whether
    the bot is in a channel."""
    subject, me = _subject(workspace), await workspace.web.me()
    findings = [Finding(subject, True, f"{works}, in {me.team} as @{me.name}.")]
    for scope, purpose in NEEDED.items():
        if me.scopes and scope not in me.scopes:
            text = f"The bot token lacks the scope {scope}; without it the bot can't {purpose}."
            remedy = REINSTALL[0].upper() + REINSTALL[1:]
            findings.append(Finding(subject, False, text, remedy))
    missing = [f"{scope}: {cost}" for scope, cost in OPTIONAL.items() if scope not in me.scopes]
    if me.scopes and missing:
        text = f"It works without these scopes, but each has its cost. {'. '.join(missing)}."
        findings.append(Finding(subject, True, text))
    findings += [
        Finding(
            channel.id,
            False,
            f"Its mention is {channel.mention}, which is no user group there, or a disabled one.",
            'Name another, or "none"; digests come without a mention until then.',
        )
        for channel in channels
        if (channel.mention or NOBODY) != NOBODY
        and not await workspace.has_user_group(str(channel.mention))
    ]
    if me.scopes & {"channels:read", "groups:read"}:
        findings += [await _examine_channel(workspace, channel, me.name) for channel in channels]
    elif channels:
        text = "Whether the bot is in a channel, the first post there shows."
        text += f" To invite it: /invite @{me.name}"
        findings.append(Finding(subject, True, text))
    return findings


async def _examine_channel(workspace: Workspace, channel: Channel, bot: str) -> Finding:
    own = parted(channel.id)[1]
    invite = f"Write there: /invite @{bot}"
    try:
        answer = await workspace.web.request("conversations.info", params={"channel": own})
        with reading_answer():
            about = dict(answer["channel"])
    except PlatformError as error:
        return Finding(channel.id, True, f"It can't be looked at: {error}")
    except SendError as error:
        return Finding(channel.id, False, str(error), invite)
    name = f"#{about.get('name', own)}"
    if about.get("is_archived"):
        return Finding(channel.id, False, f"{name} is archived.", "Unarchive it.")
    public = "chat:write.public" in (await workspace.web.me()).scopes
    if about.get("is_member") or about.get("is_im") or (public and not about.get("is_private")):
        return Finding(channel.id, True, f"{name} can be posted to.")
    return Finding(channel.id, False, f"I am not in {name}.", invite)
