"""The two kinds of buttons. What one does stands in its custom_id, so that it outlives a restart.

Nobody keeps them in memory. A press is handed to the client's ``people`` (``commands.People``).
"""

from __future__ import annotations

from typing import Any, Final, Self

import discord
from discord import ui

from adapters.discord.render import ABSTRACT

SAY: Final = "say:"  # what a custom_id begins with; the words follow


class SayButton(ui.DynamicItem[ui.Button[Any]], template=f"{SAY}(?P<words>.+)"):
    """A button that is a command."""

    def __init__(self, words: str, label: str = "") -> None:
        super().__init__(ui.Button(label=label or words[:80], custom_id=f"{SAY}{words}"))
        self.words = words

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["words"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.people.button(interaction, self.words)


class AbstractButton(ui.DynamicItem[ui.Button[Any]], template=f"{ABSTRACT}(?P<id>.+)"):
    """A button that shows one paper's abstract to whoever presses it."""

    def __init__(self, paper_id: str) -> None:
        super().__init__(ui.Button(label="Abstract", custom_id=f"{ABSTRACT}{paper_id}"))
        self.paper_id = paper_id

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:
        return cls(match["id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.people.abstract(interaction, self.paper_id)
