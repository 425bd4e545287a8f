"""Who installed the app: Bolt's stores for its OAuth flow, over the bot's own database.

A workspace's token is kept encrypted under the workspace's id. A ``state`` is not stored: it is
itself encrypted, is accepted for ten minutes, and is claimed in the database when it comes back, so
that it counts once, whichever process made it.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from slack_bolt.error import BoltError
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from bot.errors import SecretUnreadable, StoreError, UserError
from bot.ports import Commands, Vault

log = logging.getLogger(__name__)

TOKEN: Final = "slack installation"  # noqa: S105  (a kind of the vault's)
STATE: Final = "slack state"
STATE_LIFETIME: Final = timedelta(minutes=10)


class InstallationRefused(BoltError):
    """The text is a sentence for the person who tried to install the app."""


class InstallationStore(AsyncInstallationStore):
    """Keeps only bot tokens, one for each workspace. ``teams`` are those that may install the app.
    Raises StoreError and SecretUnreadable."""

    def __init__(self, vault: Vault, teams: Collection[str]) -> None:
        self._vault = vault
        self._teams = frozenset(teams)

    @property
    def logger(self) -> logging.Logger:
        return log

    def check(self, installation: Installation) -> None:
        """Raises InstallationRefused for an installation that must not be kept."""
        team = str(installation.team_id or "")
        if installation.is_enterprise_install or not team:
            raise InstallationRefused(
                "The app is for single workspaces. Please install it in one workspace, and not in"
                " the whole organisation."
            )
        if team not in self._teams:
            raise InstallationRefused(
                f"Whoever hosts this bot has not allowed the workspace {team}. They allow it in"
                " bot.toml, with teams below [slack]."
            )
        if installation.bot_refresh_token or installation.bot_token_expires_at:
            raise InstallationRefused(
                "The app has token rotation on. Whoever made it has to make it again from the"
                " manifest, without token rotation: it can't be switched off."
            )
        if not installation.bot_token:
            raise InstallationRefused("Slack gave no token for the bot. Please try again.")

    async def async_save(self, installation: Installation) -> None:
        """Raises InstallationRefused and nothing else: Bolt shows the installer what it says."""
        self.check(installation)
        try:
            await self.async_save_bot(installation.to_bot())
        except StoreError as error:
            log.error("installation not kept team=%s why=%s", installation.team_id, error)
            raise InstallationRefused(
                "The bot's database does not work right now. Please try again later."
            ) from error

    async def async_save_bot(self, bot: Bot) -> None:
        kept = {
            "token": bot.bot_token,
            "team": bot.team_name,
            "bot_id": bot.bot_id,
            "bot_user_id": bot.bot_user_id,
            "scopes": [*(bot.bot_scopes or ())],
            "installed_at": bot.installed_at,
        }
        await self._vault.keep(TOKEN, str(bot.team_id), json.dumps(kept))

    async def async_find_bot(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        is_enterprise_install: bool | None = False,
    ) -> Bot | None:
        text = await self._vault.kept(TOKEN, str(team_id))
        if text is None:
            return None
        kept = json.loads(text)
        return Bot(
            team_id=team_id,
            team_name=kept["team"],
            bot_token=kept["token"],
            bot_id=kept["bot_id"],
            bot_user_id=kept["bot_user_id"],
            bot_scopes=kept["scopes"],
            installed_at=kept["installed_at"],
        )

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        await self._vault.discard(TOKEN, str(team_id))

    async def teams(self) -> Sequence[str]:
        """Every workspace that has installed the app."""
        return await self._vault.owners(TOKEN)


class StateStore(AsyncOAuthStateStore):
    """Issues states, and accepts each once: ``commands`` claims those that come back."""

    def __init__(self, vault: Vault, commands: Commands) -> None:
        self._vault = vault
        self._commands = commands

    @property
    def logger(self) -> logging.Logger:
        return log

    async def async_issue(self, *args: object, **more: object) -> str:
        return self._vault.seal(STATE, "", secrets.token_urlsafe(16)).rstrip("=")

    async def async_consume(self, state: str) -> bool:
        """Whether it is ours, fresh, and comes back for the first time."""
        padded = state + "=" * (-len(state) % 4)
        try:
            once = self._vault.unseal(STATE, "", padded, STATE_LIFETIME)
            return await self._commands.claim_request([f"{STATE}:{once}"])
        except (SecretUnreadable, UserError) as error:
            log.warning("state refused why=%s", error)
            return False
