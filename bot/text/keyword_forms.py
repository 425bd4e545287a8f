"""What a form for a keyword asks, and the keyword that comes of what is filled in. Pure.

The same on every platform that has forms; whether the keyword makes sense is decided where it is
read, as for one that was typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.text import clean

ANYWHERE: Final = "any"
FIELDS: Final[Mapping[str, str]] = {  # what a field is called; ``any`` stands for none
    ANYWHERE: "Title or abstract",
    "ti": "Title",
    "abs": "Abstract",
    "au": "Author's name",
}


def composed(phrase: str, field: str = ANYWHERE, categories: Sequence[str] = ()) -> str:
    """The keyword as it would be typed. ``phrase`` may be an expression where ``field`` is
    ``any``; one of several ``categories`` is enough."""
    keyword = clean(phrase)
    if field != ANYWHERE:
        bare = " ".join(keyword.replace('"', " ").split())
        keyword = f'{field}:"{bare}"'
    if not categories:
        return keyword
    either = " OR ".join(f"cat:{each}" for each in categories)
    return f"({keyword}) AND ({either})"
