"""The workspaces that the bot is in: those of bot.toml, or those that installed the app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from adapters.slack.installations import InstallationStore
from adapters.slack.workspace import Workspace
from bot.errors import BotError, ChannelRefused, SecretUnreadable, StoreError, TryLater

log = logging.getLogger(__name__)


class Workspaces(Protocol):
    """``shared``: what one of them refuses says nothing about Slack as a whole."""

    @property
    def shared(self) -> bool: ...

    async def named(self, name: str) -> Workspace:
        """The workspace that a channel's id names. Raises ChannelRefused and TryLater."""
        ...

    async def renewed(self, workspace: Workspace) -> Workspace | None:
        """The same workspace, which has just refused its token, with a new one; ``None`` if it has
        none."""
        ...

    async def close(self) -> None: ...


class ConfiguredWorkspaces:
    """Those of bot.toml, by their names there; a single one may have no name."""

    def __init__(self, workspaces: Mapping[str, Workspace]) -> None:
        self._by_name = workspaces
        self.shared = len(workspaces) > 1

    async def named(self, name: str) -> Workspace:
        if name not in self._by_name:
            raise ChannelRefused(
                f"bot.toml has no workspace {name or 'without a name'} any more. Add it below"
                " [[slack.workspaces]], or remove the channel."
            )
        return self._by_name[name]

    async def renewed(self, workspace: Workspace) -> Workspace | None:
        return None

    async def close(self) -> None:
        for workspace in self._by_name.values():
            await workspace.web.close()


class InstalledWorkspaces:
    """Those that installed the app, by their ids. Each is looked up when it is first needed, so
    those that were installed through another process are found. ``make`` makes a workspace from an
    id and a token.

    ``unreadable`` says why the token can't be decrypted, by workspace; ``doubted`` are those whose
    token was refused, for ``oauth`` to find out whether the app was removed there.
    """

    shared: Final = True

    def __init__(self, store: InstallationStore, make: Callable[[str, str], Workspace]) -> None:
        self.store = store
        self._make = make
        self._made: dict[str, Workspace] = {}
        self._retired: list[Workspace] = []  # replaced, but something may still be sent by them
        self.unreadable: dict[str, str] = {}
        self.doubted: set[str] = set()

    async def named(self, name: str) -> Workspace:
        try:
            found = await self._found(name)
        except SecretUnreadable as error:
            raise ChannelRefused(_unreadable(error)) from error
        except StoreError as error:
            raise TryLater(str(error)) from error
        if found is None:
            raise ChannelRefused(
                f"The app is not installed in the workspace {name or 'without a name'}. Install it"
                " there (docs/hosting.md, Slack over HTTP), or remove the channel."
            )
        return found

    async def of_team(self, team_id: str) -> Workspace | None:
        """The workspace of a request, if it has the app and its token can be read."""
        try:
            return await self._found(team_id) if team_id else None
        except (SecretUnreadable, StoreError) as error:
            log.error("workspace not readable team=%s why=%s", team_id, error)
            return None

    async def renewed(self, workspace: Workspace) -> Workspace | None:
        self.doubted.add(workspace.name)
        try:
            now = await self.load(workspace.name)
        except BotError as error:
            log.warning("workspace not readable team=%s why=%s", workspace.name, error)
            return None
        return None if now is None or now.web.token == workspace.web.token else now

    async def load(self, team_id: str) -> Workspace | None:
        """The workspace as it is installed now, or ``None``. Raises StoreError and
        SecretUnreadable."""
        try:
            bot = await self.store.async_find_bot(enterprise_id=None, team_id=team_id)
        except SecretUnreadable as error:
            self.unreadable[team_id] = _unreadable(error)
            raise
        self.unreadable.pop(team_id, None)
        made = self._made.get(team_id)
        if bot is not None and made is not None and made.web.token == bot.bot_token:
            return made
        if made is not None:
            self._retired.append(self._made.pop(team_id))
        if bot is None:
            return None
        self._made[team_id] = self._make(team_id, bot.bot_token)
        return self._made[team_id]

    async def teams(self) -> Sequence[str]:
        """Raises StoreError."""
        return await self.store.teams()

    async def remove(self, team_id: str) -> None:
        """Forget a workspace that no longer has the app. Raises StoreError."""
        await self.store.async_delete_bot(enterprise_id=None, team_id=team_id)
        await self.load(team_id)

    async def close(self) -> None:
        for workspace in (*self._made.values(), *self._retired):
            await workspace.web.close()

    async def _found(self, team_id: str) -> Workspace | None:
        return self._made.get(team_id) or await self.load(team_id)


def _unreadable(error: SecretUnreadable) -> str:
    return f"{error} Or install the app there again (docs/hosting.md, Slack over HTTP)."
