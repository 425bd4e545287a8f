"""Listeners for what people do on Slack: a module for each kind, by the names that Bolt uses."""

from __future__ import annotations

from slack_bolt.app.async_app import AsyncApp

from adapters.slack.listeners import actions, commands, events, shortcuts, views


def register(app: AsyncApp) -> None:
    """Every listener finds the workspace's ``Responder`` and ``ControlPanel`` among its arguments,
    as ``responder`` and ``panel``."""
    for module in (commands, shortcuts, actions, views, events):
        module.register(app)
