"""The form in which a keyword is composed: a modal, and the button that opens it again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import discord
from discord import ui

from adapters.discord.buttons import check_server
from bot.text.keyword_forms import ANYWHERE, FIELDS, composed

# What a custom_id begins with; the input follows, where it fits.
EDIT_PREFIX: Final = "edit:"
MAX_CUSTOM_ID_LENGTH: Final = 100
MAX_INPUT_LENGTH: Final = 200
FORM_TIMEOUT: Final = 900.0  # seconds, after which its interaction has expired

OnSubmit = Callable[[discord.Interaction[Any], str], Awaitable[None]]


class KeywordForm(ui.Modal, title="Follow a keyword"):
    """``on_submit`` gets the interaction, and the keyword as it would be typed."""

    interaction_check = check_server

    def __init__(self, on_submit: OnSubmit, phrase: str = "") -> None:
        super().__init__(timeout=FORM_TIMEOUT)
        self._on_keyword = on_submit
        self._phrase = ui.TextInput[Any](
            custom_id="phrase",
            placeholder="reward model",
            default=phrase or None,
            max_length=MAX_INPUT_LENGTH,
        )
        self._field = ui.Select[Any](
            custom_id="field",
            options=[
                discord.SelectOption(label=label, value=field, default=field == ANYWHERE)
                for field, label in FIELDS.items()
            ],
        )
        self._categories = ui.TextInput[Any](
            custom_id="categories",
            placeholder="cs.LG, stat.ML",
            required=False,
            max_length=MAX_INPUT_LENGTH,
        )
        about = 'These words together, or an expression: ti:"graph network" AND -survey'
        self.add_item(ui.Label(text="Phrase", description=about, component=self._phrase))
        self.add_item(ui.Label(text="Where to look", component=self._field))
        self.add_item(
            ui.Label(
                text="Only in these categories",
                description="arXiv's own names; empty for all of them",
                component=self._categories,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        named = re.split(r"[,;\s]+", self._categories.value)
        categories = [each.removeprefix("cat:") for each in named if each]
        [field] = self._field.values or [ANYWHERE]
        await self._on_keyword(interaction, composed(self._phrase.value, field, categories))


class EditButton(ui.DynamicItem[ui.Button[Any]], template=f"(?s){EDIT_PREFIX}(?P<phrase>.*)"):
    """Opens the form again with the earlier input, where a custom_id can hold it."""

    interaction_check = check_server

    def __init__(self, phrase: str) -> None:
        if len(EDIT_PREFIX) + len(phrase) > MAX_CUSTOM_ID_LENGTH:
            phrase = ""
        super().__init__(ui.Button(label="Edit", custom_id=f"{EDIT_PREFIX}{phrase}"))
        self.phrase = phrase

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["phrase"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.handler.open_form(interaction, self.phrase)
