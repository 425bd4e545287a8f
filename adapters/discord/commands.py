"""``/papers`` and the buttons: what people say on Discord, handed to the core, and its answers.

Everything is acknowledged before anything else is done, because Discord waits 3 seconds (docs,
interactions/receiving-and-responding, 2026-08-06). Who may change what is decided by the core;
this says only what Discord says of a person. Discord's own permissions for commands hold for all of
``/papers`` at once, so they are not used: reading is to stay open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, Final

import aiohttp
import discord
from discord import app_commands

from adapters.discord import permissions, replies
from adapters.discord.buttons import LONGEST_LABEL, shortened
from adapters.discord.keyword_form import EditButton, KeywordForm
from adapters.discord.mentions import Mentions
from bot.errors import NotAllowed, PlatformError, SendError, UserError
from bot.model import Channel, Choice, Person, Reply
from bot.ports import Clock, Commands

log = logging.getLogger(__name__)

CHOICES: Final = 25  # that Discord shows while somebody types
LONGEST_KEYWORD: Final = 300
# Seconds; all within the 15 minutes in which an interaction can be answered (docs,
# interactions/receiving-and-responding, 2026-08-06).
SHOWN_AGAIN_AFTER: Final = (1.0, 4.0, 10.0, 30.0, 60.0)
UNANSWERED: Final = (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError)
NOT_SERVED: Final = (
    "I work only in the servers that my host has named, and this is none of them. Whoever hosts me"
    " can add {server} to servers below [discord] in bot.toml. Nothing was done, and nothing kept."
)
Interaction = discord.Interaction[Any]
Say = Callable[[str, str], Awaitable[None]]  # a channel's id, and a line for everybody in it
# Calls one of the commands for this channel and person.
Call = Callable[[Commands, str, Person], Awaitable[Reply]]


class People:
    """Answers interactions. ``say`` posts a line into a channel and raises SendError."""

    def __init__(
        self,
        commands: Commands,
        say: Say,
        clock: Clock,
        mentions: Mentions | None = None,
        servers: Collection[str] = (),
    ) -> None:
        self._commands = commands
        self._say = say
        self._clock = clock
        self.mentions = mentions or Mentions()
        self.servers = frozenset(servers)  # empty: every server is served
        self.busy: set[asyncio.Task[Any]] = set()

    async def serves(self, interaction: Interaction) -> bool:
        """Whether it comes from a server that bot.toml names, or names none. From elsewhere nothing
        reaches the core; the person is told why, and nobody else sees it."""
        if not self.servers or str(interaction.guild_id) in self.servers:
            return True
        async with self._in_hand():
            log.info("not served server=%s", interaction.guild_id)
            if interaction.type is discord.InteractionType.autocomplete:
                await interaction.response.autocomplete([])
            else:
                view = replies.plain_view(NOT_SERVED.format(server=interaction.guild_id))
                await interaction.response.send_message(view=view, ephemeral=True)
        return False

    async def command(self, interaction: Interaction, call: Call, *, threads: bool = False) -> None:
        """A slash command. With ``threads``, posts will be threads if it succeeds."""
        async with self._in_hand():
            await interaction.response.defer(ephemeral=True, thinking=True)
            await self._answer(interaction, call, threads=threads)

    async def add(self, interaction: Interaction, keyword: str) -> None:
        """A keyword from the slash command or the form, which can be edited if it is refused."""
        async with self._in_hand():
            await interaction.response.defer(ephemeral=True, thinking=True)
            await self._answer(
                interaction,
                lambda c, where, who: c.add(where, who, keyword),
                editable=keyword,
            )

    async def button(self, interaction: Interaction, words: str) -> None:
        """A button or a menu below an answer: the new answer takes its place. A refusal does not:
        the list in which the button stood is still good."""
        async with self._in_hand():
            await interaction.response.defer()
            await self._answer(
                interaction,
                lambda c, where, who: c.typed(where, who, words),
                keep_if_refused=True,
            )

    async def open_form(self, interaction: Interaction, phrase: str = "") -> None:
        """The form for a keyword. It has to be the first answer, so nothing is looked at before."""
        async with self._in_hand():
            await interaction.response.send_modal(KeywordForm(self.add, phrase))

    async def abstract(self, interaction: Interaction, paper_id: str) -> None:
        """The button of a paper, perhaps of one that was posted months ago."""
        async with self._in_hand():
            await interaction.response.defer(ephemeral=True, thinking=True)
            try:
                view = replies.abstract_view(await self._commands.abstract(paper_id))
            except UserError as error:
                view = replies.plain_view(str(error), self.mentions)
            await self._show(interaction, view)

    async def complete(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """The channel's keywords that hold what was typed so far."""
        try:
            choices = await self._commands.keywords(place(interaction))
        except UserError:
            return []  # a list that stays empty while somebody types is no failure to tell
        found = [each for each in choices if typed.casefold() in each.label.casefold()]
        return [_completion(each) for each in found[:CHOICES]]

    async def _answer(
        self,
        interaction: Interaction,
        call: Call,
        *,
        editable: str = "",
        keep_if_refused: bool = False,
        threads: bool = False,
    ) -> None:
        where = place(interaction)
        try:
            reply = await call(self._commands, where, person(interaction))
        except UserError as error:
            refusal = replies.plain_view(str(error), self.mentions)
            if editable and not isinstance(error, NotAllowed):
                # A form can't be shown again in answer to itself, and what was typed is gone.
                refusal.add_item(discord.ui.ActionRow(EditButton(editable)))
            if keep_if_refused:
                await interaction.followup.send(view=refusal, ephemeral=True)
            else:
                await self._show(interaction, refusal)
            return
        if not reply.announcement:
            await self._show(interaction, replies.reply_view(reply, named=self.mentions))
            return
        if note := _obstacle(interaction, threads=threads):
            await self._show(interaction, replies.reply_view(reply, named=self.mentions, note=note))
            return
        # First the private answer: the public line may take as long as Discord likes. It is said
        # also where the answer got lost, because the change was made.
        try:
            await self._show(interaction, replies.reply_view(reply, named=self.mentions))
        except UNANSWERED:
            await self._announce(interaction, where, reply.announcement)
            raise
        if note := await self._announce(interaction, where, reply.announcement):
            await self._show(interaction, replies.reply_view(reply, named=self.mentions, note=note))

    async def _announce(self, interaction: Interaction, where: str, announcement: str) -> str:
        """Tell the channel of a change; why that was not possible, if it was not."""
        # A forum itself takes no line: there it stands in the post in which it was said.
        home = str(interaction.channel_id) if in_forum(interaction) else where.partition(":")[2]
        try:
            await self._say(home, replies.line(announcement))
        except (SendError, PlatformError) as error:
            return f"I could not tell the channel: {error}"
        return ""

    async def _show(self, interaction: Interaction, view: discord.ui.LayoutView) -> None:
        """Edit the first response, again and again where that gets lost: it may be repeated."""
        for delay in (*SHOWN_AGAIN_AFTER, None):
            try:
                await interaction.edit_original_response(view=view)
                return
            except UNANSWERED as error:
                final = isinstance(error, discord.HTTPException) and error.status < 500
                if final or delay is None:
                    raise
                log.info("answer again_in=%.0fs why=%s", delay, type(error).__name__)
            await self._clock.sleep(delay)

    @asynccontextmanager
    async def _in_hand(self) -> AsyncIterator[None]:
        """A stop waits for it a moment. An answer that comes too late is nobody's loss."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self.busy.add(task)
        try:
            yield
        except discord.HTTPException as error:
            log.warning("answer status=%s code=%s why=%s", error.status, error.code, error.text)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("answer why=%s", str(error) or type(error).__name__)
        finally:
            self.busy.discard(task)


def _completion(choice: Choice) -> app_commands.Choice[str]:
    """A keyword that is too long for Discord stands for its handle."""
    whole = len(choice.label) <= LONGEST_LABEL
    return app_commands.Choice(
        name=shortened(choice.label), value=choice.label if whole else choice.value
    )


def place(interaction: Interaction) -> str:
    """The channel that is meant: in a thread the one that it belongs to."""
    channel = interaction.channel
    home = channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id
    return f"discord:{home}"


def _obstacle(interaction: Interaction, *, threads: bool) -> str:
    """What is in the way of a line in the channel, and so of posts, as far as is known already."""
    missing = permissions.missing(
        interaction.app_permissions,
        threads=threads,
        forum=in_forum(interaction),
    )
    return f"I can't post here yet: {permissions.remedy(missing)}" if missing else ""


def in_forum(interaction: Interaction) -> bool:
    channel = interaction.channel
    return isinstance(channel, discord.Thread) and isinstance(channel.parent, discord.ForumChannel)


def person(interaction: Interaction) -> Person:
    may = interaction.permissions
    return Person(
        interaction.user.display_name,
        f"discord:{interaction.user.id}",
        manages=may.manage_channels or may.administrator,
        governs=may.manage_guild or may.administrator,
        server=f"discord:{interaction.guild_id}" if interaction.guild_id else "",
    )


# -- the commands as Discord lists them -----------------------------------------------------------

SETTINGS: Final = [
    app_commands.Choice(name=each.name, value=each.name)
    for each in fields(Channel)
    if each.name != "id"
]
VALUES: Final[Mapping[str, tuple[str, ...]]] = {  # to choose from; others can be typed
    "post_at": ("07:00", "08:00", "09:00", "10:00", "12:00", "18:00"),
    "days": ("mon-fri", "daily", "mon, thu"),
    "catch_up": ("all", "newest 20", "skip"),
    "layout": ("digest", "list", "thread"),
    "editors": ("managers", "members"),
}
AS_USUAL: Final = "default"
Keyword = app_commands.Range[str, 1, LONGEST_KEYWORD]


@app_commands.guild_only()
class Papers(app_commands.Group):
    """``/papers``, with one command for each thing that can be said."""

    def __init__(self, people: People) -> None:
        super().__init__(name="papers", description="Daily arXiv papers for this channel")
        self._people = people

    @app_commands.command(description="Follow a keyword in this channel")
    @app_commands.describe(
        keyword='A phrase, or ti:"graph network" AND cat:cs.LG ANDNOT survey; none: a form'
    )
    async def add(self, interaction: Interaction, keyword: Keyword | None = None) -> None:
        if keyword is None:
            await self._people.open_form(interaction)
        else:
            await self._people.add(interaction, keyword)

    @app_commands.command(description="Stop following a keyword")
    @app_commands.describe(keyword="One that this channel follows")
    async def remove(self, interaction: Interaction, keyword: Keyword) -> None:
        await self._people.command(
            interaction, lambda c, where, who: c.remove(where, who, [keyword])
        )

    @remove.autocomplete("keyword")
    async def _complete(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return await self._people.complete(interaction, typed)

    @app_commands.command(name="list", description="The keywords of this channel")
    async def list_(self, interaction: Interaction) -> None:
        await self._people.command(interaction, lambda c, where, who: c.list_(where, who))

    @app_commands.command(description="How many papers a day a keyword would bring; saves nothing")
    @app_commands.describe(keyword="A phrase or an expression")
    async def preview(self, interaction: Interaction, keyword: Keyword) -> None:
        await self._people.command(
            interaction, lambda c, where, who: c.preview(where, who, keyword)
        )

    @app_commands.command(description="Why a paper was posted here, or was not")
    @app_commands.describe(paper="Its arXiv id, or the address of its page")
    async def why(self, interaction: Interaction, paper: app_commands.Range[str, 1, 200]) -> None:
        await self._people.command(interaction, lambda c, where, who: c.why(where, who, paper))

    @app_commands.command(description="What waits, when arXiv was last asked, why nothing came")
    async def status(self, interaction: Interaction) -> None:
        await self._people.command(interaction, lambda c, where, who: c.status(where, who))

    @app_commands.command(description="Post nothing here for now; papers gather")
    async def pause(self, interaction: Interaction) -> None:
        await self._people.command(interaction, lambda c, where, who: c.pause(where, who))

    @app_commands.command(description="Post again")
    async def resume(self, interaction: Interaction) -> None:
        await self._people.command(interaction, lambda c, where, who: c.resume(where, who))

    @app_commands.command(description="Send a post again that status shows as held or dead")
    @app_commands.describe(key="As status names it")
    async def resend(self, interaction: Interaction, key: app_commands.Range[str, 1, 40]) -> None:
        await self._people.command(interaction, lambda c, where, who: c.resend(where, who, key))

    @app_commands.command(description="When and how this channel is posted to")
    @app_commands.describe(name="What to change", value='For example 09:30, or "default"')
    @app_commands.choices(name=SETTINGS)
    async def settings(
        self,
        interaction: Interaction,
        name: str | None = None,
        value: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        if name is None and value is None:
            await self._people.command(interaction, lambda c, where, who: c.settings(where, who))
            return
        await self._people.command(
            interaction,
            lambda c, where, who: c.change_setting(where, who, name or "", value or ""),
            threads=name == "layout" and value == "thread",
        )

    @settings.autocomplete("value")
    async def _values(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        fitting = (*VALUES.get(interaction.namespace.name or "", ()), AS_USUAL)
        return [
            app_commands.Choice(name=each, value=each)
            for each in fitting
            if typed.casefold() in each
        ]

    @app_commands.command(description="All commands, and how keywords are written")
    async def help(self, interaction: Interaction) -> None:
        await self._people.command(interaction, lambda c, where, who: c.help(where, who))
