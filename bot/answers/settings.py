"""What ``settings`` says: how a channel is posted to, and what can be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.answers.times import days_said
from bot.answers.typed import nearest
from bot.errors import UserError
from bot.model import Channel, Reply, refer_to
from bot.settings import (
    LAYOUTS,
    parse_catch_up,
    parse_days,
    parse_editors,
    parse_layout,
    parse_post_at,
)
from bot.slots import Timetable

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


def settings_reply(channel: Channel, timetable: Timetable) -> Reply:
    """The values in force. What the channel did not set itself is as ``bot.toml`` says."""
    layouts = LAYOUTS.get(channel.platform, ())
    means = {**_MEANS, "layout": f"how papers are shown: {', '.join(layouts)}"}
    in_force = {
        "post_at": f"{timetable.post_at:%H:%M}",
        "days": days_said(timetable),
        "catch_up": "",
        "layout": layouts[0] if layouts else "",
        "editors": "",
    }
    lines = []
    for name, value in in_force.items():
        own = getattr(channel, name)
        usual = "as is usual" if name in {"layout", "editors"} else "as bot.toml says"
        shown = own or (f"{value} ({usual})" if value else usual)
        lines.append(f"{name} = {shown}: {means[name]}")
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
            "own": {name: getattr(channel, name) for name in in_force},
        },
    )
