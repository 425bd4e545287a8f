"""The form for a person's key for Zotero: a modal, because what is typed as a command may be seen.

Discord has no field that hides what is typed (docs, components/reference, text input, 2026-08-06);
what is submitted goes to the bot alone, and is shown nowhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import discord
from discord import ui

from adapters.discord.buttons import check_server
from adapters.discord.keyword_form import FORM_TIMEOUT

MAX_KEY_LENGTH: Final = 100
MAX_LIBRARY_LENGTH: Final = 200
TITLES: Final = {"person": "Your library in Zotero", "channel": "The channel's library in Zotero"}

# Called with the key and the name of a library, which may be empty.
OnKey = Callable[[discord.Interaction[Any], str, str], Awaitable[None]]


class KeyForm(ui.Modal):
    """``whose`` library it is: ``person`` or ``channel``; ``on_key`` gets what is filled in."""

    interaction_check = check_server

    def __init__(self, whose: str, on_key: OnKey) -> None:
        super().__init__(title=TITLES[whose], timeout=FORM_TIMEOUT)
        self._on_key = on_key
        self._key = ui.TextInput[Any](
            custom_id="key", placeholder="24 letters and digits", max_length=MAX_KEY_LENGTH
        )
        self._library = ui.TextInput[Any](
            custom_id="library",
            placeholder="Reading Group",
            required=False,
            max_length=MAX_LIBRARY_LENGTH,
        )
        self.add_item(
            ui.Label(
                text="Key",
                description="From zotero.org/settings/keys, with write access. Kept encrypted.",
                component=self._key,
            )
        )
        self.add_item(
            ui.Label(
                text="Group",
                description="Its name or number; empty for your own library",
                component=self._library,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        await self._on_key(interaction, self._key.value, self._library.value)
