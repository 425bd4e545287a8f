"""Whether a person may act in a channel that they named.

A command, and a button of a message, act in the channel that Slack says they came from. What a form
or a window names is no proof: the form offers public channels to people who are not in them, and
direct messages (docs.slack.dev, block-kit/block-elements/conversation-multi-select, November 2026).
So a window carries the channel that it was opened for under a seal, and Slack is asked whether the
person is a member of the channel: of this one still, as a window may stay open for long, or of any
other that the form names. Where Slack can't tell, nothing is done.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from adapters.slack.errors import reading_answer
from adapters.slack.workspace import Workspace
from bot.errors import NotAllowed, PlatformError, SendError
from bot.references import refer_to

SCOPES: Final = {"channels:read": "public_channel", "groups:read": "private_channel"}
CACHED_FOR: Final = 60.0  # seconds
WINDOW_COUNTS_FOR: Final = 3600.0  # seconds that its seal is enough where Slack can't be asked
REMEMBERED: Final = 500  # people
PAGE: Final = 999
PAGES: Final = 10

_CHANNEL: Final = re.compile(r"[CG][A-Z0-9]{2,20}")

TYPE_IT_THERE: Final = f"Please say it in that channel: {refer_to('add reward model')}"


class Membership:
    """In which channels the people of one workspace are."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        # By person: until when it counts, and the channels that they and the bot can both see.
        self._cached: dict[str, tuple[float, frozenset[str]]] = {}
        self._conversations: dict[str, str] = {}  # by person, their own with the bot

    # -- the channel that a window was opened for ------------------------------------------------

    def sealed(self, channel: str, user: str) -> str:
        """The channel and the time, for a window's ``private_metadata``; empty for no channel."""
        if not channel:
            return ""
        opened = f"{channel}.{self._now():.0f}"
        return f"{opened}.{self._seal(opened, user)}"

    def unsealed(self, metadata: object, user: str) -> str:
        """The channel that was sealed for this person; empty if the seal is not ours."""
        return self._opened(metadata, user)[0]

    def _opened(self, metadata: object, user: str) -> tuple[str, float]:
        """The channel, and when it was sealed (Unix seconds)."""
        opened, _, seal = str(metadata or "").rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(opened, user).encode()):
            return "", 0.0
        channel, _, at = opened.rpartition(".")
        return channel, float(at)

    def _seal(self, opened: str, user: str) -> str:
        key = self._workspace.web.token.encode()
        return hmac.new(key, f"{user} {opened}".encode(), hashlib.sha256).hexdigest()[:32]

    def _now(self) -> float:
        return self._workspace.clock.now().timestamp()

    def conversation(self, user: str, told: str = "") -> str:
        """The person's own conversation with the bot: as Slack tells it now (``told``), or has told
        it since the start; empty if it has not."""
        if told:
            if len(self._conversations) >= REMEMBERED:
                self._conversations.clear()
            self._conversations[user] = told
        return self._conversations.get(user, "")

    # -- any other channel ------------------------------------------------------------------------

    async def knows(self) -> bool:
        """Whether the app may ask Slack who is in which channel. Raises SendError and
        PlatformRefused."""
        return bool((await self._workspace.web.me()).scopes & SCOPES.keys())

    async def channels(self, user: str) -> frozenset[str] | None:
        """Those that the person is in, as far as the bot can see them; ``None`` where Slack doesn't
        say."""
        try:
            return await self._channels(user) if await self.knows() else None
        except (SendError, PlatformError):
            return None

    async def check_again(self, metadata: object, user: str) -> None:
        """Raises NotAllowed unless the person is still in the sealed channel, as they were when it
        was sealed. If the app has no scope for asking, within the last hour is enough. In a
        conversation with the bot there is nobody else, so nothing is checked."""
        channel, at = self._opened(metadata, user)
        if not channel.startswith("D"):
            recent = abs(self._now() - at) < WINDOW_COUNTS_FOR
            await self.check(channel, user, was_there=recent)

    async def check(self, channel: str, user: str, *, was_there: bool = False) -> None:
        """Raises NotAllowed, with a sentence for the person, unless they are a member. If the app
        has no scope for asking, it is enough that they were."""
        if not _CHANNEL.fullmatch(channel):
            raise NotAllowed("That is not a channel. Please choose a channel, not a person.")
        try:
            scopes = (await self._workspace.web.me()).scopes & SCOPES.keys()
            member = bool(scopes) and await self.has(channel, user)
        except (SendError, PlatformError) as error:
            raise NotAllowed(
                f"Slack does not say just now whether you are in that channel. {TYPE_IT_THERE}"
            ) from error
        if member or (was_there and not scopes):
            return
        if not scopes:
            raise NotAllowed(f"I can't see whether you are in that channel. {TYPE_IT_THERE}")
        raise NotAllowed(
            "I can't see you in that channel: you are not a member, or I am not in a private"
            f" one. {TYPE_IT_THERE}"
        )

    async def has(self, channel: str, user: str) -> bool:
        """Whether the person is in a channel, as far as the scopes show it. Raises SendError and
        PlatformRefused."""
        return channel in await self._channels(user)

    async def _channels(self, user: str) -> frozenset[str]:
        now = self._workspace.clock.monotonic()
        until, known = self._cached.get(user, (0.0, frozenset[str]()))
        if now < until:
            return known
        self._cached = {who: each for who, each in self._cached.items() if each[0] > now}
        if len(self._cached) >= REMEMBERED:
            self._cached.clear()
        found = await self._request_channels(user)
        self._cached[user] = (now + CACHED_FOR, found)
        return found

    async def _request_channels(self, user: str) -> frozenset[str]:
        """The person's channels; private ones only if the bot is in them, too (docs.slack.dev,
        methods/users.conversations, ``user``, November 2026)."""
        scopes = (await self._workspace.web.me()).scopes
        kinds = ",".join(kind for scope, kind in SCOPES.items() if scope in scopes)
        params = {"user": user, "types": kinds, "limit": PAGE, "cursor": ""}
        found: set[str] = set()
        for _ in range(PAGES):
            page = await self._workspace.web.request("users.conversations", params=params)
            with reading_answer():
                found.update(str(each["id"]) for each in page["channels"])
                metadata = page.get("response_metadata") or {}
                params["cursor"] = str(metadata.get("next_cursor") or "")
            if not params["cursor"]:
                break
        return frozenset(found)
