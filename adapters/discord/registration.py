"""Compares the slash commands that Discord lists with ours, and registers them until they match.

Only what differs is written: Discord counts creations, and commands vanish for a moment while they
are replaced (docs, interactions/application-commands, 2026-08-06).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

import aiohttp
import discord
from discord import app_commands
from discord.http import Route

from adapters.discord.errors import ASKED_TO_WAIT, UNREADABLE, as_list
from adapters.discord.mentions import CommandMentions
from bot.ports import Clock

log = logging.getLogger(__name__)

COMMANDS: Final = "/applications/{application_id}/commands"
# Without this, Discord omits the translations (docs, Get Global Application
# Commands, 2026-08-06).
WITH_LOCALIZATIONS: Final = {"with_localizations": "true"}
FIRST_DELAY: Final = 5.0  # seconds before a failed registration is tried again; doubles
MAX_DELAY: Final = 900.0
INVITE_AGAIN: Final = (
    "it is retried automatically; the bot must be invited with the scope applications.commands, and"
    " daily-papers check prints the link"
)


class Registration:
    """Registers the commands of a client. ``degraded`` says why that has not succeeded yet; empty
    once it has, and before the first attempt."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.degraded = ""
        self.mentions = CommandMentions()  # of the commands that are registered

    async def register_until_done(self, tree: app_commands.CommandTree[Any]) -> None:
        """Retries until Discord lists exactly our commands. Raises none of Discord's errors."""
        delay = FIRST_DELAY
        while (wait := await self._try_once(tree, delay)) is not None:
            await self._clock.sleep(wait)
            delay = min(delay * 2, MAX_DELAY)

    async def _try_once(self, tree: app_commands.CommandTree[Any], delay: float) -> float | None:
        """Seconds until the next attempt, or ``None`` if this one succeeded."""
        wait = delay
        try:
            await self._register(tree)
        except discord.RateLimited as error:
            why, wait = ASKED_TO_WAIT, max(delay, error.retry_after)
        except discord.HTTPException as error:
            said = error.text.replace("\n", " ")[:300] or "no reason given"
            why = f"Discord answered {error.status}: {said}"
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            why = f"Discord did not answer ({type(error).__name__})."
        except UNREADABLE as error:  # the page of a proxy, for example
            why = f"Discord's answer is not a list of commands ({type(error).__name__})."
        else:
            self.degraded = ""
            return None
        self.degraded = f"The slash commands are not registered yet. {why}"
        log.warning(
            "commands not registered again_in=%.0fs why=%s remedy=%s", wait, why, INVITE_AGAIN
        )
        return wait

    async def _register(self, tree: app_commands.CommandTree[Any]) -> None:
        route = Route("GET", COMMANDS, application_id=tree.client.application_id)
        listed = await tree.client.http.request(route, params=WITH_LOCALIZATIONS)
        ids = {str(each["name"]): int(each["id"]) for each in as_list(listed)}
        ours = declared(tree)
        if normalized(listed) != normalized(ours):
            ids = {each.name: each.id for each in await tree.sync()}
            if ids.keys() != {each["name"] for each in ours}:  # the library reads {} as none
                raise ValueError("Discord does not say that it has registered all of them")
            log.info("commands registered")
        self.mentions.set_ids(ids)


def declared(tree: app_commands.CommandTree[Any]) -> list[dict[str, Any]]:
    """Our commands as they are sent to Discord."""
    return [command.to_dict(tree) for command in tree.get_commands()]


def normalized(commands: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All that Discord stores about commands, in one form for ours and for those that it lists.

    Without ids, versions and ``dm_permission``, which ``contexts`` has replaced.
    """
    made = [_normalized_option(command) | _access(command) for command in commands]
    return sorted(made, key=lambda command: (command["type"], command["name"]))


def _access(command: Mapping[str, Any]) -> dict[str, Any]:
    """Who sees a command, and where; options have no such fields."""
    rights = command.get("default_member_permissions")
    return {
        "contexts": _sorted(command.get("contexts")),
        "integration_types": _sorted(command.get("integration_types")),
        "default_member_permissions": None if rights is None else str(rights),
        "nsfw": bool(command.get("nsfw")),
    }


def _sorted(values: Iterable[int] | None) -> list[int] | None:
    """``None`` is not the empty list: it leaves the choice to Discord."""
    return None if values is None else sorted(values)


def _normalized_option(command: Mapping[str, Any]) -> dict[str, Any]:
    """A command or one of its options, with defaults for what is missing."""
    return {
        "type": command.get("type", 1),
        "name": command["name"],
        "description": command.get("description", ""),
        "name_localizations": command.get("name_localizations") or {},
        "description_localizations": command.get("description_localizations") or {},
        "required": bool(command.get("required")),
        "autocomplete": bool(command.get("autocomplete")),
        "choices": [
            {
                "name": each["name"],
                "value": each["value"],
                "name_localizations": each.get("name_localizations") or {},
            }
            for each in command.get("choices") or ()
        ],
        "channel_types": sorted(command.get("channel_types") or ()),
        "limits": [
            command.get(limit) for limit in ("min_value", "max_value", "min_length", "max_length")
        ],
        "options": [_normalized_option(each) for each in command.get("options") or ()],
    }
