"""The form in which a keyword is composed: a modal, and the button that opens it again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import discord
from discord import ui

from adapters.discord.buttons import check_server
from bot.model.subscriptions import MAX_KEYWORD_NAME_LENGTH
from bot.text.keyword_forms import ANYWHERE, FIELDS, ONLY_CATEGORIES

# What a custom_id begins with; the input follows, as far as it fits.
EDIT_PREFIX: Final = "edit:"
MAX_CUSTOM_ID_LENGTH: Final = 100
MAX_INPUT_LENGTH: Final = 200
FORM_TIMEOUT: Final = 900.0  # seconds, after which its interaction has expired


class OnSubmit(Protocol):
    async def __call__(
        self,
        interaction: discord.Interaction[Any],
        keyword: str,
        field: str,
        categories: Sequence[str],
        name: str,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class FormContents:
    """What a person filled in. ``field`` is empty for title and abstract."""

    phrase: str = ""
    field: str = ""
    categories: tuple[str, ...] = ()
    name: str = ""

    def packed(self) -> str:
        """For a custom_id: everything if it fits, else the phrase if that fits, else nothing."""
        chosen = f"{self.field}|{','.join(self.categories)}|{self.name.replace('|', ' ')}|"
        fitting = (f"{chosen}{self.phrase}", f"|||{self.phrase}", "|||")
        return next(
            each for each in fitting if len(each) <= MAX_CUSTOM_ID_LENGTH - len(EDIT_PREFIX)
        )

    @classmethod
    def unpacked(cls, text: str) -> Self:
        field, categories, name, phrase = [*text.split("|", 3), "", "", ""][:4]
        return cls(phrase, field, tuple(filter(None, categories.split(","))), name)


class KeywordForm(ui.Modal, title="Follow a keyword"):
    """``filled`` is what it shows at first; ``on_submit`` is called with what was filled in."""

    interaction_check = check_server

    def __init__(self, on_submit: OnSubmit, filled: FormContents) -> None:
        super().__init__(timeout=FORM_TIMEOUT)
        self._on_keyword = on_submit
        self._phrase = ui.TextInput[Any](
            custom_id="phrase",
            placeholder="reward model",
            default=filled.phrase or None,
            max_length=MAX_INPUT_LENGTH,
        )
        self._field = ui.Select[Any](
            custom_id="field",
            options=[
                discord.SelectOption(
                    label=label, value=field, default=field == (filled.field or ANYWHERE)
                )
                for field, label in FIELDS.items()
            ],
        )
        self._categories = ui.TextInput[Any](
            custom_id="categories",
            placeholder="cs.LG, stat.ML",
            default=", ".join(filled.categories) or None,
            required=False,
            max_length=MAX_INPUT_LENGTH,
        )
        self._name = ui.TextInput[Any](
            custom_id="name",
            placeholder="Reward models",
            default=filled.name or None,
            required=False,
            max_length=MAX_KEYWORD_NAME_LENGTH,
        )
        about = 'These words together, or an expression: ti:"graph network" AND -survey'
        self.add_item(ui.Label(text="Phrase", description=about, component=self._phrase))
        self.add_item(ui.Label(text="Where to look", component=self._field))
        self.add_item(
            ui.Label(
                text=ONLY_CATEGORIES,
                description="arXiv's own names; empty for all of them",
                component=self._categories,
            )
        )
        self.add_item(
            ui.Label(
                text="Name",
                description="What it is shown as; empty for the keyword itself",
                component=self._name,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        named = re.split(r"[,;\s]+", self._categories.value)
        categories = [each.removeprefix("cat:") for each in named if each]
        [chosen] = self._field.values or [ANYWHERE]
        field = "" if chosen == ANYWHERE else chosen
        await self._on_keyword(interaction, self._phrase.value, field, categories, self._name.value)


class EditButton(ui.DynamicItem[ui.Button[Any]], template=f"(?s){EDIT_PREFIX}(?P<filled>.*)"):
    """Opens the form again with the earlier input, where a custom_id can hold it."""

    interaction_check = check_server

    def __init__(self, filled: FormContents) -> None:
        custom_id = f"{EDIT_PREFIX}{filled.packed()}"
        super().__init__(ui.Button(label="Edit", custom_id=custom_id))
        self.filled = filled

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(FormContents.unpacked(match["filled"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.handler.open_form(interaction, self.filled)
