"""What one message may hold, the published limits and the hidden ones. Pure.

Components V2 (discord/discord-api-docs at c98d64bc, components/reference.mdx, 2026-08-06): 40
components, nested ones counted; 4,000 characters of text. Hidden: more than 10,170 bytes of text,
12 added for each text, are answered with a 500 (discord-api-docs #8554, 2026-08). Plain content:
2,000 characters (message.mdx).
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
PAPERS: Final = 12  # shown whole in one message: more is no longer looked through

Component = Mapping[str, Any]
TEXT_DISPLAY: Final = 10


def nested(components: Sequence[Component]) -> Iterator[Component]:
    """Every component, those within others included."""
    for component in components:
        yield component
        yield from nested(component.get("components", ()))
        if "accessory" in component:
            yield from nested([component["accessory"]])


@dataclass(slots=True)  # frozen, each of millions would take three times as long
class Size:
    """What components take of each limit. That of several is the sum of theirs."""

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
