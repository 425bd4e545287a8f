"""Who may change what channels follow: those whom bot.toml lists, and the workspace's admins.

Without a list every member may. People from other organisations, who take part in a channel through
Slack Connect, may only if they are listed. If Slack doesn't say who somebody is, the list decides.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from adapters.slack.errors import reading_answer
from adapters.slack.workspace import Workspace
from bot.errors import PlatformError, SendError

log = logging.getLogger(__name__)

SCOPE: Final = "users:read"
CACHED_FOR: Final = 60.0  # seconds
REMEMBERED: Final = 500  # people
ADMIN: Final = ("is_admin", "is_owner", "is_primary_owner")


def team_of_person(body: Mapping[str, Any]) -> str:
    """The workspace of the person who acts, where the request names it.

    That is ``user.team_id``, and a submitted window's ``team``; a button's ``team`` is where the
    app is installed (slackapi/java-slack-sdk issue 1041 and slackapi/bolt-js issue 1614, read in
    November 2026). People from other workspaces have no slash command.
    """
    team = (body.get("user") or {}).get("team_id")
    if not team and body.get("type") == "view_submission":
        team = (body.get("team") or {}).get("id")
    return str(team or "")


class Managers:
    """Those of one workspace; ``listed`` are user ids."""

    def __init__(self, workspace: Workspace, listed: frozenset[str]) -> None:
        self._workspace = workspace
        self._listed = listed
        self._cached: dict[str, tuple[float, bool]] = {}  # until when it counts

    async def include(self, user: str, team: str = "") -> bool:
        """Whether the person is a manager. ``team`` is the workspace that they belong to, where the
        request names it."""
        if user in self._listed:
            return True
        try:
            me = await self._workspace.web.me()
            if team and me.team_id and team != me.team_id:
                return False
            if not self._listed:
                return True
            return SCOPE in me.scopes and await self._runs_workspace(user, me.team_id)
        except (SendError, PlatformError) as error:
            log.warning("nobody says who manages user=%s why=%s", user, error)
            return False

    async def _runs_workspace(self, user: str, team: str) -> bool:
        """Raises SendError and PlatformRefused."""
        now = self._workspace.clock.monotonic()
        until, known = self._cached.get(user, (0.0, False))
        if now < until:
            return known
        answer = await self._workspace.web.request("users.info", params={"user": user})
        with reading_answer():
            about = answer["user"]
            # docs.slack.dev, reference/objects/user-object, November 2026
            ours = about.get("team_id") == team and not about.get("is_stranger")
            administers = any(about.get(each) is True for each in ADMIN)
            runs = ours and not about.get("deleted") and administers
        self._cached = {who: each for who, each in self._cached.items() if each[0] > now}
        if len(self._cached) >= REMEMBERED:
            self._cached.clear()
        self._cached[user] = (now + CACHED_FOR, runs)
        return runs
