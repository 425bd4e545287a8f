"""What ``settings`` says: how a channel is posted to, and what can be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.chat.parse import nearest
from bot.chat.replies.dates import days_said
from bot.core.channel_settings import (
    EDITORS,
    LAYOUTS,
    parse_catch_up,
    parse_days,
    parse_editors,
    parse_layout,
    parse_post_at,
)
from bot.errors import UserError
from bot.model import Channel, Reply, refer_to
from bot.model.timetable import Timetable

EXAMPLES = {
    "post_at": "08:00",
    "days": "mon-fri",
    "catch_up": "newest 20",
    "layout": "list",
    "editors": "members",
}
_MEANS = {
    "post_at": "time of day of the post",
    "days": "days with a post",
    "catch_up": "which papers of missed days are posted: all, newest N, or skip",
    "editors": "who may change what the channel follows: managers or members",
}
_READERS: Mapping[str, Callable[[str], object]] = {
    "post_at": parse_post_at,
    "days": parse_days,
    "catch_up": parse_catch_up,
    "editors": parse_editors,
}
AS_USUAL = "default"  # the word that takes a channel's own value away


def setting_named(name: str) -> str:
    """The setting that a person means. Raises UserError with the nearest one."""
    key = name.strip().casefold().replace("-", "_")
    if key in EXAMPLES:
        return key
    if not key:
        raise UserError(f"Which setting? There are: {', '.join(EXAMPLES)}.")
    near = nearest(key, list(EXAMPLES))
    meant = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(EXAMPLES)}."
    raise UserError(f"There is no setting {name}. {meant}")


def stored_value(key: str, typed: str, platform: str) -> str | None:
    """A setting's value as it is stored; ``None``: as ``bot.toml`` says. Raises UserError."""
    value = " ".join(typed.strip(" \"'“”").lower().split())
    if not value:
        example = refer_to(f"settings {key} {EXAMPLES[key]}")
        raise UserError(f"What should {key} be? For example: {example}")
    if value == AS_USUAL:
        return None
    if key == "layout":
        return parse_layout(value, platform)
    _READERS[key](value)
    return f"{parse_post_at(value):%H:%M}" if key == "post_at" else value


@dataclass(frozen=True, slots=True)
class ScheduleDefaults:
    """What holds for channels that set nothing themselves, as far as no ``Timetable`` says it.

    ``written`` are the settings that ``[schedule]`` in ``bot.toml`` gives; what it leaves out has
    a default.
    """

    catch_up: str = "all"
    written: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a setting that holds, and where it comes from."""

    value: str
    source: str

    @property
    def said(self) -> str:
        return f"{self.value} ({_SOURCES[self.source]})"


_SOURCES = {
    "channel": "set for this channel",
    "bot.toml": "from [schedule] in bot.toml",
    "default": "the default",
}


def in_force(
    channel: Channel, timetable: Timetable, defaults: ScheduleDefaults
) -> dict[str, Value]:
    """Every setting by its name."""
    layouts = LAYOUTS.get(channel.platform, ())
    inherited = {
        "post_at": f"{timetable.post_at:%H:%M}",
        "days": days_said(timetable),
        "catch_up": defaults.catch_up,
        "layout": layouts[0] if layouts else "digest",
        "editors": EDITORS[0],
    }
    held = {}
    for name, value in inherited.items():
        own = getattr(channel, name)
        source = "bot.toml" if name in defaults.written else "default"
        held[name] = Value(own, "channel") if own else Value(value, source)
    return held


def settings_reply(
    channel: Channel, timetable: Timetable, held: Mapping[str, Value], changed: str = ""
) -> Reply:
    """The values that hold, and where each comes from; ``changed`` names the setting that a person
    has just changed."""
    layouts = LAYOUTS.get(channel.platform, ())
    means = {**_MEANS, "layout": f"how papers are shown: {', '.join(layouts)}"}
    lines = [f"Changed: {changed} is now {held[changed].said}"] if changed else []
    lines += [f"{name} = {value.said}: {means[name]}" for name, value in held.items()]
    lines.append(f"Times are {timetable.timezone.key}.")
    lines.append(
        f"To change one: {refer_to('settings post_at 09:30', channel.id)}"
        f" To undo that: {refer_to(f'settings post_at {AS_USUAL}', channel.id)}"
    )
    return Reply(
        "\n".join(lines),
        data={
            "channel": channel.id,
            "timezone": timetable.timezone.key,
            "post_at": f"{timetable.post_at:%H:%M}",
            "days": sorted(timetable.days),
            "own": {name: getattr(channel, name) for name in held},
            "in_force": {name: each.value for name, each in held.items()},
            "source": {name: each.source for name, each in held.items()},
        },
    )
