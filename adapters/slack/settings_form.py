"""A channel's settings as a window: a field for each, and what was changed in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.slack.blocks import named_channel, plain, rich, section, words
from adapters.slack.fields import below_field, entered, input_block, line, option
from adapters.slack.limits import LABEL, Block, cut
from adapters.slack.replies import View, window
from bot.core.channel_settings import CHANNEL_SETTINGS, TO_DEFAULT, ChannelSetting, either
from bot.errors import UserError
from bot.model import SettingValue
from bot.references import refer_to

SETTINGS: Final = "settings"  # of the window
TITLE: Final = "Settings"
PLATFORM: Final = "slack"
MAX_VALUE_LENGTH: Final = 100
MAX_HINT_LENGTH: Final = 2000
NOT_OPENED: Final = (
    "Slack did not open the window. Please try again, or type this in the channel:"
    f" {refer_to('settings')}"
)


def form(
    values: Mapping[str, SettingValue],
    channel: str,
    *,
    metadata: str,
    governs: bool,
    mistake: str = "",
    filled: Mapping[str, str] | None = None,
) -> View:
    """``metadata`` is the sealed ``channel``. Without ``governs``, settings that the person may not
    change are left out. To show the form again with a ``mistake``, pass what was ``filled`` in."""
    shown = [
        _field(CHANNEL_SETTINGS[name], value, (filled or {}).get(name, own(value)))
        for name, value in values.items()
        if governs or not CHANNEL_SETTINGS[name].for_governors
    ]
    shown.insert(0, rich(section(words("How papers are posted to "), named_channel(channel))))
    if mistake:
        shown.insert(0, {"type": "section", "text": plain(mistake)})
    return window(TITLE, shown, metadata, callback_id=SETTINGS, submit=plain("Save"))


def own(value: SettingValue) -> str:
    """The channel's own value; ``default`` if it has none."""
    return value.value if value.source == "channel" else TO_DEFAULT


def _field(setting: ChannelSetting, value: SettingValue, shown: str) -> Block:
    usual = f"Default: {value.usual}"
    label = cut(setting.meaning[0].upper() + setting.meaning[1:], MAX_HINT_LENGTH)
    if not setting.is_open:
        options = {TO_DEFAULT: option(cut(usual, LABEL), TO_DEFAULT)}
        options |= {each: option(each, each) for each in setting.values_on(PLATFORM)}
        menu = {
            "type": "static_select",
            "options": list(options.values()),
            "initial_option": options.get(shown, options[TO_DEFAULT]),
        }
        return input_block(setting.name, label, menu)
    filled = "" if shown == TO_DEFAULT else cut(shown, MAX_VALUE_LENGTH)
    typed = line(cut(usual, LABEL), MAX_VALUE_LENGTH, filled)
    hint = f"For example {either(setting.values_on(PLATFORM))}. Empty: the default."
    return input_block(setting.name, label, typed, optional=True, hint=hint)


def changed(state: Mapping[str, Any], values: Mapping[str, SettingValue]) -> dict[str, str]:
    """The values that were filled in and differ from those in force, by setting."""
    found = {}
    for name, value in values.items():
        field = entered(state, name)
        if not field:  # left out of the form
            continue
        chosen = (field.get("selected_option") or {}).get("value") or field.get("value") or ""
        wanted = str(chosen).strip() or TO_DEFAULT
        if wanted != own(value):
            found[name] = wanted
    return found


def mistakes(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with these values, by setting, to be shown below the fields."""
    found = {}
    for name, value in values.items():
        try:
            if value != TO_DEFAULT:
                CHANNEL_SETTINGS[name].parse(value, PLATFORM)
        except UserError as error:
            found[name] = below_field(str(error)[0].upper() + str(error)[1:])
    return found
