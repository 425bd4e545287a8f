"""Buttons and a menu. What one does stands in its custom_id, so that it outlives a restart.

Nobody keeps them in memory. A press is handed to the client's ``people`` (``commands.People``).
"""

from __future__ import annotations

from typing import Any, Final, Self

import discord
from discord import ui

from adapters.discord.render import ABSTRACT, ABSTRACTS, MOST_OPTIONS
from bot.model import Menu

SAY: Final = "say:"  # what a custom_id begins with; the words follow
ADD: Final = "add"  # these words alone open the form
CHOOSE: Final = "choose:"  # likewise, of a menu
LONGEST_LABEL: Final = 100  # characters of an option or a choice


def shortened(label: str) -> str:
    """Cut in the middle, because long keywords often differ at their end alone."""
    if len(label) <= LONGEST_LABEL:
        return label
    half = LONGEST_LABEL // 2
    return f"{label[:half]}…{label[1 - half :]}"


async def from_served_server(_: object, interaction: discord.Interaction[Any]) -> bool:
    """Asked by the library before a press counts; who is not served has been answered."""
    served: bool = await interaction.client.people.serves(interaction)
    return served


class SayButton(ui.DynamicItem[ui.Button[Any]], template=f"{SAY}(?P<words>.+)"):
    """A button that is a command."""

    interaction_check = from_served_server

    def __init__(self, words: str, label: str = "") -> None:
        super().__init__(ui.Button(label=label or words[:80], custom_id=f"{SAY}{words}"))
        self.words = words

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["words"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        if self.words == ADD:
            await interaction.client.people.open_form(interaction)
        else:
            await interaction.client.people.button(interaction, self.words)


class ChoiceMenu(ui.DynamicItem[ui.Select[Any]], template=f"{CHOOSE}(?P<words>.+)"):
    """A menu: what is chosen in it is said behind the words."""

    interaction_check = from_served_server

    def __init__(self, words: str, menu: Menu | None = None) -> None:
        options = [
            discord.SelectOption(label=shortened(each.label), value=each.value)
            for each in (menu.choices[:MOST_OPTIONS] if menu else ())
        ]
        label, most = (menu.label, menu.most) if menu else ("", 1)
        custom_id = f"{CHOOSE}{words}"
        super().__init__(
            ui.Select(custom_id=custom_id, placeholder=label, max_values=most, options=options)
        )
        self.words = words

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["words"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        words = " ".join([self.words, *self.item.values])
        await interaction.client.people.button(interaction, words)


class AbstractMenu(ui.DynamicItem[ui.Select[Any]], template=f"{ABSTRACTS}(?P<first>.+)"):
    """The menu below papers with a line each: shows the abstract of the one that is chosen."""

    interaction_check = from_served_server

    def __init__(self, first: str) -> None:
        super().__init__(ui.Select(custom_id=f"{ABSTRACTS}{first}"))

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["first"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        [paper_id] = self.item.values
        await interaction.client.people.abstract(interaction, paper_id)


class AbstractButton(ui.DynamicItem[ui.Button[Any]], template=f"{ABSTRACT}(?P<id>.+)"):
    """A button that shows one paper's abstract to whoever presses it."""

    interaction_check = from_served_server

    def __init__(self, paper_id: str) -> None:
        super().__init__(ui.Button(label="Abstract", custom_id=f"{ABSTRACT}{paper_id}"))
        self.paper_id = paper_id

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.people.abstract(interaction, self.paper_id)
