"""The window for a person's key for Zotero, and what was filled in. Pure.

Slack has no field that hides what is typed (docs.slack.dev, block-kit/block-elements, November
2026); what is submitted goes to the bot alone. The window never shows a key again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.slack.blocks import plain
from adapters.slack.keyword_form import input_block
from adapters.slack.limits import SECTION, Block, cut
from adapters.slack.replies import View, window
from bot.references import refer_to

PREFIX: Final = "zotero_"  # of the window; whose library it is follows
TITLE: Final = "Zotero"
KEY, LIBRARY = "key", "library"
MAX_KEY_LENGTH: Final = 100
MAX_LIBRARY_LENGTH: Final = 200
ABOUT: Final = {
    "person": "What you save goes to the library that this key may write to.",
    "channel": "What is saved for this channel goes to the library that this key may write to.",
}
NOT_OPENED: Final = f"Slack did not open the window. Please try again: {refer_to('zotero')}"


def form(whose: str, *, metadata: str, mistake: str = "") -> View:
    """``whose`` library it is: ``person`` or ``channel``; ``metadata`` is the sealed channel. With
    a ``mistake`` the window is shown again, empty."""
    key: Block = {
        "type": "plain_text_input",
        "max_length": MAX_KEY_LENGTH,
        "placeholder": plain("24 letters and digits"),
    }
    group: Block = {
        "type": "plain_text_input",
        "max_length": MAX_LIBRARY_LENGTH,
        "placeholder": plain("Reading Group"),
    }
    shown = [
        {"type": "section", "text": plain(cut(mistake or ABOUT[whose], SECTION))},
        {
            **input_block(KEY, "Key", key),
            "hint": plain("From zotero.org/settings/keys, with write access. Kept encrypted."),
        },
        {
            **input_block(LIBRARY, "Group", group, optional=True),
            "hint": plain("Its name or number. Empty: your own library."),
        },
    ]
    callback_id = f"{PREFIX}{whose}"
    return window(TITLE, shown, metadata, callback_id=callback_id, submit=plain("Connect"))


def filled(state: Mapping[str, Any]) -> tuple[str, str]:
    """The key and the group, which may be empty."""

    def value(name: str) -> str:
        return str(((state.get(name) or {}).get(name) or {}).get("value") or "").strip()

    return value(KEY), value(LIBRARY)
