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
# Scopes that are worth having, and what each is for.
OPTIONAL: Final = {
    "channels:history": "see whether a message whose answer was lost arrived in a public channel",
    "groups:history": "see the same in a private channel",
    "channels:read": "see who is in a public channel: this check says whether the bot is, and who"
    " is may choose that channel in the form",
    "groups:read": "see the same of private channels",
    "chat:write.public": "post in public channels without an invitation",
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
    missing = [f"{scope} ({why})" for scope, why in OPTIONAL.items() if scope not in me.scopes]
    if me.scopes and missing:
        text = f"Scopes that it can do without, and would use to: {', '.join(missing)}."
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
