"""What a form for a keyword asks beside the phrase, the same on every platform that has forms.

The keyword that comes of it is put together where keywords are read (``bot.keywords.form``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ANYWHERE: Final = "any"  # a menu's value can't be empty
FIELDS: Final[Mapping[str, str]] = {
    ANYWHERE: "Title or abstract",
    "ti": "Title",
    "abs": "Abstract",
    "au": "Author's name",
}
ONLY_CATEGORIES: Final = "Only in these categories"
