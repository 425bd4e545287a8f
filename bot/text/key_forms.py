"""What a form for a key for Zotero asks, the same on every platform that has forms.

Which library is meant where no group is named is decided in ``bot.chat.zotero``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MAX_KEY_LENGTH: Final = 100
MAX_GROUP_LENGTH: Final = 200  # an address will do, too

KEY_LABEL: Final = "Key"
KEY_EXAMPLE: Final = "24 letters and digits"
KEY_HINT: Final = "From zotero.org/settings/keys, with write access. Kept encrypted."

GROUP_LABEL: Final = "Group"
GROUP_EXAMPLE: Final = "Reading Group"
GROUP_HINTS: Final[Mapping[str, str]] = {
    "person": "Its name or number. Empty: your own library.",
    "channel": "Its name or number. Empty: the only group that the key may write to.",
}
"""By whose library is to be connected (``Commands.opens_key_form``)."""
