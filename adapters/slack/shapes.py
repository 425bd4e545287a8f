"""Whether a request has the shape that Slack gives it, before anything looks into it. Pure.

Shapes: docs.slack.dev, reference/interaction-payloads and interactivity/implementing-slash-commands
(November 2026). Fields that nobody here or in Bolt looks at may hold anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_ANY: Final = object()
_PLACE: Final = {"id": str, "team_id": str, "enterprise_id": str}
_PERSON: Final = {**_PLACE, "username": str, "name": str}
_VALUE: Final = {
    "value": str,
    "selected_option": {"value": str},
    "selected_options": [{"value": str}],
    "selected_conversation": str,
}
_VIEW: Final = {
    "id": str,
    "type": str,
    "callback_id": str,
    "private_metadata": str,
    "app_installed_team_id": str,
    "state": {"values": {_ANY: {_ANY: _VALUE}}},
}
_EVENT: Final = {
    "type": str, "user": str, "channel": str, "tab": str, "bot_id": str, "subtype": str,
    "text": str, "channel_type": str,
    "message": {}, "previous_message": {}, "item": {}, "assistant_thread": {},
}  # fmt: skip
_BODY: Final[Mapping[object, Any]] = {
    **dict.fromkeys(("type", "command", "text", "callback_id", "trigger_id", "event_id"), str),
    **dict.fromkeys(("user_id", "user_name", "channel_id", "response_url"), str),
    **dict.fromkeys(("team_id", "enterprise_id", "api_app_id"), str),
    "user": _PERSON,
    "team": _PLACE,
    "enterprise": _PLACE,
    "channel": _PLACE,
    "actions": [{"type": str, "action_id": str, "block_id": str, "value": str}],
    "view": _VIEW,
    "event": _EVENT,
    "container": {},
    "message": {},
    "authorizations": [{"team_id": str, "enterprise_id": str, "user_id": str}],
    "response_urls": [{"response_url": str}],
    "function_data": {"execution_id": str, "inputs": {}},
}
# What has to be there: the keys of each, from the outside in.
_REQUIRED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "": (("channel_id",), ("user_id",), ("response_url",)),  # a command has no type
    "block_actions": (("user", "id"), ("trigger_id",)),
    "view_submission": (
        ("user", "id"),
        *(("view", name) for name in ("id", "type", "callback_id")),
        ("view", "state", "values"),
    ),
    "shortcut": (("user", "id"), ("trigger_id",)),
    "message_action": (("user", "id"), ("trigger_id",), ("message",), ("channel", "id")),
    "event_callback": (("event", "type"),),
}

_OF_EVENT: Final[Mapping[object, tuple[str, ...]]] = {
    "app_home_opened": ("user",),
    "member_joined_channel": ("user", "channel"),
}


def malformed(body: Mapping[str, Any]) -> str:
    """What is wrong with it, for the log, so without anything that others wrote; or empty."""
    if fault := _fault(body, _BODY, "body"):
        return fault
    kind = str(body.get("type") or "")
    if not kind and "command" not in body:
        return "body has no type"
    for path in _REQUIRED.get(kind, ()):
        found: Any = body
        for key in path:
            found = (found or {}).get(key)
        if found is None:
            return f"{'.'.join(path)} is missing"
    if kind == "block_actions" and not all(
        isinstance(each.get("action_id"), str) for each in body.get("actions") or [{}]
    ):
        return "actions has none with an action_id"
    event = body.get("event") or {}
    for name in _OF_EVENT.get(event.get("type"), ()):
        if not event.get(name):
            return f"event.{name} is missing"
    return ""


def _fault(value: Any, shape: Any, where: str) -> str:
    """What is wrong with a value, or empty. ``None`` counts as a missing field."""
    if value is None or shape is _ANY:
        return ""
    if shape is str:
        return "" if isinstance(value, str) else f"{where} is no text"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is no list"
        faults = (_fault(each, shape[0], where) or _nothing(each, where) for each in value)
        return next(filter(None, faults), "")
    if not isinstance(value, dict):
        return f"{where} is no object"
    if _ANY in shape:
        faults = (
            _fault(each, shape[_ANY], where) or _nothing(each, where) for each in value.values()
        )
    else:
        faults = (
            # Bolt takes the length of each of these lists that is there, so null will not do.
            f"{where}.{key} is no list"
            if isinstance(each, list) and value.get(key, []) is None
            else _fault(value.get(key), each, f"{where}.{key}")
            for key, each in shape.items()
        )
    return next(filter(None, faults), "")


def _nothing(value: Any, where: str) -> str:
    return f"{where} holds nothing" if value is None else ""
