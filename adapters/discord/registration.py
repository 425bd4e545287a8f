"""The slash commands as Discord lists them, held against ours, and registered until they are there.

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

from adapters.discord.mentions import Mentions
from bot.ports import Clock

log = logging.getLogger(__name__)

COMMANDS: Final = "/applications/{application_id}/commands"
# Without this, Discord leaves the translations out of its answer (docs, Get Global Application
# Commands, 2026-08-06).
IN_FULL: Final = {"with_localizations": "true"}
FIRST_DELAY: Final = 5.0  # seconds before a failed registration is tried again; doubles
LONGEST_DELAY: Final = 900.0


class Registration:
    """Registers the commands of a client. ``degraded`` says why that has not succeeded yet; empty
    once it has, and before the first attempt."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.degraded = ""
        self.mentions = Mentions()  # of the commands that are registered

    async def keep_trying(self, tree: app_commands.CommandTree[Any]) -> None:
        """Until Discord lists our commands as they are. Raises nothing of Discord's."""
        delay = FIRST_DELAY
        while (wait := await self._attempt(tree, delay)) is not None:
            await self._clock.sleep(wait)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _attempt(self, tree: app_commands.CommandTree[Any], delay: float) -> float | None:
        """Seconds until the next attempt, or ``None`` if this one succeeded."""
        wait = delay
        try:
            await self._register(tree)
        except discord.RateLimited as error:
            why, wait = "Discord asked us to wait.", max(delay, error.retry_after)
        except discord.HTTPException as error:
            said = error.text.replace("\n", " ")[:300] or "no reason given"
            why = f"Discord answered {error.status}: {said}"
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            why = f"Discord did not answer ({type(error).__name__})."
        else:
            self.degraded = ""
            return None
        self.degraded = f"The slash commands are not registered yet. {why}"
        log.warning(
            "commands not registered again_in=%.0fs why=%s remedy='it is tried again by itself;"
            " the bot must be invited with the scope applications.commands, and daily-papers check"
            " prints the link'",
            wait, why,
        )  # fmt: skip
        return wait

    async def _register(self, tree: app_commands.CommandTree[Any]) -> None:
        route = Route("GET", COMMANDS, application_id=tree.client.application_id)
        listed = await tree.client.http.request(route, params=IN_FULL)
        ids = {str(each["name"]): int(each["id"]) for each in listed}
        if shapes(listed) != shapes(declared(tree)):
            ids = {each.name: each.id for each in await tree.sync()}
            log.info("commands registered")
        self.mentions.learn(ids)


def declared(tree: app_commands.CommandTree[Any]) -> list[dict[str, Any]]:
    """Our commands as they are sent."""
    return [command.to_dict(tree) for command in tree.get_commands()]


def shapes(commands: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Everything that Discord keeps of commands, in one form for ours and for what it lists.

    Left out are ids, versions and ``dm_permission``, which ``contexts`` has replaced.
    """
    made = [_shape(command) | _reach(command) for command in commands]
    return sorted(made, key=lambda command: (command["type"], command["name"]))


def _reach(command: Mapping[str, Any]) -> dict[str, Any]:
    """Who sees a command, and where; options have nothing of it."""
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


def _shape(command: Mapping[str, Any]) -> dict[str, Any]:
    """A command or one of its options; what was left out is as if it were said."""
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
        "options": [_shape(each) for each in command.get("options") or ()],
    }
