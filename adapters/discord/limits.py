"""How much one message may hold, by the published limits and the undocumented ones. Pure.

Components V2 (discord/discord-api-docs at c98d64bc, components/reference.mdx, 2026-08-06): 40
components, nested ones counted; 4,000 characters of text. Undocumented: a message with more than
10,170 bytes of text, plus 12 for each text, is answered with a 500 (discord-api-docs #8554,
2026-08). Plain content: 2,000 characters (message.mdx).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

COMPONENTS: Final = 40
CHARACTERS: Final = 3900
BYTES: Final = 9500
BYTES_PER_TEXT: Final = 12
CONTENT: Final = 1990
PAPERS: Final = 12  # shown in full in one message: nobody looks through more

Component = Mapping[str, Any]
TEXT_DISPLAY: Final = 10


def nested(components: Sequence[Component]) -> Iterator[Component]:
    """Every component, those within others included."""
    for component in components:
        yield component
        yield from nested(component.get("components", ()))
        if "accessory" in component:
            yield from nested([component["accessory"]])


@dataclass(slots=True)  # not frozen: creating each of millions would take three times as long
class Size:
    """How much of each limit components use. Sizes can be added."""

    components: int
    characters: int
    bytes: int

    def __add__(self, other: Size) -> Size:
        return Size(
            self.components + other.components,
            self.characters + other.characters,
            self.bytes + other.bytes,
        )

    @property
    def fits(self) -> bool:
        """Whether one message can hold it."""
        return (
            self.components <= COMPONENTS and self.characters <= CHARACTERS and self.bytes <= BYTES
        )


def size(components: Sequence[Component]) -> Size:
    everything = list(nested(components))
    texts = [part["content"] for part in everything if part["type"] == TEXT_DISPLAY]
    return Size(
        len(everything),
        sum(map(len, texts)),
        sum(len(text.encode()) + BYTES_PER_TEXT for text in texts),
    )
