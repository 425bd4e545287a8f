"""Buttons and menus. Their custom_id says what they do, so that they work after a restart.

None is kept in memory. A press goes to the client's ``handler``, an InteractionHandler.
"""

from __future__ import annotations

from typing import Any, Final, Self

import discord
from discord import ui

from adapters.discord.render import (
    ABSTRACT_PREFIX,
    ABSTRACTS_PREFIX,
    MAX_OPTIONS,
    PAPER_PREFIX,
)
from bot.model import Menu

COMMAND_PREFIX: Final = "say:"  # what a custom_id begins with; the words follow
OPENS_FORM: Final = "add"  # these words alone open the form
MENU_PREFIX: Final = "choose:"  # likewise, of a menu
MAX_LABEL_LENGTH: Final = 100  # characters of an option or a choice


def shorten_label(label: str) -> str:
    """Cut in the middle, because long keywords often differ only at their end."""
    if len(label) <= MAX_LABEL_LENGTH:
        return label
    half = MAX_LABEL_LENGTH // 2
    return f"{label[:half]}…{label[1 - half :]}"


async def check_server(_: object, interaction: discord.Interaction[Any]) -> bool:
    """Called by the library before the callback. Whoever is not served has been told so."""
    served: bool = await interaction.client.handler.serves(interaction)
    return served


class CommandButton(ui.DynamicItem[ui.Button[Any]], template=f"{COMMAND_PREFIX}(?P<words>.+)"):
    """A button that runs a command, as if its words were typed."""

    interaction_check = check_server

    def __init__(self, words: str, label: str = "") -> None:
        super().__init__(ui.Button(label=label or words[:80], custom_id=f"{COMMAND_PREFIX}{words}"))
        self.words = words

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["words"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        handler = interaction.client.handler
        if self.words == OPENS_FORM:
            await handler.open_form(interaction)
        elif whose := handler.opens_key_form(self.words):
            await handler.open_key_form(interaction, whose)
        else:
            await handler.button(interaction, self.words)


class PaperButton(ui.DynamicItem[ui.Button[Any]], template=f"{PAPER_PREFIX}(?P<words>.+)"):
    """A button below papers: also runs a command, but the reply does not replace the papers."""

    interaction_check = check_server

    def __init__(self, words: str, label: str = "") -> None:
        super().__init__(ui.Button(label=label or words[:80], custom_id=f"{PAPER_PREFIX}{words}"))
        self.words = words

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["words"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.handler.command(
            interaction, lambda c, where, who: c.typed(where, who, self.words)
        )


class CommandMenu(ui.DynamicItem[ui.Select[Any]], template=f"{MENU_PREFIX}(?P<words>.+)"):
    """A menu that runs a command: the choice is appended to the words."""

    interaction_check = check_server

    def __init__(self, words: str, menu: Menu | None = None) -> None:
        options = [
            discord.SelectOption(label=shorten_label(each.label), value=each.value)
            for each in (menu.choices[:MAX_OPTIONS] if menu else ())
        ]
        label, most = (menu.label, menu.most) if menu else ("", 1)
        custom_id = f"{MENU_PREFIX}{words}"
        super().__init__(
            ui.Select(custom_id=custom_id, placeholder=label, max_values=most, options=options)
        )
        self.words = words

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["words"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        words = " ".join([self.words, *self.item.values])
        await interaction.client.handler.button(interaction, words)


class AbstractMenu(ui.DynamicItem[ui.Select[Any]], template=f"{ABSTRACTS_PREFIX}(?P<first>.+)"):
    """The menu below papers with one line each: shows the abstract of the chosen one."""

    interaction_check = check_server

    def __init__(self, first: str) -> None:
        super().__init__(ui.Select(custom_id=f"{ABSTRACTS_PREFIX}{first}"))

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["first"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        [paper_id] = self.item.values
        await interaction.client.handler.abstract(interaction, paper_id)


class AbstractButton(ui.DynamicItem[ui.Button[Any]], template=f"{ABSTRACT_PREFIX}(?P<id>.+)"):
    """A button that shows one paper's abstract to the person who presses it."""

    interaction_check = check_server

    def __init__(self, paper_id: str) -> None:
        super().__init__(ui.Button(label="Abstract", custom_id=f"{ABSTRACT_PREFIX}{paper_id}"))
        self.paper_id = paper_id

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.handler.abstract(interaction, self.paper_id)
