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
from bot.text import key_forms

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
            custom_id="key",
            placeholder=key_forms.KEY_EXAMPLE,
            max_length=key_forms.MAX_KEY_LENGTH,
        )
        self._library = ui.TextInput[Any](
            custom_id="library",
            placeholder=key_forms.GROUP_EXAMPLE,
            required=False,
            max_length=key_forms.MAX_GROUP_LENGTH,
        )
        hint = key_forms.GROUP_HINTS[whose]
        self.add_item(
            ui.Label(text=key_forms.KEY_LABEL, description=key_forms.KEY_HINT, component=self._key)
        )
        self.add_item(
            ui.Label(text=key_forms.GROUP_LABEL, description=hint, component=self._library)
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        await self._on_key(interaction, self._key.value, self._library.value)
