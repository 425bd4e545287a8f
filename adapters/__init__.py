"""The platforms that the bot posts to: their names, and the settings that one is created with.

Imports none of them, so that a host of one platform needs no other platform's library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from bot.network import Network
from bot.ports import Clock, SessionStore, Vault

PLATFORMS: Final = {
    "console": "adapters.console.platform:Console",
    "discord": "adapters.discord.platform:Discord",
    "slack": "adapters.slack.platform:Slack",
}
"""The part of a channel's id before the colon → ``module:Class``, called with Settings.

The class is the platform's Sender, Listener and Examiner, makes its Composers, and has ``workers``,
the number of channels that it can send to at once with one token. Entering it as an asynchronous
context manager opens what sending needs and makes no request; leaving it closes that."""


def no_secret(name: str) -> str:
    """For a platform that needs none. Raises KeyError."""
    raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a platform is created with; each takes what it needs.

    ``sessions`` counts connections, for a platform that limits them; ``None`` where this process
    does not listen.
    ``options`` is the platform's section of bot.toml, checked; ``secret`` gives a token's text by
    the name of its variable; ``network`` is how to connect. ``stream`` is where the console writes;
    ``width`` (columns) and ``colour`` are for it too; ``None`` means: detect it from the stream.
    ``personal`` says who may follow keywords in private messages: ``members``, ``anyone`` or
    ``off``.
    ``vault`` encrypts the keys that people entrust to the bot; ``None`` without SECRET_KEY.
    """

    stream: TextIO
    clock: Clock
    options: Mapping[str, Any] = field(default_factory=dict)
    secret: Callable[[str], str] = no_secret
    sessions: SessionStore | None = None
    width: int | None = None
    colour: bool | None = None
    network: Network = field(default_factory=Network)
    vault: Vault | None = None
    personal: str = "members"
