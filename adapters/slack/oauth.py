"""One app for several workspaces: how it is installed, and what happens where it was removed.

Bolt's own flow (``/slack/install``, ``/slack/oauth_redirect``) over ``installations``. When a
workspace has removed the app, its channels are archived once Slack itself says that the token no
longer works; installing the app again brings them back.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from slack_bolt import BoltResponse
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.oauth.async_callback_options import (
    AsyncCallbackOptions,
    AsyncFailureArgs,
    AsyncSuccessArgs,
)
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Web
from adapters.slack.app import build
from adapters.slack.checks import NEEDED, OPTIONAL
from adapters.slack.errors import FOREIGN, code_of
from adapters.slack.http import (
    INSTALL_PATH,
    REDIRECT_PATH,
    HttpListener,
    HttpOptions,
    ServedApp,
)
from adapters.slack.installations import (
    STATE_LIFETIME,
    InstallationRefused,
    InstallationStore,
    StateStore,
)
from adapters.slack.workspace import Workspace
from adapters.slack.workspaces import InstalledWorkspaces
from bot.errors import PlatformRefused, SecretUnreadable, SendError, StoreError, UserError
from bot.model import ChannelGroup
from bot.ports import Clock, Commands, Vault

log = logging.getLogger(__name__)
library = logging.getLogger("adapters.slack.oauth.library")  # it would log authorization codes
library.setLevel(logging.CRITICAL)

REMOVED: Final = frozenset({"invalid_auth", "account_inactive", "token_revoked"})
LOOK_INTERVAL: Final = 60.0  # seconds between two checks of workspaces that refused their token
REFUSALS: Final = 2  # consecutive ones mean that the app was removed; an event counts as one
REASON: Final = "The app was removed from the Slack workspace {}."

WHY: Final = {
    "access_denied": "You did not allow it, so nothing was installed.",
    "invalid_browser": "This is not the browser in which the installation began, or that was too"
    " long ago. Please begin again.",
    "invalid_state": "This link was used before, or is older than ten minutes. Please begin again.",
    "missing_code": "Slack sent no code. Please begin again.",
    "invalid_code": "Slack did not accept the installation. Please begin again.",
}


BEGIN: Final = INSTALL_PATH.rpartition("/")[2]  # as seen from the page that Slack leads back to
STYLE: Final = (
    "body{font:1.1em/1.5 sans-serif;color:#1d1c1d;max-width:36em;margin:4em auto;padding:1em}"
    "a{display:inline-block;background:#4a154b;color:#fff;padding:.6em 1.2em;border-radius:.3em;"
    "text-decoration:none;font-weight:bold}code{background:#f2f2f2;padding:.1em .3em}"
)


def page_html(title: str, text: str, below: str = "") -> str:
    """For the person who installs the app. ``below`` is HTML already."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{below}"
    )


def page(title: str, text: str, status: int, below: str = "") -> BoltResponse:
    return BoltResponse(
        status=status,
        body=page_html(title, text, below),
        headers={"content-type": "text/html; charset=utf-8", "cache-control": "no-store"},
    )


class OAuthFlow(AsyncOAuthFlow):
    """Bolt's flow, but a network error ends in a page, and so does what was not allowed."""

    allowed: bool

    async def handle_installation(self, request: AsyncBoltRequest) -> BoltResponse:
        if not self.allowed:
            text = "Whoever hosts this bot has not allowed any workspace to install it."
            return page("Not installed", text, 403)
        response: BoltResponse = await super().handle_installation(request)
        response.headers["cache-control"] = ["no-store"]  # its state can be used once
        return response

    async def build_install_page_html(self, url: str, request: AsyncBoltRequest) -> str:
        text = (
            "Posts new arXiv papers that match the keywords of a channel, every morning. On the"
            " next page Slack says what the app may do, and asks in which workspace."
        )
        button = f'<p><a href="{html.escape(url)}">Add to Slack</a></p>'
        return page_html("Daily Papers", text, button)

    async def run_installation(self, code: str) -> Installation | None:
        try:
            installation: Installation | None = await super().run_installation(code)
        except (*FOREIGN, KeyError) as error:
            log.warning("installation failed why=%s", type(error).__name__)
            return None
        return installation

    async def store_installation(
        self, request: AsyncBoltRequest, installation: Installation
    ) -> None:
        """By now Slack has installed the app: a token that is not kept is revoked."""
        try:
            await super().store_installation(request, installation)
        except InstallationRefused as error:
            log.warning("installation refused team=%s why=%s", installation.team_id, error)
            if installation.bot_token:
                await self._revoke(installation.bot_token)
            raise

    async def _revoke(self, token: str) -> None:
        try:
            await self.client.auth_revoke(token=token)
        except FOREIGN as error:
            log.warning("token not revoked why=%s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class OAuthOptions:
    """What lets workspaces install the app: ``teams`` are those that may."""

    client_id: str
    client_secret: str = field(repr=False)
    vault: Vault
    teams: Sequence[str]


class InstalledListener(HttpListener):
    """For the workspaces that installed the app. ``make`` makes a workspace from an id and a
    token; ``web`` makes the requests that need no workspace's token."""

    def __init__(
        self,
        options: HttpOptions,
        given: OAuthOptions,
        make: Callable[[str, str], Workspace],
        web: Web,
        clock: Clock,
    ) -> None:
        super().__init__(options, clock)
        self.workspaces = InstalledWorkspaces(InstallationStore(given.vault, given.teams), make)
        self.given = given
        self.web = web

    @property
    def degraded(self) -> str:  # type: ignore[override]
        return " ".join(self.workspaces.unreadable.values())

    async def prepare(self, commands: Commands) -> ServedApp:
        client = self.web.client
        oauth = OAuth(
            self.workspaces,
            commands,
            given=self.given,
            client=client,
            public_url=self.options.public_url,
            command=self.options.command,
        )
        app = build(
            self.workspaces.of_team,
            commands,
            client=client,
            command=self.options.command,
            managers=self.options.managers,
            oauth_flow=oauth.flow,
        )
        oauth.register(app)
        return ServedApp(app, partial(oauth.watch, self.clock), oauth.flow)


class OAuth:
    """The installations of one bot, while it listens."""

    def __init__(
        self,
        workspaces: InstalledWorkspaces,
        commands: Commands,
        *,
        given: OAuthOptions,
        client: AsyncWebClient,
        public_url: str,
        command: str,
    ) -> None:
        self._workspaces = workspaces
        self._commands = commands
        self._command = command
        # Consecutive refusals of the token, by workspace; and whose channels are to be restored.
        self._refusals: dict[str, int] = {}
        self._returning: set[str] = set()
        settings = AsyncOAuthSettings(
            client_id=given.client_id,
            client_secret=given.client_secret,
            scopes=[*NEEDED, *OPTIONAL],
            user_scopes=[],
            redirect_uri=f"{public_url.rstrip('/')}{REDIRECT_PATH}" if public_url else None,
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            callback_options=AsyncCallbackOptions(self._installed, self._not_installed),
            installation_store=workspaces.store,
            state_store=StateStore(given.vault, commands),
            state_expiration_seconds=int(STATE_LIFETIME.total_seconds()),
            logger=library,
        )
        self.flow = OAuthFlow(client=client, logger=library, settings=settings)
        self.flow.allowed = bool(given.teams)

    def register(self, app: AsyncApp) -> None:
        """Listens for Slack's events of a removal. They may arrive after the app was installed
        again, or be about one person's own token, so they are only a reason to check."""

        @app.event("app_uninstalled")
        @app.event("tokens_revoked")
        async def removed(context: AsyncBoltContext) -> None:
            await self._look_at(context.team_id or "", REFUSALS - 1)

    async def watch(self, clock: Clock) -> None:
        """Runs until cancelled: restores the channels of installed workspaces, and checks those
        whose token is in doubt."""
        known = False
        while True:
            if not known:
                known = await self._know_teams()
            for team_id in sorted(self._returning):
                await self._restore(team_id)
            for team_id in sorted(self._workspaces.doubted | self._refusals.keys()):
                await self._look_at(team_id, self._refusals.get(team_id, 0))
            await clock.sleep(LOOK_INTERVAL)

    async def _know_teams(self) -> bool:
        """Returns false if the database does not answer. Each workspace is loaded, so that a token
        that can't be decrypted is known from the start; and its channels are restored, in case that
        was left undone."""
        try:
            for team_id in await self._workspaces.teams():
                try:
                    await self._workspaces.load(team_id)
                except SecretUnreadable as error:
                    log.error("workspace not readable team=%s why=%s", team_id, error)
                else:
                    self._returning.add(team_id)
        except StoreError as error:
            log.warning("installations not known yet why=%s", error)
            return False
        return True

    # -- installed ---------------------------------------------------------------------------------

    async def _installed(self, args: AsyncSuccessArgs) -> BoltResponse:
        team_id = str(args.installation.team_id)
        log.info("installed team=%s", team_id)
        self._refusals.pop(team_id, None)
        self._workspaces.doubted.discard(team_id)
        self._returning.add(team_id)
        await self._restore(team_id)
        name = args.installation.team_name or team_id
        typed = (f"/invite @{await self._bot_name(team_id)}", f"{self._command} add reward model")
        steps = "".join(f"<li><code>{html.escape(each)}</code></li>" for each in typed)
        text = f"Daily Papers is in {name} now. To follow a keyword, type in a channel there:"
        response = page("Installed", text, 200, f"<ol>{steps}</ol>")
        cookie = args.settings.state_utils.build_set_cookie_for_deletion()
        response.headers["set-cookie"] = [cookie]
        return response

    async def _bot_name(self, team_id: str) -> str:
        """The name by which it is invited; the manifest's if Slack does not answer just now."""
        try:
            workspace = await self._workspaces.load(team_id)
            return "papers" if workspace is None else (await workspace.web.me()).name
        except (SendError, PlatformRefused, StoreError, SecretUnreadable) as error:
            log.warning("name of the bot not known team=%s why=%s", team_id, error)
            return "papers"

    async def _not_installed(self, args: AsyncFailureArgs) -> BoltResponse:
        known = WHY.get(args.reason, f"Slack says: {args.reason}.")
        text = str(args.error) if isinstance(args.error, InstallationRefused) else known
        status = 403 if args.error is not None else args.suggested_status_code
        again = "" if args.error is not None else f'<p><a href="{BEGIN}">Begin again</a></p>'
        return page("Not installed", text, status, again)

    async def _restore(self, team_id: str) -> None:
        try:
            await self._workspaces.load(team_id)
            await self._commands.restore_channels(ChannelGroup(prefix=f"slack:{team_id}/"))
        except (UserError, StoreError, SecretUnreadable) as error:
            log.warning("channels not restored yet team=%s why=%s", team_id, error)
        else:
            self._returning.discard(team_id)

    # -- removed -----------------------------------------------------------------------------------

    async def _look_at(self, team_id: str, refusals: int) -> None:
        """Ask Slack about the token that is kept now. ``refusals``: consecutive ones before."""
        self._workspaces.doubted.discard(team_id)
        self._refusals[team_id] = refusals
        try:
            workspace = await self._workspaces.load(team_id)
            if workspace is not None:
                await workspace.web.me(refresh=True)
        except PlatformRefused as error:
            if code_of(error) not in REMOVED:
                self._refusals.pop(team_id, None)
                return
            self._refusals[team_id] += 1
            if self._refusals[team_id] >= REFUSALS:
                await self._remove(team_id)
        except (SendError, StoreError, SecretUnreadable) as error:
            log.warning("can't tell yet whether the app is in team=%s why=%s", team_id, error)
        else:
            self._refusals.pop(team_id, None)

    async def _remove(self, team_id: str) -> None:
        """Its channels first: what fails is retried as long as the token is there."""
        group = ChannelGroup(prefix=f"slack:{team_id}/")
        try:
            await self._commands.archive_channels(group, REASON.format(team_id))
            await self._workspaces.remove(team_id)
        except (UserError, StoreError) as error:
            log.warning("workspace not archived yet team=%s why=%s", team_id, error)
        else:
            self._refusals.pop(team_id, None)
            log.warning("the app was removed team=%s", team_id)
