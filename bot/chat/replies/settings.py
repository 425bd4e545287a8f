"""What ``settings`` says: how a channel is posted to, and what can be changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bot.chat.parse import nearest
from bot.core.channel_settings import CHANNEL_SETTINGS, TO_DEFAULT, WEEKLY, ChannelSetting
from bot.errors import UserError
from bot.model import Channel, Reply, SettingValue
from bot.references import refer_to


def settings_names(*, private: bool) -> tuple[str, ...]:
    """Those that there are: all, or in a private conversation those that mean something there."""
    return tuple(
        name for name, each in CHANNEL_SETTINGS.items() if not (private and each.for_channels)
    )


def find_setting(name: str, *, private: bool = False) -> ChannelSetting:
    """The setting of this name, be it one for channels only. Raises UserError, which suggests the
    nearest one; in a ``private`` conversation one that means something there."""
    key = name.strip().casefold().replace("-", "_")
    if key in CHANNEL_SETTINGS:
        return CHANNEL_SETTINGS[key]
    names = settings_names(private=private)
    known = ", ".join(names)
    if not key:
        raise UserError(f"Which setting? Choose one of: {known}.")
    near = nearest(key, names)
    meant = f"Did you mean {near[0]}?" if near else f"Choose one of: {known}."
    raise UserError(f"There is no setting {name}. {meant}")


def stored_value(setting: ChannelSetting, typed: str, platform: str) -> str | None:
    """The value as it is stored; ``None`` if the person asked for the default. Raises
    UserError."""
    value = " ".join(typed.strip(" \"'“”").split())
    if not value:
        example = refer_to(f"settings {setting.name} {setting.example}")
        raise UserError(f"What should {setting.name} be? For example: {example}")
    return None if value.lower() == TO_DEFAULT else setting.normalise(value, platform)


@dataclass(frozen=True, slots=True)
class ScheduleDefaults:
    """What ``[schedule]`` in ``bot.toml`` says for channels that set nothing themselves.

    ``values`` are the values in force, by the name of the setting; ``written`` names those that
    the file sets.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    written: frozenset[str] = frozenset()


_SOURCES = {
    "channel": "set here",
    "bot.toml": "from [schedule] in bot.toml",
    "default": "the default",
}


def settings_in_force(channel: Channel, defaults: ScheduleDefaults) -> dict[str, SettingValue]:
    """Every setting by its name; in a private conversation without those for channels only."""
    weekly = (channel.days or defaults.values.get("days")) == WEEKLY
    return {
        name: _in_force(
            getattr(channel, name),
            defaults.values.get(name) or setting.default_on(channel.platform, weekly=weekly),
            "bot.toml" if name in defaults.written else "default",
        )
        for name in settings_names(private=bool(channel.owner))
        for setting in [CHANNEL_SETTINGS[name]]
    }


def _in_force(own: str | None, usual: str, source: str) -> SettingValue:
    if own is not None:
        return SettingValue(own, "channel", usual)
    return SettingValue(usual, source, usual)


def _said(value: SettingValue) -> str:
    return f"{value.value} ({_SOURCES[value.source]})"


def _announced(value: SettingValue) -> str:
    """The value as the channel is told it, without the remark that it was set there."""
    return value.value if value.source == "channel" else _said(value)


def settings_reply(
    channel: Channel,
    defaults: ScheduleDefaults,
    timezone: ZoneInfo,
    changed: Collection[str] = (),
    unchanged: Collection[str] = (),
    by: str = "",
) -> Reply:
    """The values in force, and where each comes from; ``changed`` are the settings that the person
    ``by`` has just changed, ``unchanged`` those that already were as that person wanted them."""
    in_force = settings_in_force(channel, defaults)
    lines = [f"Changed: {name} is now {_said(in_force[name])}" for name in changed]
    lines += [
        f"{name} is already {_said(in_force[name])}. Nothing had to be changed."
        for name in sorted(unchanged)
    ]
    lines += [
        f"{name} = {_said(value)}: {CHANNEL_SETTINGS[name].meaning_on(channel.platform)}"
        for name, value in in_force.items()
    ]
    lines.append(f"Times are {timezone.key}.")
    lines.append(
        f"To change one: {refer_to('settings post_at 09:30', channel.id)}"
        f" To undo that: {refer_to(f'settings post_at {TO_DEFAULT}', channel.id)}"
    )
    announcement = ""
    if changed:
        new = ", ".join(f"{name} to {_announced(in_force[name])}" for name in changed)
        announcement = f"{by} changed {new.replace(' to ', ' of this channel to ', 1)}."
    return Reply("\n".join(lines), announcement=announcement)
