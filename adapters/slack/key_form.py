"""The window for a person's key for Zotero, and what was filled in. Pure.

Slack has no field that hides what is typed (docs.slack.dev, block-kit/block-elements, November
2026); what is submitted goes to the bot alone. The window never shows a key again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.slack.blocks import plain
from adapters.slack.fields import entered, input_block, line
from adapters.slack.limits import SECTION, cut
from adapters.slack.replies import View, window
from bot.references import refer_to
from bot.text import key_forms

PREFIX: Final = "zotero_"  # of the window; whose library it is follows
TITLE: Final = "Zotero"
KEY, LIBRARY = "key", "library"
ABOUT: Final = {
    "person": "What you save goes to the library that this key may write to.",
    "channel": "What is saved for this channel goes to the library that this key may write to.",
}
NOT_OPENED: Final = f"Slack did not open the window. Please try again: {refer_to('zotero')}"


def form(whose: str, *, metadata: str, mistake: str = "") -> View:
    """``whose`` library it is: ``person`` or ``channel``; ``metadata`` is the sealed channel. With
    a ``mistake`` the window is shown again, empty."""
    key = line(key_forms.KEY_EXAMPLE, key_forms.MAX_KEY_LENGTH)
    group = line(key_forms.GROUP_EXAMPLE, key_forms.MAX_GROUP_LENGTH)
    hint = key_forms.GROUP_HINTS[whose]
    shown = [
        {"type": "section", "text": plain(cut(mistake or ABOUT[whose], SECTION))},
        input_block(KEY, key_forms.KEY_LABEL, key, hint=key_forms.KEY_HINT),
        input_block(LIBRARY, key_forms.GROUP_LABEL, group, optional=True, hint=hint),
    ]
    callback_id = f"{PREFIX}{whose}"
    return window(TITLE, shown, metadata, callback_id=callback_id, submit=plain("Connect"))


def filled(state: Mapping[str, Any]) -> tuple[str, str]:
    """The key and the group, which may be empty."""
    key, library = (str(entered(state, name).get("value") or "") for name in (KEY, LIBRARY))
    return key, library
