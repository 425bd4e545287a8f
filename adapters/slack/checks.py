"""What ``daily-papers check`` says of a workspace: both tokens, the scopes, and each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.slack.errors import REINSTALL
from adapters.slack.socket import Socket
from adapters.slack.workspace import Workspace, parted
from bot.errors import PlatformError, SendError
from bot.model import Channel, Finding

NEEDED: Final = {
    "commands": "hear the slash command",
    "chat:write": "post",
}
# Scopes that it can do without, and what each of them costs where it is missing.
OPTIONAL: Final = {
    "channels:history": "of a message in a public channel whose answer was lost nobody can say"
    " whether it arrived: it is held until a person decides",
    "groups:history": "the same in private channels",
    "channels:read": "people can't change their public channels in App Home, the form follows"
    " keywords only where it was opened, an invitation is not noticed, and this check does not see"
    " whether the bot is in a channel",
    "groups:read": "the same for private channels",
    "users:read": "administrators of the workspace change keywords only where bot.toml lists them"
    " as managers, or lists nobody",
    "chat:write.public": "the bot has to be invited to public channels, too",
}
DOCS: Final = "See docs/hosting.md, Slack."


async def examine(socket: Socket, channels: Sequence[Channel]) -> list[Finding]:
    """Raises nothing of ours: what is wrong is a finding. Without a scope for it nobody can say
    whether the bot is in a channel; the first post shows it."""
    workspace = socket.workspace
    subject = f"slack {workspace.name}".rstrip()
    try:
        await socket.check_tokens()
    except PlatformError as error:
        return [Finding(subject, False, str(error), DOCS)]
    me = await workspace.web.me()
    findings = [Finding(subject, True, f"Both tokens work, in {me.team} as @{me.name}.")]
    for scope, purpose in NEEDED.items():
        if me.scopes and scope not in me.scopes:
            text = f"The bot token lacks the scope {scope}; without it the bot can't {purpose}."
            remedy = REINSTALL[0].upper() + REINSTALL[1:]
            findings.append(Finding(subject, False, text, remedy))
    missing = [f"{scope}: {cost}" for scope, cost in OPTIONAL.items() if scope not in me.scopes]
    if me.scopes and missing:
        text = f"It works without these scopes, but each has its cost. {'. '.join(missing)}."
        findings.append(Finding(subject, True, text))
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
    except PlatformError as error:
        return Finding(channel.id, True, f"It can't be looked at: {error}")
    except SendError as error:
        return Finding(channel.id, False, str(error), invite)
    about = answer.get("channel") or {}
    name = f"#{about.get('name', own)}"
    if about.get("is_archived"):
        return Finding(channel.id, False, f"{name} is archived.", "Unarchive it.")
    public = "chat:write.public" in (await workspace.web.me()).scopes
    if about.get("is_member") or about.get("is_im") or (public and not about.get("is_private")):
        return Finding(channel.id, True, f"{name} can be posted to.")
    return Finding(channel.id, False, f"I am not in {name}.", invite)
